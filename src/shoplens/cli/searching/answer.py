"""How an answer is printed: as JSON, as tables, and with the reasons for each product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from shoplens.cli.output import console, print_json, print_line, print_table, sanitize
from shoplens.ranking.strategies import STRATEGIES
from shoplens.ranking.verdict import VERDICTS, verdict_words
from shoplens.ranking.weights import format_weights
from shoplens.search.answer_json import as_json
from shoplens.types import Answer, Facet, Result, Steering, WordMeaning

BAR_WIDTH = 40
"""Columns of a score of 1."""
SHOWN_ATTRIBUTES = 3
SHOWN_VALUES = 12
MIN_SHOWN_PART = 0.0005
"""A part, and a weight, below this would be shown as .000."""


def print_answer(answer: Answer, steering: Steering, *, json: bool) -> None:
    """Print an answer: data to standard output, the rest to standard error."""
    if json:
        print_json(as_json(answer))
    else:
        print_table(result_table(answer))
        if steering.explain and answer.results and STRATEGIES[answer.strategy].dynamic:
            console.print(f"Weights for this photo: {sanitize(format_weights(answer.importances))}.")
        if steering.explain and answer.object_share is not None:
            console.print(_explain_view(answer))
        for result in answer.results if steering.explain else ():
            photo = "same photo" if result.same_photo else "photo that matched"
            heading = f"{result.rank}. {result.product.id} {result.product.title} · {photo}: {result.photo}"
            print_line(f"[italic]{sanitize(heading)}[/]")
            print_table(explanation_table(result, answer.weights))
        for facet in answer.facets:
            print_table(facet_table(facet))
    if (answer.results or answer.verdict == "no-product") and not json:
        console.print(f"[bold]{verdict_words(answer.verdict)}[/]: {_explain_verdict(answer, steering)}")
    if answer.words and not json:
        console.print(sanitize(describe_words(answer.words)))
    for note in answer.notes:
        console.print(sanitize(note))
    if not json:
        for number, one in enumerate(answer.object_answers, 1):
            print_line(f"[italic]{sanitize(_object_heading(answer, number))}[/]")
            print_table(result_table(one))
        console.print(f"[dim]{sanitize(answer.strategy)} · {answer.took_ms['total']:.0f} ms[/]")


def _explain_view(answer: Answer) -> str:
    """Say how much of the photo the thing in it covers, and whether the first result leads by it or by the whole."""
    texts = {
        "object": " It decided, more than the whole photo, what comes first.",
        "whole": " The whole photo decided more than it what comes first.",
    }
    photo = "photo" if answer.region is None else "region"
    return f"The thing in the {photo} covers {answer.object_share:.0%} of it.{texts.get(answer.view or '', '')}"


def _object_heading(answer: Answer, number: int) -> str:
    """Say which of the things in the photo the next table is for."""
    one = answer.objects[number - 1]
    box = one.region
    place = f"{box.x},{box.y},{box.width},{box.height}"
    return f"Thing {number} of {len(answer.objects)} · --region {place} · score {format_short(one.score)}"


def describe_words(meanings: Sequence[WordMeaning]) -> str:
    """Return how the words of a query were read.

    >>> describe_words([WordMeaning("unter 40", 0, 8, "condition", condition="price < 40")])
    'Words: "unter 40": price < 40.'
    """
    read = [f'"{one.words}": {_describe_meaning(one)}' for one in meanings if one.kind != "unknown"]
    unknown = [f'"{one.words}"' for one in meanings if one.kind == "unknown"]
    sentences = [f"Words: {'; '.join(read)}."] if read else []
    return " ".join(sentences + ([f"Not understood: {', '.join(unknown)}."] if unknown else []))


def _describe_meaning(meaning: WordMeaning) -> str:
    classes = [f"{name} {' or '.join(shares)}" for name, shares in meaning.classes.items()]
    color = [f"colour {meaning.color}"] if meaning.color and not classes else []
    kind = "what photos show" if meaning.kind == "caption" else meaning.kind
    said = ", ".join([*classes, *color]) or meaning.condition or kind
    corrected = f' (read as "{meaning.corrected}")' if meaning.corrected else ""
    return f"{'not ' if meaning.kind == 'unwanted' else ''}{said}{corrected}"


def _explain_verdict(answer: Answer, steering: Steering) -> str:
    steered = any((steering.weights, steering.profile, steering.like, steering.color, steering.unlike is not None))
    steered = steered or any(one.kind in ("wanted", "unwanted", "title", "caption") for one in answer.words)
    if steered and answer.verdict == "uncalibrated":
        reasons = "weights, a profile, words, a colour or an example"
        return f"How certain the answer is cannot be said for a search with {reasons}."
    if answer.verdict == "exact" and answer.results[0].barcode:
        return f"The first result has the barcode {sanitize(answer.results[0].barcode)} that is in the photo."
    return sanitize(VERDICTS[answer.verdict])


def result_table(answer: Answer) -> Table:
    """Return a table with a row for each product."""
    table = Table("", "score", "product", "title", "match", "price", "attributes", box=None, pad_edge=False)
    for result in answer.results:
        product = result.product
        names = [name for name in dict.fromkeys([*answer.weights, *product.attributes]) if name in product.attributes]
        values = [", ".join(map(str, product.attributes[name])) for name in names[:SHOWN_ATTRIBUTES]]
        price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
        mark = f" [green]barcode {sanitize(result.barcode)}[/]" if result.barcode else ""
        mark = mark or (" [green]same photo[/]" if result.same_photo else "")
        table.add_row(
            str(result.rank),
            f"{result.score:.3f}",
            sanitize(product.id),
            sanitize(product.title) + mark,
            "" if result.match_probability is None else f"{result.match_probability:.0%}",
            sanitize(price),
            sanitize(" · ".join(values)) + _format_predicted(result),
        )
    return table


def _format_predicted(result: Result) -> str:
    """Return the predicted values by which the product meets the conditions."""
    values = [
        f"{name}: {value}, predicted {format_short(probability)}"
        for name, classes in result.predicted.items()
        for value, probability in classes.items()
    ]
    return f" [yellow]({sanitize('; '.join(values))})[/]" if values else ""


def explanation_table(result: Result, weights: Mapping[str, float]) -> Table:
    """Return the parts of a score: a row for each part, whose bars follow one another up to the score.

    Args:
        result: with its reasons, where the strategy has any.
        weights: dimension -> weight; a part that neither counts nor could has no row.
    """
    table = Table("part", "weight", "score", "", "what matches", "rank without it", box=None, pad_edge=False)
    names = [name for name, part in result.parts.items() if max(abs(part), weights.get(name, 0.0)) >= MIN_SHOWN_PART]
    names.sort(key=lambda name: (name not in weights, -result.parts[name]))
    bars = draw_bars({name: result.parts[name] for name in names})
    for name in names:
        weight = format_short(weights[name]) if name in weights else ""
        match, rank = sanitize(_format_match(result, name)), _format_rank_without(result, name)
        table.add_row(sanitize(name), weight, format_score_part(result.parts[name]), bars[name], match, rank)
    table.add_row("[bold]score[/]", "", f"[bold]{format_score_part(result.score)}[/]", "", "", "")
    return table


def draw_bars(parts: Mapping[str, float]) -> dict[str, str]:
    """Return a bar for each part. Each bar begins where the one before ends; a negative part goes back, and is lighter.

    Ends are rounded, not lengths, so that the bars add up to the score's.

    >>> draw_bars({"look": 0.25, "color": 0.5, "bury": -0.5})
    {'look': '██████████', 'color': '          ████████████████████', 'bury': '          ░░░░░░░░░░░░░░░░░░░░'}
    """
    sums = [0.0]
    for part in parts.values():
        sums.append(sums[-1] + part)
    low, high = min(sums), max(1.0, *sums)
    ends = [round((value - low) / (high - low) * BAR_WIDTH) for value in sums]
    return {
        name: " " * min(start, end) + ("█" if start < end else "░") * abs(end - start)
        for name, start, end in zip(parts, ends, ends[1:], strict=False)
    }


def format_short(number: float, places: int = 2) -> str:
    """Return a number without a zero before its point, such as .91."""
    return f"{number:.{places}f}".replace("0.", ".", 1) if -1 < number < 1 else f"{number:.{places}f}"


def format_score_part(part: float) -> str:
    """Return a part of a score, to three places."""
    return format_short(part, 3)


def _format_match(result: Result, name: str) -> str:
    match = result.reasons.matches.get(name) if result.reasons else None
    if match is None:
        return ""
    return f"{match.name}: product {format_short(match.product)}, query {format_short(match.query)}"


def _format_rank_without(result: Result, name: str) -> str:
    rank = result.reasons.ranks_without.get(name) if result.reasons else None
    return "" if rank is None or rank == result.rank else str(rank)


def facet_table(facet: Facet) -> Table:
    """Return, for each value, how many relevant products have it, and how many of all."""
    least = "" if facet.complete else "at least "
    table = Table(sanitize(facet.field), f"relevant ({least}{facet.relevant})", "all", box=None, pad_edge=False)
    for value, (relevant, everywhere) in list(facet.values.items())[:SHOWN_VALUES]:
        table.add_row(sanitize(value), str(relevant), str(everywhere))
    if len(facet.values) > SHOWN_VALUES:
        table.add_row(f"… and {len(facet.values) - SHOWN_VALUES} more, which --json lists", "", "")
    return table

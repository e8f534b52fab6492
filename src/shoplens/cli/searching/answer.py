"""How an answer is shown: as JSON, as tables, and with the reasons for each product."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from shoplens.cli.output import people, plain, print_json, print_table
from shoplens.ranking.strategies import STRATEGIES
from shoplens.ranking.verdict import VERDICTS, verdict_words
from shoplens.ranking.weights import in_words
from shoplens.search.answer_json import as_json
from shoplens.types import Answer, Facet, Result, Steering

BAR = 40
"""Columns of a score of 1."""
SHOWN_ATTRIBUTES = 3
SHOWN_VALUES = 12
SHOWN_PART = 0.0005
"""A part, and a weight, below this would be shown as .000."""


def show(answer: Answer, steering: Steering, *, json: bool) -> None:
    """Print an answer: data on stdout, the rest on stderr."""
    if json:
        print_json(as_json(answer))
    else:
        print_table(result_table(answer))
        if steering.explain and answer.results and STRATEGIES[answer.strategy].dynamic:
            people.print(f"For this photo: {plain(in_words(answer.asked))}.")
        for result in answer.results if steering.explain else ():
            print_table(explanation(result, answer.weights))
        for facet in answer.facets:
            print_table(facet_table(facet))
    if answer.results and not json:
        people.print(f"[bold]{verdict_words(answer.verdict)}[/]: {_claim(answer, steering)}")
    for note in answer.notes:
        people.print(plain(note))
    if not json:
        people.print(f"[dim]{plain(answer.strategy)} · {answer.took_ms['total']:.0f} ms[/]")


def _claim(answer: Answer, steering: Steering) -> str:
    steered = any((steering.weights, steering.profile, steering.like, steering.color, steering.unlike is not None))
    if steered and answer.verdict == "uncalibrated":
        return "Of a steered search nothing is claimed."
    return plain(VERDICTS[answer.verdict])


def result_table(answer: Answer) -> Table:
    """A row per product."""
    table = Table("", "score", "product", "title", "match", "price", "attributes", box=None, pad_edge=False)
    for result in answer.results:
        product = result.product
        held = [name for name in dict.fromkeys([*answer.weights, *product.attributes]) if name in product.attributes]
        shown = [", ".join(map(str, product.attributes[name])) for name in held[:SHOWN_ATTRIBUTES]]
        price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
        mark = " [green]same photo[/]" if result.same_photo else ""
        table.add_row(
            str(result.rank),
            f"{result.score:.3f}",
            plain(product.id),
            plain(product.title) + mark,
            "" if result.match_probability is None else f"{result.match_probability:.0%}",
            plain(price),
            plain(" · ".join(shown)) + _format_predicted(result),
        )
    return table


def _format_predicted(result: Result) -> str:
    """The values that the product was found by though the feed does not tell them."""
    told = [
        f"{name}: {value}, predicted {short(probability)}"
        for name, classes in result.predicted.items()
        for value, probability in classes.items()
    ]
    return f" [yellow]({plain('; '.join(told))})[/]" if told else ""


def explanation(result: Result, weights: Mapping[str, float]) -> Table:
    """What a score is made of: a line per part, whose bars follow one another up to the score.

    Args:
        result: with its reasons, where the strategy has any.
        weights: dimension -> weight; a part that neither counts nor could has no line.
    """
    about = f"{result.rank}. {result.product.id} {result.product.title}"
    photo = "same photo" if result.same_photo else "photo that matched"
    table = Table("part", "weight", "", "", "why", "what would move it", box=None, pad_edge=False)
    table.title = f"{plain(about)} · {photo}: {plain(result.photo)}"
    table.title_justify = "left"
    names = [name for name, part in result.parts.items() if max(abs(part), weights.get(name, 0.0)) >= SHOWN_PART]
    names.sort(key=lambda name: (name not in weights, -result.parts[name]))
    bars = part_bars({name: result.parts[name] for name in names})
    for name in names:
        weight = short(weights[name]) if name in weights else ""
        why, move = _why(result, name), _move(result, name)
        table.add_row(plain(name), weight, format_score_part(result.parts[name]), bars[name], plain(why), plain(move))
    table.add_row("[bold]score[/]", "", f"[bold]{format_score_part(result.score)}[/]", "", "", "")
    return table


def part_bars(parts: Mapping[str, float]) -> dict[str, str]:
    """A bar per part, each beginning where the one before ends; what is taken off is lighter, and goes back.

    Ends are rounded, not lengths, so that the bars add up to the score's.

    >>> part_bars({"look": 0.25, "color": 0.5, "bury": -0.5})
    {'look': '██████████', 'color': '          ████████████████████', 'bury': '          ░░░░░░░░░░░░░░░░░░░░'}
    """
    sums = [0.0]
    for part in parts.values():
        sums.append(sums[-1] + part)
    low, high = min(sums), max(1.0, *sums)
    ends = [round((one - low) / (high - low) * BAR) for one in sums]
    return {
        name: " " * min(start, end) + ("█" if start < end else "░") * abs(end - start)
        for name, start, end in zip(parts, ends, ends[1:], strict=False)
    }


def short(number: float, places: int = 2) -> str:
    """Without a zero before the point: .91."""
    return f"{number:.{places}f}".replace("0.", ".", 1) if -1 < number < 1 else f"{number:.{places}f}"


def format_score_part(part: float) -> str:
    """A part of a score, to three places."""
    return short(part, 3)


def _why(result: Result, name: str) -> str:
    match = result.reasons.matches.get(name) if result.reasons else None
    if match is None:
        return ""
    return f"{name}: {match.name} {short(match.product)}, you: {match.name} {short(match.query)}"


def _move(result: Result, name: str) -> str:
    rank = result.reasons.ranks_without.get(name) if result.reasons else None
    return "" if rank is None or rank == result.rank else f"without {name}: rank {rank}"


def facet_table(facet: Facet) -> Table:
    """Values with how many relevant products, and how many of all, hold them."""
    least = "" if facet.complete else "at least "
    table = Table(plain(facet.field), f"relevant ({least}{facet.relevant})", "all", box=None, pad_edge=False)
    for value, (relevant, everywhere) in list(facet.values.items())[:SHOWN_VALUES]:
        table.add_row(plain(value), str(relevant), str(everywhere))
    if len(facet.values) > SHOWN_VALUES:
        table.add_row(f"… and {len(facet.values) - SHOWN_VALUES} more, with --json", "", "")
    return table

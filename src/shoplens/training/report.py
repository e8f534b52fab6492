"""The page about a training: does it help, by how much, and how the catalogue lies before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from shoplens.evaluation.catalogue_map.projection import project
from shoplens.evaluation.report.catalogue_map import MapProduct, dimensions_of, map_html
from shoplens.evaluation.report.evaluation import meaning, metric_name
from shoplens.evaluation.report.page import (
    Html,
    beside,
    escape_html,
    facts_list,
    join_html,
    left_out_table,
    note,
    page,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    sections,
    table,
    with_detail,
)
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.written import write_both
from shoplens.index.protocol import Index
from shoplens.training.holdout import FIRST, METRICS, Measured
from shoplens.training.look import LookTraining, Proved
from shoplens.types import Pixels, Product, Vectors

MOST_ON_MAP = 3_000
Picture = Callable[[str], Pixels]


def write_look_report(path: Path, proved: Proved, training: LookTraining, index: Index, picture: Picture) -> None:
    """The page, and a JSON file beside it.

    Args:
        training: as it ended, taken or not.
        index: holds the products of the maps.
        picture: source of a photo -> its pixels, reduced.
    """
    maps = _maps(proved, index, picture, int(training.options.get("seed", 0)))
    told = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_both(path, look_page(training, maps), ".json", told)


def look_page(training: LookTraining, maps: Sequence[tuple[str, str]] = ()) -> str:
    """The whole page.

    Args:
        maps: heading and HTML of each map.
    """
    facts = [
        f"{training.products:,} products, {training.photos - training.shoppers:,} photos of them"
        + (f" and {training.shoppers:,} of shoppers." if training.shoppers else "."),
        f"Learned from {training.rows:,} looks at them, most of them made by taking the photos again.",
        "It was taken: searches use it." if training.taken else "It was not taken: searches are as they were.",
    ]
    parts = (
        ("Right product first", _plots(training.parts)),
        ("Before and after", _figures(training.parts)),
        ("What was learned", _course(training)),
        ("What taught nothing", left_out_table(training.left_out)),
        *((heading, Html(html)) for heading, html in maps),
    )
    return page("A look trained on the shop's own photos", facts, sections(parts), lead=training.why)


def _plots(parts: Sequence[Measured]) -> Html:
    if not parts:
        return Html("")
    levels = [
        Interval(f"{part.name}, {when}", figures[FIRST], f"n = {part.queries}", "chosen" if when == "after" else "")
        for part in parts
        for when, figures in (("before", part.before), ("after", part.after))
    ]
    changes = [Interval(part.name, part.change[FIRST].difference, f"n = {part.queries}") for part in parts]
    told = note(
        "New products are designs of which training saw nothing, as those are that a shop adds every day. Both were "
        "asked with photos that training did not see, the same before and after."
    )
    left = Html(f"<h3>{escape_html(metric_name(FIRST))}</h3>{interval_plot(metric_name(FIRST), levels)}")
    plot = interval_plot("After less before", changes, differences=True)
    return join_html((told, beside(left, Html(f"<h3>Percentage points, after less before</h3>{plot}"))))


def _figures(parts: Sequence[Measured]) -> Html:
    if not parts:
        return Html("")
    columns = ("Asked", *(f"{metric_name(name)}, {when}" for name in METRICS for when in ("before", "after")))
    rows = [
        (
            with_detail(part.name, _queries_text(part)),
            *(cell for name in METRICS for cell in (_before(part, name), _after(part, name))),
        )
        for part in parts
    ]
    meanings = note(" ".join(f"{metric_name(name)}: {meaning(name)}." for name in METRICS))
    return join_html((table("Before and after", columns, rows, numbers=columns[1:]), meanings))


def _queries_text(part: Measured) -> str:
    photos = "made phone photos" if part.made else "photos"
    return f"{part.queries:,} {photos} of {part.clusters:,} designs"


def _before(part: Measured, name: str) -> Html:
    return with_detail(percent(part.before[name].value), percent_interval(part.before[name]))


def _after(part: Measured, name: str) -> Html:
    change = part.change[name]
    lines = [
        percent_interval(part.after[name]),
        f"{points(change.difference.value)} ({points_interval(change.difference)})",
        probability(change.p),
    ]
    details = join_html(Html(f'<span class="detail">{escape_html(line)}</span>') for line in lines)
    return Html(f"<strong>{percent(part.after[name].value)}</strong>{details}")


def _course(training: LookTraining) -> Html:
    recipe, full = training.options.get("recipe", {}), training.options.get("depth") == "full"
    steps = training.options.get("tail", {}).get("steps", "") if full else recipe.get("steps", "")
    facts = [
        ("What was trained", "the end of the network, and the head behind it" if full else "a head behind the network"),
        ("What lies together", f"the photos of a {training.options.get('same', 'product')}"),
        ("Loss", str(recipe.get("loss", ""))),
        ("Best after", f"{training.step} steps of {steps}"),
        ("Seed", str(training.options.get("seed", 0))),
        ("Pass over the photos", f"{training.seconds.get('photos', 0):.0f} s, made once and kept"),
        ("Training", f"{training.seconds.get('proof', 0) + training.seconds.get('all photos', 0):.0f} s"),
        *(("Warning", warning) for warning in training.warnings),
    ]
    if training.model:
        facts.append(("Network", f"{training.model}, within {training.difference:.1e} of what was trained"))
    return facts_list(facts)


def _maps(proved: Proved, index: Index, picture: Picture, seed: int) -> list[tuple[str, str]]:
    """The same products by both vectors."""
    drawn = np.sort(np.random.default_rng(seed).permutation(len(proved.gallery))[:MOST_ON_MAP])
    records = {record.product.id: record.product for record in index.records(proved.gallery[n] for n in drawn.tolist())}
    kept = [n for n in drawn.tolist() if proved.gallery[n] in records]
    products = [records[proved.gallery[n]] for n in kept]
    told = dimensions_of(products)
    return [
        (f"The catalogue {when}", _map(f"{when.capitalize()} training.", products, told, vectors[kept], picture, seed))
        for when, vectors in (("before", proved.before), ("after", proved.after))
    ]


def _map(
    when: str,
    products: Sequence[Product],
    told: Sequence[Mapping[str, str]],
    vectors: Vectors,
    picture: Picture,
    seed: int,
) -> str:
    projection = project(vectors, seed)
    places = [
        MapProduct(one.id, one.title, one.photos[0], float(x), float(y), said)
        for one, (x, y), said in zip(products, projection.positions, told, strict=True)
    ]
    return map_html(places, [], picture, f"{when} Places by {projection.note or projection.method}.")

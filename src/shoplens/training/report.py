"""The page about a training: does it help, by how much, and how the catalogue lies before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from shoplens.evaluation.catalogue_map.projection import project
from shoplens.evaluation.report.catalogue_map import MapProduct, dimensions_of, map_html
from shoplens.evaluation.report.formatting import metric_name
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.report.rendering import render
from shoplens.evaluation.written import write_both
from shoplens.index.protocol import Index
from shoplens.training.holdout import MAIN_METRIC, METRICS, HoldoutResult
from shoplens.training.look import LookProof, LookTraining
from shoplens.types import Pixels, Product, Vectors

MOST_ON_MAP = 3_000
Picture = Callable[[str], Pixels]


def write_look_report(path: Path, proved: LookProof, training: LookTraining, index: Index, picture: Picture) -> None:
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
    """Return the page as HTML.

    Args:
        maps: heading and HTML of each map.
    """
    shoppers = f" and {training.shoppers:,} of shoppers" if training.shoppers else ""
    return render(
        "training/look.html",
        title="A look trained on the shop's own photos",
        lead=training.why,
        facts=[
            f"{training.products:,} products, {training.photos - training.shoppers:,} photos of them{shoppers}.",
            f"Learned from {training.rows:,} looks at them, most of them made by taking the photos again.",
            "It was taken: searches use it." if training.taken else "It was not taken: searches are as they were.",
        ],
        training=training,
        parts=[(part, _queries_text(part)) for part in training.parts],
        main_metric=MAIN_METRIC,
        metrics=METRICS,
        level_plot=interval_plot(metric_name(MAIN_METRIC), _levels(training.parts)),
        difference_plot=interval_plot("After less before", _changes(training.parts), differences=True),
        course=_course(training),
        maps=list(maps),
    )


def _levels(parts: Sequence[HoldoutResult]) -> list[Interval]:
    return [
        Interval(
            f"{part.name}, {when}", figures[MAIN_METRIC], f"n = {part.queries}", "chosen" if when == "after" else ""
        )
        for part in parts
        for when, figures in (("before", part.before), ("after", part.after))
    ]


def _changes(parts: Sequence[HoldoutResult]) -> list[Interval]:
    return [Interval(part.name, part.change[MAIN_METRIC].difference, f"n = {part.queries}") for part in parts]


def _queries_text(part: HoldoutResult) -> str:
    photos = "made phone photos" if part.augmented else "photos"
    return f"{part.queries:,} {photos} of {part.clusters:,} designs"


def _course(training: LookTraining) -> list[tuple[str, str]]:
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
    return facts


def _maps(proved: LookProof, index: Index, picture: Picture, seed: int) -> list[tuple[str, str]]:
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

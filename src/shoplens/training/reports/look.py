"""The page about a look that was trained: whether it helps, by how much, and the catalogue before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoplens.evaluation.catalogue_map.projection import project
from shoplens.evaluation.report.catalogue_map import MapProduct, dimensions_of, map_html
from shoplens.evaluation.report.formatting import metric_name
from shoplens.evaluation.report.plots import Interval, interval_plot
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.report_files import write_page_and_data
from shoplens.index.protocol import Index
from shoplens.training.holdout_test import MAIN_METRIC, METRICS, HoldoutResult
from shoplens.training.look import LookProof, LookTraining
from shoplens.types import Pixels

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_ON_MAP = 3_000
Picture = Callable[[str], Pixels]


def write_look_report(path: Path, proof: LookProof, training: LookTraining, index: Index, picture: Picture) -> None:
    """Write the page, and a JSON file beside it.

    Args:
        training: its result, whether searches use it or not.
        index: holds the products of the maps.
        picture: source of a photo -> its pixels, reduced.
    """
    maps = _maps(proof, index, picture, int(training.options.get("seed", 0)))
    values = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_page_and_data(path, look_page(training, maps), ".json", values)


def look_page(training: LookTraining, maps: Sequence[tuple[str, Markup]] = ()) -> str:
    """Return the page as HTML.

    Args:
        maps: heading and HTML of each map.
    """
    shoppers = f" and {training.shopper_photos:,} of shoppers" if training.shopper_photos else ""
    return render_page(
        "training/look.html",
        title="A look trained on the shop's own photos",
        lead=training.reason,
        facts=[
            f"{training.products:,} products, {training.photos - training.shopper_photos:,} photos of them{shoppers}.",
            f"It learned from {training.rows:,} views of these photos; most of the views are simulated phone photos.",
            "Searches use it." if training.promoted else "Searches do not use it; they are as before.",
        ],
        training=training,
        parts=[(part, _queries_text(part)) for part in training.results],
        main_metric=MAIN_METRIC,
        metrics=METRICS,
        level_plot=interval_plot(metric_name(MAIN_METRIC), _levels(training.results)),
        difference_plot=interval_plot("After minus before", _changes(training.results), differences=True),
        course=_training_facts(training),
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
    photos = "simulated phone photos" if part.simulated else "photos"
    return f"{part.queries:,} {photos} of {part.clusters:,} designs"


def _training_facts(training: LookTraining) -> list[tuple[str, str]]:
    recipe, full = training.options.get("recipe", {}), training.options.get("depth") == "full"
    steps = training.options.get("tail", {}).get("steps", "") if full else recipe.get("steps", "")
    facts = [
        ("What was trained", "the end of the network, and the head behind it" if full else "a head behind the network"),
        ("Photos that belong together", f"those of the same {training.options.get('positives', 'product')}"),
        ("Loss", str(recipe.get("loss", ""))),
        ("Best after", f"{training.step} steps of {steps}"),
        ("Seed", str(training.options.get("seed", 0))),
        ("Pass over the photos", f"{training.seconds.get('photos', 0):.0f} s, done once and kept"),
        ("Training", f"{training.seconds.get('training', 0) + training.seconds.get('all photos', 0):.0f} s"),
        *(("Ended early", text) for text in training.ended_early),
        *(("Warning", warning) for warning in training.warnings),
    ]
    if training.model:
        facts.append(
            (
                "Network",
                f"{training.model}, which differs from the trained one by at most {training.export_difference:.1e}",
            )
        )
    return facts


def _maps(proof: LookProof, index: Index, picture: Picture, seed: int) -> list[tuple[str, Markup]]:
    """Draw the same products by their vectors before and after; return a heading and HTML for each map."""
    sample = np.sort(np.random.default_rng(seed).permutation(len(proof.gallery))[:MOST_ON_MAP]).tolist()
    records = {record.product.id: record.product for record in index.records(proof.gallery[n] for n in sample)}
    rows = [n for n in sample if proof.gallery[n] in records]
    products = [records[proof.gallery[n]] for n in rows]
    dimensions = dimensions_of(products)
    maps = []
    for when, vectors in (("before", proof.vectors_before), ("after", proof.vectors_after)):
        projection = project(vectors[rows], seed)
        points = [
            MapProduct(product.id, product.title, product.photos[0], float(x), float(y), values)
            for product, (x, y), values in zip(products, projection.positions, dimensions, strict=True)
        ]
        note = f"{when.capitalize()} training. Positions by {projection.note or projection.method}."
        maps.append((f"The catalogue {when}", map_html(points, [], picture, note)))
    return maps

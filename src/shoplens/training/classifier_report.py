"""The page about a classifier: how often it is right, where likeness and class part, and what growing it costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from shoplens.evaluation.report.formatting import percent, percent_interval
from shoplens.evaluation.report.rendering import render
from shoplens.evaluation.written import write_both
from shoplens.index.protocol import Index
from shoplens.training.classifier import ClassifierTraining
from shoplens.types import Pixels, Product

Picture = Callable[[str], Pixels]


def write_classifier_report(path: Path, training: ClassifierTraining, index: Index, picture: Picture) -> None:
    """The page, and a JSON file beside it.

    Args:
        index: holds the products that are shown.
        picture: source of a photo -> its pixels, reduced.
    """
    shown = {name for one in training.examples for name in (one.product, one.nearest)}
    products = {record.product.id: record.product for record in index.records(sorted(shown))}
    told = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_both(path, classifier_page(training, products, picture), ".json", told)


def classifier_page(training: ClassifierTraining, products: Mapping[str, Product], picture: Picture) -> str:
    """Return the page as HTML.

    Args:
        products: id -> product, of those that examples name; examples of others are left out.
    """
    shoppers = f" and {training.shoppers:,} of shoppers" if training.shoppers else ""
    return render(
        "training/classifier.html",
        title="A classifier with an output per product",
        lead=summary(training),
        facts=[
            f"{training.products:,} products, {training.photos - training.shoppers:,} photos of them{shoppers}.",
            "It finds the products that it was trained on, and no others: one more product takes one more training.",
        ],
        training=training,
        query_photos="made phone photos" if training.made else "photos",
        examples=[one for one in training.examples if {one.product, one.nearest} <= products.keys()],
        products=products,
        course=_course(training),
        picture=picture,
    )


def summary(training: ClassifierTraining) -> str:
    """What a classifier is worth, and what it is not, in a sentence."""
    if training.apart is None:
        return "Nothing could be asked: there are too few photos."
    return (
        f"Of {training.queries:,} photos that it did not see it classifies "
        f"{percent(training.classified['recall@1'].value)} rightly. In {percent(training.apart.value)} "
        f"({percent_interval(training.apart)}) it does so although, by the same network's numbers, another product's "
        "photo is nearest: what is trained to classify does not put likes together."
    )


def _course(training: ClassifierTraining) -> list[tuple[str, str]]:
    full = training.options.get("depth") == "full"
    recipe = training.options.get("tail" if full else "recipe", {})
    per_product = training.photos_per_product
    return [
        ("What was trained", f"{'the end of the network, and ' if full else ''}a softmax behind it"),
        (
            "Photos per product",
            f"{per_product['median']:g} in the median, {per_product['least']:g} at least; "
            f"{percent(per_product['single'])} of the products have one",
        ),
        ("Learned from", f"{training.rows:,} looks at them, most of them made by taking the photos again"),
        ("Best after", f"{training.step} steps of {recipe.get('classes_per_batch', '')} products"),
        ("Seed", str(training.options.get("seed", 0))),
        ("Pass over the photos", f"{training.seconds.get('photos', 0):.0f} s, made once and kept"),
        ("Training", f"{training.seconds.get('training', 0) + training.seconds.get('all photos', 0):.0f} s"),
    ]

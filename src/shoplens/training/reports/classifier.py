"""The page about a classifier: how often it is right, where class and distance disagree, and what growing it costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from shoplens.evaluation.report.formatting import percent, percent_interval
from shoplens.evaluation.report.rendering import render_page
from shoplens.evaluation.report_files import write_page_and_data
from shoplens.index.protocol import Index
from shoplens.training.classifier import ClassifierTraining
from shoplens.types import Pixels, Product

Picture = Callable[[str], Pixels]


def write_classifier_report(path: Path, training: ClassifierTraining, index: Index, picture: Picture) -> None:
    """Write the page, and a JSON file beside it.

    Args:
        index: holds the products that are shown.
        picture: source of a photo -> its pixels, reduced.
    """
    shown = {name for example in training.examples for name in (example.product, example.nearest)}
    products = {record.product.id: record.product for record in index.records(sorted(shown))}
    values = json.dumps(training.as_json(), ensure_ascii=False, indent=1) + "\n"
    write_page_and_data(path, classifier_page(training, products, picture), ".json", values)


def classifier_page(training: ClassifierTraining, products: Mapping[str, Product], picture: Picture) -> str:
    """Return the page as HTML.

    Args:
        products: id -> product, of those that examples name; examples of others are left out.
    """
    shoppers = f" and {training.shopper_photos:,} of shoppers" if training.shopper_photos else ""
    return render_page(
        "training/classifier.html",
        title="A classifier with an output per product",
        lead=summary(training),
        facts=[
            f"{training.products:,} products, {training.photos - training.shopper_photos:,} photos of them{shoppers}.",
            "It finds the products that it was trained on, and no others: one more product takes one more training.",
        ],
        training=training,
        query_photos="simulated phone photos" if training.simulated else "photos",
        examples=[example for example in training.examples if {example.product, example.nearest} <= products.keys()],
        products=products,
        course=_training_facts(training),
        picture=picture,
    )


def summary(training: ClassifierTraining) -> str:
    """Return in a sentence how often the classifier is right, and how often distances then name another product."""
    if training.disagreement is None:
        return "It could not be tested: there are too few photos."
    return (
        f"Of {training.queries:,} photos that it did not see, it classifies "
        f"{percent(training.output_metrics['recall@1'].value)} correctly. For {percent(training.disagreement.value)} "
        f"({percent_interval(training.disagreement)}) it does so although another product's photo is nearest by the "
        "input of the same network's last layer: training to classify does not put similar products close together."
    )


def _training_facts(training: ClassifierTraining) -> list[tuple[str, str]]:
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
        ("Learned from", f"{training.rows:,} views of the photos; most of the views are simulated phone photos"),
        ("Best after", f"{training.step} steps of {recipe.get('classes_per_batch', '')} products"),
        ("Seed", str(training.options.get("seed", 0))),
        ("Pass over the photos", f"{training.seconds.get('photos', 0):.0f} s, done once and kept"),
        ("Training", f"{training.seconds.get('training', 0) + training.seconds.get('all photos', 0):.0f} s"),
    ]

"""The page about a classifier: how often it is right, where likeness and class part, and what growing it costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shoplens.evaluation.report.comparison import growth_table
from shoplens.evaluation.report.evaluation import metric_name
from shoplens.evaluation.report.page import (
    Html,
    facts_list,
    join_html,
    left_out_table,
    note,
    page,
    percent,
    percent_interval,
    sections,
    table,
    thumbnail,
    with_detail,
)
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.written import write_both
from shoplens.index.protocol import Index
from shoplens.training.classifier import Apart, ClassifierTraining
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
    """The whole page.

    Args:
        products: id -> product, of those that examples name; examples of others are left out.
    """
    facts = [
        f"{training.products:,} products, {training.photos - training.shoppers:,} photos of them"
        + (f" and {training.shoppers:,} of shoppers." if training.shoppers else "."),
        "It finds the products that it was trained on, and no others: one more product takes one more training.",
    ]
    examples = [one for one in training.examples if {one.product, one.nearest} <= products.keys()]
    parts = (
        ("How often it is right", _figures(training)),
        ("Classified rightly, and nearest to another", _apart(examples, products, picture)),
        ("What one more product costs", growth_table(training.growth)),
        ("How it was trained", _course(training)),
        ("What taught nothing", left_out_table(training.left_out)),
    )
    return page("A classifier with an output per product", facts, sections(parts), lead=summary(training))


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


def _figures(training: ClassifierTraining) -> Html:
    if training.apart is None:
        return Html("")
    columns = ("Asked by", *(metric_name(name) for name in training.classified))
    rows = [
        (with_detail(name, detail), *(_estimate(one) for one in figures.values()))
        for name, detail, figures in (
            ("Its outputs", "the most probable product", training.classified),
            ("Its distances", "the nearest catalogue photo, by what the last layer works on", training.neighbours),
        )
    ]
    photos = "made phone photos" if training.made else "photos"
    told = note(f"Asked with {training.queries:,} {photos} that training did not see, all products in the catalogue.")
    return join_html((told, table("Right product first", columns, rows, numbers=columns[1:])))


def _estimate(one: Estimate) -> Html:
    return with_detail(Html(f"<strong>{percent(one.value)}</strong>"), percent_interval(one))


def _apart(examples: Sequence[Apart], products: Mapping[str, Product], picture: Picture) -> Html:
    if not examples:
        return Html("")
    told = note(
        "Left the photo, in the middle its product, which the softmax names; right the product whose photo is nearest "
        "in the numbers that the softmax works on. A softmax only has to draw a border between products; a search "
        "needs distances."
    )
    rows = [
        (
            thumbnail(one.photo, "The photo", picture),
            _product(products[one.product], picture),
            _product(products[one.nearest], picture),
        )
        for one in examples
    ]
    return join_html((told, table("Apart", ("Photo", "Classified as", "Nearest by distance"), rows)))


def _product(product: Product, picture: Picture) -> Html:
    return with_detail(thumbnail(product.photos[0], product.title, picture), product.title)


def _course(training: ClassifierTraining) -> Html:
    full = training.options.get("depth") == "full"
    recipe = training.options.get("tail" if full else "recipe", {})
    per_product = training.photos_per_product
    facts = [
        ("What was trained", f"{'the end of the network, and ' if full else ''}a softmax behind it"),
        (
            "Photos per product",
            f"{per_product['median']:g} in the median, {per_product['least']:g} at least; "
            f"{percent(per_product['single'])} of the products have one",
        ),
        ("Learned from", f"{training.rows:,} looks at them, most of them made by taking the photos again"),
        ("Best after", f"{training.step} steps of {recipe.get('per_batch', '')} products"),
        ("Seed", str(training.options.get("seed", 0))),
        ("Pass over the photos", f"{training.seconds.get('photos', 0):.0f} s, made once and kept"),
        ("Training", f"{training.seconds.get('training', 0) + training.seconds.get('all photos', 0):.0f} s"),
    ]
    return facts_list(facts)

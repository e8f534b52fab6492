"""Finds ``wrong-value`` and ``missing-value``, by comparing the feed with the photos."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from shoplens.evaluation.doctor.category_coverage import CategoryCoverage
from shoplens.evaluation.doctor.contradictions import Contradiction, find_additions, find_contradiction, format_class
from shoplens.evaluation.doctor.finding_text import format_count, format_probability
from shoplens.evaluation.doctor.findings import MAX_PHOTOS, Finding, FindingPhoto, Kind, summarize_product
from shoplens.evaluation.doctor.predictions import ProductPrediction
from shoplens.feeds.assembly.size_words import is_size
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.types import Product

_MAX_COMPARED_PHOTOS = 2
"""Photos of a product that are shown beside those that it is compared with."""


class ValueFindings(NamedTuple):
    """Findings, and the number of products that were not examined because no photo of them has stored features."""

    findings: list[Finding]
    products_without_features: int


class _TypicalProduct(NamedTuple):
    probability: float
    product: Product


class _TypicalProducts:
    """Keeps a typical product of each class: the most probable by its photos, of those with the class in the feed."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str], _TypicalProduct] = {}

    def add(self, product: Product, dimension: str, name: str, probability: float) -> None:
        before = self._best.get((dimension, name))
        if before is None or (-probability, product.id) < (-before.probability, before.product.id):
            self._best[dimension, name] = _TypicalProduct(probability, product)

    def photos_of(self, dimension: Dimension, name: str) -> tuple[FindingPhoto, ...]:
        """Return a photo of the typical product of a class, or nothing where there is none."""
        best = self._best.get((dimension.name, name))
        role = f"called {format_class(name, dimension)}"
        return () if best is None else (summarize_product(best.product, role=role),)


def find_value_errors(
    predictions: Iterable[ProductPrediction], dimensions: Collection[Dimension], kinds: Collection[Kind]
) -> ValueFindings:
    """Find wrong and missing values of the feed in one pass over the predictions.

    Args:
        dimensions: the dimensions to compare, only such as photos were measured to show; sizes, which they cannot show
            but which often go with what they show, are left out.
        kinds: what to look for; other kinds than ``wrong-value`` and ``missing-value`` are ignored.
    """
    wrong: list[tuple[ProductPrediction, Dimension, Contradiction]] = []
    missing: list[tuple[ProductPrediction, Dimension, str, float]] = []
    coverage, typical_products, products_without_features = CategoryCoverage(), _TypicalProducts(), 0
    for prediction in predictions:
        coverage.add(prediction.product, prediction.empty_dimensions)
        if prediction.probabilities is None:
            products_without_features += 1
            continue
        for dimension in (one for one in dimensions if not is_size(one.name)):
            probabilities = prediction.probabilities[dimension.name]
            feed_classes = prediction.feed_classes.get(dimension.name, ())
            for name in feed_classes:
                typical_products.add(prediction.product, dimension.name, name, probabilities.get(name, 0.0))
            if "wrong-value" in kinds and (result := find_contradiction(dimension, feed_classes, probabilities)):
                wrong.append((prediction, dimension, result))
            if "missing-value" in kinds:
                is_empty = dimension.name in prediction.empty_dimensions
                additions = find_additions(dimension, feed_classes, is_empty, probabilities)
                missing += [(prediction, dimension, name, probability) for name, probability in additions.items()]
    findings = [_wrong_value(*candidate, typical_products) for candidate in wrong]
    findings += [
        _missing_value(prediction, dimension, name, probability)
        for prediction, dimension, name, probability in missing
        if coverage.is_expected(prediction.product, dimension.name)
    ]
    return ValueFindings(findings, products_without_features)


def _wrong_value(
    prediction: ProductPrediction,
    dimension: Dimension,
    contradiction: Contradiction,
    typical_products: _TypicalProducts,
) -> Finding:
    product = prediction.product
    is_one_class = contradiction.feed_value in dimension.classes
    feed_class = contradiction.feed_value if is_one_class else prediction.feed_classes[dimension.name][0]
    feed_value = format_class(contradiction.feed_value, dimension)
    photo_value = format_class(contradiction.photo_value, dimension)
    has_several = len(product.photos) > 1
    photos = f"the {format_count(len(product.photos), 'photo')} say" if has_several else "the photo says"
    compared = (
        *typical_products.photos_of(dimension, feed_class),
        *typical_products.photos_of(dimension, contradiction.photo_value),
    )
    return Finding(
        "wrong-value",
        (product.id,),
        f"{dimension.name}: the feed says {feed_value} ({format_probability(contradiction.p_feed)}), "
        f"{photos} {photo_value} ({format_probability(contradiction.p_photo)}).",
        f"Correct {dimension.field or dimension.name} in the feed, or the photo{'s' if has_several else ''}.",
        (*_photos(product, _MAX_COMPARED_PHOTOS), *compared),
        dimension.name,
        feed_value,
        photo_value,
        contradiction.p_photo,
        contradiction.strength,
    )


def _missing_value(prediction: ProductPrediction, dimension: Dimension, name: str, probability: float) -> Finding:
    product, photo_value = prediction.product, format_class(name, dimension)
    feed_value = ", ".join(format_class(other, dimension) for other in prediction.feed_classes.get(dimension.name, ()))
    feed = f"the feed says {feed_value} only" if feed_value else "the feed says nothing"
    hint = "This is only a hint. Check the photo, then add it to" if feed_value else "Add it to"
    return Finding(
        "missing-value",
        (product.id,),
        f"{dimension.name}: {feed}, the photo{'s show' if len(product.photos) > 1 else ' shows'} {photo_value} "
        f"({format_probability(probability)}).",
        f"{hint} {dimension.field or dimension.name} in the feed.",
        tuple(_photos(product, MAX_PHOTOS)),
        dimension.name,
        feed_value,
        photo_value,
        probability,
        probability,
    )


def _photos(product: Product, count: int) -> Iterator[FindingPhoto]:
    for photo in product.photos[:count]:
        yield FindingPhoto(product.id, product.title, photo, "this product")

"""Fitting filters to the features of photos, and scoring products by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.text.tower import TextTower
from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.derivation import ClassReader, derive_dimensions
from shoplens.filters.dimensions.dimension import TEXT, Dimension
from shoplens.filters.dimensions.dimension_json import dimensions_json
from shoplens.filters.dimensions.labels import load_labels
from shoplens.filters.fitting.fit import fit_to_photos, replace_weights, without_views
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.fitting.weight_tuning import (
    TuningPhotos,
    WordComparison,
    further_photos,
    try_views,
    tune_weights,
)
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.stored import save_filters
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.index.predicted_values import PROBABILITY_STEPS
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.reading.product_text import READ_WEIGHT, WeightedText, product_texts, product_words
from shoplens.reading.text_model import NAME as TEXT_MODEL
from shoplens.reading.text_model import TextModel, fit_text_model
from shoplens.settings import DimensionRules
from shoplens.store.dimensions_file import DIMENSIONS
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.files.atomic import replace_file
from shoplens.store.generation import Generation
from shoplens.types import (
    Features,
    FilterScores,
    Product,
    Progress,
    Rejection,
    SparseRows,
    SparseVector,
    Vectors,
    group_of,
)
from shoplens.types.iteration import batches

MAX_PHOTOS = 30_000
"""Number of photos that filters are fitted to; of a larger catalogue a sample, drawn by a hash."""
BATCH = 64
"""Number of products that are scored and written together."""


@dataclass(frozen=True, slots=True)
class ProductScorer:
    """Scores products: filters, the reader of the feed's values in their dimensions, and the model of its words; None
    where the store has no room for words."""

    filters: Filters
    reader: ClassReader
    text: TextModel | None = None

    def scores(self, product: Product, photos: Sequence[str], features: FeatureFile) -> FilterScores:
        """Compute the filter scores of a product.

        Args:
            product: as the feed describes it.
            photos: content hashes of its photos.
            features: of the photos; a missing photo has features of zero.
        """
        return self.scores_of_many([(product, photos)], features)[0]

    def scores_of_many(
        self, products: Sequence[tuple[Product, Sequence[str]]], features: FeatureFile
    ) -> list[FilterScores]:
        """Compute the filter scores of several products together. See :meth:`scores`."""
        known_features = features.read(name for _, photos in products for name in photos)
        zeros = np.zeros(self.filters.width, np.float32)
        described = self.filters.predict(
            np.stack([known_features.get(name, zeros) for _, photos in products for name in photos])
        )
        texts = {} if self.text is None else features.texts.read(name for _, photos in products for name in photos)
        known = [(self.reader.read_classes(product), photos) for product, photos in products]
        each = [classes for classes, photos in known for _ in photos]
        marks = self.filters.class_vectors(described.probabilities, each)
        placed = self.filters.space.filter_vectors(described.dense, marks)
        scored, start = [], 0
        for product, photos in products:
            own = slice(start, start + len(photos))
            predicted = self._predict_missing(product, described.probabilities[own].mean(axis=0))
            words = self._text_vectors(product, [texts.get(name, "") for name in photos])
            scored.append(FilterScores(placed[own], tuple(marks[own]), predicted, words))
            start = own.stop
        return scored

    def _predict_missing(self, product: Product, probabilities: Features) -> dict[str, dict[str, float]]:
        """Return the likely classes in the dimensions that the photos show and in which the feed has no value."""
        predicted = {}
        for name in self.reader.missing_dimensions(product):
            if name in self.filters.quality and self.filters.quality[name].is_visible:
                classes = self.filters.distribution(probabilities, name)
                if likely := {one: round(p, 3) for one, p in classes.items() if p >= PROBABILITY_STEPS[0]}:
                    predicted[name] = likely
        return predicted

    def _text_vectors(self, product: Product, readings: Sequence[str]) -> tuple[SparseVector, ...]:
        """Return the text vector of each photo; none without a model of words.

        Args:
            readings: what was read in each photo.
        """
        if self.text is None:
            return ()
        said = [*product_texts(product)]
        by_reading = {one: self.text.product_vector([*said, WeightedText(one, READ_WEIGHT)]) for one in set(readings)}
        return tuple(by_reading[one] for one in readings)

    def reads_equally(self, one: Product, other: Product) -> bool:
        """Whether the feed has the same values of both in every dimension, and the same words."""
        same_words = self.text is None or [*product_words(one)] == [*product_words(other)]
        return same_words and self.reader.read_classes(one) == self.reader.read_classes(other)


@dataclass(frozen=True, slots=True)
class FilterTrainingData:
    """What filters are fitted to.

    Attributes:
        index: products with their vectors.
        look: length of the vectors that the dimension ``look`` compares.
        features: of the photos.
        rules: of ``shoplens.toml``.
        backbone: number of features that are the network's; those measured on the pixels follow.
        model: id of the model that made the vectors.
        trained_look: as of :class:`~shoplens.filters.fitting.labeled_photos.LabeledPhotos`.
        object_parts: as of :class:`~shoplens.filters.fitting.labeled_photos.LabeledPhotos`.
        tower: text tower of the model; None where it has none, or where its vectors are no features.
        has_text: whether the index has room for text vectors.
        make_photos: makes phone photos by which the weights are chosen, beside the further photos of products, and
            reads the words in them where it is told to; None keeps the default weights.
    """

    index: Index
    look: int
    features: FeatureFile
    rules: DimensionRules
    backbone: int
    model: str
    trained_look: bool = False
    object_parts: Sequence[int] = ()
    tower: TextTower | None = None
    has_text: bool = False
    make_photos: Callable[[Index, bool], TuningPhotos] | None = None

    @property
    def width(self) -> int:
        """How many of a photo's features filters read."""
        return self.backbone + MEASURED_SIZE + sum(self.object_parts)


def fit_filters(
    data: FilterTrainingData, folder: Path, progress: Progress, report: Callable[[Rejection], None]
) -> ProductScorer:
    """Fit filters to an index, and write them to a generation's folder.

    Args:
        report: called with labels and rules that had no effect.

    Raises:
        InvalidValue: as :func:`~shoplens.filters.dimensions.derivation.derive_dimensions` and
            :func:`~shoplens.filters.dimensions.labels.load_labels`; nothing was written.
    """
    index, rules = data.index, data.rules
    progress("Finding dimensions", 0, 0)
    labels = load_labels(rules, (photo.source for record in index.all_records() for photo in record.photos))
    dimensions = derive_dimensions(
        (record.product for record in index.all_records()), rules, labels, has_object=bool(data.object_parts)
    )
    if any(one.is_named for one in dimensions.used) and data.tower is None:
        raise InvalidValue(
            "shoplens.toml names classes, and the model of the store cannot compare their names with photos.",
            "Build the store with a model that has a text tower (`shoplens models`), or take `classes` out of "
            "[dimensions].",
            code="no-text-tower",
        )
    for rejection in labels.rejections if labels is not None else ():
        report(rejection)
    for note in dimensions.notes:
        report(Rejection("unused-merge", note, "Correct the value in shoplens.toml, or take it out.", "note"))
    reader = ClassReader(dimensions.used, rules, labels)
    text = _fit_text(data) if data.has_text else None
    photos, contents = _collect_training_data(data, reader)
    if (named := [one for one in dimensions.used if one.is_named]) and data.tower is not None:
        vectors = {one.name: data.tower.embed(class_texts(one, rules)) for one in named}
        photos = replace(photos, name_vectors=vectors, logit_scale=data.tower.card.scale)
    filters = fit_to_photos(photos, dimensions.used, data.model, progress)
    stored: dict[str, Any] = {
        "dimensions": dimensions_json(dimensions),
        "labels": {} if labels is None else dict(labels.by_photo),
    }
    if data.make_photos is not None:
        progress("Choosing the weights", 0, 0)
        kinds, words = _tuning_photos(data, photos, contents, text)
        trial = try_views(filters, photos, kinds)
        if trial.is_harmful:
            filters = without_views(filters, photos)
        tuning = tune_weights(filters, photos, kinds, words)
        stored |= {"tuning": asdict(tuning), "views": asdict(trial)}
        weights = {name: tuning.weights[name] for name in filters.weights}
        if weights != filters.weights:
            filters = replace_weights(filters, photos, weights)
        if text is not None:
            text = replace(text, weight=tuning.weights.get(TEXT, text.weight))
    if text is not None:
        replace_file(folder / TEXT_MODEL, text.to_bytes())
    save_filters(folder, filters)
    replace_file(folder / DIMENSIONS, json.dumps(stored, default=dict) + "\n")
    return ProductScorer(filters, reader, text)


def _tuning_photos(
    data: FilterTrainingData, photos: LabeledPhotos, contents: Sequence[str], text: TextModel | None
) -> tuple[list[TuningPhotos], WordComparison | None]:
    """Return the catalogue's own photos by which weights are chosen; and how words are compared, where query photos are
    read.

    Args:
        contents: content hash of each of ``photos``.
    """
    assert data.make_photos is not None, "photos are made to choose by"
    if text is None or not text.reads_queries:
        return [further_photos(photos, [""] * len(contents)), data.make_photos(data.index, False)], None
    read = data.features.texts.read(contents)
    readings = [read.get(name, "") for name in contents]
    known = {record.product.id: [*product_texts(record.product)] for record in data.index.records(set(photos.products))}
    rows = [
        text.product_vector([*known[product], WeightedText(words, READ_WEIGHT)])
        for product, words in zip(photos.products, readings, strict=True)
    ]

    def agreements(words: str, stored: SparseRows) -> Vectors:
        query = text.query(words)
        return np.zeros(len(stored), np.float32) if query is None else query.agreements(stored)

    kinds = [further_photos(photos, readings), data.make_photos(data.index, True)]
    return kinds, WordComparison(rows, agreements, TEXT_SPREAD, text.weight)


def class_texts(dimension: Dimension, rules: DimensionRules) -> list[str]:
    """Return the texts whose vectors stand for the classes of a dimension that are known by their names."""
    rule = next(rule for name, rule in rules.rules.items() if (rule.name or name) == dimension.name)
    return [rule.template.format(name) for name in dimension.classes]


def _fit_text(data: FilterTrainingData) -> TextModel:
    """Fit the model of words to the products' texts and to what was read in their photos."""
    photos = shown = 0

    def texts() -> Iterator[list[WeightedText]]:
        nonlocal photos, shown
        for batch in batches(data.index.all_records(), BATCH):
            names = [[photo.content_hash for photo in record.photos] for record in batch]
            readings = data.features.texts.read(name for of_product in names for name in of_product)
            photos += sum(name in readings for of_product in names for name in of_product)
            shown += sum(bool(readings.get(name)) for of_product in names for name in of_product)
            for record, of_product in zip(batch, names, strict=True):
                read = [WeightedText(readings.get(name, ""), READ_WEIGHT) for name in of_product]
                yield [*product_texts(record.product), *read]

    model = fit_text_model(texts())
    return replace(model, shown_share=shown / photos if photos else None)


def load_scorer(generation: Generation) -> ProductScorer | None:
    """Return the scorer of a generation's products; None where it has no filters.

    Raises:
        StoreError: ``damaged-filters``.
    """
    if generation.filters is None:
        return None
    dimensions, labels = generation.dimensions
    return ProductScorer(generation.filters, ClassReader(dimensions.used, dimensions.rules, labels), generation.text)


def _collect_training_data(data: FilterTrainingData, reader: ClassReader) -> tuple[LabeledPhotos, list[str]]:
    """Collect the photos that filters are fitted to, with the feed's values of their products; and their content
    hashes."""
    rows: list[Features] = []
    vectors: list[Vectors] = []
    groups: list[str] = []
    first: list[bool] = []
    known: list[Mapping[str, tuple[str, ...]]] = []
    products: list[str] = []
    contents: list[str] = []
    for entry in sample_products(data.index):
        known_features = data.features.read(photo.content_hash for photo in entry.photos)
        classes = reader.read_classes(entry.product)
        for view, (photo, vector) in enumerate(zip(entry.photos, entry.look_vectors, strict=True)):
            if (row := known_features.get(photo.content_hash)) is not None:
                rows.append(row[: data.width])
                vectors.append(vector)
                groups.append(group_of(entry.product))
                first.append(view == 0)
                known.append(classes)
                products.append(entry.product.id)
                contents.append(photo.content_hash)
    labeled = LabeledPhotos(
        np.array(vectors, np.float32).reshape(-1, data.look),
        np.array(rows, np.float32).reshape(-1, data.width),
        data.backbone,
        tuple(groups),
        np.array(first, bool),
        known,
        tuple(products),
        trained_look=data.trained_look,
        object_parts=data.object_parts,
    )
    return labeled, contents


def rescore_products(index: Index, scorer: ProductScorer, features: FeatureFile, progress: Progress) -> None:
    """Score every product of an index by these filters."""
    total, done = index.count(), 0
    for batch in batches(index.entries(), BATCH):
        products = [(entry.product, [photo.content_hash for photo in entry.photos]) for entry in batch]
        scores = scorer.scores_of_many(products, features)
        index.update_scores([replace(entry, scores=one) for entry, one in zip(batch, scores, strict=True)])
        done += len(batch)
        progress("Scoring the products", done, total)


def sample_products(index: Index, most: int = MAX_PHOTOS) -> Iterator[IndexedProduct]:
    """Yield all products, or a sample with about ``most`` photos.

    A group is in the sample as a whole or not at all, unless there are so few groups that none would be in it.
    """
    share = min(1.0, most / max(1, sum(len(record.photos) for record in index.all_records())))
    by_group = any(_is_drawn(group_of(record.product), share) for record in index.all_records())
    for entry in index.entries():
        if _is_drawn(group_of(entry.product) if by_group else entry.product.id, share):
            yield entry


def _is_drawn(name: str, share: float) -> bool:
    """Whether a name is in a sample of this share; the same names are in every run."""
    digest = sha256(name.casefold().encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32

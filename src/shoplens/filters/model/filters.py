"""The filters of one generation: they predict what a photo shows in every dimension, and compare photos."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, OBJECT, SHAPE, Dimension
from shoplens.filters.fitting.crossfit import FOLDS, floored_softmax, fold_index, sigmoid
from shoplens.filters.model.class_layout import ClassLayout, node_depth
from shoplens.filters.model.fitted_models import FittedModels
from shoplens.filters.model.quality import Quality
from shoplens.filters.model.scoring import (
    DENSE_PARTS,
    TINT_SHARE,
    Cohort,
    RetrievalSpace,
    ScoreNormalizer,
    agreement_slope,
    dense_parts,
)
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseRows, SparseVector

_MIN_RELATIVE_AGREEMENT = 0.5
"""A deeper node of a tree is named where it contributes at least this part of the best node's contribution."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What the filters predict for n photos.

    Attributes:
        dense: float32 (n, m): the unit vectors of ``design``, of ``shape``, of the tints of ``color``, and of the
            ``object`` where there is one, one after the other; zeros where a photo has none.
        probabilities: float32 (n, T): one number per entry of the class layout. They sum to 1 over a block, but are
            independent in a multi-label dimension. All are 0 where a photo's features are all 0, because it could not
            be read.
    """

    dense: Floats
    probabilities: Floats

    @property
    def design(self) -> Floats:
        """float32 (n, DESIGN_SIZE)."""
        return self.dense[:, DENSE_PARTS[DESIGN]]

    @property
    def shape(self) -> Floats:
        """float32 (n, SHAPE_SIZE)."""
        return self.dense[:, DENSE_PARTS[SHAPE]]

    @property
    def tint(self) -> Floats:
        """float32 (n, TINT_SIZE)."""
        return self.dense[:, DENSE_PARTS[COLOR]]


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of one generation. Immutable.

    Attributes:
        dimensions: the dimensions of the shop.
        layout: the meaning of the entries of class vectors.
        models: the fitted parameters.
        quality: dimension -> how well it is predicted, for the learned dimensions.
        cohort: a sample of the shop's products, see :class:`~shoplens.filters.model.scoring.ScoreNormalizer`.
        space: the space over which the search graph is built.
        weights: dimension -> default static weight.
        backbone: number of a photo's features that come from the backbone.
        model: id of the model whose features these filters read.

    Raises:
        InvalidValue: ``unknown-dimension``, or ``bad-weight`` for a weight that is negative or no number.
    """

    dimensions: tuple[Dimension, ...]
    layout: ClassLayout
    models: FittedModels
    quality: Mapping[str, Quality]
    cohort: Cohort
    space: RetrievalSpace
    weights: Mapping[str, float]
    backbone: int
    model: str = ""

    def __post_init__(self) -> None:
        for name in ("quality", "weights"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        self._check_weights(self.weights)

    @property
    def width(self) -> int:
        """How many of a photo's features these filters read."""
        objects = 0 if self.models.object is None else len(self.models.object.mean)
        return self.backbone + MEASURED_SIZE + objects

    @property
    def dense_parts(self) -> Mapping[str, slice]:
        """Dimension -> where its unit vector lies in a dense vector."""
        return dense_parts(self.models.dense_size)

    @property
    def class_dimensions(self) -> tuple[str, ...]:
        """The dimensions that are distributions over classes or colours, in the order of :meth:`agreements`."""
        return self.layout.dimension_names

    def with_weights(self, weights: Mapping[str, float]) -> Filters:
        """Return the same filters with other default weights.

        Raises:
            InvalidValue: ``unknown-dimension``, or ``bad-weight`` for a weight that is negative or no number.
        """
        return replace(self, weights=weights)

    def predict(self, features: Floats, groups: Sequence[str] | None = None) -> Predictions:
        """Predict unit vectors and class probabilities of photos.

        Args:
            features: float32 (n, width, or more): the backbone's features, the measured row, the object's features
                where these filters read any; further columns are not read.
            groups: the group of each photo, for photos of the catalogue: each is then predicted by the heads that were
                not fitted to its group, so that its predictions are as good, and as bad, as those of a shopper's photo.
                Without groups, the mean of all heads is used; for linear heads, averaging weights is averaging logits.

        Raises:
            InvalidValue: the rows are too short, or the number of groups differs.
        """
        width = self.width
        if features.ndim != 2 or features.shape[1] < width:
            raise InvalidValue(
                f"The features are of shape {features.shape}.", f"These filters read rows of {width} numbers."
            )
        features = features[:, :width]
        if groups is not None and len(groups) != len(features):
            raise InvalidValue(f"There are {len(features)} photos and {len(groups)} groups.", "Give a group per photo.")
        folds = None if groups is None else np.array([fold_index(group, FOLDS) for group in groups], np.int64)
        logits = self.models.heads.logits(self.models.components.transform(features), folds)
        if self.models.named is not None:
            self.models.named.set_logits(logits, features[:, : self.backbone])
        projections = (self.models.design, self.models.shape, self.models.tint, self.models.object)
        dense = np.concatenate([one.unit_vectors(features) for one in projections if one is not None], axis=1)
        palette_end = self.backbone + MEASURED_SIZE
        probabilities = self._probabilities(logits, features[:, palette_end - ANCHOR_COUNT : palette_end])
        return Predictions(dense, probabilities * features.any(axis=1, keepdims=True))

    def query_vectors(self, look: Floats, dense: Floats, group: str | None = None) -> tuple[Floats, Floats]:
        """Return what is compared with the catalogue's vectors when a photo is the query, float32 (d,) and (m,).

        Args:
            look: float32 (d,), the photo's embedding.
            dense: float32 (m,), its dense vector.
            group: of the product whose photo it is, where it is of the catalogue.
        """
        views = self.models.views
        if views is None:
            return look, dense
        if (part := self.dense_parts.get(OBJECT)) is not None:
            dense = dense.copy()
            dense[part] = views.transform(OBJECT, dense[part], group)
        return views.transform(LOOK, look, group), dense

    def class_vector(self, probabilities: Floats, known: Mapping[str, tuple[str, ...]]) -> SparseVector:
        """Return the class vector of a photo: the feed's values where it gives any, else the predictions.

        Args:
            probabilities: float32 (T,), a row of :attr:`Predictions.probabilities`.
            known: dimension -> trained classes that the feed gives the photo's product.
        """
        return self.layout.class_vector(probabilities, known)

    def class_vectors(
        self, probabilities: Floats, known: Sequence[Mapping[str, tuple[str, ...]]]
    ) -> list[SparseVector]:
        """Return the class vectors of n photos; arguments as of :meth:`class_vector`, one row per photo."""
        return self.layout.class_vectors(probabilities, known)

    def distribution(self, probabilities: Floats, name: str) -> dict[str, float]:
        """Return class -> predicted probability of one photo in one dimension, most probable first; anchors by their
        colour names.

        Args:
            probabilities: float32 (T,).
            name: name of the dimension; the palette of ``color`` counts only where the feed has no classes.
        """
        blocks = self.layout.blocks_of(name)
        result: dict[str, float] = {}
        for block in blocks:
            if block.kind == "palette" and len(blocks) > 1:
                continue
            part = dict.fromkeys(block.classes, 0.0)
            for label, p in zip(block.classes, probabilities[block.entries].tolist(), strict=True):
                part[label] += p
            result.update(part)
        return dict(sorted(result.items(), key=lambda pair: -pair[1]))

    def agreements(self, query: SparseVector, photos: SparseRows | Sequence[SparseVector]) -> Floats:
        """Return float32 (photos, class dimensions): agreement of the query's class vector with each photo's, in
        [0, 1]."""
        rows = photos if isinstance(photos, SparseRows) else SparseRows.of(photos)
        count = len(self.class_dimensions)
        if not len(rows) or not count:
            return np.zeros((len(rows), count), np.float32)
        weights = np.zeros(self.layout.size)
        weights[query.indices] = query.values
        cells = np.repeat(np.arange(len(rows)) * count, rows.lengths) + self.layout.entry_dimensions[rows.indices]
        sums = np.bincount(cells, weights[rows.indices] * rows.values, len(rows) * count)
        return sums.reshape(len(rows), count).astype(np.float32)

    def similarities(self, cosines: Mapping[str, Floats], agreements: Floats) -> dict[str, Floats]:
        """Return dimension -> similarity in [0, 1], float32 (photos,): 1 for equal vectors.

        The similarity is (1 + cosine) / 2 of unit vectors, or the agreement of distributions; in ``color`` it is
        TINT_SHARE times the cosine of the tints, which is an agreement too, plus the rest times the agreement of
        classes and palettes. Nothing is cut off at either end, so that no order is lost however different a shopper's
        photo is from all products.

        Args:
            cosines: dimension -> float32 (photos,), of the dimensions of unit vectors; in ``color`` that of the tints.
            agreements: float32 (photos, class dimensions).
        """
        result: dict[str, Floats] = {}
        for dimension in self.dimensions:
            name = dimension.name
            similarity: npt.NDArray[np.floating]
            if name not in self.class_dimensions:
                similarity = (1 + cosines[name]) / 2
            elif name == COLOR:
                agreement = agreements[:, self.class_dimensions.index(name)]
                similarity = agreement_slope(name) * agreement + TINT_SHARE * cosines[name]
            else:
                similarity = agreements[:, self.class_dimensions.index(name)]
            result[name] = np.clip(similarity, 0, 1).astype(np.float32)
        return result

    def score_normalizer(self, look: Floats, dense: Floats, class_vector: SparseVector) -> ScoreNormalizer:
        """Return mean and spread of a query's similarities over the cohort.

        Args:
            look: float32 (d,), the query's embedding.
            dense, class_vector: the query's, as of a photo.
        """
        similarities = self._cohort_similarities(look, dense, class_vector)
        means = {name: float(values.mean()) if len(values) else 0.0 for name, values in similarities.items()}
        return ScoreNormalizer(means, self.cohort.query_spreads(similarities))

    def _cohort_similarities(self, look: Floats, dense: Floats, class_vector: SparseVector) -> dict[str, Floats]:
        """Return dimension -> float32 (c,), similarity to each product of the cohort."""
        cosines = {LOOK: self.cohort.look @ look}
        for name, part in self.dense_parts.items():
            cosines[name] = self.cohort.dense[:, part] @ dense[part]
        entries = class_vector.indices
        by_dimension = np.zeros((len(entries), len(self.class_dimensions)), np.float32)
        by_dimension[np.arange(len(entries)), self.layout.entry_dimensions[entries]] = class_vector.values
        return self.similarities(cosines, self.cohort.class_vectors[:, entries] @ by_dimension)

    def weight_query(self, query: SparseVector, weights: Mapping[str, float]) -> SparseVector:
        """Return the query for retrieval: its dot products with class vectors are the class dimensions' part of the
        score.

        Each entry is multiplied by the weight of its dimension; entries without weight are left out.
        """
        factors = [weights.get(name, 0.0) * agreement_slope(name) for name in self.class_dimensions]
        values = query.values * np.array(factors, np.float32)[self.layout.entry_dimensions[query.indices]]
        is_weighted = values > 0
        return SparseVector(query.indices[is_weighted], values[is_weighted])

    def best_match(self, query: SparseVector, photo: SparseVector, name: str) -> tuple[str, float, float]:
        """Return the class that contributes most to the agreement, and its probabilities in query and photo.

        In a tree it is the deepest node that contributes at least half as much as the best one. Where nothing agrees,
        it is the query's most probable class; ``("", 0, 0)`` where nothing is known of the query.
        """
        in_query, in_photo = self._class_probabilities(query, name), self._class_probabilities(photo, name)
        if not in_query:
            return "", 0.0, 0.0
        parts = self._contributions(query, photo, name)
        largest = max(parts.values(), default=0.0)
        if largest <= 0:
            label = max(in_query, key=lambda c: in_query[c])
        elif name in self.models.trees:
            candidates = (c for c in parts if parts[c] >= _MIN_RELATIVE_AGREEMENT * largest)
            label = max(candidates, key=lambda c: (node_depth(c), parts[c]))
        else:
            label = max(parts, key=lambda c: parts[c])
        return label, in_query[label], in_photo.get(label, 0.0)

    def likely_classes(self, class_vector: SparseVector, name: str, min_probability: float) -> list[str]:
        """Return the classes of a dimension with at least this probability in a photo; in a tree the deepest ones."""
        probabilities = self._class_probabilities(class_vector, name)
        labels = [label for label, p in probabilities.items() if p >= min_probability]
        if name in self.models.trees:
            depth = max(map(node_depth, labels), default=0)
            labels = [label for label in labels if node_depth(label) == depth]
        return labels

    def class_share(self, class_vector: SparseVector, name: str, classes: Collection[str]) -> float:
        """Return the probability that a photo shows one of these classes, or what lies within them, in [0, 1]."""
        probabilities = self._class_probabilities(class_vector, name)
        return min(1.0, sum(probabilities.get(label, 0.0) for label in classes))

    def _contributions(self, query: SparseVector, photo: SparseVector, name: str) -> dict[str, float]:
        """Return class -> its part of the agreement."""
        shared, left, right = np.intersect1d(query.indices, photo.indices, assume_unique=True, return_indices=True)
        products = dict(zip(shared.tolist(), (query.values[left] * photo.values[right]).tolist(), strict=True))
        parts: dict[str, float] = {}
        for block in self.layout.blocks_of(name):
            for entry, label in enumerate(block.classes, start=block.start):
                if entry in products:
                    parts[label] = parts.get(label, 0.0) + products[entry]
        return parts

    def _class_probabilities(self, vector: SparseVector, name: str) -> dict[str, float]:
        """Return class -> probability of a class vector; anchors of one name count together."""
        result: dict[str, float] = {}
        for block in self.layout.blocks_of(name):
            start, end = np.searchsorted(vector.indices, [block.start, block.entries.stop])
            part: dict[str, float] = {}
            for entry, value in zip(vector.indices[start:end].tolist(), vector.values[start:end].tolist(), strict=True):
                label = block.classes[entry - block.start]
                part[label] = part.get(label, 0.0) + value * value / block.share
            for label, p in part.items():
                result[label] = max(result.get(label, 0.0), min(1.0, p))
        return result

    def _probabilities(self, logits: Floats, palettes: Floats) -> Floats:
        """Return float32 (n, T) from the logits of the heads and the measured palettes."""
        result = np.zeros((len(logits), self.layout.size), np.float32)
        result[:, self.layout.predicted_entries] = logits
        floor = np.zeros(self.layout.size, np.float32)
        floor[self.layout.predicted_entries] = self.models.heads.floor
        for name, entries in self._dimension_entries.items():
            if name in self.models.trees:
                result[:, entries] = self.models.trees[name].probabilities(result[:, entries], floor[entries])
        for block in self.layout.blocks:
            part = result[:, block.entries]
            if block.kind == "single":
                result[:, block.entries] = floored_softmax(part, floor[block.entries])
            elif block.kind == "multi":
                result[:, block.entries] = sigmoid(part)
            elif block.kind == "palette":
                result[:, block.entries] = palettes
        return result

    @cached_property
    def _dimension_entries(self) -> dict[str, slice]:
        """Class dimension -> all of its entries, which lie together."""
        blocks_by_name = {name: self.layout.blocks_of(name) for name in self.class_dimensions}
        return {name: slice(blocks[0].start, blocks[-1].entries.stop) for name, blocks in blocks_by_name.items()}

    def _check_weights(self, weights: Mapping[str, float]) -> None:
        names = [dimension.name for dimension in self.dimensions]
        for name, weight in weights.items():
            if name not in names:
                raise InvalidValue(
                    f"There is no dimension {name!r}.", f"There are {', '.join(names)}.", code="unknown-dimension"
                )
            if isinstance(weight, bool) or not (math.isfinite(weight) and weight >= 0):
                raise InvalidValue(f"The weight of {name!r} is {weight!r}.", "Give 0 or more.", code="bad-weight")

"""The filters of one generation: features of a photo -> what it is in every dimension, and how alike two photos are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE, Dimension
from shoplens.filters.fitting.crossfit import FOLDS, Heads, floored_softmax, fold_of, sigmoid
from shoplens.filters.model.class_layout import ClassLayout, Tree, depth_of
from shoplens.filters.model.principal_components import Basis, Projection
from shoplens.filters.model.quality import Quality
from shoplens.filters.model.scoring import DENSE_PARTS, TINT_SHARE, Cohort, ScoreNormalizer, Space, mark_slope
from shoplens.filters.photo_features.measurements import MEASURED
from shoplens.filters.photo_features.palette import ANCHORS
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseRows, SparseVector

_CLEAR = 0.5
"""A deeper node of a tree is named where it agrees at least so much as the best one."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What filters see in n photos.

    Attributes:
        dense: float32 (n, DENSE): the unit vectors of ``design``, of ``shape`` and of the tints of ``color``, one after
            the other; zeros where there is none.
        probabilities: float32 (n, T): one number per entry of the layout. They sum to 1 over a block, but are each for
            itself in a multi-label dimension. All are 0 where a photo's features are all 0: nothing was seen of it.
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


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """What was fitted.

    Attributes:
        basis: features -> what heads see.
        heads: of every learned entry of the layout, in order.
        trees: of each dimension that is a tree.
        design, shape, tint: features -> unit vectors.
    """

    basis: Basis
    heads: Heads
    trees: Mapping[str, Tree]
    design: Projection
    shape: Projection
    tint: Projection

    @property
    def flat(self) -> tuple[str, ...]:
        """The dimensions of unit vectors in which all photos that were learned from are the same, as all others are."""
        parts = {DESIGN: self.design, SHAPE: self.shape}
        return tuple(name for name, projection in parts.items() if not projection.axes.any())


@dataclass(frozen=True, eq=False)
class Filters:
    """Immutable; what a generation carries.

    Attributes:
        dimensions: of the shop.
        layout: what the entries of marks mean.
        models: what was fitted.
        quality: dimension -> how well it is read, of those that are learned.
        cohort: a sample of the shop's products, see :class:`~shoplens.filters.model.scoring.ScoreNormalizer`.
        space: over which the search graph is built.
        weights: dimension -> default static weight.
        backbone: how many of a photo's features the backbone gave.
        model: id of the model whose features these filters read.
    """

    dimensions: tuple[Dimension, ...]
    layout: ClassLayout
    models: Models
    quality: Mapping[str, Quality]
    cohort: Cohort
    space: Space
    weights: Mapping[str, float]
    backbone: int
    model: str = ""

    def __post_init__(self) -> None:
        for name in ("quality", "weights"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        self._check_weights(self.weights)

    @property
    def classified(self) -> tuple[str, ...]:
        """The dimensions that are distributions over classes or colours, in the order of :meth:`agreements`."""
        return self.layout.names

    def with_weights(self, weights: Mapping[str, float]) -> Filters:
        """The same filters with other default weights.

        Raises:
            InvalidValue: ``unknown-dimension``, or ``bad-weight`` for one that is negative or no number.
        """
        return replace(self, weights=weights)

    def describe(self, features: Floats, groups: Sequence[str] | None = None) -> Described:
        """What the filters see.

        Args:
            features: float32 (n, backbone + MEASURED, or more): the backbone's features, then the measured row; what
                follows these is not read.
            groups: of each photo, where it is one of the catalogue: it is then read by those heads that never saw its
                group, so that what is said of it is as good, and as bad, as for a shopper's photo. Others are read by
                the mean of all heads; for linear heads, averaging weights is averaging logits.

        Raises:
            InvalidValue: features of a smaller width, or another number of groups.
        """
        width = self.backbone + MEASURED
        if features.ndim != 2 or features.shape[1] < width:
            raise InvalidValue(f"Features of shape {features.shape}.", f"These filters read rows of {width} numbers.")
        features = features[:, :width]
        if groups is not None and len(groups) != len(features):
            raise InvalidValue(f"{len(features)} photos, {len(groups)} groups.", "Give a group per photo.")
        folds = None if groups is None else np.array([fold_of(group, FOLDS) for group in groups], np.int64)
        logits = self.models.heads.logits(self.models.basis.apply(features), folds)
        projections = (self.models.design, self.models.shape, self.models.tint)
        dense = np.concatenate([projection.apply(features) for projection in projections], axis=1)
        read = self._probabilities(logits, features[:, width - ANCHORS :])
        return Described(dense, read * features.any(axis=1, keepdims=True))

    def marks(self, probabilities: Floats, known: Mapping[str, tuple[str, ...]]) -> SparseVector:
        """Square roots of the photo's distributions: what the feed says where it says something, else what was read.

        Args:
            probabilities: float32 (T,), a row of :attr:`Described.probabilities`.
            known: dimension -> trained classes that the feed gives the photo's product.
        """
        return self.layout.marks(probabilities, known)

    def marks_of_many(
        self, probabilities: Floats, known: Sequence[Mapping[str, tuple[str, ...]]]
    ) -> list[SparseVector]:
        """As :meth:`marks`, of n photos: float32 (n, T), and of each what the feed gives."""
        return self.layout.marks_of_many(probabilities, known)

    def distribution(self, probabilities: Floats, name: str) -> dict[str, float]:
        """Class -> probability as read in one photo, of one dimension, most probable first; colours by their names.

        Args:
            probabilities: float32 (T,).
            name: of the dimension; the palette of ``color`` counts only where the feed has no classes.
        """
        blocks = self.layout.blocks_of(name)
        told: dict[str, float] = {}
        for block in blocks:
            if block.kind == "palette" and len(blocks) > 1:
                continue
            part = dict.fromkeys(block.classes, 0.0)
            for label, p in zip(block.classes, probabilities[block.entries].tolist(), strict=True):
                part[label] += p
            told.update(part)
        return dict(sorted(told.items(), key=lambda pair: -pair[1]))

    def agreements(self, query: SparseVector, photos: SparseRows | Sequence[SparseVector]) -> Floats:
        """float32 (photos, classified dimensions): raw agreement of a query with each photo, in [0, 1]."""
        rows = photos if isinstance(photos, SparseRows) else SparseRows.of(photos)
        wide = len(self.classified)
        if not len(rows) or not wide:
            return np.zeros((len(rows), wide), np.float32)
        weights = np.zeros(self.layout.size)
        weights[query.indices] = query.values
        places = np.repeat(np.arange(len(rows)) * wide, rows.lengths) + self.layout.dimension_of[rows.indices]
        sums = np.bincount(places, weights[rows.indices] * rows.values, len(rows) * wide)
        return sums.reshape(len(rows), wide).astype(np.float32)

    def similarities(self, cosines: Mapping[str, Floats], agreements: Floats) -> dict[str, Floats]:
        """Dimension -> similarity in [0, 1], float32 (photos,): 1 for the same.

        (1 + cosine) / 2 of embeddings, the agreement of distributions; of ``color`` TINT_SHARE times the cosine of the
        tints, which is an agreement too, and the rest times that of classes and palettes.
        Nothing is cut off at either end, so that no order is lost however far a shopper's photo is from all products.

        Args:
            cosines: dimension -> float32 (photos,), of those that are dense; of ``color`` that of the tints.
            agreements: float32 (photos, classified dimensions).
        """
        found: dict[str, Floats] = {}
        for dimension in self.dimensions:
            name = dimension.name
            raw: npt.NDArray[np.floating]
            if name not in self.classified:
                raw = (1 + cosines[name]) / 2
            elif name == COLOR:
                raw = mark_slope(name) * agreements[:, self.classified.index(name)] + TINT_SHARE * cosines[name]
            else:
                raw = agreements[:, self.classified.index(name)]
            found[name] = np.clip(raw, 0, 1).astype(np.float32)
        return found

    def norms(self, look: Floats, dense: Floats, marks: SparseVector) -> ScoreNormalizer:
        """How a query's similarities lie over the cohort.

        Args:
            look: float32 (d,), the query's embedding.
            dense, marks: as of a photo.
        """
        alike = self._to_cohort(look, dense, marks)
        means = {name: float(values.mean()) if len(values) else 0.0 for name, values in alike.items()}
        return ScoreNormalizer(means, self.cohort.spreads(alike))

    def _to_cohort(self, look: Floats, dense: Floats, marks: SparseVector) -> dict[str, Floats]:
        """Dimension -> float32 (c,), similarity to each product of the cohort."""
        cosines = {LOOK: self.cohort.look @ look}
        for name, part in DENSE_PARTS.items():
            cosines[name] = self.cohort.dense[:, part] @ dense[part]
        by_dimension = np.zeros((len(marks.indices), len(self.classified)), np.float32)
        by_dimension[np.arange(len(marks.indices)), self.layout.dimension_of[marks.indices]] = marks.values
        return self.similarities(cosines, self.cohort.marks[:, marks.indices] @ by_dimension)

    def weight_query(self, query: SparseVector, weights: Mapping[str, float]) -> SparseVector:
        """The query for retrieval: its dot products with marks are the classified part of the score.

        Each entry is multiplied by the weight of its dimension; entries without weight are left out.
        """
        factors = [weights.get(name, 0.0) * mark_slope(name) for name in self.classified]
        values = query.values * np.array(factors, np.float32)[self.layout.dimension_of[query.indices]]
        kept = values > 0
        return SparseVector(query.indices[kept], values[kept])

    def best_match(self, query: SparseVector, photo: SparseVector, name: str) -> tuple[str, float, float]:
        """The class that contributes most to the agreement, and its probability in query and photo.

        Of a tree the deepest node that contributes at least half as much as the best. Where nothing agrees, what the
        query most probably is; ``("", 0, 0)`` where nothing is known of the query.
        """
        mine, theirs = self._by_class(query, name), self._by_class(photo, name)
        if not mine:
            return "", 0.0, 0.0
        parts = self._contributions(query, photo, name)
        most = max(parts.values(), default=0.0)
        if most <= 0:
            label = max(mine, key=lambda c: mine[c])
        elif name in self.models.trees:
            label = max((c for c in parts if parts[c] >= _CLEAR * most), key=lambda c: (depth_of(c), parts[c]))
        else:
            label = max(parts, key=lambda c: parts[c])
        return label, mine[label], theirs.get(label, 0.0)

    def likely(self, marks: SparseVector, name: str, least: float) -> list[str]:
        """The classes of a dimension that have at least this probability in a photo's marks; of a tree the deepest."""
        found = [label for label, p in self._by_class(marks, name).items() if p >= least]
        if name in self.models.trees:
            deepest = max(map(depth_of, found), default=0)
            found = [label for label in found if depth_of(label) == deepest]
        return found

    def _contributions(self, query: SparseVector, photo: SparseVector, name: str) -> dict[str, float]:
        """Class -> its part of the agreement."""
        both, left, right = np.intersect1d(query.indices, photo.indices, assume_unique=True, return_indices=True)
        products = dict(zip(both.tolist(), (query.values[left] * photo.values[right]).tolist(), strict=True))
        parts: dict[str, float] = {}
        for block in self.layout.blocks_of(name):
            for entry, label in enumerate(block.classes, start=block.start):
                if entry in products:
                    parts[label] = parts.get(label, 0.0) + products[entry]
        return parts

    def _by_class(self, marks: SparseVector, name: str) -> dict[str, float]:
        """Class -> its probability; anchors of one name together."""
        found: dict[str, float] = {}
        for block in self.layout.blocks_of(name):
            start, end = np.searchsorted(marks.indices, [block.start, block.entries.stop])
            part: dict[str, float] = {}
            for entry, value in zip(marks.indices[start:end].tolist(), marks.values[start:end].tolist(), strict=True):
                label = block.classes[entry - block.start]
                part[label] = part.get(label, 0.0) + value * value / block.share
            for label, p in part.items():
                found[label] = max(found.get(label, 0.0), min(1.0, p))
        return found

    def _probabilities(self, logits: Floats, palettes: Floats) -> Floats:
        result = np.zeros((len(logits), self.layout.size), np.float32)
        result[:, self.layout.learned] = logits
        floor = np.zeros(self.layout.size, np.float32)
        floor[self.layout.learned] = self.models.heads.floor
        for name, entries in self._spans.items():
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
    def _spans(self) -> dict[str, slice]:
        """Classified dimension -> all of its entries, which lie together."""
        every = {name: self.layout.blocks_of(name) for name in self.classified}
        return {name: slice(blocks[0].start, blocks[-1].entries.stop) for name, blocks in every.items()}

    def _check_weights(self, weights: Mapping[str, float]) -> None:
        names = [dimension.name for dimension in self.dimensions]
        for name, weight in weights.items():
            if name not in names:
                raise InvalidValue(
                    f"There is no dimension {name!r}.", f"There are {', '.join(names)}.", code="unknown-dimension"
                )
            if isinstance(weight, bool) or not (math.isfinite(weight) and weight >= 0):
                raise InvalidValue(f"The weight of {name!r} is {weight!r}.", "Give 0 or more.", code="bad-weight")

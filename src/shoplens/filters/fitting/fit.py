"""A catalogue's photos and its feed's values -> its filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE, Dimension
from shoplens.filters.fitting.crossfit import (
    FOLDS,
    Bools,
    Heads,
    Ints,
    Rows,
    floored_softmax,
    fold_of,
    number_groups,
    sigmoid,
)
from shoplens.filters.fitting.design import fit_design, fit_shape, fit_tint
from shoplens.filters.fitting.lda import UNKNOWN, fisher_heads, tree_heads
from shoplens.filters.fitting.multilabel import multilabel_heads
from shoplens.filters.fitting.temperature_scaling import sample_indices
from shoplens.filters.model.class_layout import ClassLayout, Tree, depth_of, is_compared
from shoplens.filters.model.filters import Described, Filters, Models
from shoplens.filters.model.principal_components import Projection, fit_basis, half
from shoplens.filters.model.quality import Quality, quality_of_classes, quality_of_labels
from shoplens.filters.model.scoring import DENSE, DENSE_PARTS, SKETCH_SIZE, Cohort, sample_groups, space_over
from shoplens.filters.photo_features.measurements import MEASURED, OUTLINE
from shoplens.filters.photo_features.palette import FINE
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseVector, Vectors

Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""
EncodingCaches = Mapping[str, tuple[str, ...]]
"""Dimension -> trained classes that the feed gives a product."""
OWN_WEIGHTS = {LOOK: 1.0, COLOR: 0.7, DESIGN: 0.2, SHAPE: 0.1}
FEED_WEIGHT = 0.25
_SKETCHED = 2_000
"""Photos by whose marks a sketch is chosen."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What filters are fitted to; one row per photo everywhere.

    Attributes:
        vectors: float32 (n, d), unit ``look`` embeddings.
        features: float32 (n, backbone + MEASURED): the backbone's features, then the measured row.
        backbone: how many features the backbone gives.
        groups: of each photo; photos of one group never stand on both sides of a split.
        first: bool (n,), whether the photo is its product's first.
        known: of each photo, dimension -> trained classes that the feed gives its product.
        weights: dimension -> default static weight; 1 each when omitted.

    Raises:
        InvalidValue: lengths or widths that do not fit, or features that are no numbers.
    """

    vectors: Vectors
    features: Floats
    backbone: int
    groups: tuple[str, ...]
    first: Bools
    known: Sequence[EncodingCaches]
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {len(self.vectors), len(self.features), len(self.groups), len(self.first), len(self.known)}
        if len(counts) != 1:
            raise InvalidValue(f"Training has columns of {sorted(counts)} rows.", "Give one row per photo everywhere.")
        if self.features.ndim != 2 or self.features.shape[1] != self.backbone + MEASURED:
            raise InvalidValue(
                f"Features of shape {self.features.shape}.", f"Give rows of {self.backbone} + {MEASURED} numbers."
            )
        if not np.isfinite(self.features).all():
            row = int(np.flatnonzero(~np.isfinite(self.features).all(axis=1))[0])
            raise InvalidValue(f"Features of photo {row} are not all finite numbers.", "Embed the photo again.")


def fit(training: Training, dimensions: Sequence[Dimension], model: str, progress: Progress | None = None) -> Filters:
    """The filters of a catalogue; the same for the same training.

    One basis is taken from all photos, then each learned dimension gets heads in it: linear discriminants for one class
    per product and for each level of a tree, ridge regressions for several. Every head is fitted to four of five folds
    of groups, and everything that is said of the catalogue's own photos, quality included, comes from the head that
    never saw their group. Only the choice of a shrinkage, of two to four numbers that calibrate a dimension, and of
    photos whose label is doubted, saw all folds.

    A dimension without photos or with too few of them is no error: what cannot be learned is the prior, and its quality
    says that it is not seen. One in which nothing can be compared is left out.

    Args:
        dimensions: of the shop.
        model: id of the model that gave the features.
        progress: told after each dimension.
    """
    told = progress or (lambda what, done, total: None)
    what = "Fitting filters"
    folds = np.array([fold_of(group, FOLDS) for group in training.groups], np.int64)
    dimensions = [dimension for dimension in dimensions if is_compared(dimension)]
    basis = fit_basis(training.features, training.backbone)
    projected = [block.project(training.features) for block in basis.blocks]
    rows = Rows.of(basis.concatenate(projected), folds)
    learned = [d for d in dimensions if d.classes and d.name in ClassLayout.of(dimensions).names]
    fitted: list[_Fitted] = []
    for done, dimension in enumerate(learned):
        told(what, done, len(learned) + 1)
        fitted.append(_fit_dimension(dimension, rows, training))
    told(what, len(learned), len(learned) + 1)
    models = Models(
        basis,
        Heads.beside([one.heads for one in fitted], basis.size),
        {d.name: one.tree for d, one in zip(learned, fitted, strict=True) if one.tree is not None},
        fit_design(basis.blocks[0], projected[0], training.groups, training.first),
        *_projections(training),
    )
    quality = {d.name: one.quality for d, one in zip(learned, fitted, strict=True)}
    filters = _add_cohort(_strangers(tuple(dimensions), models, quality, training, model), training)
    told(what, len(learned) + 1, len(learned) + 1)
    return filters


def _strangers(
    dimensions: tuple[Dimension, ...], models: Models, quality: Mapping[str, Quality], training: Training, model: str
) -> Filters:
    """Filters that know no product of the shop yet."""
    layout = ClassLayout.of(dimensions)
    weights = training.weights or {dimension.name: _weight(dimension, quality) for dimension in dimensions}
    weights = {name: 0.0 if name in models.flat else weight for name, weight in weights.items()}
    nobody = Cohort(
        np.zeros((0, training.vectors.shape[1]), np.float32),
        np.zeros((0, DENSE), np.float32),
        np.zeros((0, layout.size), np.float32),
        {},
    )
    space = space_over(layout, {}, nobody.marks)
    return Filters(dimensions, layout, models, quality, nobody, space, weights, training.backbone, model)


def _weight(dimension: Dimension, quality: Mapping[str, Quality]) -> float:
    """The default static weight.

    Those of ``look``, ``color``, ``design`` and ``shape`` were chosen on development groups of three shops
    (``benchmarks/filters.py``). Another dimension gets a small one in proportion to how much of a blind guess's error
    its filter takes away (Goodman, Kruskal 1954, lambda), and none where the photos do not show it: the sale of a
    shirt is no likeness. Weights fitted to a shop's own further photos were no better on its other groups.
    """
    if dimension.name in OWN_WEIGHTS:
        return OWN_WEIGHTS[dimension.name]
    known = quality.get(dimension.name)
    if known is None or not known.seen or known.majority >= 1:
        return 0.0
    return round(FEED_WEIGHT * max(0.0, (known.accuracy - known.majority) / (1 - known.majority)), 3)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """One dimension."""

    heads: Heads
    quality: Quality
    tree: Tree | None = None


def _fit_dimension(dimension: Dimension, rows: Rows, training: Training) -> _Fitted:
    known = [known.get(dimension.name, ()) for known in training.known]
    if dimension.kind == "multi":
        return _multi(dimension, rows, known)
    groups = number_groups(training.groups)
    if dimension.kind == "tree":
        return _tree(dimension, rows, known, groups)
    number = {label: place for place, label in enumerate(dimension.classes)}
    classes = np.array([number.get(names[0], UNKNOWN) if len(names) == 1 else UNKNOWN for names in known], np.int64)
    heads = fisher_heads(rows, classes, len(dimension.classes))
    used = classes != UNKNOWN
    probabilities = floored_softmax(heads.logits(rows.x[used], rows.folds[used]), heads.floor)
    return _Fitted(heads, quality_of_classes(probabilities, classes[used], groups[used]))


def _multi(dimension: Dimension, rows: Rows, known: list[tuple[str, ...]]) -> _Fitted:
    number = {label: place for place, label in enumerate(dimension.classes)}
    targets = np.zeros((len(known), len(number)), np.float32)
    for row, names in zip(targets, known, strict=True):
        row[[number[name] for name in names if name in number]] = 1
    used = targets.sum(axis=1) > 0
    heads = multilabel_heads(rows, targets, used)
    probabilities = sigmoid(heads.logits(rows.x[used], rows.folds[used]))
    return _Fitted(heads, quality_of_labels(probabilities, targets[used], rows.folds[used]))


def _tree(dimension: Dimension, rows: Rows, known: list[tuple[str, ...]], groups: Ints) -> _Fitted:
    tree, heads = tree_heads(rows, Tree.of(dimension.classes), known)
    ends = [max((n for n in names if n in dimension.classes), key=depth_of, default="") for names in known]
    used = np.array([bool(end) for end in ends], np.bool_)
    leaves = tree.leaf_probabilities(heads.logits(rows.x[used], rows.folds[used]), heads.floor)
    probabilities, classes = tree.among_ends([end for end in ends if end], leaves)
    return _Fitted(heads, quality_of_classes(probabilities, classes, groups[used]), tree)


def _projections(training: Training) -> tuple[Projection, Projection]:
    """Of ``shape`` and of the tints of ``color``."""
    start = training.backbone + FINE
    outlines = training.features[:, start : start + OUTLINE]
    tints = training.features[:, training.backbone : start]
    return (
        fit_shape(outlines, start, training.first),
        fit_tint(tints, training.backbone, training.first),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Photos of the catalogue: as products that a store holds, and as queries."""

    look: Vectors
    held: Described
    held_marks: list[SparseVector]
    asked: Described
    asked_marks: list[SparseVector]


def _add_cohort(filters: Filters, training: Training) -> Filters:
    """The same filters with a cohort of the shop's products, and the space in which its photos lie."""
    places = sample_groups(training.groups, training.first)
    if not places:
        return filters
    sample = _sample(filters, training, places)
    marks, spread = filters.layout.wide(sample.held_marks), _spread(filters, sample)
    filters = replace(filters, cohort=Cohort(half(sample.look), half(sample.held.dense), half(marks), spread))
    asked = zip(sample.look, sample.asked.dense, sample.asked_marks, strict=True)
    weighed = [filters.norms(*one).effective(filters.weights) for one in asked] if any(filters.weights.values()) else []
    usual = {name: float(np.mean([one[name] for one in weighed])) for name in filters.weights if weighed}
    if filters.layout.size > SKETCH_SIZE:
        marks = filters.layout.wide(_marks_of_many(filters, training))
    return replace(filters, space=space_over(filters.layout, usual, marks))


def _marks_of_many(filters: Filters, training: Training) -> list[SparseVector]:
    """Of enough photos to tell in which directions the marks of all lie."""
    rows = sample_indices(len(training.features), _SKETCHED)
    read = filters.describe(training.features[rows]).probabilities
    return filters.marks_of_many(read, [training.known[n] for n in rows.tolist()])


def _sample(filters: Filters, training: Training, places: list[int]) -> _Sample:
    features = training.features[places]
    held = filters.describe(features)
    asked = filters.describe(features, [training.groups[n] for n in places])
    return _Sample(
        training.vectors[places],
        held,
        filters.marks_of_many(held.probabilities, [training.known[n] for n in places]),
        asked,
        filters.marks_of_many(asked.probabilities, [{}] * len(places)),
    )


def _spread(filters: Filters, sample: _Sample) -> dict[str, float]:
    """How far the likenesses of a sample's photos spread over each other, by dimension."""
    spread: dict[str, list[float]] = {}
    for n in range(len(sample.look)):
        cosines = {LOOK: sample.look @ sample.look[n]}
        for name, part in DENSE_PARTS.items():
            cosines[name] = sample.held.dense[:, part] @ sample.asked.dense[n, part]
        agreements = filters.agreements(sample.asked_marks[n], sample.held_marks)
        for name, values in filters.similarities(cosines, agreements).items():
            spread.setdefault(name, []).append(float(np.delete(values, n).std()) if len(values) > 1 else 0.0)
    return {name: float(np.mean(values)) for name, values in spread.items()}

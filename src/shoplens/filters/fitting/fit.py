"""Fits the filters of a catalogue to its photos and its feed's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, OBJECT, SHAPE, Dimension
from shoplens.filters.fitting.crossfit import (
    FOLDS,
    CrossFitData,
    Ints,
    LinearHeads,
    floored_softmax,
    fold_index,
    number_groups,
    sigmoid,
)
from shoplens.filters.fitting.design import fit_design, fit_object, fit_shape, fit_tint
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.fitting.lda import UNKNOWN, fit_fisher_heads, fit_tree_heads
from shoplens.filters.fitting.multilabel import fit_multilabel_heads
from shoplens.filters.fitting.named_classes import NamedFit, fit_named_classes
from shoplens.filters.fitting.temperature_scaling import sample_indices
from shoplens.filters.fitting.whitening import fit_view_metric
from shoplens.filters.model.class_layout import ClassLayout, ClassTree, is_comparable, node_depth
from shoplens.filters.model.filters import Filters, Predictions
from shoplens.filters.model.fitted_models import FittedModels
from shoplens.filters.model.named_classes import NamedClasses
from shoplens.filters.model.principal_components import (
    FeatureProjection,
    fit_principal_components,
    round_to_half,
)
from shoplens.filters.model.quality import Quality, measure_class_quality, measure_label_quality
from shoplens.filters.model.scoring import (
    SKETCH_SIZE,
    Cohort,
    fit_retrieval_space,
    sample_cohort,
)
from shoplens.filters.model.view_metric import ViewMetric
from shoplens.filters.photo_features.color_histogram import FINE_SIZE
from shoplens.filters.photo_features.measurements import OUTLINE_SIZE
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import Progress, SparseVector, Vectors

OWN_WEIGHTS = {LOOK: 1.0, OBJECT: 0.5, COLOR: 0.35, DESIGN: 0.2, SHAPE: 0.1}
"""Default weights of the dimensions that need no feed."""
FEED_WEIGHT = 0.25
"""Default weight of a dimension of the feed whose filter makes no error."""
_SKETCH_PHOTOS = 2_000
"""Photos to whose class vectors the sketch is fitted."""


def fit_to_photos(
    data: LabeledPhotos, dimensions: Sequence[Dimension], model: str, progress: Progress | None = None
) -> Filters:
    """Fit the filters of a catalogue; the same data give the same filters.

    Principal components are fitted to all photos, then each learned dimension gets heads on them: linear discriminants
    for one class per product and for each level of a tree, ridge regressions for several classes. Every head is fitted
    to four of five folds of groups, and every prediction for the catalogue's own photos, quality included, comes from
    the head that was not fitted to their group. Only the choice of a shrinkage, of two to four numbers that calibrate a
    dimension, and of photos with a doubtful label used all folds.

    A dimension without photos or with too few of them is no error: it predicts the prior, and its quality says that it
    is not visible. A dimension in which nothing can be compared is left out.

    Args:
        dimensions: the dimensions of the shop.
        model: id of the model that gave the features.
        progress: called after each dimension.
    """
    report = progress or (lambda work, done, total: None)
    work = "Fitting filters"
    folds = np.array([fold_index(group, FOLDS) for group in data.groups], np.int64)
    dimensions = [dimension for dimension in dimensions if is_comparable(dimension)]
    components = fit_principal_components(data.features, data.backbone)
    projected = [block.project(data.features) for block in components.blocks]
    rows = CrossFitData.from_photos(components.join_blocks(projected), folds)
    names = ClassLayout.from_dimensions(dimensions).dimension_names
    learned = [dimension for dimension in dimensions if dimension.classes and dimension.name in names]
    fits: list[_DimensionFit] = []
    for done, dimension in enumerate(learned):
        report(work, done, len(learned) + 1)
        fits.append(_fit_dimension(dimension, rows, data))
    report(work, len(learned), len(learned) + 1)
    models = FittedModels(
        components,
        LinearHeads.concatenate([fit.heads for fit in fits], components.size),
        {dimension.name: fit.tree for dimension, fit in zip(learned, fits, strict=True) if fit.tree is not None},
        fit_design(components.blocks[0], projected[0], data.groups, data.is_first),
        *_fit_shape_and_tint(data),
        fit_object(data.features[:, data.object_start :], data.object_start, data.object_parts)
        if data.object_parts
        else None,
        named=_join_named(fits),
    )
    models = replace(models, views=_fit_views(models, data, folds))
    quality = {dimension.name: fit.quality for dimension, fit in zip(learned, fits, strict=True)}
    filters = _add_cohort(_filters_without_cohort(tuple(dimensions), models, quality, data, model), data)
    report(work, len(learned) + 1, len(learned) + 1)
    return filters


def _filters_without_cohort(
    dimensions: tuple[Dimension, ...],
    models: FittedModels,
    quality: Mapping[str, Quality],
    data: LabeledPhotos,
    model: str,
) -> Filters:
    """Return filters with an empty cohort, from which the cohort is computed."""
    layout = ClassLayout.from_dimensions(dimensions)
    weights = data.weights or {dimension.name: _default_weight(dimension, quality) for dimension in dimensions}
    weights = {name: 0.0 if name in models.constant_dimensions else weight for name, weight in weights.items()}
    cohort = Cohort(
        np.zeros((0, data.vectors.shape[1]), np.float32),
        np.zeros((0, models.dense_size), np.float32),
        np.zeros((0, layout.size), np.float32),
        {},
    )
    space = fit_retrieval_space(layout, {}, cohort.class_vectors, models.dense_size)
    return Filters(dimensions, layout, models, quality, cohort, space, weights, data.backbone, model)


def _default_weight(dimension: Dimension, quality: Mapping[str, Quality]) -> float:
    """Return the default static weight of a dimension.

    Those of ``look``, ``design`` and ``shape`` were chosen on development groups of three shops
    (``benchmarks/filters/filters.py``), those of ``color`` and ``object`` on development sets of four;
    :mod:`.weight_tuning` chooses better ones for a shop where its photos show them. Another dimension gets a small
    weight in proportion to the part of a blind guess's error that its filter avoids (Goodman, Kruskal 1954, lambda),
    and none where the photos do not show it: whether a shirt is on sale makes no shirts similar.
    """
    if dimension.name in OWN_WEIGHTS:
        return OWN_WEIGHTS[dimension.name]
    measured = quality.get(dimension.name)
    if measured is None or not measured.is_visible or measured.majority_accuracy >= 1:
        return 0.0
    avoided = (measured.accuracy - measured.majority_accuracy) / (1 - measured.majority_accuracy)
    return round(FEED_WEIGHT * max(0.0, avoided), 3)


@dataclass(frozen=True, slots=True, eq=False)
class _DimensionFit:
    """The fitted heads of one dimension."""

    heads: LinearHeads
    quality: Quality
    tree: ClassTree | None = None
    named: NamedFit | None = None


def _fit_dimension(dimension: Dimension, rows: CrossFitData, data: LabeledPhotos) -> _DimensionFit:
    known = [by_dimension.get(dimension.name, ()) for by_dimension in data.known]
    if dimension.kind == "multi":
        return _fit_multilabel_dimension(dimension, rows, known)
    groups = number_groups(data.groups)
    if dimension.kind == "tree":
        return _fit_tree_dimension(dimension, rows, known, groups)
    indices = {label: index for index, label in enumerate(dimension.classes)}
    if dimension.is_named:
        return _fit_named_dimension(dimension, rows, data, known, groups)
    classes = np.array([indices.get(names[0], UNKNOWN) if len(names) == 1 else UNKNOWN for names in known], np.int64)
    heads = fit_fisher_heads(rows, classes, len(dimension.classes))
    is_known = classes != UNKNOWN
    probabilities = floored_softmax(heads.logits(rows.x[is_known], rows.folds[is_known]), heads.floor)
    return _DimensionFit(heads, measure_class_quality(probabilities, classes[is_known], groups[is_known]))


def _fit_named_dimension(
    dimension: Dimension, rows: CrossFitData, data: LabeledPhotos, known: list[tuple[str, ...]], groups: Ints
) -> _DimensionFit:
    """Score photos by the names of the classes. The heads stay empty, since these scores take their place."""
    indices = {label: index for index, label in enumerate(dimension.classes)}
    classes = np.array([indices.get(names[0], UNKNOWN) if len(names) == 1 else UNKNOWN for names in known], np.int64)
    vectors = round_to_half(data.name_vectors[dimension.name])
    photos = data.features[:, : data.backbone]
    fit = fit_named_classes(vectors, photos, classes, rows.folds, groups, data.logit_scale)
    count, size = len(dimension.classes), rows.x.shape[1]
    empty = np.zeros((FOLDS + 1, size, count), np.float32), np.zeros((FOLDS + 1, count), np.float32)
    return _DimensionFit(LinearHeads(*empty, np.zeros(count, np.float32)), fit.quality, named=fit)


def _join_named(fits: Sequence[_DimensionFit]) -> NamedClasses | None:
    """Return the scores of the named classes of all dimensions; None where there are none."""
    starts = np.cumsum([0, *(fit.heads.bias.shape[1] for fit in fits)])
    named = [(int(start), fit.named) for start, fit in zip(starts, fits, strict=False) if fit.named is not None]
    if not named:
        return None
    return NamedClasses(
        np.concatenate([start + np.arange(len(fit.bias)) for start, fit in named]).astype(np.int64),
        np.concatenate([fit.vectors for _, fit in named]),
        np.concatenate([np.full(len(fit.bias), fit.scale, np.float32) for _, fit in named]),
        np.concatenate([fit.bias for _, fit in named]),
    )


def _fit_multilabel_dimension(dimension: Dimension, rows: CrossFitData, known: list[tuple[str, ...]]) -> _DimensionFit:
    indices = {label: index for index, label in enumerate(dimension.classes)}
    targets = np.zeros((len(known), len(indices)), np.float32)
    for row, names in zip(targets, known, strict=True):
        row[[indices[name] for name in names if name in indices]] = 1
    is_known = targets.sum(axis=1) > 0
    heads = fit_multilabel_heads(rows, targets, is_known)
    probabilities = sigmoid(heads.logits(rows.x[is_known], rows.folds[is_known]))
    return _DimensionFit(heads, measure_label_quality(probabilities, targets[is_known], rows.folds[is_known]))


def _fit_tree_dimension(
    dimension: Dimension, rows: CrossFitData, known: list[tuple[str, ...]], groups: Ints
) -> _DimensionFit:
    tree, heads = fit_tree_heads(rows, ClassTree.from_nodes(dimension.classes), known)
    ends = [max((n for n in names if n in dimension.classes), key=node_depth, default="") for names in known]
    is_known = np.array([bool(end) for end in ends], np.bool_)
    leaves = tree.leaf_probabilities(heads.logits(rows.x[is_known], rows.folds[is_known]), heads.floor)
    probabilities, classes = tree.end_probabilities([end for end in ends if end], leaves)
    return _DimensionFit(heads, measure_class_quality(probabilities, classes, groups[is_known]), tree)


def _fit_shape_and_tint(data: LabeledPhotos) -> tuple[FeatureProjection, FeatureProjection]:
    start = data.backbone + FINE_SIZE
    outlines = data.features[:, start : start + OUTLINE_SIZE]
    histograms = data.features[:, data.backbone : start]
    return (
        fit_shape(outlines, start, data.is_first),
        fit_tint(histograms, data.backbone, data.is_first),
    )


def _fit_views(models: FittedModels, data: LabeledPhotos, folds: Ints) -> ViewMetric | None:
    vectors = {} if data.trained_look else {LOOK: data.vectors}
    if models.object is not None:
        vectors[OBJECT] = models.object.unit_vectors(data.features)
    return fit_view_metric(vectors, data.products, folds) if vectors and data.products else None


@dataclass(frozen=True, slots=True, eq=False)
class _CohortSample:
    """A sample of the catalogue's photos, as products in a store and as queries."""

    look: Vectors
    stored: Predictions
    stored_class_vectors: list[SparseVector]
    query_look: Vectors
    query_dense: Floats
    query_class_vectors: list[SparseVector]


def _add_cohort(filters: Filters, data: LabeledPhotos) -> Filters:
    """Return the filters with a cohort of the shop's products, and with the retrieval space of its photos."""
    positions = sample_cohort(data.groups, data.is_first)
    if not positions:
        return filters
    sample = _predict_sample(filters, data, positions)
    vectors, spreads = filters.layout.to_dense(sample.stored_class_vectors), _mean_spreads(filters, sample)
    cohort = Cohort(round_to_half(sample.look), round_to_half(sample.stored.dense), round_to_half(vectors), spreads)
    return _add_space(replace(filters, cohort=cohort), data, sample)


def without_views(filters: Filters, data: LabeledPhotos) -> Filters:
    """Return filters that compare every query as it is, whatever photos of one product differ in.

    Args:
        data: that the filters were fitted to.
    """
    return _add_cohort(replace(filters, models=replace(filters.models, views=None)), data)


def replace_weights(filters: Filters, data: LabeledPhotos, weights: Mapping[str, float]) -> Filters:
    """Return filters with other default weights, and with the retrieval space for them.

    Args:
        data: that the filters were fitted to.
    """
    positions = sample_cohort(data.groups, data.is_first)
    filters = replace(filters, weights=weights)
    return _add_space(filters, data, _predict_sample(filters, data, positions)) if positions else filters


def _add_space(filters: Filters, data: LabeledPhotos, sample: _CohortSample) -> Filters:
    """Return the filters with the retrieval space of these photos."""
    vectors = filters.layout.to_dense(sample.stored_class_vectors)
    usual = _usual_weights(filters, sample)
    if filters.layout.size > SKETCH_SIZE:
        vectors = filters.layout.to_dense(_sketch_class_vectors(filters, data))
    return replace(filters, space=fit_retrieval_space(filters.layout, usual, vectors, filters.models.dense_size))


def _usual_weights(filters: Filters, sample: _CohortSample) -> dict[str, float]:
    """Return dimension -> mean of its normalized default weight over the sample's photos as queries."""
    if not any(filters.weights.values()):
        return {}
    queries = zip(sample.query_look, sample.query_dense, sample.query_class_vectors, strict=True)
    normalized = [filters.score_normalizer(*query).normalize_weights(filters.weights) for query in queries]
    return {name: float(np.mean([weights[name] for weights in normalized])) for name in filters.weights if normalized}


def _sketch_class_vectors(filters: Filters, data: LabeledPhotos) -> list[SparseVector]:
    """Return the class vectors of enough photos to estimate their leading directions."""
    rows = sample_indices(len(data.features), _SKETCH_PHOTOS)
    probabilities = filters.predict(data.features[rows]).probabilities
    return filters.class_vectors(probabilities, [data.known[n] for n in rows.tolist()])


def _predict_sample(filters: Filters, data: LabeledPhotos, positions: list[int]) -> _CohortSample:
    features = data.features[positions]
    stored = filters.predict(features)
    groups = [data.groups[n] for n in positions]
    queries = filters.predict(features, groups)
    compared = [filters.query_vectors(*one) for one in zip(data.vectors[positions], queries.dense, groups, strict=True)]
    return _CohortSample(
        data.vectors[positions],
        stored,
        filters.class_vectors(stored.probabilities, [data.known[n] for n in positions]),
        np.stack([look for look, _ in compared]),
        np.stack([dense for _, dense in compared]),
        filters.class_vectors(queries.probabilities, [{}] * len(positions)),
    )


def _mean_spreads(filters: Filters, sample: _CohortSample) -> dict[str, float]:
    """Return dimension -> mean standard deviation of the similarities of each photo of the sample to the others."""
    spreads: dict[str, list[float]] = {}
    for n in range(len(sample.look)):
        cosines = {LOOK: sample.look @ sample.query_look[n]}
        for name, part in filters.dense_parts.items():
            cosines[name] = sample.stored.dense[:, part] @ sample.query_dense[n, part]
        agreements = filters.agreements(sample.query_class_vectors[n], sample.stored_class_vectors)
        for name, values in filters.similarities(cosines, agreements).items():
            spreads.setdefault(name, []).append(float(np.delete(values, n).std()) if len(values) > 1 else 0.0)
    return {name: float(np.mean(values)) for name, values in spreads.items()}

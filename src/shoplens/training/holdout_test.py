"""Tests whether training helps: held-out photos of learned and of new products are queries before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.evaluation.results import Estimate, PairedDifference
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.training.data.samples import Samples, Split, assign_splits
from shoplens.types import Vectors

Ints = npt.NDArray[np.int64]
METRICS = ("recall@1", "recall@5", "mrr")
MAIN_METRIC = METRICS[0]
KNOWN_PRODUCTS, NEW_PRODUCTS = "known products", "new products"
"""The names of the parts of the test: products that were learned, and products of groups that were not."""
SIGNIFICANT = 0.05
"""Greatest p of a change that is taken for more than chance."""
MIN_QUERIES = 30
"""Where there are fewer real photos to ask with, simulated phone photos are the queries instead."""
_BATCH_QUERIES = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class HoldoutQueries:
    """Query photos, and the products among which they are searched.

    Attributes:
        rows: int64 (q,), rows of the samples.
        classes: int64 (q,), the right class of each query.
        own_places: int64 (q,), the place in the gallery that does not count, the query's own product; -1 for none.
        clusters: the group of each query; groups are resampled as a whole.
        gallery: int64 (g,), rows of the samples: the first photo of every product.
        gallery_classes: int64 (g,).
        simulated: whether the queries are simulated phone photos.
    """

    rows: Ints
    classes: Ints
    own_places: Ints
    clusters: tuple[str, ...]
    gallery: Ints
    gallery_classes: Ints
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def used_rows(self) -> Ints:
        """int64: all rows of the samples that the queries and the gallery use."""
        return np.unique(np.concatenate([self.rows, self.gallery]))


@dataclass(frozen=True, slots=True)
class HoldoutResult:
    """The result of one part of the test.

    Attributes:
        name: :data:`KNOWN_PRODUCTS` or :data:`NEW_PRODUCTS`.
        queries, clusters: number of queries, and of their groups.
        simulated: whether the queries are simulated phone photos, because there were too few real ones.
        before, after: metric -> value.
        change: metric -> after less before, on the same queries.
    """

    name: str
    queries: int
    clusters: int
    simulated: bool
    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]
    change: Mapping[str, PairedDifference]


@dataclass(frozen=True, slots=True, eq=False)
class HoldoutPlan:
    """The split into training, validation and test.

    Attributes:
        train_rows: bool (m,), the rows that are learned from.
        validation: queries that say when to stop.
        test: name of the part -> queries that say whether training helped.
    """

    train_rows: npt.NDArray[np.bool_]
    validation: Sequence[HoldoutQueries]
    test: Mapping[str, HoldoutQueries]


def plan_holdout(samples: Samples, positives: str, *, new_products: bool = True) -> HoldoutPlan:
    """Return the split of these samples; it is the same in every run.

    Args:
        positives: what has to lie together, the photos of a ``product`` or the products of a ``group``.
        new_products: whether groups are held out as new products; without it something of every product is learned.
    """
    splits = np.array(assign_splits(samples.photos, by_group=positives == "group", new_products=new_products))
    queries = {split: _select_queries(samples, splits, split, positives) for split in Split if split != Split.TRAIN}
    train_rows = (splits == Split.TRAIN)[samples.owners]
    if any(queries[split].simulated for split in (Split.TEST, Split.VALIDATION)):
        train_rows &= ~_is_last_view(samples)
    test = {NEW_PRODUCTS: queries[Split.TEST_NEW], KNOWN_PRODUCTS: queries[Split.TEST]}
    return HoldoutPlan(
        train_rows,
        [part for part in (queries[Split.VALIDATION], queries[Split.VALIDATION_NEW]) if len(part)],
        {name: part for name, part in test.items() if len(part)},
    )


def _select_queries(samples: Samples, splits: npt.NDArray[np.str_], split: Split, positives: str) -> HoldoutQueries:
    """Return the queries of one split.

    Where photos of a product have to lie together, these are its further photos and shoppers' photos, or, where there
    are fewer than :data:`MIN_QUERIES` of them, augmented views of its first photo. Where products of a group have to,
    these are the first photos of products that have others of their group.
    """
    is_first = np.array([photo.is_first for photo in samples.photos], bool)
    if positives == "group":
        return _build_queries(samples, np.flatnonzero((splits == split) & is_first), positives)
    real = _build_queries(samples, np.flatnonzero((splits == split) & ~is_first), positives)
    if len(real) >= MIN_QUERIES:
        return real
    if split in (Split.TEST_NEW, Split.VALIDATION_NEW):
        return _build_queries(samples, np.flatnonzero((splits == split) & is_first), positives, simulated=True)
    half = np.array([int(photo.name[:8], 16) % 2 == (split == Split.TEST) for photo in samples.photos], bool)
    return _build_queries(samples, np.flatnonzero((splits == Split.TRAIN) & is_first & half), positives, simulated=True)


def _build_queries(samples: Samples, photos: Ints, positives: str, *, simulated: bool = False) -> HoldoutQueries:
    """Return these photos as queries, without those that no product of the gallery is right for."""
    gallery = np.flatnonzero([photo.is_first for photo in samples.photos])
    _, classes = np.unique(np.array(samples.class_names(positives), object), return_inverse=True)
    gallery_places = np.full(len(samples.photos), -1, np.int64)
    gallery_places[gallery] = np.arange(len(gallery))
    own_places = gallery_places[photos] if positives == "group" else np.full(len(photos), -1, np.int64)
    right_counts = np.bincount(classes[gallery], minlength=int(classes.max(initial=0)) + 1)[classes[photos]] - (
        own_places >= 0
    )
    photos, own_places = photos[right_counts > 0], own_places[right_counts > 0]
    return HoldoutQueries(
        _last_view_rows(samples)[photos] if simulated else samples.original_rows[photos],
        classes[photos],
        own_places,
        tuple(samples.photos[n].group for n in photos.tolist()),
        samples.original_rows[gallery],
        classes[gallery],
        simulated,
    )


def _last_view_rows(samples: Samples) -> Ints:
    """Return the row of the last augmented view of each photo, int64 (n,)."""
    order = np.argsort(samples.views, kind="stable")
    rows = np.zeros(len(samples.photos), np.int64)
    rows[samples.owners[order]] = order
    return rows


def _is_last_view(samples: Samples) -> npt.NDArray[np.bool_]:
    """Return which rows are the last view of a product's first photo, bool (m,)."""
    mask = np.zeros(len(samples.rows), bool)
    mask[_last_view_rows(samples)[[photo.is_first for photo in samples.photos]]] = True
    return mask & (samples.views > 0)


def compute_ranks(queries: HoldoutQueries, vectors: Vectors) -> Ints:
    """Return the rank of the first right product by these vectors, int64 (q,); among equals the right one comes last.

    Args:
        vectors: float32 (m, d), of all rows of the samples; only the rows that the queries use count.
    """
    ranks = np.empty(len(queries), np.int64)
    gallery = vectors[queries.gallery]
    for start in range(0, len(queries), _BATCH_QUERIES):
        part = slice(start, start + _BATCH_QUERIES)
        scores = vectors[queries.rows[part]] @ gallery.T
        own_places = queries.own_places[part]
        scores[np.flatnonzero(own_places >= 0), own_places[own_places >= 0]] = -np.inf
        right = (queries.gallery_classes == queries.classes[part, None]) & np.isfinite(scores)
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        ranks[part] = 1 + ((scores >= best) & ~right & np.isfinite(scores)).sum(axis=1)
    return ranks


def compare_ranks(name: str, queries: HoldoutQueries, before: Ints, after: Ints, seed: int) -> HoldoutResult:
    """Compute the metrics of two rankings of the same queries, from the ranks of the right products."""
    values = {metric: (_values(metric, before), _values(metric, after)) for metric in METRICS}
    return HoldoutResult(
        name,
        len(queries),
        len(set(queries.clusters)),
        queries.simulated,
        {metric: estimate(old, queries.clusters, seed) for metric, (old, _) in values.items()},
        {metric: estimate(new, queries.clusters, seed) for metric, (_, new) in values.items()},
        {metric: paired_difference(new, old, queries.clusters, seed) for metric, (old, new) in values.items()},
    )


def judge_look(results: Sequence[HoldoutResult]) -> tuple[bool, str]:
    """Return whether the trained extractor is better, and the reason in words.

    It is better if the right product comes first significantly more often on new or on known products, and
    significantly less often on neither: the 95 % interval of the change is on one side of zero, and the sign-flip test
    agrees, which is exact where few designs are held out and the interval is too narrow.
    """
    sure = [result for result in results if result.change[MAIN_METRIC].p <= SIGNIFICANT]
    worse = [result for result in sure if result.change[MAIN_METRIC].difference.high < 0]
    better = [result for result in sure if result.change[MAIN_METRIC].difference.low > 0]
    if worse:
        reason = f"It is worse: {_describe_change(worse[0])}."
        if worse[0].name == NEW_PRODUCTS:
            reason += " It learned this shop's products, and tells other products apart less well than before."
        return False, reason
    if better:
        reason = f"It is better: {'; '.join(map(_describe_change, better))}."
        doubtful = [result for result in results if result.change[MAIN_METRIC].difference.value < 0]
        if doubtful:
            reason += f" It may be worse: {'; '.join(map(_describe_change, doubtful))}."
        return True, reason
    if not results:
        return False, "Nothing could be tested: there are too few products."
    return False, f"It is not significantly better: {'; '.join(map(_describe_change, results))}."


def _describe_change(result: HoldoutResult) -> str:
    change = result.change[MAIN_METRIC].difference
    return (
        f"for {100 * result.after[MAIN_METRIC].value:.1f} % of the queries for {result.name} the right product comes "
        f"first, instead of {100 * result.before[MAIN_METRIC].value:.1f} % "
        f"({100 * change.low:+.1f} to {100 * change.high:+.1f} points)"
    )


def _values(metric: str, ranks: Ints) -> npt.NDArray[np.float64]:
    if metric == "mrr":
        return 1.0 / ranks
    return (ranks <= int(metric.split("@")[1])).astype(np.float64)

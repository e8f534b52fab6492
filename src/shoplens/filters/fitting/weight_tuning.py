"""The static weights of a shop, chosen on photos whose product is known.

The weights of ``color`` and ``object`` depend on the shop: where variants differ by colour, colour decides; where
shoppers photograph a thing at home, its colours are those of the room's light. So does that of ``text``: what is read
on packs tells products apart, and a brand on every label does not. The choice is between few weights, and leaves the
default only for a gain that is larger than its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from shoplens.filters.dimensions.dimension import COLOR, LOOK, OBJECT, TEXT
from shoplens.filters.fitting.fit import without_views
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.model.filters import Filters
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseRows, SparseVector, Vectors

MIN_QUERIES, MIN_GROUPS = 60, 30
"""Numbers of photos of a kind, and of their groups, below which the kind says nothing."""
MAX_QUERIES = 300
"""Most photos of a kind."""
MAX_GALLERY = 2_000
"""Most products among which a photo's product is sought."""
CUT = 10
"""Ranks below this one gain nothing."""
MULTIPLES = {COLOR: (0.3, 0.6, 1.0, 1.4, 2.0, 2.8), OBJECT: (0.0, 0.4, 1.0, 2.0)}
"""Dimension -> multiples of its default weight, of which one is chosen."""
TEXT_MULTIPLES = {TEXT: (0.0, 0.3, 0.6, 1.0, 1.6, 2.5)}
"""The same for ``text``, which is chosen after the others, by the photos with words."""
WITH_WORDS = "photos with words"
MIN_WITH_WORDS, MIN_GROUPS_WITH_WORDS = 30, 10
"""Numbers of photos with words, and of their groups, below which they say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class TuningPhotos:
    """Photos of one kind, each of a known product of the catalogue.

    Attributes:
        kind: what they are, in words.
        vectors: float32 (q, d), unit ``look`` embeddings.
        features: float32 (q, f), as those of :class:`~shoplens.filters.fitting.labeled_photos.LabeledPhotos`.
        products, groups: the product of each photo, and its group.
        words: what is read in each photo; empty where nothing is.
    """

    kind: str
    vectors: Vectors
    features: Floats
    products: tuple[str, ...]
    groups: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there are enough of them to choose weights by."""
        return len(self.products) >= MIN_QUERIES and len(set(self.groups)) >= MIN_GROUPS

    def subset(self, rows: Sequence[int]) -> TuningPhotos:
        """Return the photos of these rows."""
        return replace(
            self,
            vectors=self.vectors[rows],
            features=self.features[rows],
            products=tuple(self.products[n] for n in rows),
            groups=tuple(self.groups[n] for n in rows),
            words=tuple(self.words[n] for n in rows),
        )


@dataclass(frozen=True, slots=True, eq=False)
class WordComparison:
    """How words are compared.

    Attributes:
        rows: the text vector of each of the catalogue's photos.
        agreements: words and text vectors -> the agreement of the words with each, float32; zeros where they say
            nothing.
        spread: what counts as one standard deviation of agreements.
        weight: default weight of ``text``.
    """

    rows: Sequence[SparseVector]
    agreements: Callable[[str, SparseRows], Floats]
    spread: float
    weight: float


@dataclass(frozen=True, slots=True)
class WeightTuning:
    """The choice of static weights, and what it rests on.

    Attributes:
        weights: dimension -> static weight, of every dimension, and of ``text`` where words are compared.
        default_weights: the same before the choice.
        photos: kind of photo -> number of photos; those with words are a kind of their own, too.
        ndcg: kind of photo -> nDCG@10 of the default weights, and of the chosen ones.
        gain: mean over the kinds of the difference of the two.
        error: standard error of the gain, over groups.
        reason: in words.
    """

    weights: Mapping[str, float]
    default_weights: Mapping[str, float]
    photos: Mapping[str, int]
    ndcg: Mapping[str, tuple[float, float]]
    gain: float
    error: float
    reason: str


@dataclass(frozen=True, slots=True)
class ViewTrial:
    """Whether it helps to let directions count less in which photos of one product differ.

    Attributes:
        photos: number of further photos that they were learned from.
        gain: mean over the kinds of photos of the nDCG@10 with it less that without; 0 where there are too few photos.
        error: standard error of the gain, over groups.
    """

    photos: int
    gain: float = 0.0
    error: float = 0.0

    @property
    def is_harmful(self) -> bool:
        """Whether more was lost than the error."""
        return self.gain < -self.error


def try_views(filters: Filters, gallery: LabeledPhotos, photos: Sequence[TuningPhotos]) -> ViewTrial:
    """Compare photos of known products with the catalogue by the filters' view metric and without it.

    Args:
        filters: with their default weights.
        gallery, photos: as of :func:`tune_weights`.
    """
    views = filters.models.views
    kinds = [kind for one in photos if (kind := _of_gallery(one, gallery)).is_enough]
    if views is None or not kinds:
        return ViewTrial(0 if views is None else views.photos)
    plain, weights = without_views(filters, gallery), [dict(filters.weights)]
    gains = [
        _Comparison(filters, gallery, kind, None).values(weights)[0]
        - _Comparison(plain, gallery, kind, None).values(weights)[0]
        for kind in kinds
    ]
    return ViewTrial(views.photos, float(np.mean([gain.mean() for gain in gains])), _standard_error(kinds, gains))


def tune_weights(
    filters: Filters, gallery: LabeledPhotos, photos: Sequence[TuningPhotos], words: WordComparison | None = None
) -> WeightTuning:
    """Choose the weights of ``color`` and ``object``, by the mean over the kinds of photos of their mean nDCG@10, and
    then that of ``text``, by the photos that show words.

    Of all choices whose value is within one standard error of the best one's, the one nearest to the default is taken
    (the one-standard-error rule: Breiman, Friedman, Olshen, Stone 1984, "Classification and Regression Trees", 3.4.3).
    A photo is described by the heads that were not fitted to its group.

    Args:
        filters: with their default weights.
        gallery: the catalogue's photos; the first one of each product is what photos are compared with.
        photos: kinds of photos; those that are not enough are left out.
        words: None where words are not compared.
    """
    default = {**filters.weights, **({} if words is None else {TEXT: words.weight})}
    known = [_of_gallery(kind, gallery) for kind in photos]
    compared = [_Comparison(filters, gallery, kind, words) for kind in known if kind.is_enough]
    weights = _choose(compared, _choices(MULTIPLES, default)) if compared else default
    with_words = None if words is None else _join_with_words(known)
    if with_words is not None:
        compared.append(_Comparison(filters, gallery, with_words, words))
        weights = _choose(compared[-1:], _choices(TEXT_MULTIPLES, weights))
    if not compared:
        reason = "the default weights: there are too few photos to choose by"
        return WeightTuning(default, default, {one.kind: len(one.products) for one in photos}, {}, 0.0, 0.0, reason)
    values = [one.values([default, weights]) for one in compared]
    kinds = [one.photos for one in compared]
    gains = [after - before for before, after in values]
    changed = [name for name, weight in weights.items() if weight != default[name]]
    return WeightTuning(
        weights,
        default,
        {kind.kind: len(kind.products) for kind in kinds},
        {
            kind.kind: (float(before.mean()), float(after.mean()))
            for kind, (before, after) in zip(kinds, values, strict=True)
        },
        float(np.mean([gain.mean() for gain in gains])),
        _standard_error(kinds, gains),
        f"other weights of {' and '.join(changed)} found more" if changed else "the default weights: none found more",
    )


def further_photos(gallery: LabeledPhotos, words: Sequence[str]) -> TuningPhotos:
    """Return the photos of products other than the first that there is, at most :data:`MAX_QUERIES`, evenly spread.

    Args:
        words: what was read in each photo of the catalogue.
    """
    firsts = set(_first_rows(gallery).values())
    rows = np.array([n for n in range(len(gallery.products)) if n not in firsts], np.intp)
    rows = rows[np.linspace(0, len(rows) - 1, min(MAX_QUERIES, len(rows))).astype(np.intp)] if len(rows) else rows
    names = rows.tolist()
    return TuningPhotos(
        "further photos of products",
        gallery.vectors[rows],
        gallery.features[rows],
        tuple(gallery.products[n] for n in names),
        tuple(gallery.groups[n] for n in names),
        tuple(words[n] for n in names),
    )


def _of_gallery(photos: TuningPhotos, gallery: LabeledPhotos) -> TuningPhotos:
    """Leave out the photos of products that the filters were not fitted to."""
    known = set(gallery.products)
    kept = [n for n, name in enumerate(photos.products) if name in known]
    return photos.subset(kept)


def _join_with_words(photos: Iterable[TuningPhotos]) -> TuningPhotos | None:
    """Return the photos of all kinds that show words, as one kind; None where they are not enough."""
    parts = [one.subset([n for n, text in enumerate(one.words) if text]) for one in photos]
    groups = tuple(group for part in parts for group in part.groups)
    if len(groups) < MIN_WITH_WORDS or len(set(groups)) < MIN_GROUPS_WITH_WORDS:
        return None
    return TuningPhotos(
        WITH_WORDS,
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.features for part in parts]),
        tuple(name for part in parts for name in part.products),
        groups,
        tuple(text for part in parts for text in part.words),
    )


def _choices(multiples: Mapping[str, Sequence[float]], default: Mapping[str, float]) -> list[dict[str, float]]:
    """Return the weights to choose from, the default first."""
    names = [name for name in multiples if default.get(name, 0.0) > 0]
    grid = product(*(multiples[name] for name in names))
    others = [{**default, **{name: default[name] * m for name, m in zip(names, row, strict=True)}} for row in grid]
    return [dict(default), *(one for one in others if one != default)]


def _choose(comparisons: Sequence[_Comparison], choices: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the choice by the rule of :func:`tune_weights`; the first one is the default."""
    values = [one.values(choices) for one in comparisons]
    means = np.mean([kind.mean(axis=1) for kind in values], axis=0)
    best = int(np.argmax(means))
    photos = [one.photos for one in comparisons]
    errors = np.array([_standard_error(photos, [kind[n] - kind[best] for kind in values]) for n in range(len(choices))])
    near = [n for n in range(len(choices)) if means[n] >= means[best] - errors[n]]
    return choices[min(near, key=lambda n: (_distance(choices[n], choices[0]), -means[n]))]


def _distance(weights: Mapping[str, float], default: Mapping[str, float]) -> float:
    """Return how far weights are from the default, in natural logarithms; a weight of 0 counts as a tenth."""
    ratios = [max(weights[name] / default[name], 0.1) for name in weights if default[name] > 0]
    return float(np.abs(np.log(ratios)).sum())


def _standard_error(kinds: Sequence[TuningPhotos], differences: Sequence[Floats]) -> float:
    """Return the standard error of the mean over kinds of mean differences; photos of one group count as one."""
    variances = []
    for kind, difference in zip(kinds, differences, strict=True):
        _, owners = np.unique(kind.groups, return_inverse=True)
        sums = np.bincount(owners, difference - difference.mean())
        variances.append(float((sums**2).sum()) / len(difference) ** 2)
    return float(np.sqrt(sum(variances)) / len(kinds))


class _Comparison:
    """The photos of one kind, compared with the first photos of the products in every dimension."""

    def __init__(
        self, filters: Filters, gallery: LabeledPhotos, photos: TuningPhotos, words: WordComparison | None
    ) -> None:
        self.photos = photos
        self._names = [dimension.name for dimension in filters.dimensions]
        rows = _gallery_rows(gallery, photos)
        places = {gallery.products[n]: place for place, n in enumerate(rows.tolist())}
        self._right = np.array([places[name] for name in photos.products])
        stored = filters.predict(gallery.features[rows])
        marks = SparseRows.of(filters.class_vectors(stored.probabilities, [gallery.known[n] for n in rows.tolist()]))
        described = filters.predict(photos.features, list(photos.groups))
        self._similarities = np.zeros((len(photos.products), len(rows), len(self._names)), np.float32)
        for n, vector in enumerate(photos.vectors):
            query_marks = filters.class_vector(described.probabilities[n], {})
            look, dense = filters.query_vectors(vector, described.dense[n], photos.groups[n])
            cosines = {LOOK: gallery.vectors[rows] @ look}
            for name, part in filters.dense_parts.items():
                cosines[name] = stored.dense[:, part] @ dense[part]
            by_name = filters.similarities(cosines, filters.agreements(query_marks, marks))
            spreads = filters.score_normalizer(look, dense, query_marks).spreads
            self._similarities[n] = np.stack([by_name[name] / spreads[name] for name in self._names], axis=1)
        if words is not None:
            self._names.append(TEXT)
            stored_words = SparseRows.of([words.rows[n] for n in rows.tolist()])
            agreements = np.stack([words.agreements(text, stored_words) for text in photos.words])
            self._similarities = np.concatenate([self._similarities, agreements[:, :, None] / words.spread], axis=2)

    def values(self, choices: Sequence[Mapping[str, float]]) -> Floats:
        """Return the gain of each photo's product at its rank, float32 (choices, photos): 1 / log2(1 + rank)."""
        weights = np.array([[choice[name] for name in self._names] for choice in choices], np.float32)
        gains = np.zeros((len(choices), len(self._right)), np.float32)
        for n, right in enumerate(self._right.tolist()):
            scores = self._similarities[n] @ weights.T
            above = (scores > scores[right]).sum(axis=0)
            gains[:, n] = np.where(above < CUT, 1 / np.log2(2 + above), 0)
        return gains


def _first_rows(gallery: LabeledPhotos) -> dict[str, int]:
    """Return product -> row of its first photo that there is."""
    rows: dict[str, int] = {}
    for n, name in enumerate(gallery.products):
        rows.setdefault(name, n)
    return rows


def _gallery_rows(gallery: LabeledPhotos, photos: TuningPhotos) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the rows of one photo per product, at most :data:`MAX_GALLERY`, or those of the photos' products."""
    rows = _first_rows(gallery)
    wanted = set(photos.products)
    others = [name for name in rows if name not in wanted]
    room = max(0, MAX_GALLERY - len(wanted))
    kept = {others[n] for n in np.linspace(0, len(others) - 1, min(room, len(others))).astype(int)} if others else set()
    return np.array([n for name, n in rows.items() if name in wanted or name in kept], np.intp)

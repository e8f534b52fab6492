"""Candidates by all filters: each probe retrieves photos, every photo is scored in every dimension, weights sum up.

Two probes see to it that nothing good is missed. One runs through the graph over embeddings, where look, design and
shape lie side by side, so that one dot product is their weighted sum. The other is sparse: the weighted square roots
of the query's class probabilities, which the engine's inverted index multiplies with those of every product, exactly.
What either finds is a candidate, and is scored in all dimensions. Where the sparse one finds only equals, because a
coarse dimension outweighs all else and a thousand products are of one class, a third looks for the nearest of that
class, so that a tie hides nobody.

A product is as alike as its best photo is: one photo explains all parts of a score. Its photos are not averaged,
since a back view and a front view are both what a shopper may hold up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimension import COLOR, LOOK, PATH
from shoplens.filters.filters import DENSE_PARTS, TINT_SHARE, Filters
from shoplens.index.conditions import AllOf, AnyOf, Condition, OneOf
from shoplens.index.entry import Index, PhotoKey, Probe, Sieve
from shoplens.index.predicted import LIKELIHOODS, PREDICTED, likely
from shoplens.preferences import Merchandising
from shoplens.types import Candidate, ClassMatch, Reasons, SparseRows, SparseVector, Vectors

Floats = npt.NDArray[np.float32]
PHOTOS_PER_PROBE = 100
"""Photos that each probe brings at least, however few products are wanted."""
PHOTOS_FOR_A_PRODUCT = 3
TIED = 0.97
"""Part of the best that the last one of a probe has where it may have been cut off among equals."""
CLEAR = 0.3
"""Probability from which a class of the query is looked for when there are ties."""
UNLIKE = 0.5
"""What likeness to the photo that results shall not be like takes off the score, as a share of that likeness."""
PIN, BOOST, BURY, NOT = "pin", "boost", "bury", "not"
"""Names of the parts of a score that are not dimensions."""
FIRST = 2.0
"""The part ``pin`` of the last pinned product; above any score."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What results shall be like, or shall not be: a photo as the filters see it.

    Attributes:
        look: float32 (d,); zeros where there is no photo.
        dense: float32 (m,), as of a product's photo.
        marks: as of a product's photo.
    """

    look: Vectors
    dense: Floats
    marks: SparseVector


@dataclass(frozen=True, slots=True, eq=False)
class FilterQuery:
    """A query for all filters.

    Attributes:
        filters: the generation's.
        like: what is asked for.
        weights: dimension -> weight for this query, summing to 1; see :meth:`Filters.effective`.
        unlike: what results shall not be like.
        merchandising: a merchandiser's say.
        explain: whether to give reasons.
        average: score of the shop's average product; 0 where nobody asked.
    """

    filters: Filters
    like: Example
    weights: Mapping[str, float]
    unlike: Example | None = None
    merchandising: Merchandising = field(default_factory=Merchandising)
    explain: bool = False
    average: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """Photos in every dimension.

    Attributes:
        similarities: float32 (n, dimensions), each in [0, 1].
        against: float32 (n,): what is taken off for being like what was not wanted.
        marks: of the photos.
    """

    similarities: Floats
    against: Floats
    marks: SparseRows


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Photos that were retrieved, one per product, best first.

    Attributes:
        keys: n photos of n products.
        totals: float32 (n,): their scores but for a merchandiser's say.
    """

    keys: list[PhotoKey]
    totals: Floats


def pooled(index: Index, query: FilterQuery, k: int, sieve: Sieve) -> Pool:
    """At least ``k`` products whenever as many meet the conditions, best first by the weighted sum."""
    limit = max(PHOTOS_PER_PROBE, PHOTOS_FOR_A_PRODUCT * k)
    probes = _probes(query)
    dense, *sparse = probes
    while True:
        near = index.photos_near(dense, limit, sieve)
        alike = [key for probe in sparse for key in index.photos_near(probe, limit, sieve)]
        keys = list(dict.fromkeys([*near, *alike]))
        complete = len(near) < limit
        if not complete and len(alike) == limit and _tied(index, query, alike):
            narrower = replace(sieve, condition=_of_one_class(index, query, sieve.condition))
            keys = list(dict.fromkeys([*keys, *index.photos_near(dense, limit, narrower)]))
        if complete or len({key.product for key in keys}) >= k:
            return _ordered(index, query, keys, probes)
        limit *= 4


def _tied(index: Index, query: FilterQuery, keys: Sequence[PhotoKey]) -> bool:
    """Whether the first and the last of a sparse probe, which comes best first, are about as good."""
    marks = index.photo_marks([keys[0], keys[-1]])
    agreements = query.filters.agreements(query.like.marks, marks)
    best, last = (agreements @ [query.weights[name] for name in query.filters.classified]).tolist()
    return bool(last >= TIED * best)


def _of_one_class(index: Index, query: FilterQuery, condition: Condition | None) -> Condition | None:
    """Products of the query's clear classes in the dimension from the feed that weighs most, as the feed says or as the
    filters predict."""
    kinds = index.field_kinds()
    heaviest = max(
        (one for one in query.filters.dimensions if one.name in query.filters.classified and one.field in kinds),
        key=lambda one: query.weights[one.name],
        default=None,
    )
    if heaviest is None:
        return condition
    likely_classes = query.filters.likely(query.like.marks, heaviest.name, CLEAR)
    if not likely_classes:
        return condition
    # A path's last step is what a feed's field holds of it, and merged values bear other names: those a tie may hide.
    values = tuple(name.rsplit(PATH, 1)[-1] for name in likely_classes)
    chosen: Condition = OneOf(heaviest.field, values)
    if (predicted := f"{PREDICTED}{heaviest.name}") in kinds:
        guesses = tuple(likely(name, LIKELIHOODS[0]) for name in likely_classes)
        chosen = AnyOf((chosen, OneOf(predicted, guesses)))
    return chosen if condition is None else AllOf((condition, chosen))


def candidates_of(index: Index, query: FilterQuery, pool: Pool, k: int) -> list[Candidate]:
    """The pool's best ``k`` products, after the merchandiser's say."""
    adjusted = _adjustments(index, query.merchandising, pool.keys)
    extra = np.array([sum(adjusted.get(n, {}).values()) for n in range(len(pool.keys))], np.float32)
    chosen = np.argsort(-(pool.totals + extra), kind="stable")[:k].tolist()
    names = _names(query.filters)
    # Reasons tell of ranks among all; else the best few alone are looked at in every dimension.
    wanted = list(range(len(pool.keys))) if query.explain else chosen
    detail, places = _detail(index, query, [pool.keys[n] for n in wanted]), {n: at for at, n in enumerate(wanted)}
    ranks = _ranks_without(query, detail, extra, chosen) if query.explain else {}
    found = []
    for n, record in zip(chosen, index.photo_records([pool.keys[n] for n in chosen]), strict=True):
        if record is None:  # removed meanwhile
            continue
        place = places[n]
        scores = {name: float(score) for name, score in zip(names, detail.similarities[place], strict=True)}
        unlike = {NOT: -float(detail.against[place])} if query.unlike is not None else {}
        photo = record.photos[pool.keys[n].view].source
        reasons = None
        if query.explain:
            reasons = Reasons(query.weights, scores, _matches(query, detail.marks[place]), ranks.get(n, {}))
        found.append(Candidate(record.product, scores, photo, False, {**adjusted.get(n, {}), **unlike}, reasons))
    return found


def _names(filters: Filters) -> list[str]:
    return [dimension.name for dimension in filters.dimensions]


def _weights(query: FilterQuery) -> Floats:
    return np.array([query.weights[name] for name in _names(query.filters)], np.float32)


def _probes(query: FilterQuery) -> list[Probe]:
    """The dense one first: it alone can find every photo."""
    slopes = {name: weight * _slope(name) for name, weight in query.weights.items()}
    dense = np.zeros_like(query.like.dense)
    look = np.zeros_like(query.like.look)
    marks = query.filters.weighted(query.like.marks, query.weights)
    for example, sign in ((query.like, 1.0), (query.unlike, -UNLIKE)):
        if example is not None:
            look = look + np.float32(sign * slopes.get(LOOK, 0.0)) * example.look
            for name, part in DENSE_PARTS.items():
                dense[part] += np.float32(sign * slopes.get(name, 0.0)) * example.dense[part]
    probes = [Probe(look=look, dense=dense)]
    return [*probes, Probe(marks=marks)] if len(marks.indices) else probes


def _slope(name: str) -> float:
    """How much a dense dimension's similarity grows with its cosine; see :meth:`Filters.similarities`."""
    return TINT_SHARE if name == COLOR else 0.5


def _ordered(index: Index, query: FilterQuery, keys: list[PhotoKey], probes: Sequence[Probe]) -> Pool:
    """The best photo of each product, best first; equals in the order of their keys."""
    totals = _totals(index, query, keys, probes)
    best: dict[str | int, int] = {}
    for n in sorted(range(len(keys)), key=lambda n: (-totals[n], keys[n])):
        best.setdefault(keys[n].product, n)
    chosen = list(best.values())
    return Pool([keys[n] for n in chosen], totals[chosen])


def _totals(index: Index, query: FilterQuery, keys: list[PhotoKey], probes: Sequence[Probe]) -> Floats:
    """The scores of photos, float32 (n,): two dot products each, without a look at single dimensions."""
    if query.unlike is not None:
        detail = _detail(index, query, keys)
        return np.asarray(detail.similarities @ _weights(query) - detail.against, np.float32)
    constant = sum(query.weights[name] / 2 for name in _names(query.filters) if name not in query.filters.classified)
    return np.asarray(index.photo_scores(probes, keys).sum(axis=0) + np.float32(constant), np.float32)


def _detail(index: Index, query: FilterQuery, keys: list[PhotoKey]) -> Detail:
    """Photos in every dimension, in the order of ``keys``."""
    marks = index.photo_marks(keys)
    similarities = _similarities(index, query.filters, query.like, keys, marks)
    against = np.zeros(len(keys), np.float32)
    if query.unlike is not None:
        unlike = _similarities(index, query.filters, query.unlike, keys, marks)
        against = np.asarray(UNLIKE * (unlike @ _weights(query)), np.float32)
    return Detail(similarities, against, marks)


def _similarities(
    index: Index, filters: Filters, example: Example, keys: Sequence[PhotoKey], marks: SparseRows
) -> Floats:
    """float32 (photos, dimensions), each in [0, 1]."""
    probes = {LOOK: Probe(look=example.look)}
    for name, part in DENSE_PARTS.items():
        alone = np.zeros_like(example.dense)
        alone[part] = example.dense[part]
        probes[name] = Probe(dense=alone)
    cosines = dict(zip(probes, index.photo_scores([*probes.values()], keys), strict=True))
    found = filters.similarities(cosines, filters.agreements(example.marks, marks))
    return np.stack([found[name] for name in _names(filters)], axis=1)


def _adjustments(index: Index, say: Merchandising, keys: Sequence[PhotoKey]) -> dict[int, dict[str, float]]:
    """Place in the pool -> named parts, of products that a merchandiser has a say on."""
    named = [*say.pins, *say.boosts, *say.buries]
    if not named:
        return {}
    products = {name: index.product_key(name) for name in named}
    places = {key.product: n for n, key in enumerate(keys)}
    found: dict[int, dict[str, float]] = {}
    parts = (
        (PIN, {name: FIRST + len(say.pins) - 1 - place for place, name in enumerate(say.pins)}),
        (BOOST, say.boosts),
        (BURY, {name: -value for name, value in say.buries.items()}),
    )
    for part, values in parts:
        for name, value in values.items():
            if (place := places.get(products[name])) is not None:
                found.setdefault(place, {})[part] = value
    return found


def _ranks_without(
    query: FilterQuery, detail: Detail, extra: Floats, chosen: Sequence[int]
) -> dict[int, dict[str, int]]:
    """Place in the pool -> dimension -> rank if that dimension had no weight, the others keeping theirs.

    Args:
        detail: of the whole pool, best first.
        extra: what a merchandiser adds to each.
    """
    weights = _weights(query)
    ranks: dict[int, dict[str, int]] = {n: {} for n in chosen}
    for column, name in enumerate(_names(query.filters)):
        others = weights.copy()
        others[column] = 0
        if weights[column] == 0 or not others.sum() > 0:
            continue
        totals = detail.similarities @ (others / others.sum()) + extra - detail.against
        for n in chosen:
            above = totals > totals[n]
            ranks[n][name] = 1 + int(above.sum()) + int((totals[:n] == totals[n]).sum())
    return ranks


def _matches(query: FilterQuery, marks: SparseVector) -> dict[str, ClassMatch]:
    matches = {name: query.filters.matched(query.like.marks, marks, name) for name in query.filters.classified}
    return {name: ClassMatch(*match) for name, match in matches.items() if match[0]}

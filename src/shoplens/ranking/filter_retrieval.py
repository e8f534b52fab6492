"""Candidates by all filters: photos are retrieved in one space for all dimensions, every one is scored, weights sum up.

In that space (``Space``) one dot product is the whole weighted score, so what is good in
many ways and best in none is found, too. Its graph is built for the weights that are usual. Where a query's are far
from those, the walk is wider, and a second probe is made, a sparse one: the weighted square roots of the query's class
probabilities, which the engine's inverted index multiplies with those of every product, exactly. Where that finds
only equals, because a coarse dimension outweighs all else and a thousand products are of one class, a third looks for
the nearest of that class, so that a tie hides nobody.

A product is as alike as its best photo is: one photo explains all parts of a score. Its photos are not averaged,
since a back view and a front view are both what a shopper may hold up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import LOOK, PATH
from shoplens.filters.model.cohort import ScoreNormalizer
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.space import DENSE_PARTS, slope
from shoplens.index.conditions import AllOf, AnyOf, Condition, OneOf
from shoplens.index.predicted_values import LIKELIHOODS, PREDICTED, likely
from shoplens.index.protocol import Index, PhotoConstraint, PhotoHits, PhotoKey, VectorQuery
from shoplens.preferences import Merchandising
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.ranker_features import Evidence, evidence, standardize
from shoplens.types import Candidate, ClassMatch, Reasons, SparseRows, SparseVector, Vectors

Floats = npt.NDArray[np.float32]
CANDIDATES = 100
"""Products by which a ranker chooses weights."""
TOGETHER = 500
"""Products that it looks at together, at most: what it does grows with their square."""
PHOTOS_PER_PROBE = 100
"""Photos that a probe brings at least, however few products are wanted."""
USUAL = 0.5
"""Overlap with the usual weights from which on the graph alone is trusted."""
UNUSUAL = 3
"""Below it, so many times as many photos are brought, for which the walk through the graph is wider."""
PHOTOS_FOR_A_PRODUCT = 3
TIED = 0.97
"""Part of the best that the last one of a probe has where it may have been cut off among equals."""
CLEAR = 0.3
"""Probability from which a class of the query is looked for when there are ties."""
UNLIKE = 0.5
"""What likeness to the photo that results shall not be like takes off the score, as a share of that likeness."""
PIN, BOOST, BURY, NOT, CONTEXT = "pin", "boost", "bury", "not", "context"
"""Names of the parts of a score that are not dimensions."""
FIRST = 2.0
"""The part ``pin`` of the last pinned product; above any score."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What results shall be like, or shall not be: a photo as the filters see it.

    Attributes:
        look: float32 (d,); zeros where there is no photo.
        dense: float32 (DENSE,), the photo's dense scores.
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
        weights: dimension -> weight for this query, summing to 1; see :meth:`ScoreNormalizer.effective`.
        norms: of the query.
        static: dimension -> static weight as fitted or tuned, of every dimension.
        given: dimension -> weight, where people gave one.
        unlike: what results shall not be like.
        merchandising: a merchandiser's say.
        explain: whether to give reasons.
        ranker: whose ``context`` counts; None for weights alone.
        by_look: whether what the look alone finds is a candidate, too.
        seen: what the ranker saw; None where none was asked.
    """

    filters: Filters
    like: Example
    weights: Mapping[str, float]
    norms: ScoreNormalizer
    static: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    unlike: Example | None = None
    merchandising: Merchandising = field(default_factory=Merchandising)
    explain: bool = False
    ranker: Ranker | None = None
    by_look: bool = False
    seen: Evidence | None = None

    @property
    def asked(self) -> dict[str, float]:
        """Dimension -> weight in standard deviations, summing to 1: what :meth:`~ScoreNormalizer.effective` got."""
        shares = {name: weight * self.norms.spreads[name] for name, weight in self.weights.items()}
        total = sum(shares.values())
        return {name: share / total for name, share in shares.items()}

    @property
    def average(self) -> float:
        """Score of the shop's average product."""
        return self.norms.average(self.weights)


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
        totals: float32 (n,): their scores, but for a constant, a merchandiser's say and what a sketch leaves out.
    """

    keys: list[PhotoKey]
    totals: Floats


def retrieve_pool(index: Index, query: FilterQuery, k: int, sieve: PhotoConstraint) -> Pool:
    """At least ``k`` products whenever as many meet the conditions, best first by the weighted sum."""
    probe = _probe(query)
    usual = query.filters.space.overlap(query.weights) >= USUAL
    limit = max(PHOTOS_PER_PROBE * (1 if usual else UNUSUAL), PHOTOS_FOR_A_PRODUCT * k)
    while True:
        near = index.photos_near(probe, limit, sieve)
        complete = len(near.keys) < limit
        if query.by_look and not complete:
            near = _with_looks(index, query, near, limit, sieve)
        if not complete and not usual:
            near = _with_equals(index, query, near, limit, sieve)
        if complete or len({key.product for key in near.keys}) >= k:
            return _best_of_each(near)
        limit *= 4


def _with_looks(index: Index, query: FilterQuery, near: PhotoHits, limit: int, sieve: PhotoConstraint) -> PhotoHits:
    """What is near, and what the look alone is nearest to."""
    alike = index.photos_near(VectorQuery(look=query.like.look), limit, sieve)
    return _together([near, _score_photos(index, _probe(query), alike.keys)])


def _with_equals(index: Index, query: FilterQuery, near: PhotoHits, limit: int, sieve: PhotoConstraint) -> PhotoHits:
    """What is near, and what the sparse probe finds; where that finds but equals, the nearest of the query's class."""
    weighted = query.filters.weight_query(query.like.marks, query.weights)
    if not len(weighted.indices):
        return near
    probe, alike = _probe(query), index.photos_near(VectorQuery(marks=weighted), limit, sieve)
    parts = [near, _score_photos(index, probe, alike.keys)]
    if len(alike.keys) == limit and alike.scores[-1] >= TIED * alike.scores[0]:
        narrower = replace(sieve, condition=_of_one_class(index, query, sieve.condition))
        parts.append(index.photos_near(probe, limit, narrower))
    return _together(parts)


def _together(parts: Sequence[PhotoHits]) -> PhotoHits:
    scores = {key: score for part in parts for key, score in zip(part.keys, part.scores.tolist(), strict=True)}
    return PhotoHits([*scores], np.array([*scores.values()], np.float32))


def _score_photos(index: Index, probe: VectorQuery, keys: list[PhotoKey]) -> PhotoHits:
    return PhotoHits(keys, index.photo_scores([probe], keys)[0])


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
    """The pool's best ``k`` products, after the merchandiser's say.

    They alone are looked at in every dimension, or all where retrieval's scores lack what a sketch of the marks leaves
    out, reasons tell of ranks, or a ranker looks at all of them at once.
    """
    adjusted = _adjustments(index, query.merchandising, pool.keys)
    added = np.zeros(len(pool.keys), np.float32)
    for n, parts in adjusted.items():
        added[n] = sum(parts.values())
    order = np.argsort(-(pool.totals + added), kind="stable")
    few = query.filters.space.lossless and not query.explain and query.ranker is None
    looked_at = order[:k] if few else order
    keys = [pool.keys[n] for n in looked_at.tolist()]
    detail = _detail(index, query, keys)
    context = _context(query, detail.similarities)
    extra = added[looked_at] + context
    totals = (detail.similarities @ _weights(query) - detail.against + extra).tolist()
    chosen = sorted(range(len(keys)), key=lambda place: (-totals[place], keys[place]))[:k]
    ranks = _ranks_without(query, detail, extra, chosen) if query.explain else {}
    names, similarities = _names(query.filters), detail.similarities.tolist()
    found = []
    for place, record in zip(chosen, index.photo_records([keys[place] for place in chosen]), strict=True):
        if record is None:  # removed meanwhile
            continue
        scores = dict(zip(names, similarities[place], strict=True))
        parts = dict(adjusted.get(int(looked_at[place]), {}))
        if query.ranker is not None:
            parts[CONTEXT] = float(context[place])
        if query.unlike is not None:
            parts[NOT] = -float(detail.against[place])
        reasons = None
        if query.explain:
            reasons = Reasons(query.weights, scores, _matches(query, detail.marks[place]), ranks[place])
        found.append(Candidate(record.product, scores, record.photos[keys[place].view].source, False, parts, reasons))
    return found


def apply_dynamic_weights(index: Index, query: FilterQuery, ranker: Ranker, sieve: PhotoConstraint) -> FilterQuery:
    """The query with weights that the ranker chooses by what the static weights retrieve.

    A weight that people gave multiplies the one that was chosen, so 0 stays 0.

    Args:
        sieve: what candidates have to meet.
    """
    seen = evidence_of(index, query, sieve)
    chosen = ranker.weights(seen, query.static)
    asked = {name: weight * query.given.get(name, 1.0) for name, weight in chosen.items()}
    if not sum(asked.values()) > 0:  # nothing is left but what the ranker has no weight for
        return query
    return replace(
        query,
        weights=query.norms.effective(asked),
        ranker=ranker if ranker.card.kind == "listwise" else None,
        seen=seen,
    )


def evidence_of(index: Index, query: FilterQuery, sieve: PhotoConstraint) -> Evidence:
    """What a ranker sees of a query and of the candidates that its weights retrieve.

    Args:
        sieve: what candidates have to meet.
    """
    keys = retrieve_pool(index, query, CANDIDATES, sieve).keys[:CANDIDATES]
    similarities = _similarities(index, query.filters, query.like, keys, index.photo_marks(keys))
    return evidence(query.filters, query.like.look, query.like.marks, query.norms, similarities)


def _context(query: FilterQuery, similarities: Floats) -> Floats:
    """float32 (n,): what the ranker adds, as a part of the score; nothing to products behind the first ones."""
    found = np.zeros(len(similarities), np.float32)
    if query.ranker is None:
        return found
    names = _names(query.filters)
    shares = {name: query.weights[name] * query.norms.spreads[name] for name in names}
    first = np.argsort(-(similarities @ _weights(query)), kind="stable")[:TOGETHER]
    places = standardize(similarities[first], query.norms, names)
    found[first] = query.ranker.context(names, places, shares) * np.float32(sum(shares.values()))
    return found


def _names(filters: Filters) -> list[str]:
    return [dimension.name for dimension in filters.dimensions]


def _weights(query: FilterQuery) -> Floats:
    return np.array([query.weights[name] for name in _names(query.filters)], np.float32)


def _probe(query: FilterQuery) -> VectorQuery:
    """Its dot products are scores, but for a constant and what a sketch leaves out."""
    aim, weights = query.filters.space.query_vector, query.weights
    look, placed = weights.get(LOOK, 0.0) * query.like.look, aim(query.like.dense, query.like.marks, weights)
    if query.unlike is not None:
        look = look - UNLIKE * weights.get(LOOK, 0.0) * query.unlike.look
        placed = placed - UNLIKE * aim(query.unlike.dense, query.unlike.marks, weights)
    return VectorQuery(look=np.asarray(slope(LOOK) * look, np.float32), placed=np.asarray(placed, np.float32))


def _best_of_each(near: PhotoHits) -> Pool:
    """The best photo of each product, best first; equals in the order of their keys."""
    keys, scores = near
    best: dict[str | int, int] = {}
    for n in sorted(range(len(keys)), key=lambda n: (-scores[n], keys[n])):
        best.setdefault(keys[n].product, n)
    chosen = list(best.values())
    return Pool([keys[n] for n in chosen], scores[chosen])


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
    probes = {LOOK: VectorQuery(look=example.look)}
    for name in DENSE_PARTS:
        probes[name] = VectorQuery(placed=filters.space.dimension_query_vector(name, example.dense))
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
    matches = {name: query.filters.best_match(query.like.marks, marks, name) for name in query.filters.classified}
    return {name: ClassMatch(*match) for name, match in matches.items() if match[0]}

"""Candidates by all filters: photos are retrieved in one space of all dimensions, and scored by a weighted sum.

In that space (``Space``) one dot product is the whole weighted score, so a product that is good in many dimensions and
best in none is found, too. The search graph of the space is built for the usual weights. Where the weights of a query
are far from those, the graph is searched more widely, and a second query is sent, a sparse one: the weighted square
roots of the query's class probabilities, which the engine's inverted index multiplies exactly with those of every
product. That query may find only ties, when a coarse dimension outweighs all others and a thousand products are of one
class; then a third query looks for the nearest products of that class, so that a tie hides no product.

The similarity of a product is that of its best photo: one photo explains all parts of a score. Photos are not averaged,
since a shopper may photograph a product from the front or from the back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import CAPTION, LOOK, PATH, TEXT
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import cosine_slope
from shoplens.index.conditions import AllOf, AnyOf, Condition, OneOf
from shoplens.index.predicted_values import PREDICTED, PROBABILITY_STEPS, bounded_class
from shoplens.index.protocol import (
    Index,
    NearestDetails,
    NearestRequest,
    PhotoConstraint,
    PhotoHits,
    PhotoKey,
    StoredProduct,
    VectorQuery,
    best_photos,
)
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.merchandising.adjustments import score_adjustments
from shoplens.ranking.photo_similarities import combine_scores, dimension_probes, photo_similarities
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.ranker_features import RankerFeatures, ranker_features, standardize
from shoplens.ranking.text_retrieval import (
    caption_similarities,
    match_texts,
    nearest_captions,
    nearest_texts,
    text_agreements,
)
from shoplens.ranking.weighted_sum import ranks_without
from shoplens.types import Candidate, ClassMatch, Reasons, SparseRows, SparseVector

Floats = npt.NDArray[np.float32]
CANDIDATES = 100
"""Number of products by which a ranker chooses weights."""
LISTWISE_LIMIT = 500
"""Largest number of products that a listwise ranker looks at together; its cost grows with the square."""
PHOTOS_PER_PROBE = 100
"""Smallest number of photos that one query of the index returns."""
USUAL_OVERLAP = 0.5
"""Overlap with the usual weights from which on the search graph alone is enough."""
UNUSUAL_FACTOR = 3
"""Below that overlap, so many times as many photos are retrieved, which widens the search of the graph."""
PHOTOS_PER_PRODUCT = 3
TIED = 0.97
"""Share of the best score from which on the last hit counts as tied, so that other ties may have been cut off."""
CLEAR = 0.3
"""Probability from which on a class of the query is searched for when there are ties."""
UNLIKE = 0.5
"""Penalty for similarity to the negative example, as a share of that similarity."""
NO_HITS = PhotoHits([], np.zeros(0, np.float32))
NOT, CONTEXT = "not", "context"
"""Names of the parts of a score that are no dimensions, beside those of merchandising."""


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """The scores of n photos in every dimension.

    Attributes:
        similarities: float32 (n, dimensions), each in [0, 1], a column for each of
            :attr:`~shoplens.ranking.filter_query.FilterQuery.dimension_names`.
        penalty: float32 (n,), for similarity to the negative example.
        marks: of the photos.
        records: of their products, where they were read, too.
    """

    similarities: Floats
    penalty: Floats
    marks: SparseRows
    records: Sequence[StoredProduct | None] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The photos that were retrieved, one per product, best first.

    Attributes:
        keys: n photos of n products.
        totals: float32 (n,), their scores without a constant, without merchandising, and without what the sketch of
            the marks leaves out.
        read: the first of them with their details, if these were read with them.
    """

    keys: list[PhotoKey]
    totals: Floats
    read: NearestDetails[StoredProduct] | None = None


def retrieve_pool(index: Index, query: FilterQuery, k: int, constraint: PhotoConstraint, read: int = 0) -> Pool:
    """Retrieve at least ``k`` products, if so many meet the constraint, best first by the weighted sum.

    Args:
        read: products of which details are read at once, where one query of the index is enough.
    """
    probe = probe_vectors(query)
    usual = query.filters.space.usual_overlap(query.weights) >= USUAL_OVERLAP
    limit = max(PHOTOS_PER_PROBE * (1 if usual else UNUSUAL_FACTOR), PHOTOS_PER_PRODUCT * k)
    if query.word_names and set(query.counting) <= set(query.word_names):
        return keep_best_photos(_add_words(index, query, NO_HITS, k * PHOTOS_PER_PRODUCT, constraint))
    details = None
    while True:
        if read and usual and not query.by_look and not query.word_names:
            probes = [*dimension_probes(query.filters, query.like).values()]
            details = index.nearest_details(NearestRequest(probe, limit, constraint, probes, read))
        near = index.nearest_photos(probe, limit, constraint) if details is None else details.hits
        complete = len(near.keys) < limit
        if query.by_look and not complete:
            near = _add_nearest_looks(index, query, near, limit, constraint)
        if not complete and not usual:
            near = _add_ties(index, query, near, limit, constraint)
        if query.word_names:
            near = _add_words(index, query, near, limit, constraint)
        if complete or len({key.product for key in near.keys}) >= k:
            return replace(keep_best_photos(near), read=details)
        limit *= 4


def _add_nearest_looks(
    index: Index, query: FilterQuery, near: PhotoHits, limit: int, constraint: PhotoConstraint
) -> PhotoHits:
    """Add the photos that are nearest by the look alone."""
    alike = index.nearest_photos(VectorQuery(look=query.like.look), limit, constraint)
    return merge_hits([near, _score_photos(index, probe_vectors(query), alike.keys)])


def _add_ties(index: Index, query: FilterQuery, near: PhotoHits, limit: int, constraint: PhotoConstraint) -> PhotoHits:
    """Add what the sparse query finds; where it finds only ties, also the nearest photos of the query's class."""
    weighted = query.filters.weight_query(query.like.marks, query.weights)
    if not len(weighted.indices):
        return near
    probe, alike = probe_vectors(query), index.nearest_photos(VectorQuery(class_vector=weighted), limit, constraint)
    parts = [near, _score_photos(index, probe, alike.keys)]
    if len(alike.keys) == limit and alike.scores[-1] >= TIED * alike.scores[0]:
        narrower = replace(constraint, condition=_narrow_to_class(index, query, constraint.condition))
        parts.append(index.nearest_photos(probe, limit, narrower))
    return merge_hits(parts)


def _add_words(index: Index, query: FilterQuery, near: PhotoHits, limit: int, constraint: PhotoConstraint) -> PhotoHits:
    """Add the photos whose words agree most with the query's, and those that fit its words as captions; and to all
    scores what words add to them."""
    parts, probe = [near], probe_vectors(query)
    if query.like.text is not None and query.weights[TEXT]:
        parts.append(_score_photos(index, probe, nearest_texts(index, query.like.text, limit, constraint).keys))
    if query.like.caption is not None and query.weights[CAPTION]:
        parts.append(_score_photos(index, probe, nearest_captions(index, query.like.caption, limit, constraint)))
    keys, scores = merge_hits(parts)
    return PhotoHits(keys, scores + score_words(index, query, keys))


def score_words(index: Index, query: FilterQuery, keys: Sequence[PhotoKey]) -> Floats:
    """Return what the words of a query add to the scores of photos, float32 (n,)."""
    added = np.zeros(len(keys), np.float32)
    if query.like.text is not None:
        added += np.float32(query.weights[TEXT]) * text_agreements(index, query.like.text, keys)
    if query.like.caption is not None:
        added += np.float32(query.weights[CAPTION]) * caption_similarities(index, query.like.caption, keys)
    return added


def merge_hits(parts: Sequence[PhotoHits]) -> PhotoHits:
    """Merge photos that several queries found; of one that was found twice, the later score counts."""
    scores = {key: score for part in parts for key, score in zip(part.keys, part.scores.tolist(), strict=True)}
    return PhotoHits([*scores], np.array([*scores.values()], np.float32))


def _score_photos(index: Index, probe: VectorQuery, keys: list[PhotoKey]) -> PhotoHits:
    return PhotoHits(keys, index.photo_scores([probe], keys)[0])


def _narrow_to_class(index: Index, query: FilterQuery, condition: Condition | None) -> Condition | None:
    """Narrow a condition to the query's clear classes, as the feed or the filters say, in its heaviest dimension."""
    kinds = index.field_kinds()
    heaviest = max(
        (one for one in query.filters.dimensions if one.name in query.filters.class_dimensions and one.field in kinds),
        key=lambda one: query.weights[one.name],
        default=None,
    )
    if heaviest is None:
        return condition
    likely_classes = query.filters.likely_classes(query.like.marks, heaviest.name, CLEAR)
    if not likely_classes:
        return condition
    # A field holds the last step of a path. Values that were merged have other names, so a tie may still hide those.
    values = tuple(name.rsplit(PATH, 1)[-1] for name in likely_classes)
    chosen: Condition = OneOf(heaviest.field, values)
    if (predicted := f"{PREDICTED}{heaviest.name}") in kinds:
        guesses = tuple(bounded_class(name, PROBABILITY_STEPS[0]) for name in likely_classes)
        chosen = AnyOf((chosen, OneOf(predicted, guesses)))
    return chosen if condition is None else AllOf((condition, chosen))


def scores_few(query: FilterQuery) -> bool:
    """Whether only the products that are shown are scored in every dimension, see :func:`build_candidates`."""
    return query.filters.space.is_lossless and not query.explain and query.ranker is None


def build_candidates(index: Index, query: FilterQuery, pool: Pool, k: int) -> list[Candidate]:
    """Build candidates of the pool's best ``k`` products, merchandising included.

    Only these are scored in every dimension; or the whole pool, where the scores of the retrieval lack what the sketch
    of the marks leaves out, where reasons name ranks, or where a ranker looks at all of them together.
    """
    adjustments = score_adjustments(index, query.merchandising, pool.keys, query.rule_parts)
    added = np.zeros(len(pool.keys), np.float32)
    for n, parts in adjustments.items():
        added[n] = sum(parts.values())
    order = np.argsort(-(pool.totals + added), kind="stable")
    few = scores_few(query)
    scored = order[:k] if few else order
    keys = [pool.keys[n] for n in scored.tolist()]
    detail = _detail(index, query, keys, pool.read, with_records=few)
    context = _context(query, detail.similarities)
    extra = added[scored] + context
    totals = (detail.similarities @ _weights(query) - detail.penalty + extra).tolist()
    chosen = sorted(range(len(keys)), key=lambda place: (-totals[place], keys[place]))[:k]
    weights = {name: query.weights[name] for name in query.dimension_names}
    rest = extra - detail.penalty
    ranks = ranks_without(detail.similarities, weights, rest, chosen) if query.explain else {}
    names, similarities = query.dimension_names, detail.similarities.tolist()
    candidates = []
    records = [detail.records[place] for place in chosen] if few else index.photo_records([keys[n] for n in chosen])
    for place, record in zip(chosen, records, strict=True):
        if record is None:  # the product was removed meanwhile
            continue
        scores = dict(zip(names, similarities[place], strict=True))
        parts = dict(adjustments.get(int(scored[place]), {}))
        if query.ranker is not None:
            parts[CONTEXT] = float(context[place])
        if query.unlike is not None:
            parts[NOT] = -float(detail.penalty[place])
        reasons = None
        if query.explain:
            matches = _matches(query, detail.marks[place])
            if query.like.text is not None:
                matches |= match_texts(index, query.like.text, keys[place], scores[TEXT])
            if query.like.caption is not None:
                matches[CAPTION] = ClassMatch(query.like.caption.words, 1.0, scores[CAPTION])
            reasons = Reasons(query.weights, scores, matches, ranks[place])
        candidates.append(
            Candidate(
                record.product,
                scores,
                record.photos[keys[place].view].source,
                adjustments=parts,
                reasons=reasons,
                product_photos=record.photos,
            )
        )
    return candidates


def apply_dynamic_weights(index: Index, query: FilterQuery, ranker: Ranker, constraint: PhotoConstraint) -> FilterQuery:
    """Replace the weights of a query by those that the ranker chooses from what the static weights retrieve.

    A weight that people gave multiplies the chosen one, so 0 stays 0.

    Args:
        constraint: that candidates meet.
    """
    features = retrieve_ranker_features(index, query, constraint)
    chosen = ranker.weights(features, query.static)
    wanted = {name: weight * query.given.get(name, 1.0) for name, weight in chosen.items()}
    if not sum(wanted.values()) > 0:  # people left only dimensions to which the ranker gives no weight
        return query
    return replace(
        query,
        weights=query.norms.normalize_weights(wanted),
        ranker=ranker if ranker.card.kind == "listwise" else None,
        ranker_features=features,
    )


def retrieve_ranker_features(index: Index, query: FilterQuery, constraint: PhotoConstraint) -> RankerFeatures:
    """Compute the inputs of a ranker for a query, from the candidates that its weights retrieve.

    Args:
        constraint: that candidates meet.
    """
    keys = retrieve_pool(index, query, CANDIDATES, constraint).keys[:CANDIDATES]
    like, names = query.like, query.dimension_names
    similarities = photo_similarities(index, query.filters, like, keys, index.photo_class_vectors(keys))
    similarities = _add_word_columns(index, query, keys, similarities)
    return ranker_features(query.filters, like.photo_embedding, like.marks, query.norms, names, similarities)


def _context(query: FilterQuery, similarities: Floats) -> Floats:
    """Return what the ranker adds to each score, float32 (n,); 0 behind the first :data:`LISTWISE_LIMIT`."""
    context = np.zeros(len(similarities), np.float32)
    if query.ranker is None:
        return context
    names = query.dimension_names
    shares = {name: query.weights[name] * query.norms.spreads[name] for name in names}
    first = np.argsort(-(similarities @ _weights(query)), kind="stable")[:LISTWISE_LIMIT]
    places = standardize(similarities[first], query.norms, names)
    context[first] = query.ranker.context(names, places, shares) * np.float32(sum(shares.values()))
    return context


def _names(filters: Filters) -> list[str]:
    return [dimension.name for dimension in filters.dimensions]


def _weights(query: FilterQuery) -> Floats:
    """Return the weight of each column of :attr:`Detail.similarities`."""
    return np.array([query.weights[name] for name in query.dimension_names], np.float32)


def probe_vectors(query: FilterQuery) -> VectorQuery:
    """Return the query of the index whose dot products are scores, up to a constant and what the sketch leaves out."""
    aim, weights = query.filters.space.query_vector, query.weights
    look, placed = weights.get(LOOK, 0.0) * query.like.look, aim(query.like.dense, query.like.marks, weights)
    if query.unlike is not None:
        look = look - UNLIKE * weights.get(LOOK, 0.0) * query.unlike.look
        placed = placed - UNLIKE * aim(query.unlike.dense, query.unlike.marks, weights)
    return VectorQuery(
        look=np.asarray(cosine_slope(LOOK) * look, np.float32), filter_vector=np.asarray(placed, np.float32)
    )


def keep_best_photos(near: PhotoHits) -> Pool:
    """Keep the best photo of each product, best first; ties in the order of their keys."""
    chosen = best_photos(near)
    return Pool([near.keys[n] for n in chosen], near.scores[chosen])


def _detail(
    index: Index,
    query: FilterQuery,
    keys: list[PhotoKey],
    read: NearestDetails[StoredProduct] | None,
    *,
    with_records: bool,
) -> Detail:
    """Score photos in every dimension, in the order of ``keys``.

    Args:
        read: what was read already, perhaps of other photos.
    """
    weights, records = _weights(query), list[StoredProduct | None]()
    probes = dimension_probes(query.filters, query.like)
    if with_records:
        if read is not None and read.keys == keys:
            found = read.details
        else:
            found = index.photo_details([*probes.values()], keys)
        scores, marks, records = found.scores, found.class_vectors, list(found.records)
    else:
        scores, marks = index.photo_scores([*probes.values()], keys), index.photo_class_vectors(keys)
    similarities = combine_scores(query.filters, query.like, dict(zip(probes, scores, strict=True)), marks)
    penalty = np.zeros(len(keys), np.float32)
    if query.unlike is not None:
        unlike = photo_similarities(index, query.filters, query.unlike, keys, marks)
        penalty = np.asarray(UNLIKE * (unlike @ weights[: unlike.shape[1]]), np.float32)
    return Detail(_add_word_columns(index, query, keys, similarities), penalty, marks, records)


def _add_word_columns(index: Index, query: FilterQuery, keys: Sequence[PhotoKey], similarities: Floats) -> Floats:
    """Append what the words of a query say of photos, where it has some, to the similarities."""
    columns = [similarities]
    if query.like.text is not None:
        columns.append(text_agreements(index, query.like.text, keys)[:, None])
    if query.like.caption is not None:
        columns.append(caption_similarities(index, query.like.caption, keys)[:, None])
    return np.concatenate(columns, axis=1) if len(columns) > 1 else similarities


def _matches(query: FilterQuery, marks: SparseVector) -> dict[str, ClassMatch]:
    matches = {name: query.filters.best_match(query.like.marks, marks, name) for name in query.filters.class_dimensions}
    return {name: ClassMatch(*match) for name, match in matches.items() if match[0]}

"""Merchandised products join the pool of a query, however far away they are."""

from __future__ import annotations

from dataclasses import replace

from shoplens.index.conditions import AllOf, Condition, IsProduct
from shoplens.index.protocol import Index, PhotoConstraint, PhotoHits
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.filter_retrieval import Pool, keep_best_photos, merge_hits, probe_vectors, score_words

MOST_PHOTOS = 50
"""Number of photos of a product that are compared."""


def join_merchandised(index: Index, query: FilterQuery, pool: Pool, constraint: PhotoConstraint) -> Pool:
    """Add to a pool the pinned and boosted products that meet the constraint."""
    raised = dict.fromkeys((*query.merchandising.pins, *query.merchandising.boosts))
    present = {key.product for key in pool.keys}
    missing = tuple(name for name in raised if index.product_key(name) not in present)
    if not missing:
        return pool
    named: Condition = IsProduct(missing)
    if constraint.condition is not None:
        named = AllOf((constraint.condition, named))
    limit = MOST_PHOTOS * len(missing)
    found = index.nearest_photos(probe_vectors(query), limit, replace(constraint, condition=named))
    found = PhotoHits(found.keys, found.scores + score_words(index, query, found.keys))
    return keep_best_photos(merge_hits([PhotoHits(pool.keys, pool.totals), found]))

"""Merchandised products join the pool of a query, however far away they are."""

from __future__ import annotations

from dataclasses import replace

from shoplens.filters.dimensions.dimension import TEXT
from shoplens.index.conditions import AllOf, Condition, IsProduct
from shoplens.index.protocol import Index, PhotoConstraint, PhotoHits
from shoplens.ranking.filter_retrieval import FilterQuery, Pool, keep_best_photos, merge_hits, probe_vectors
from shoplens.ranking.text_retrieval import text_agreements

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
    if query.like.text is not None and found.keys:
        agreements = text_agreements(index, query.like.text, found.keys)
        by_text_alone = set(query.counting) == {TEXT}
        scores = agreements if by_text_alone else found.scores + query.weights[TEXT] * agreements
        found = PhotoHits(found.keys, scores)
    return keep_best_photos(merge_hits([PhotoHits(pool.keys, pool.totals), found]))

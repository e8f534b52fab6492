"""Merchandised products join the pool of a query, however far away they are."""

from __future__ import annotations

from dataclasses import replace

from shoplens.index.conditions import AllOf, Condition, IsProduct
from shoplens.index.protocol import Index, PhotoConstraint, PhotoHits
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.filter_retrieval import Pool, keep_best_photos, merge_hits, probe_vectors, score_words
from shoplens.ranking.merchandising.conditions import rule_condition

MOST_PHOTOS = 50
"""Number of photos of a product that are compared."""
PHOTOS_PER_RULE = 100
"""Smallest number of photos that are looked for by the condition of a rule."""


def join_merchandised(
    index: Index, query: FilterQuery, pool: Pool, constraint: PhotoConstraint
) -> tuple[Pool, FilterQuery]:
    """Add to a pool the products that are pinned or boosted and meet the constraint.

    A rule with a condition adds as many of its nearest products as the pool has: its boost is the same for all of them,
    so no other one can come before them.

    Returns:
        The pool, and the query that knows which products of the pool each rule is about.
    """
    merchandising = query.merchandising
    raised = dict.fromkeys((*merchandising.pins, *merchandising.boosts))
    present = {key.product for key in pool.keys}
    missing = tuple(name for name in raised if index.product_key(name) not in present)
    found = [_nearest(index, query, IsProduct(missing), MOST_PHOTOS * len(missing), constraint)] if missing else []
    limit = max(PHOTOS_PER_RULE, 3 * len(pool.keys))
    parts: dict[str | int, dict[str, float]] = {}
    for rule in merchandising.rules:
        condition = None if rule.action == "hide" else rule_condition(index, rule.where)
        if condition is None:
            continue
        hits = _nearest(index, query, condition, limit, constraint)
        amount = rule.amount if rule.action == "boost" else -rule.amount
        for product in {key.product for key in hits.keys}:
            own = parts.setdefault(product, {})
            own[rule.action] = own.get(rule.action, 0.0) + amount
        if rule.action == "boost":
            found.append(hits)
    if found:
        pool = keep_best_photos(merge_hits([PhotoHits(pool.keys, pool.totals), *found]))
    return pool, replace(query, rule_parts=parts) if parts else query


def _nearest(
    index: Index, query: FilterQuery, condition: Condition, limit: int, constraint: PhotoConstraint
) -> PhotoHits:
    """Return the nearest photos of the products that meet a condition and the constraint."""
    if constraint.condition is not None:
        condition = AllOf((constraint.condition, condition))
    hits = index.nearest_photos(probe_vectors(query), limit, replace(constraint, condition=condition))
    return PhotoHits(hits.keys, hits.scores + score_words(index, query, hits.keys))

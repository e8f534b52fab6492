"""What is found for a query: equal photos first, sold-out products and full groups in their place."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.index.conditions import AllOf, Condition, Not, OneOf
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import EncodedQuery, Strategy
from shoplens.ranking.weighted_sum import rank_candidates
from shoplens.search.constraint import RankingConstraint
from shoplens.types import Candidate, Reasons, Result, compose

Tiers = list[list[Candidate]]
"""Candidates, each list of which is shown before the next."""


def retrieve_tiers(index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint) -> Tiers:
    """Tiers of at most ``constraint.k`` candidates each."""
    taken: Counter[str] = Counter()
    tiers = [_Tier(condition, taken) for condition in _conditions(constraint, index)]
    return [_retrieve_tier(index, strategy, query, constraint, tier) for tier in tiers]


def merge_tiers(strategy: Strategy, query: EncodedQuery, tiers: Tiers, k: int) -> list[Result]:
    """The best ``k``, ranked within their tiers."""
    weights = strategy.weights(query)
    found = [result for tier in tiers for result in rank_candidates(tier, weights)][:k]
    return [replace(result, rank=rank) for rank, result in enumerate(found, start=1)]


def _conditions(constraint: RankingConstraint, index: Index) -> list[Condition | None]:
    """Conditions whose answers follow one another."""
    condition = constraint.photos.condition
    if constraint.sold_out == "show" or "in_stock" not in index.field_kinds():
        return [condition]
    gone = OneOf("in_stock", ("false",))
    tiers: list[Condition] = [Not(gone)] if constraint.sold_out == "hide" else [Not(gone), gone]
    return [tier if condition is None else AllOf((condition, tier)) for tier in tiers]


def _retrieve_tier(
    index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint, tier: _Tier
) -> list[Candidate]:
    """The best k of a tier; groups that are full are left out of the retrieval, for as long as there are too few."""
    chosen: dict[str, Candidate] = {}
    tier.take(_same_photos(index, strategy, query, constraint, tier), chosen, constraint)
    while len(chosen) < constraint.k:
        wanted = constraint.k + len(chosen)
        photos = replace(constraint.photos, condition=tier.without_full_groups(constraint))
        found = strategy.retrieve(index, query, photos, wanted)
        tier.take(found, chosen, constraint)
        if len(found) < wanted:
            break
    return list(chosen.values())[: constraint.k]


def _same_photos(
    index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint, tier: _Tier
) -> Iterable[Candidate]:
    """Products that have this very photo."""
    # The later hash says which of a product's photos is named: rather the same file than the same pixels.
    weights = strategy.weights(query)
    alike = dict.fromkeys(weights, 1.0)
    is_explained = query.filtered is not None and query.filtered.explain
    reasons = Reasons(weights, alike, {}, {}) if is_explained else None
    same = {
        hit.record.product.id: Candidate(hit.record.product, alike, hit.photo.source, same_photo=True, reasons=reasons)
        for hash in (query.pixel_hash, query.content_hash)
        if hash
        for hit in index.with_photo(hash, tier.condition, first_photos=constraint.photos.first_photos)
    }
    return same.values()


@dataclass(slots=True)
class _Tier:
    """A condition, and how many products of each group have been taken in this and the tiers before."""

    condition: Condition | None
    taken: Counter[str]

    def take(self, found: Iterable[Candidate], chosen: dict[str, Candidate], constraint: RankingConstraint) -> None:
        """Add candidates, best first, up to the limit per group; a product without a group is a group of its own."""
        limit = constraint.per_group
        for candidate in found:
            product = candidate.product
            group = compose(product.group_id)
            is_full = limit is not None and group and self.taken[group] >= limit
            if product.id not in chosen and not is_full:
                chosen[product.id] = candidate
                self.taken[group] += 1

    def without_full_groups(self, constraint: RankingConstraint) -> Condition | None:
        """The condition, and not to be of a group of which there are enough."""
        most = constraint.per_group or sys.maxsize
        full = [group for group, taken in self.taken.items() if group and taken >= most]
        if not full:
            return self.condition
        others = Not(OneOf("group_id", texts=tuple(full)))
        return others if self.condition is None else AllOf((self.condition, others))

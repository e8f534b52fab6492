"""What is found for a query photo: equal photos first, sold-out products and full groups in their place."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.index.conditions import AllOf, Condition, Not, OneOf
from shoplens.index.protocol import Index
from shoplens.ranking.static import ranked
from shoplens.ranking.strategies import EncodedQuery, Strategy, Wanted
from shoplens.types import Candidate, Query, Reasons, Result, compose


def candidates(
    index: Index, strategy: Strategy, photo: EncodedQuery, query: Query, condition: Condition | None
) -> list[list[Candidate]]:
    """Tiers of at most ``query.k`` candidates each; every candidate of a tier is shown before those of the next."""
    taken: Counter[str] = Counter()
    tiers = [_Tier(tier, taken) for tier in _conditions(condition, query, index)]
    return [_of_tier(index, strategy, photo, query, tier) for tier in tiers]


def results(strategy: Strategy, photo: EncodedQuery, tiers: Iterable[list[Candidate]], k: int) -> list[Result]:
    """The best ``k``, ranked within their tiers."""
    weights = strategy.weights(photo)
    found = [result for tier in tiers for result in ranked(tier, weights)][:k]
    return [replace(result, rank=rank) for rank, result in enumerate(found, start=1)]


def _conditions(condition: Condition | None, query: Query, index: Index) -> list[Condition | None]:
    """Conditions whose answers follow one another."""
    if query.sold_out == "show" or "in_stock" not in index.field_kinds():
        return [condition]
    gone = OneOf("in_stock", ("false",))
    tiers: list[Condition] = [Not(gone)] if query.sold_out == "hide" else [Not(gone), gone]
    return [tier if condition is None else AllOf((condition, tier)) for tier in tiers]


def _of_tier(index: Index, strategy: Strategy, photo: EncodedQuery, query: Query, tier: _Tier) -> list[Candidate]:
    """The best k of a tier; groups that are full are left out of the retrieval, for as long as there are too few."""
    # The later hash says which of a product's photos is named: rather the same file than the same pixels.
    weights = strategy.weights(photo)
    alike = dict.fromkeys(weights, 1.0)
    explained = photo.filtered is not None and photo.filtered.explain
    reasons = Reasons(weights, alike, {}, {}) if explained else None
    same = {
        hit.record.product.id: Candidate(hit.record.product, alike, hit.photo.source, same_photo=True, reasons=reasons)
        for hash in (photo.pixel_hash, photo.content_hash)
        if hash
        for hit in index.with_photo(hash, tier.condition, first_photos=query.first_photos)
    }
    chosen: dict[str, Candidate] = {}
    tier.take(same.values(), chosen, query)
    while len(chosen) < query.k:
        others = tier.without_full_groups(query)
        wanted = Wanted(query.k + len(chosen), others, query.first_photos, query.without_photo)
        found = strategy.retrieved(index, photo, wanted)
        tier.take(found, chosen, query)
        if len(found) < wanted.k:
            break
    return list(chosen.values())[: query.k]


@dataclass(slots=True)
class _Tier:
    """A condition, and how many products of each group have been taken in this and the tiers before."""

    condition: Condition | None
    taken: Counter[str]

    def take(self, found: Iterable[Candidate], chosen: dict[str, Candidate], query: Query) -> None:
        """Add candidates, best first, up to the limit per group; a product without a group is a group of its own."""
        for candidate in found:
            product = candidate.product
            group = compose(product.group_id)
            full = query.per_group is not None and group and self.taken[group] >= query.per_group
            if product.id not in chosen and not full:
                chosen[product.id] = candidate
                self.taken[group] += 1

    def without_full_groups(self, query: Query) -> Condition | None:
        full = [group for group, taken in self.taken.items() if group and taken >= (query.per_group or sys.maxsize)]
        if not full:
            return self.condition
        others = Not(OneOf("group_id", texts=tuple(full)))
        return others if self.condition is None else AllOf((self.condition, others))

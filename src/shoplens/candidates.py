"""What is found for a query photo: equal photos first, sold-out products and full groups in their place."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoplens.index.conditions import AllOf, Condition, Not, OneOf
from shoplens.index.entry import Hit, Index
from shoplens.ranking.static import similarity_from_cosine
from shoplens.ranking.strategies import QueryPhoto, Strategy, Wanted
from shoplens.types import Candidate, Query, Result


def candidates(
    index: Index, strategy: Strategy, photo: QueryPhoto, query: Query, condition: Condition | None
) -> list[list[Candidate]]:
    """Tiers of at most ``query.k`` candidates each; every candidate of a tier is shown before those of the next."""
    taken: Counter[str] = Counter()
    tiers = [_Tier(tier, taken) for tier in _conditions(condition, query, index)]
    return [_of_tier(index, strategy, photo, query, tier) for tier in tiers]


def results(strategy: Strategy, tiers: Iterable[list[Candidate]], k: int) -> list[Result]:
    """The best ``k``, ranked within their tiers."""
    found = [result for tier in tiers for result in strategy.ranked(tier)][:k]
    return [replace(result, rank=rank) for rank, result in enumerate(found, start=1)]


def _conditions(condition: Condition | None, query: Query, index: Index) -> list[Condition | None]:
    """Conditions whose answers follow one another."""
    if query.sold_out == "show" or "in_stock" not in index.field_kinds():
        return [condition]
    gone = OneOf("in_stock", ("false",))
    tiers: list[Condition] = [Not(gone)] if query.sold_out == "hide" else [Not(gone), gone]
    return [tier if condition is None else AllOf((condition, tier)) for tier in tiers]


def _of_tier(index: Index, strategy: Strategy, photo: QueryPhoto, query: Query, tier: _Tier) -> list[Candidate]:
    """The best k of a tier; groups that are full are left out of the retrieval, for as long as there are too few."""
    # The later hash says which of a product's photos is named: rather the same file than the same pixels.
    same = {
        hit.record.product.id: hit
        for hash in (photo.pixel_hash, photo.content_hash)
        if hash
        for hit in index.with_photo(hash, tier.condition, first_photos=query.first_photos)
    }
    chosen: dict[str, Hit] = {}
    tier.take(same.values(), chosen, query)
    while len(chosen) < query.k:
        others = tier.without_full_groups(query)
        wanted = Wanted(query.k + len(chosen), others, query.first_photos, query.without_photo)
        hits = strategy.retrieved(index, photo, wanted)
        tier.take(hits, chosen, query)
        if len(hits) < wanted.k:
            break
    return [_candidate(hit, hit.record.product.id in same) for hit in list(chosen.values())[: query.k]]


@dataclass(slots=True)
class _Tier:
    """A condition, and how many products of each group have been taken in this and the tiers before."""

    condition: Condition | None
    taken: Counter[str]

    def take(self, hits: Iterable[Hit], chosen: dict[str, Hit], query: Query) -> None:
        """Add hits, best first, up to the limit per group; a product without a group is a group of its own."""
        for hit in hits:
            product = hit.record.product
            group = product.group_id.casefold()
            full = query.per_group is not None and group and self.taken[group] >= query.per_group
            if product.id not in chosen and not full:
                chosen[product.id] = hit
                self.taken[group] += 1

    def without_full_groups(self, query: Query) -> Condition | None:
        full = [group for group, taken in self.taken.items() if group and taken >= (query.per_group or sys.maxsize)]
        if not full:
            return self.condition
        others = Not(OneOf("group_id", tuple(full)))
        return others if self.condition is None else AllOf((self.condition, others))


def _candidate(hit: Hit, same_photo: bool) -> Candidate:
    look = 1.0 if same_photo else similarity_from_cosine(hit.similarity)
    return Candidate(hit.record.product, {"look": look}, hit.photo.source, same_photo)

"""Retrieval of candidates in tiers: products with the photo's barcode and equal photos first, sold-out products last,
a limit per group."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from shoplens.index.conditions import (
    AllOf,
    Condition,
    FieldValues,
    IsProduct,
    Not,
    OneOf,
    field_comparisons,
    field_values,
    matches,
)
from shoplens.index.identifiers import find_gtin
from shoplens.index.predicted_values import PREDICTED, predicted_values
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.strategies import EncodedQuery, Strategy
from shoplens.ranking.weighted_sum import rank_candidates
from shoplens.search.constraint import RankingConstraint
from shoplens.types import Candidate, Reasons, Result, normalize_nfc

MAX_STALE_ROUNDS = 4
"""Retrievals that are repeated because products changed meanwhile and do not meet the condition any more."""
BLOCKS = (25, 101, 500)
"""Places at which blocks of a ranking end. The products of a block are the best of one pool whose size depends on the
block alone, so that a page does not depend on how long it or the pages before it are; a first page costs no more than
the first block. A service asks for one product more than a page shows, to know whether there is a next page, so that
pages of 24 and of 100 end one place before a block does."""
Tiers = list[list[Candidate]]
"""Lists of candidates; those of one list are shown before those of the next."""


def retrieve_tiers(index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint) -> Tiers:
    """Retrieve the blocks of each tier, until there are ``constraint.k`` candidates or more."""
    group_sizes: Counter[str] = Counter()
    blocks: Tiers = []
    for condition in _conditions(constraint, index):
        missing = constraint.k - sum(map(len, blocks))
        if missing > 0:
            tier = _Tier(condition, group_sizes)
            blocks += _retrieve_blocks(index, strategy, query, constraint, tier, missing)
    return blocks


def merge_tiers(strategy: Strategy, query: EncodedQuery, tiers: Tiers, k: int) -> list[Result]:
    """Rank candidates within their tiers, and return the best ``k``."""
    weights, results = strategy.weights(query), list[Result]()
    for tier in tiers:
        results += rank_candidates(tier, weights, first_rank=len(results) + 1)
    return results[:k]


def _conditions(constraint: RankingConstraint, index: Index) -> list[Condition | None]:
    """Return the condition of each tier, in order."""
    condition = constraint.photos.condition
    if constraint.sold_out == "show" or "in_stock" not in index.field_kinds():
        return [condition]
    sold_out = OneOf("in_stock", ("false",))
    tiers: list[Condition] = [Not(sold_out)] if constraint.sold_out == "hide" else [Not(sold_out), sold_out]
    return [tier if condition is None else AllOf((condition, tier)) for tier in tiers]


def _retrieve_blocks(
    index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint, tier: _Tier, missing: int
) -> Tiers:
    """Retrieve blocks of a tier until they have ``missing`` candidates, or the tier has no more."""
    chosen: dict[str, Candidate] = {}
    proofs = [
        one
        for find in (_with_barcode, _same_photos)
        for one in meeting_candidates(index, find(index, strategy, query, constraint, tier), tier.condition)
    ]
    blocks: Tiers = []
    for end in _block_ends(constraint, missing):
        begin = len(chosen)
        tier.add(proofs, chosen, constraint, end)
        _fill_block(index, strategy, query, constraint, tier, chosen, end)
        blocks.append(list(chosen.values())[begin:])
        if len(chosen) < end:
            break
    return blocks


def _block_ends(constraint: RankingConstraint, missing: int) -> list[int]:
    """Return where the blocks end that have the first ``missing`` places of a tier."""
    ends = [] if constraint.in_one_block else list(BLOCKS)
    needed = sum(end < missing for end in ends) + 1
    return [*ends, *([missing] if needed > len(ends) else [])][:needed]


def _fill_block(
    index: Index,
    strategy: Strategy,
    query: EncodedQuery,
    constraint: RankingConstraint,
    tier: _Tier,
    chosen: dict[str, Candidate],
    end: int,
) -> None:
    """Add the best candidates of a tier until there are ``end``, again without the full groups while there are too
    few."""
    stale_rounds = 0
    while len(chosen) < end:
        wanted = end + len(chosen)
        photos = replace(constraint.photos, condition=tier.without_full_groups(constraint))
        candidates = strategy.retrieve(index, query, photos, wanted)
        meeting = meeting_candidates(index, candidates, tier.condition)
        tier.add(meeting, chosen, constraint, end)
        stale_rounds += len(meeting) < len(candidates)
        if (len(candidates) < wanted and len(meeting) == len(candidates)) or stale_rounds > MAX_STALE_ROUNDS:
            break


def meeting_candidates(index: Index, candidates: Iterable[Candidate], condition: Condition | None) -> list[Candidate]:
    """Return the candidates whose products still meet the condition: one may have changed since it was retrieved."""
    found = list(candidates)
    if condition is None:
        return found
    predicted: dict[str, Mapping[str, FieldValues]] = {}
    if any(comparison.field.startswith(PREDICTED) for comparison in field_comparisons(condition)):
        records = index.records(candidate.product.id for candidate in found)
        predicted = {record.product.id: predicted_values(record.predicted) for record in records}
    return [
        candidate
        for candidate in found
        if matches(condition, {**field_values(candidate.product), **predicted.get(candidate.product.id, {})})
    ]


def _with_barcode(
    index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint, tier: _Tier
) -> Iterator[Candidate]:
    """Yield the products that have a barcode of the query photo, with the scores that the strategy gives them."""
    for code in query.barcodes:
        for record in find_gtin(index, code.gtin, tier.condition) if code.gtin else ():
            product = record.product
            photos = replace(constraint.photos, condition=IsProduct((product.id,)))
            scored = strategy.retrieve(index, query, photos, 1) or [
                Candidate(product, {}, product.photos[0], product_photos=record.photos)
            ]
            yield replace(scored[0], barcode=code.text)


def _same_photos(
    index: Index, strategy: Strategy, query: EncodedQuery, constraint: RankingConstraint, tier: _Tier
) -> Iterable[Candidate]:
    """Return the products that have the query photo itself."""
    # The later hash decides which photo of a product is named: the same file is preferred to the same pixels.
    weights = strategy.weights(query)
    alike = dict.fromkeys(weights, 1.0)
    is_explained = query.filtered is not None and query.filtered.explain
    reasons = Reasons(weights, alike, {}, {}) if is_explained else None
    photos = PhotoConstraint(tier.condition, constraint.photos.first_photos_only)
    same = {
        hit.record.product.id: Candidate(
            hit.record.product,
            alike,
            hit.photo.source,
            same_photo=True,
            reasons=reasons,
            product_photos=hit.record.photos,
        )
        for hash in query.equal_hashes
        for hit in index.products_with_photo(hash, photos)
    }
    return same.values()


@dataclass(slots=True)
class _Tier:
    """The condition of a tier, and how many products of each group this and earlier tiers have."""

    condition: Condition | None
    group_sizes: Counter[str]

    def add(
        self, candidates: Iterable[Candidate], chosen: dict[str, Candidate], constraint: RankingConstraint, end: int
    ) -> None:
        """Add candidates, best first, up to the limit per group and until there are ``end``; a product without a group
        has no limit."""
        limit = constraint.per_group
        for candidate in candidates:
            if len(chosen) >= end:
                return
            product = candidate.product
            group = normalize_nfc(product.group_id)
            is_full = limit is not None and group and self.group_sizes[group] >= limit
            if product.id not in chosen and not is_full:
                chosen[product.id] = candidate
                self.group_sizes[group] += 1

    def without_full_groups(self, constraint: RankingConstraint) -> Condition | None:
        """Return the condition without the groups that have reached the limit."""
        most = constraint.per_group or sys.maxsize
        full = [group for group, size in self.group_sizes.items() if group and size >= most]
        if not full:
            return self.condition
        others = Not(OneOf("group_id", texts=tuple(full)))
        return others if self.condition is None else AllOf((self.condition, others))

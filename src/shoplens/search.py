"""The whole query path: photo (+ region) -> embedding -> candidates -> ranked results."""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from shoplens.build import check_model
from shoplens.embedders import Embedder, embedded
from shoplens.errors import InvalidValue
from shoplens.images import PhotoSource, Picture, decoded, photo_size
from shoplens.index.conditions import AllOf, Condition, Not, OneOf, leaves, parsed_all
from shoplens.index.entry import Hit, Index
from shoplens.index.store import Store
from shoplens.ranking.static import ranked, similarity_from_cosine
from shoplens.settings import Settings
from shoplens.types import Answer, Candidate, Region, Result, Vectors

STRATEGY = "pretrained"
MOST_RESULTS = 10_000
SoldOut = Literal["show", "hide", "last"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Attributes:
        photo: absolute path, http(s) URL, or the bytes of a file.
        k: how many products, 1 to 10,000.
        where: conditions that must all hold.
        region: the part of the photo to search for; None for all of it.
        per_group: most products of one group in the answer; None for no limit.
        sold_out: whether products that the feed calls out of stock are shown, hidden, or put last.
    """

    photo: str | bytes
    k: int = 10
    where: tuple[str, ...] = ()
    region: Region | None = None
    per_group: int | None = None
    sold_out: SoldOut = "show"

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MOST_RESULTS:
            raise InvalidValue(f"k is {self.k}.", f"Ask for 1 to {MOST_RESULTS} products.")
        if self.per_group is not None and self.per_group < 1:
            raise InvalidValue(f"per_group is {self.per_group}.", "Ask for 1 or more products of a group.")
        if self.sold_out not in ("show", "hide", "last"):
            raise InvalidValue(f"sold_out is {self.sold_out!r}.", "Choose show, hide or last.")


def search(store: Store, query: Query, embedder: Embedder, source: PhotoSource, settings: Settings) -> Answer:
    """Products for a photo, best first.

    Raises:
        PhotoError: the photo cannot be used.
        ConditionError: ``where`` names an unknown field or makes no sense.
        StoreError: the store was made by another model, or was never finished.
        InvalidValue: the region lies outside the photo.
    """
    with store.reading() as generation:
        check_model(generation, embedder)
        return _answer(generation.index, query, embedder, source, settings)


def _answer(index: Index, query: Query, embedder: Embedder, source: PhotoSource, settings: Settings) -> Answer:
    clock, condition = _Clock(), parsed_all(query.where)
    with clock.stage("decode"):
        picture = _picture(query, index, embedder, source, settings)
        pixels = picture.pixels if query.region is None else picture.crop(query.region)
    with clock.stage("embed"):
        vector = embedded(embedder, ["query"], [pixels]).vectors[0]
    with clock.stage("retrieve"):
        taken: Counter[str] = Counter()
        tiers = [
            _candidates(index, vector, picture, query, _Tier(tier, taken))
            for tier in _tiers(condition, query.sold_out, index)
        ]
    with clock.stage("rank"):
        results = [result for tier in tiers for result in ranked(tier, {"look": 1.0})][: query.k]
        results = [replace(result, rank=rank) for rank, result in enumerate(results, start=1)]
    return Answer(
        query_id=uuid.uuid4().hex,
        source=query.photo if isinstance(query.photo, str) else "upload",
        region=query.region,
        model=embedder.model,
        strategy=STRATEGY,
        results=tuple(results),
        took_ms=clock.stages(),
        notes=_notes(results, condition, index),
    )


def _picture(query: Query, index: Index, embedder: Embedder, source: PhotoSource, settings: Settings) -> Picture:
    """The decoded photo; at full size only where an equal photo is possible, since that takes all pixels to know."""
    data = query.photo if isinstance(query.photo, bytes) else source.bytes_of(query.photo)
    width, height = photo_size(data, settings)
    if index.has_photo_size(width, height):
        return decoded(data, settings)
    shortest = embedder.shortest
    if query.region is not None:
        part = min(query.region.width / width, query.region.height / height, 1.0)
        shortest = round(shortest / max(part, 0.01))
    return decoded(data, settings, shortest=shortest)


def _tiers(condition: Condition | None, sold_out: SoldOut, index: Index) -> list[Condition | None]:
    """Conditions whose answers follow one another."""
    if sold_out == "show" or "in_stock" not in index.field_kinds():
        return [condition]
    gone = OneOf("in_stock", ("false",))
    tiers: list[Condition] = [Not(gone)] if sold_out == "hide" else [Not(gone), gone]
    return [tier if condition is None else AllOf((condition, tier)) for tier in tiers]


def _candidates(index: Index, vector: Vectors, picture: Picture, query: Query, tier: _Tier) -> list[Candidate]:
    """The best k of a tier; groups that are full are left out of the retrieval, for as long as there are too few."""
    # The later hash says which of a product's photos is named: rather the same file than the same pixels.
    hashes = [] if query.region is not None else [picture.pixel_hash, picture.content_hash]
    same = {hit.record.product.id: hit for hash in hashes if hash for hit in index.with_photo(hash, tier.condition)}
    chosen: dict[str, Hit] = {}
    tier.take(same.values(), chosen, query)
    while len(chosen) < query.k:
        wanted = query.k + len(chosen)
        hits = index.nearest(vector, wanted, tier.without_full_groups(query))
        tier.take(hits, chosen, query)
        if len(hits) < wanted:
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


def _notes(results: list[Result], condition: Condition | None, index: Index) -> tuple[str, ...]:
    """Why an answer is empty, and what could be asked instead."""
    if results:
        return ()
    if condition is None or index.count(condition):
        return ("No product is left to show.",)
    notes = ["No product meets the condition."]
    for field in dict.fromkeys(leaf.field for leaf in leaves(condition)):
        values = index.facet(field, 8)
        if values:
            notes.append(f"{field} has: {', '.join(f'{value} ({count})' for value, count in values)}.")
    return tuple(notes)


class _Clock:
    """Milliseconds per stage, and in total."""

    def __init__(self) -> None:
        self._started, self._stages = time.perf_counter(), dict[str, float]()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - started) * 1e3

    def stages(self) -> dict[str, float]:
        total = (time.perf_counter() - self._started) * 1e3
        return {name: round(took, 3) for name, took in {**self._stages, "total": total}.items()}

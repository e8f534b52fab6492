"""Finds ``never-found`` and ``always-found``: the anti-hubs and hubs of the nearest-neighbour graph."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from shoplens.evaluation.doctor.findings import Finding, Kind, summarize_product
from shoplens.evaluation.doctor.neighbours import NEIGHBOURS, NeighbourStatistics
from shoplens.index.protocol import Index, StoredProduct

MIN_PRODUCTS = 10 * NEIGHBOURS
"""With fewer products, more than a tenth of the catalogue is always among the nearest, so no product stands out."""
MAX_CHANCE = 0.01
"""Maximum probability that an ordinary product is found by none of the queries."""
MIN_HUB_RATIO, MIN_HUB_DEVIATIONS = 5.0, 2.0
"""A hub is found more often than this multiple of the mean, and than the mean plus so many standard deviations."""


class Hubs(NamedTuple):
    """Findings, and notes on what could not be judged."""

    findings: list[Finding]
    notes: list[str]


def find_hubs(index: Index, neighbours: NeighbourStatistics, kinds: Collection[Kind]) -> Hubs:
    """Find products with an unusual k-occurrence N_k: the number of queries with them among their k = 10 nearest.

    The queries are photos of other products of the store. Where vectors have many dimensions, N_k is skewed: a few
    products are near to everything, and many are near to nothing. Source: Radovanovic, Nanopoulos, Ivanovic 2010, "Hubs
    in Space: Popular Nearest Neighbors in High-Dimensional Data".

    ``never-found``: N_k = 0. With q queries over n products, N_k is m = k q / n on average, and a product that is found
    as easily as any other is missed by all queries with probability e^-m (Poisson). This must be at most 1 %, so m must
    be at least 4.6; with fewer queries per product, no product is called ``never-found``.

    ``always-found``: N_k above the mean plus two standard deviations, which the paper calls a hub, and above five times
    the mean. The first condition alone holds for about 5 % of any catalogue, however good it is.
    """
    total = index.count()
    if total < MIN_PRODUCTS:
        return Hubs(
            [], [f"Hubs were not searched for among {total} products, because at least {MIN_PRODUCTS} are needed."]
        )
    counts = np.array([neighbours.times_found[product_id] for product_id in index.ids()], np.float64)
    mean, deviation = float(counts.mean()), float(counts.std())
    findings: list[Finding] = []
    notes = [_describe_sample(neighbours)] if neighbours.queries < neighbours.photos else []
    if "never-found" in kinds and math.exp(-mean) > MAX_CHANCE:
        notes.append(
            f"It cannot be said which products are never found: {neighbours.queries:,} searches find each of "
            f"{total:,} products {mean:.1f} times on average, and {-math.log(MAX_CHANCE):.1f} times are needed."
        )
    elif "never-found" in kinds:
        never_found = [product_id for product_id in index.ids() if not neighbours.times_found[product_id]]
        findings += _never_found(index, never_found, neighbours)
    if "always-found" in kinds:
        limit = max(MIN_HUB_RATIO * mean, mean + MIN_HUB_DEVIATIONS * deviation)
        always_found = [product_id for product_id, times in neighbours.times_found.items() if times > limit]
        findings += _always_found(index, always_found, neighbours, mean)
    return Hubs(findings, notes)


def _describe_sample(neighbours: NeighbourStatistics) -> str:
    return f"The searches were {neighbours.queries:,} of the store's {neighbours.photos:,} photos, a seeded sample."


def _never_found(index: Index, ids: Sequence[str], neighbours: NeighbourStatistics) -> Iterator[Finding]:
    for record in _records(index, ids):
        closest = neighbours.closest.get(record.product.id)
        nearest = (
            "" if closest is None else f" The most similar photo of another product has a cosine of {closest:.2f}."
        )
        yield Finding(
            "never-found",
            (record.product.id,),
            f"None of {neighbours.queries:,} searches finds it among the first {NEIGHBOURS}.{nearest}",
            "Check whether the photo shows the product whole, large and alone. If it does not, add a photo that does.",
            (summarize_product(record.product),),
            strength=0.0 if closest is None else 1 - closest,
        )


def _always_found(index: Index, ids: Sequence[str], neighbours: NeighbourStatistics, mean: float) -> Iterator[Finding]:
    for record in _records(index, ids):
        times = neighbours.times_found[record.product.id]
        yield Finding(
            "always-found",
            (record.product.id,),
            f"{times:,} of {neighbours.queries:,} searches find it among the first {NEIGHBOURS}, {times / mean:.1f} "
            "times as many as on average.",
            "Check whether its photos show more than the product, or nearly nothing. Replace such photos.",
            (summarize_product(record.product),),
            strength=times / mean,
        )


def _records(index: Index, ids: Sequence[str]) -> list[StoredProduct]:
    return index.records(sorted(ids))

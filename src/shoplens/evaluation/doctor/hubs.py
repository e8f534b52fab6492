"""``never-found`` and ``always-found``: anti-hubs and hubs of the nearest-neighbour graph."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from shoplens.evaluation.doctor.findings import Finding, Kind, summarize_product
from shoplens.evaluation.doctor.neighbours import NEAR, Neighbourhood
from shoplens.index.protocol import Index, StoredProduct

LEAST_PRODUCTS = 10 * NEAR
"""With fewer, a tenth of the catalogue or more is always among the nearest, and nothing stands out."""
BY_CHANCE = 0.01
"""Probability that a product like any other is found by none of the queries, at most."""
TIMES_THE_MEAN, DEVIATIONS = 5.0, 2.0
"""A hub is found more often than both."""


class Hubs(NamedTuple):
    """Findings, and what could not be judged."""

    findings: list[Finding]
    notes: list[str]


def hub_findings(index: Index, around: Neighbourhood, kinds: Collection[Kind]) -> Hubs:
    """Products with an odd k-occurrence N_k: how many queries have them among their k = 10 nearest.

    The queries are photos of other products of the store. Where vectors have many dimensions N_k is skewed: a few
    products are near to everything, many near to nothing (Radovanovic, Nanopoulos, Ivanovic 2010, "Hubs in Space:
    Popular Nearest Neighbors in High-Dimensional Data").

    ``never-found``: N_k = 0. With q queries over n products N_k is m = k q / n on average, and a product that is found
    as easily as any other is missed by all of them with probability e^-m (Poisson). That is to be at most 1 %, so m at
    least 4.6; with fewer queries per product nothing is said.

    ``always-found``: N_k above the mean and two standard deviations, which is what the paper calls a hub, and above
    five times the mean. The former alone holds for some 5 % of any catalogue, however healthy it is.
    """
    total = index.count()
    if total < LEAST_PRODUCTS:
        return Hubs([], [f"Hubs are not looked for among {total} products; it takes {LEAST_PRODUCTS}."])
    counts = np.array([around.times_found[product_id] for product_id in index.ids()], np.float64)
    mean, deviation = float(counts.mean()), float(counts.std())
    findings: list[Finding] = []
    notes = [_describe_sample(around)] if around.queries < around.photos else []
    if "never-found" in kinds and math.exp(-mean) > BY_CHANCE:
        notes.append(
            f"Which products are never found cannot be said: {around.queries:,} searches find each of {total:,} "
            f"products {mean:.1f} times on average; it takes {-math.log(BY_CHANCE):.1f}."
        )
    elif "never-found" in kinds:
        never = [product_id for product_id in index.ids() if not around.times_found[product_id]]
        findings += _never(index, never, around)
    if "always-found" in kinds:
        bar = max(TIMES_THE_MEAN * mean, mean + DEVIATIONS * deviation)
        always = [product_id for product_id, times in around.times_found.items() if times > bar]
        findings += _always(index, always, around, mean)
    return Hubs(findings, notes)


def _describe_sample(around: Neighbourhood) -> str:
    return f"Searches were {around.queries:,} of the store's {around.photos:,} photos, drawn by a seeded hash."


def _never(index: Index, ids: Sequence[str], around: Neighbourhood) -> Iterator[Finding]:
    for record in _records(index, ids):
        closest = around.closest.get(record.product.id)
        nearest = "" if closest is None else f" The photo most like its own has a cosine of {closest:.2f} with it."
        yield Finding(
            "never-found",
            (record.product.id,),
            f"None of {around.queries:,} searches finds it among the first {NEAR}.{nearest}",
            "See whether the photo shows the product, whole, large and alone; add one that does.",
            (summarize_product(record.product),),
            strength=0.0 if closest is None else 1 - closest,
        )


def _always(index: Index, ids: Sequence[str], around: Neighbourhood, mean: float) -> Iterator[Finding]:
    for record in _records(index, ids):
        times = around.times_found[record.product.id]
        yield Finding(
            "always-found",
            (record.product.id,),
            f"{times:,} of {around.queries:,} searches find it among the first {NEAR}, {times / mean:.1f} times as "
            "many as is usual.",
            "See whether its photos show more than the product, or nearly nothing, and replace those.",
            (summarize_product(record.product),),
            strength=times / mean,
        )


def _records(index: Index, ids: Sequence[str]) -> list[StoredProduct]:
    return index.records(sorted(ids))

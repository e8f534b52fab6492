"""Collects many judged answers: a few numbers per query, the worst answers, and the confused products."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from shoplens.evaluation.query_runs import CATEGORY_RECALL, JudgedRun
from shoplens.evaluation.results import CategoryMetrics, Confusion, Estimate, JudgedAnswer, ProductSummary
from shoplens.evaluation.statistics.intervals import estimate
from shoplens.evaluation.statistics.metrics import METRICS, MetricTable
from shoplens.index.protocol import Index
from shoplens.types import Product, Result

WORST, CONFUSED, SHOWN, CURVE = 12, 20, 5, 50
MAX_PAIRS = 10_000
"""Pairs of confused products that are counted at a time. Beyond it the rarer half is dropped, to be counted anew."""
_NOT_FOUND = 0


class Scores:
    """Collects judged answers one by one; memory grows only by about 60 bytes per query.

    Args:
        seed: seed of the resampling.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.table = MetricTable([*METRICS, CATEGORY_RECALL])
        self._ranks = array("i")
        self._milliseconds = {"retrieve": array("f"), "rank": array("f")}
        self._confused: Counter[tuple[str, str]] = Counter()
        self._worst: dict[str, tuple[tuple[float, float], JudgedAnswer]] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, run: JudgedRun) -> None:
        """Add a judged answer."""
        self.table.add(run.metrics, run.cluster, run.category)
        self._ranks.append(run.rank or _NOT_FOUND)
        for stage, column in self._milliseconds.items():
            column.append(
                run.milliseconds[stage] + (run.milliseconds.get("weigh", 0.0) if stage == "retrieve" else 0.0)
            )
        if run.rank != 1:
            self._add_worst(run)
            if run.results:
                self._confused[run.right.id, run.results[0].product.id] += 1
                if len(self._confused) > MAX_PAIRS:
                    self._confused = Counter(dict(self._confused.most_common(MAX_PAIRS // 2)))

    def metrics(self, rows: Sequence[int] | None = None) -> dict[str, Estimate]:
        """Return every metric's mean over these rows, or all; :data:`CATEGORY_RECALL` over rows with a category."""
        selected = np.arange(len(self)) if rows is None else np.asarray(rows)
        clusters, means = self.table.clusters, {}
        for name in (*METRICS, CATEGORY_RECALL):
            values = self.table.values(name)[selected]
            counted = values >= 0
            if counted.any():
                means[name] = estimate(values[counted], clusters[selected][counted], self.seed)
        return means

    def categories(self) -> list[CategoryMetrics]:
        """Return the metrics per category, the category with the most queries first."""
        _, *categories = self.table.subsets()
        return [CategoryMetrics(name, len(rows), self.metrics(rows.tolist())) for name, rows in categories]

    def curve(self) -> list[Estimate]:
        """Return the share of queries with a right product among the first k, for k = 1 to 50.

        The share never falls with k, so the ends of the intervals are kept from falling, too.
        """
        ranks, clusters = np.asarray(self._ranks), self.table.clusters
        curve: list[Estimate] = []
        for k in range(1, CURVE + 1):
            share = estimate(((ranks != _NOT_FOUND) & (ranks <= k)).astype(float), clusters, self.seed)
            before = curve[-1] if curve else share
            curve.append(Estimate(share.value, max(share.low, before.low), max(share.high, before.high)))
        return curve

    def worst(self) -> list[JudgedAnswer]:
        """Return the answers with the worst rank of the right product, one per cluster, the worst first.

        Among equal ranks, the answer with the highest first score comes first.
        """
        self._prune(WORST)
        return [answer for _, answer in sorted(self._worst.values(), key=lambda item: item[0], reverse=True)]

    def confused(self, index: Index) -> list[Confusion]:
        """Return the pairs of a product in the photo and another product ranked first, the most frequent first."""
        pairs = sorted(self._confused.items(), key=lambda item: (-item[1], item[0]))[:CONFUSED]
        ids = {product_id for pair, _ in pairs for product_id in pair}
        products = {record.product.id: record.product for record in index.records(ids)}
        return [
            Confusion(summarize_product(products[right]), summarize_product(products[wrong]), times)
            for (right, wrong), times in pairs
            if right in products and wrong in products  # neither was removed meanwhile
        ]

    def milliseconds(self) -> dict[str, float]:
        """Return the median milliseconds per query of every stage."""
        return {stage: round(float(np.median(column)), 3) for stage, column in self._milliseconds.items() if column}

    def _add_worst(self, run: JudgedRun) -> None:
        badness = (float(run.rank or math.inf), run.results[0].score if run.results else 0.0)
        before = self._worst.get(run.cluster)
        if before is None or before[0] < badness:
            self._worst[run.cluster] = (badness, _answer(run))
        if len(self._worst) > 8 * WORST:
            self._prune(2 * WORST)

    def _prune(self, count: int) -> None:
        kept = sorted(self._worst.items(), key=lambda item: item[1][0], reverse=True)[:count]
        self._worst = dict(kept)


def summarize_product(product: Product, result: Result | None = None) -> ProductSummary:
    """Return a product for a report, with the photo that matched, or with its first photo if there is no result."""
    if result is None:
        return ProductSummary(product.id, product.title, product.photos[0], 0.0)
    return ProductSummary(product.id, product.title, result.photo, result.score)


def _answer(run: JudgedRun) -> JudgedAnswer:
    results = {result.product.id: result for result in run.results}
    right = [summarize_product(run.right, results.get(run.right.id))]
    right += [summarize_product(results[name].product, results[name]) for name in run.query.grades if name in results]
    unique = {product.product_id: product for product in right}
    shown = tuple(summarize_product(result.product, result) for result in run.results[:SHOWN])
    return JudgedAnswer(run.query.photo, run.query.region, tuple(unique.values()), run.rank, shown)

"""What is kept of many judged answers: a few numbers per query, the worst answers, and who was taken for whom."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from shoplens.evaluation.results import Confusion, Estimate, Found, JudgedAnswer, Part
from shoplens.evaluation.runs import CATEGORY_RECALL, JudgedRun
from shoplens.evaluation.statistics.intervals import estimate
from shoplens.evaluation.statistics.metrics import METRICS, Tally
from shoplens.index.protocol import Index
from shoplens.types import Product, Result

WORST, CONFUSED, SHOWN, CURVE = 12, 20, 5, 50
MOST_PAIRS = 10_000
"""Of confused products that are counted at once; of more, the rarer half is forgotten, and may be counted anew."""
_NOT_FOUND = 0


class Scores:
    """Takes judged answers one by one; flat in memory but for about 60 bytes per query.

    Args:
        seed: of the resampling.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.tally = Tally([*METRICS, CATEGORY_RECALL])
        self._ranks = array("i")
        self._milliseconds = {"retrieve": array("f"), "rank": array("f")}
        self._confused: Counter[tuple[str, str]] = Counter()
        self._worst: dict[str, tuple[tuple[float, float], JudgedAnswer]] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, run: JudgedRun) -> None:
        """One more answer."""
        self.tally.add(run.numbers, run.cluster, run.category)
        self._ranks.append(run.rank or _NOT_FOUND)
        for stage, column in self._milliseconds.items():
            column.append(
                run.milliseconds[stage] + (run.milliseconds.get("weigh", 0.0) if stage == "retrieve" else 0.0)
            )
        if run.rank != 1:
            self._add_worst(run)
            if run.results:
                self._confused[run.right.id, run.results[0].product.id] += 1
                if len(self._confused) > MOST_PAIRS:
                    self._confused = Counter(dict(self._confused.most_common(MOST_PAIRS // 2)))

    def metrics(self, rows: Sequence[int] | None = None) -> dict[str, Estimate]:
        """Name -> mean over these rows, or all; :data:`CATEGORY_RECALL` over those that have a category."""
        chosen = np.arange(len(self)) if rows is None else np.asarray(rows)
        clusters, told = self.tally.clusters, {}
        for name in (*METRICS, CATEGORY_RECALL):
            values = self.tally.values(name)[chosen]
            counted = values >= 0
            if counted.any():
                told[name] = estimate(values[counted], clusters[chosen][counted], self.seed)
        return told

    def categories(self) -> list[Part]:
        """The metrics per category, the most queries first."""
        _, *parts = self.tally.parts()
        return [Part(name, len(rows), self.metrics(rows.tolist())) for name, rows in parts]

    def curve(self) -> list[Estimate]:
        """Share of queries with a right product among the first k, for k = 1 to 50; like the share, no end falls."""
        ranks, clusters = np.asarray(self._ranks), self.tally.clusters
        told: list[Estimate] = []
        for k in range(1, CURVE + 1):
            one = estimate(((ranks != _NOT_FOUND) & (ranks <= k)).astype(float), clusters, self.seed)
            before = told[-1] if told else one
            told.append(Estimate(one.value, max(one.low, before.low), max(one.high, before.high)))
        return told

    def worst(self) -> list[JudgedAnswer]:
        """The answers whose right product came last, the surest first; one per design."""
        self._prune(WORST)
        return [answer for _, answer in sorted(self._worst.values(), key=lambda one: one[0], reverse=True)]

    def confused(self, index: Index) -> list[Confusion]:
        """Products that came first although another one was in the photo, the most frequent first."""
        pairs = sorted(self._confused.items(), key=lambda one: (-one[1], one[0]))[:CONFUSED]
        names = {name for pair, _ in pairs for name in pair}
        products = {record.product.id: record.product for record in index.records(names)}
        return [
            Confusion(summarize_product(products[right]), summarize_product(products[wrong]), times)
            for (right, wrong), times in pairs
            if right in products and wrong in products  # not removed meanwhile
        ]

    def milliseconds(self) -> dict[str, float]:
        """Median per query and stage."""
        return {stage: round(float(np.median(column)), 3) for stage, column in self._milliseconds.items() if column}

    def _add_worst(self, run: JudgedRun) -> None:
        badness = (float(run.rank or math.inf), run.results[0].score if run.results else 0.0)
        before = self._worst.get(run.cluster)
        if before is None or before[0] < badness:
            self._worst[run.cluster] = (badness, _answer(run))
        if len(self._worst) > 8 * WORST:
            self._prune(2 * WORST)

    def _prune(self, count: int) -> None:
        kept = sorted(self._worst.items(), key=lambda one: one[1][0], reverse=True)[:count]
        self._worst = dict(kept)


def summarize_product(product: Product, result: Result | None = None) -> Found:
    """A product as a report shows it, by the photo that matched, or its first."""
    if result is None:
        return Found(product.id, product.title, product.photos[0], 0.0)
    return Found(product.id, product.title, result.photo, result.score)


def _answer(run: JudgedRun) -> JudgedAnswer:
    placed = {result.product.id: result for result in run.results}
    right = [summarize_product(run.right, placed.get(run.right.id))]
    right += [summarize_product(placed[name].product, placed[name]) for name in run.query.grades if name in placed]
    others = {one.product_id: one for one in right}
    shown = tuple(summarize_product(result.product, result) for result in run.results[:SHOWN])
    return JudgedAnswer(run.query.photo, run.query.region, tuple(others.values()), run.rank, shown)

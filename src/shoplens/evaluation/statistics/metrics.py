"""Metrics of one ranking: pure functions of product ids, and a table that collects their values.

A query has *grades*: right product -> gain, above 0; a bigger gain means a more relevant product. Only products that
can be found have grades. A query without any is left out and counted before it comes here. ``ranked`` are product ids,
best first, each once, without the products that are excluded for the query (such as the photo's own product).

The ranking must be deep enough: it needs at least :func:`required_depth` products, or all there are. A right product
below the end of a shorter ranking counts as not found.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue

Grades = Mapping[str, float]
"""Right product -> its gain, which is finite and above 0."""


class Metric(NamedTuple):
    """A number in [0, 1], where bigger is better: a description, and the function of (ranked, grades)."""

    about: str
    compute: Callable[[Sequence[str], Grades], float]


def required_depth(grades: Grades) -> int:
    """Return how many products a ranking must hold: 10, or the number of right products if that is larger."""
    return max(10, len(grades))


def first_right_rank(ranked: Sequence[str], grades: Grades) -> int | None:
    """Return the rank of the first right product, from 1, or None if no right product is ranked.

    >>> first_right_rank(["a", "b", "c"], {"c": 1.0, "b": 1.0})
    2
    """
    return next((rank for rank, name in enumerate(ranked, 1) if name in grades), None)


def recall_at(k: int) -> Callable[[Sequence[str], Grades], float]:
    """Return the metric that is 1 if any right product is among the first k, else 0.

    Metric learning calls this R@k (Jégou, Douze, Schmid 2011, "Product Quantization for Nearest Neighbor Search";
    Oh Song et al. 2016, "Deep Metric Learning via Lifted Structured Feature Embedding"); information retrieval calls
    it success@k or hit rate, and keeps the word recall for the share of the right products that was found. With one
    right product per query the two are the same.

    >>> recall_at(1)(["a", "b"], {"b": 1.0}), recall_at(5)(["a", "b"], {"b": 1.0})
    (0.0, 1.0)
    """

    def recall(ranked: Sequence[str], grades: Grades) -> float:
        return float(any(name in grades for name in ranked[:k]))

    return recall


def reciprocal_rank(ranked: Sequence[str], grades: Grades) -> float:
    """Return 1 / rank of the first right product, or 0 if none is ranked (Voorhees 1999, "TREC-8 QA Track").

    >>> reciprocal_rank(["a", "b"], {"b": 1.0})
    0.5
    """
    rank = first_right_rank(ranked, grades)
    return 1.0 / rank if rank else 0.0


def average_precision_at_r(ranked: Sequence[str], grades: Grades) -> float:
    """Return (1 / R) Σ precision(i) · rel(i) over the ranks i = 1 … R, with R the number of right products.

    Precision(i) is the share of right products among the first i; rel(i) is 1 if the i-th product is right, else 0. The
    size of the grades does not matter. Source: Musgrave, Belongie, Lim 2020, "A Metric Learning Reality Check".

    >>> average_precision_at_r(["a", "x", "b", "c"], {"a": 1.0, "b": 1.0})
    0.5
    """
    hits, total = 0, 0.0
    for rank, name in enumerate(ranked[: len(grades)], 1):
        if name in grades:
            hits += 1
            total += hits / rank
    return total / len(grades)


def ndcg_at(k: int) -> Callable[[Sequence[str], Grades], float]:
    """Return the metric DCG of the first k over DCG of the best order: DCG = Σ grade(i) / log2(i + 1).

    The best order has all right products first, by falling grade.

    Source: Järvelin, Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques", with the gain linear in the
    grade and the discount log2(rank + 1), as in ``ndcg_cut`` of trec_eval.

    >>> round(ndcg_at(10)(["x", "a"], {"a": 1.0}), 4)
    0.6309
    """
    discounts = [1 / math.log2(rank + 1) for rank in range(1, k + 1)]

    def ndcg(ranked: Sequence[str], grades: Grades) -> float:
        top = max(grades.values())  # only ratios matter, and they cannot overflow
        best = sorted((grade / top for grade in grades.values()), reverse=True)
        gained = math.fsum(grades.get(name, 0.0) / top * d for name, d in zip(ranked, discounts, strict=False))
        ideal = math.fsum(gain * d for gain, d in zip(best, discounts, strict=False))
        return min(1.0, gained / ideal)  # rounding may exceed 1

    return ndcg


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "recall@1": Metric("a right product comes first", recall_at(1)),
        "recall@5": Metric("a right product is among the first 5", recall_at(5)),
        "recall@10": Metric("a right product is among the first 10", recall_at(10)),
        "mrr": Metric("1 / rank of the first right product, 0 when it is not found", reciprocal_rank),
        "map@r": Metric("precision averaged over as many ranks as there are right products", average_precision_at_r),
        "ndcg@10": Metric("share of the possible gain in the first 10, where early ranks count more", ndcg_at(10)),
    }
)
"""Name of a metric in JSON and in tables -> the metric."""


def compute_metrics(ranked: Sequence[str], grades: Grades) -> dict[str, float]:
    """Compute every metric of one query.

    Args:
        ranked: product ids, best first, without repeats; at least :func:`required_depth` of them, or all there are.
        grades: the grades of the right products that can be found.

    Raises:
        InvalidValue: there are no grades, a grade is not finite and above 0, or an id is ranked twice.

    >>> metrics = compute_metrics(["x", "a", "b"], {"a": 1.0, "b": 1.0})
    >>> metrics["recall@1"], metrics["recall@5"], metrics["mrr"], metrics["map@r"]
    (0.0, 1.0, 0.5, 0.25)
    """
    if not grades:
        raise InvalidValue(
            "A query has no right products.", "Leave the query out of the metrics, and count it as left out."
        )
    for name, grade in grades.items():
        if not (math.isfinite(grade) and grade > 0):
            raise InvalidValue(
                f"The grade of {name!r} is {grade!r}.", "Give a finite number above 0, and leave wrong products out."
            )
    if len(set(ranked)) != len(ranked):
        repeated = next(name for name, times in Counter(ranked).items() if times > 1)
        raise InvalidValue(f"The product {repeated!r} is ranked more than once.", "Keep only its best rank.")
    return {name: metric.compute(ranked, grades) for name, metric in METRICS.items()}


class MetricTable:
    """Collects the metrics of queries, a row each, in float32 columns: 100,000 rows of 8 numbers are about 5 MB.

    Similar queries belong to one cluster, such as those of one product. The table keeps only 64 bits of the hash of a
    cluster's name, which is the same in every process. Among 100,000 names, two have the same hash with a probability
    below 1e-9; then one interval is slightly too wide.

    Args:
        names: names of the columns; every row has a number for each of them.
    """

    def __init__(self, names: Iterable[str] = tuple(METRICS)) -> None:
        self._columns = {name: array("f") for name in names}
        self._clusters = array("Q")
        self._categories = array("i")
        self._category_numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._clusters)

    def add(self, numbers: Mapping[str, float], cluster: str, category: str = "") -> None:
        """Add a row; ``category`` is empty where there is none.

        Raises:
            InvalidValue: the names of the numbers are not those of the columns, or a number is not finite.
        """
        if numbers.keys() != self._columns.keys():
            raise InvalidValue(f"A row has the numbers {sorted(numbers)}.", f"Give exactly {sorted(self._columns)}.")
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise InvalidValue(f"{name} of a query of {cluster!r} is {number}.", "Give finite numbers.")
        for name, number in numbers.items():
            self._columns[name].append(number)
        self._clusters.append(
            int.from_bytes(blake2b(cluster.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        )
        self._categories.append(self._category_numbers.setdefault(category, len(self._category_numbers)))

    def values(self, name: str) -> npt.NDArray[np.float32]:
        """Return one column, float32 (n,), in the order in which the rows were added.

        Raises:
            InvalidValue: there is no such column.
        """
        if name not in self._columns:
            raise InvalidValue(f"There is no column {name!r}.", f"Choose from {', '.join(self._columns)}.")
        return np.array(self._columns[name], np.float32)

    @property
    def clusters(self) -> npt.NDArray[np.uint64]:
        """The cluster of each row as a hash, uint64 (n,); equal names have equal hashes."""
        return np.array(self._clusters, np.uint64)

    def subsets(self) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
        """Yield ``all`` with every row, then each category with its rows, the most rows first, equals by name.

        Rows without a category are only in ``all``. An empty table yields nothing.

        >>> table = MetricTable(["mrr"])
        >>> for category in ("Shoes", "Hats", "Shoes", ""):
        ...     table.add({"mrr": 1.0}, "a cluster", category)
        >>> [(name, rows.tolist()) for name, rows in table.subsets()]
        [('all', [0, 1, 2, 3]), ('Shoes', [0, 2]), ('Hats', [1])]
        """
        if not len(self):
            return
        yield "all", np.arange(len(self))
        numbers = np.array(self._categories, np.int32)
        sizes = np.bincount(numbers)
        order = np.argsort(numbers, kind="stable")
        starts = np.cumsum(sizes) - sizes
        for name, number in sorted(self._category_numbers.items(), key=lambda item: (-sizes[item[1]], item[0])):
            if name:
                yield name, order[starts[number] : starts[number] + sizes[number]]

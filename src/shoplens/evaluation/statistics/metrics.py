"""How right one ranking is, in numbers: pure functions of product ids, and a small table of what they said.

A query has *grades*: right product -> gain, above 0; bigger is more wanted. Only products that can be found belong
there, and a query without any is no query: it is left out and counted before it comes here. ``ranked`` are product
ids, best first, each once, without those that are excluded for the query (such as the photo's own product).

The ranking must be deep enough: at least :func:`depth` products, or all there are. A right product below the end of a
shorter one counts as never found.
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
"""Right product -> its gain, finite and above 0."""


class Metric(NamedTuple):
    """A number in [0, 1], bigger is better: what it says, for people, and the function of (ranked, grades)."""

    about: str
    of: Callable[[Sequence[str], Grades], float]


def depth(grades: Grades) -> int:
    """How many products a ranking must hold for these grades, where there are as many: 10, or R when that is more."""
    return max(10, len(grades))


def rank_of_first(ranked: Sequence[str], grades: Grades) -> int | None:
    """Rank of the first right product, from 1; None when there is none among the ranked.

    >>> rank_of_first(["a", "b", "c"], {"c": 1.0, "b": 1.0})
    2
    """
    return next((rank for rank, name in enumerate(ranked, 1) if name in grades), None)


def recall_at(k: int) -> Callable[[Sequence[str], Grades], float]:
    """1 if any right product is among the first k, else 0.

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
    """1 / rank of the first right product; 0 when it is not among the ranked (Voorhees 1999, "TREC-8 QA Track").

    >>> reciprocal_rank(["a", "b"], {"b": 1.0})
    0.5
    """
    rank = rank_of_first(ranked, grades)
    return 1.0 / rank if rank else 0.0


def average_precision_at_r(ranked: Sequence[str], grades: Grades) -> float:
    """(1 / R) Σ precision(i) · rel(i) over the ranks i = 1 … R, with R the number of right products.

    Precision(i) is the share of right products among the first i; rel(i) is 1 where the i-th is right, else 0. Grades
    do not matter. Source: Musgrave, Belongie, Lim 2020, "A Metric Learning Reality Check".

    >>> average_precision_at_r(["a", "x", "b", "c"], {"a": 1.0, "b": 1.0})
    0.5
    """
    found, total = 0, 0.0
    for rank, name in enumerate(ranked[: len(grades)], 1):
        if name in grades:
            found += 1
            total += found / rank
    return total / len(grades)


def ndcg_at(k: int) -> Callable[[Sequence[str], Grades], float]:
    """DCG of the first k over the DCG of the best order of all right products: DCG = Σ grade(i) / log2(i + 1).

    Source: Järvelin, Kekäläinen 2002, "Cumulated Gain-Based Evaluation of IR Techniques", with the gain linear in the
    grade and the discount log2(rank + 1), as trec_eval's ``ndcg_cut`` has it.

    >>> round(ndcg_at(10)(["x", "a"], {"a": 1.0}), 4)
    0.6309
    """
    discounts = [1 / math.log2(rank + 1) for rank in range(1, k + 1)]

    def ndcg(ranked: Sequence[str], grades: Grades) -> float:
        top = max(grades.values())  # only ratios matter, and ratios cannot overflow
        best = sorted((grade / top for grade in grades.values()), reverse=True)
        gained = math.fsum(grades.get(name, 0.0) / top * d for name, d in zip(ranked, discounts, strict=False))
        ideal = math.fsum(gain * d for gain, d in zip(best, discounts, strict=False))
        return min(1.0, gained / ideal)  # rounding

    return ndcg


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "recall@1": Metric("a right product comes first", recall_at(1)),
        "recall@5": Metric("a right product is among the first 5", recall_at(5)),
        "recall@10": Metric("a right product is among the first 10", recall_at(10)),
        "mrr": Metric("1 / rank of the first right product, 0 when it is not found", reciprocal_rank),
        "map@r": Metric("precision averaged over as many ranks as there are right products", average_precision_at_r),
        "ndcg@10": Metric("share of the wanted gain that the first 10 hold, early ranks counting more", ndcg_at(10)),
    }
)
"""Name, in JSON and in tables -> the metric."""


def metrics_of(ranked: Sequence[str], grades: Grades) -> dict[str, float]:
    """Every metric of one query.

    Args:
        ranked: product ids, best first, no repeats; at least :func:`depth` of them, or all there are.
        grades: of the right products that can be found.

    Raises:
        InvalidValue: for no grades, for one that is not finite and above 0, and for an id that is ranked twice.

    >>> told = metrics_of(["x", "a", "b"], {"a": 1.0, "b": 1.0})
    >>> told["recall@1"], told["recall@5"], told["mrr"], told["map@r"]
    (0.0, 1.0, 0.5, 0.25)
    """
    if not grades:
        raise InvalidValue("A query has no right products.", "Leave it out of the metrics, and count it as left out.")
    for name, grade in grades.items():
        if not (math.isfinite(grade) and grade > 0):
            raise InvalidValue(
                f"The grade of {name!r} is {grade!r}.", "Give a finite number above 0; leave wrong products out."
            )
    if len(set(ranked)) != len(ranked):
        twice = next(name for name, times in Counter(ranked).items() if times > 1)
        raise InvalidValue(f"{twice!r} is ranked more than once.", "Keep its best rank only.")
    return {name: metric.of(ranked, grades) for name, metric in METRICS.items()}


class Tally:
    """What was measured per query, a row each, in float32 columns: 100,000 queries of 8 numbers are about 5 MB.

    A cluster is what queries have in common that makes them alike, such as their product; the names themselves are
    not kept, only 64 bits of their hash, the same in every process. Among 100,000 names two are taken for one with a
    probability below 1e-9, and then one interval is a trace too wide.

    Args:
        names: of the columns; each row gives a number for all of them.
    """

    def __init__(self, names: Iterable[str] = tuple(METRICS)) -> None:
        self._columns = {name: array("f") for name in names}
        self._clusters = array("Q")
        self._categories = array("i")
        self._category_numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._clusters)

    def add(self, numbers: Mapping[str, float], cluster: str, category: str = "") -> None:
        """One more row. ``category`` is empty where there is none.

        Raises:
            InvalidValue: when the numbers are not those of the columns, or one is not finite.
        """
        if numbers.keys() != self._columns.keys():
            raise InvalidValue(f"A row has {sorted(numbers)}.", f"Give {sorted(self._columns)}, no more and no less.")
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
        """One column: float32 (n,), in the order of adding.

        Raises:
            InvalidValue: when there is no such column.
        """
        if name not in self._columns:
            raise InvalidValue(f"There is no column {name!r}.", f"Ask for one of {', '.join(self._columns)}.")
        return np.array(self._columns[name], np.float32)

    @property
    def clusters(self) -> npt.NDArray[np.uint64]:
        """Which cluster each row is of: uint64 (n,), equal for equal names."""
        return np.array(self._clusters, np.uint64)

    def parts(self) -> Iterator[tuple[str, npt.NDArray[np.intp]]]:
        """``all`` and every row; then each category and its rows, the most rows first, equals by name.

        Rows without a category are in ``all`` only. Nothing when nothing was added.

        >>> tally = Tally(["mrr"])
        >>> for category in ("Shoes", "Hats", "Shoes", ""):
        ...     tally.add({"mrr": 1.0}, "a cluster", category)
        >>> [(name, rows.tolist()) for name, rows in tally.parts()]
        [('all', [0, 1, 2, 3]), ('Shoes', [0, 2]), ('Hats', [1])]
        """
        if not len(self):
            return
        yield "all", np.arange(len(self))
        numbers = np.array(self._categories, np.int32)
        sizes = np.bincount(numbers)
        order = np.argsort(numbers, kind="stable")
        starts = np.cumsum(sizes) - sizes
        for name, number in sorted(self._category_numbers.items(), key=lambda one: (-sizes[one[1]], one[0])):
            if name:
                yield name, order[starts[number] : starts[number] + sizes[number]]

"""Queries -> judged answers, one at a time: nothing here grows with the number of queries or products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.statistics.metrics import depth, metrics_of, rank_of_first
from shoplens.feeds import Report
from shoplens.index.conditions import AllOf, OneOf
from shoplens.index.identifiers import find_products
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.match_probability import REFERENCE
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.constraint import RankingConstraint
from shoplens.search.prepared_strategy import PreparedStrategy, Ranking
from shoplens.types import MAX_RESULTS, Product, Rejection, Result, StageTimer, group_of

DEPTH = 100
"""Products that are looked at per query, at least; a right one that comes later counts as not found."""
ABSENT = "product-not-in-store"
CATEGORY_RECALL = "recall@1/category"
"""Whether a right product comes first among the products of its own category."""
Gallery = Literal["all", "first-photos", "other-photos"]
"""What is searched: all photos; the first one of each product, where the further ones are the queries; or all but the
query's own."""


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """One query's answer by one strategy.

    Attributes:
        query: its ``grades`` are of products that are in the store.
        photo: as it was searched for.
        right: the most wanted of them.
        results: best first, without the excluded.
        numbers: every metric, and :data:`CATEGORY_RECALL`, which is -1 where the right product has no category.
        rank: of the first right product; None when it is not among the results.
        milliseconds: ``weigh`` where weights were chosen, ``retrieve``, ``rank`` and ``total``.
    """

    query: JudgedQuery
    photo: EncodedQuery
    right: Product
    results: list[Result]
    numbers: dict[str, float]
    rank: int | None
    milliseconds: dict[str, float]

    @property
    def cluster(self) -> str:
        """What queries have in common that makes them alike: the design of the product they are after."""
        return f"group {self.right.group_id}" if self.right.group_id else f"product {self.right.id}"

    @property
    def category(self) -> str:
        return " / ".join(self.right.category)


def answerable(index: Index, queries: Iterable[JudgedQuery | Rejection], rejected: Report) -> Iterator[JudgedQuery]:
    """The queries that have a right product in the store, with the grades of those; ``rejected`` hears of the rest.

    A product may be named by an identifier, or by an id that it had before; all products that share one are right.
    """
    for query in queries:
        if isinstance(query, Rejection):
            rejected.add(query)
            continue
        named = find_products(index, (*query.grades, *query.excluded))
        excluded = query.excluded.union(*(named[name].ids for name in query.excluded if name in named))
        wanted = [name for name in query.grades if name not in query.excluded]
        missing = [name for name in wanted if name not in named]
        grades: dict[str, float] = {}
        for name in wanted:  # the most wanted first
            for product in named[name].ids if name in named else ():
                if product not in excluded:
                    grades.setdefault(product, query.grades[name])
        if missing and grades:
            rejected.add(_missing(query, missing, "note"))
        if grades:
            yield replace(query, grades=grades, excluded=excluded)
        else:
            rejected.add(_missing(query, missing, "rejected") if missing else _all_excluded(query))


def evaluate_query(
    index: Index,
    prepared: PreparedStrategy,
    query: JudgedQuery,
    photo: EncodedQuery,
    gallery: Gallery = "all",
) -> JudgedRun | None:
    """One query ranked as a search ranks it, and judged; None when its product was removed meanwhile."""
    records = index.records([next(iter(query.grades))])
    if not records:
        return None
    product = records[0].product
    encoded = prepared.encode(photo, None if gallery == "all" else group_of(product))
    photos = PhotoConstraint(first_photos_only=gallery == "first-photos")
    if gallery == "other-photos":
        photos = replace(photos, excluded_hash=encoded.content_hash)
        encoded = replace(encoded, pixel_hash="", content_hash="")
    timer = StageTimer()
    constraint = RankingConstraint(_depth(query), photos)
    ranking = prepared.rank(index, encoded, constraint, timer)
    found = [one for one in ranking.results if one.product.id not in query.excluded]
    ids = [result.product.id for result in found][: max(DEPTH, depth(query.grades))]
    numbers = metrics_of(ids, query.grades)
    numbers[CATEGORY_RECALL] = _category_recall(index, prepared, query, product, ranking, constraint)
    rank = rank_of_first(ids, query.grades)
    return JudgedRun(query, ranking.query, product, found, numbers, rank, timer.stages())


def _depth(query: JudgedQuery) -> int:
    return min(MAX_RESULTS, max(DEPTH, depth(query.grades) + REFERENCE) + len(query.excluded))


def _category_recall(
    index: Index,
    prepared: PreparedStrategy,
    query: JudgedQuery,
    right: Product,
    ranking: Ranking,
    constraint: RankingConstraint,
) -> float:
    """1 if the best product of the right one's category is a right one, 0 if not, -1 if it has no category."""
    if not right.category:
        return -1.0
    same = _first_of_category(ranking, query, right)
    within = constraint.with_condition(AllOf(tuple(OneOf("category", (one.casefold(),)) for one in right.category)))
    k = 16
    while same is None:  # all of the first hundred are of other categories
        within = replace(within, k=min(MAX_RESULTS, k + len(query.excluded)))
        more = prepared.rank(index, ranking.query, within)
        same = _first_of_category(more, query, right)
        if len(more.results) < within.k or within.k == MAX_RESULTS:
            break
        k *= 4
    return float(same in query.grades)


def _first_of_category(ranking: Ranking, query: JudgedQuery, right: Product) -> str | None:
    """Id of the best product of the same category, but for those that do not count."""
    products = (one.product for one in ranking.results if one.product.id not in query.excluded)
    return next((product.id for product in products if product.category == right.category), None)


def _missing(query: JudgedQuery, ids: list[str], level: str) -> Rejection:
    if level == "note":
        kind, reason = "right-product-not-in-store", "Some of the right products are not in the store."
    else:
        kind, reason = ABSENT, "None of the right products is in the store; the query is in no metric."
    fix = "Correct product_id, or index the feed that has them."
    return Rejection(kind, reason, fix, level, query.row, "", "product_id", "|".join(ids))  # type: ignore[arg-type]


def _all_excluded(query: JudgedQuery) -> Rejection:
    fix = "Name a right product that is not excluded."
    reason = "All right products of the row are excluded."
    return Rejection("query-all-excluded", reason, fix, row=query.row, field="exclude", value=query.photo)

"""Runs queries one at a time and judges the answers; memory does not grow with the number of queries or products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.statistics.metrics import compute_metrics, first_right_rank, required_depth
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
"""Number of ranked products that are judged per query, at least; a right product below counts as not found."""
ABSENT = "product-not-in-store"
CATEGORY_RECALL = "recall@1/category"
"""Name of the metric that tells whether a right product comes first among the products of its own category."""
Gallery = Literal["all", "first-photos", "other-photos"]
"""The photos that are searched: all; only the first one of each product, where the further ones are the queries; or all
but the query's own photo."""


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The answer of one strategy to one query.

    Attributes:
        query: the query; its ``grades`` have only products that are in the store.
        photo: the encoded photo that was searched for.
        right: the most relevant right product.
        results: the results, best first, without excluded products.
        metrics: every metric, and :data:`CATEGORY_RECALL`, which is -1 where the right product has no category.
        rank: rank of the first right product, from 1; None if it is not among the judged results.
        milliseconds: stage -> duration: ``weigh`` where weights were chosen, ``retrieve``, ``rank`` and ``total``.
    """

    query: JudgedQuery
    photo: EncodedQuery
    right: Product
    results: list[Result]
    metrics: dict[str, float]
    rank: int | None
    milliseconds: dict[str, float]

    @property
    def cluster(self) -> str:
        """The cluster of the query: the group of the right product, or the product where it has no group."""
        return f"group {self.right.group_id}" if self.right.group_id else f"product {self.right.id}"

    @property
    def category(self) -> str:
        """The category of the right product, its levels joined by `` / ``."""
        return " / ".join(self.right.category)


def select_answerable(
    index: Index, queries: Iterable[JudgedQuery | Rejection], rejected: Report
) -> Iterator[JudgedQuery]:
    """Yield the queries with a right product in the store, with the grades of such products only.

    The other queries, and missing products of a query that has others, are added to ``rejected``.

    A product may be named by an identifier or by an earlier id; all products that have it are right.
    """
    for query in queries:
        if isinstance(query, Rejection):
            rejected.add(query)
            continue
        matches = find_products(index, (*query.grades, *query.excluded))
        excluded = query.excluded.union(*(matches[name].ids for name in query.excluded if name in matches))
        names = [name for name in query.grades if name not in query.excluded]
        missing = [name for name in names if name not in matches]
        grades: dict[str, float] = {}
        for name in names:  # the most relevant first
            for product_id in matches[name].ids if name in matches else ():
                if product_id not in excluded:
                    grades.setdefault(product_id, query.grades[name])
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
    """Rank a query as a search does, and judge the ranking; return None if its product was removed meanwhile."""
    records = index.records([next(iter(query.grades))])
    if not records:
        return None
    product = records[0].product
    encoded = prepared.encode(photo, None if gallery == "all" else group_of(product))
    photos = PhotoConstraint(first_photos_only=gallery == "first-photos")
    if gallery == "other-photos":
        photos = replace(photos, excluded_hash=encoded.content_hash)
        encoded = replace(encoded, pixel_hashes=(), content_hash="")
    timer = StageTimer()
    constraint = RankingConstraint(_depth(query), photos)
    ranking = prepared.rank(index, encoded, constraint, timer)
    results = [result for result in ranking.results if result.product.id not in query.excluded]
    ids = [result.product.id for result in results][: max(DEPTH, required_depth(query.grades))]
    metrics = compute_metrics(ids, query.grades)
    metrics[CATEGORY_RECALL] = _category_recall(index, prepared, query, product, ranking, constraint)
    rank = first_right_rank(ids, query.grades)
    return JudgedRun(query, ranking.query, product, results, metrics, rank, timer.stages())


def _depth(query: JudgedQuery) -> int:
    return min(MAX_RESULTS, max(DEPTH, required_depth(query.grades) + REFERENCE) + len(query.excluded))


def _category_recall(
    index: Index,
    prepared: PreparedStrategy,
    query: JudgedQuery,
    right: Product,
    ranking: Ranking,
    constraint: RankingConstraint,
) -> float:
    """Return 1 if the best product in the right product's category is right, 0 if not, -1 if it has no category."""
    if not right.category:
        return -1.0
    first = _first_of_category(ranking, query, right)
    in_category = AllOf(tuple(OneOf("category", (level.casefold(),)) for level in right.category))
    category_constraint = constraint.with_condition(in_category)
    k = 16
    while first is None:  # all ranked products are of other categories
        category_constraint = replace(category_constraint, k=min(MAX_RESULTS, k + len(query.excluded)))
        category_ranking = prepared.rank(index, ranking.query, category_constraint)
        first = _first_of_category(category_ranking, query, right)
        if len(category_ranking.results) < category_constraint.k or category_constraint.k == MAX_RESULTS:
            break
        k *= 4
    return float(first in query.grades)


def _first_of_category(ranking: Ranking, query: JudgedQuery, right: Product) -> str | None:
    """Return the id of the best product of the right product's category that is not excluded."""
    products = (result.product for result in ranking.results if result.product.id not in query.excluded)
    return next((product.id for product in products if product.category == right.category), None)


def _missing(query: JudgedQuery, ids: list[str], level: str) -> Rejection:
    if level == "note":
        kind, reason = "right-product-not-in-store", "Some of the right products are not in the store."
    else:
        kind, reason = ABSENT, "None of the right products is in the store, so the query is in no metric."
    fix = "Correct product_id, or index a feed with these products."
    return Rejection(kind, reason, fix, level, query.row, "", "product_id", "|".join(ids))  # type: ignore[arg-type]


def _all_excluded(query: JudgedQuery) -> Rejection:
    fix = "Name a right product that is not excluded."
    reason = "All right products of the row are excluded."
    return Rejection("query-all-excluded", reason, fix, row=query.row, field="exclude", value=query.photo)

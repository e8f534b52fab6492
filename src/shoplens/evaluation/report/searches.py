"""A page that shows searches: each query photo beside the products that were found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoplens.evaluation.report.rendering import render_page
from shoplens.types import Answer, Pixels, Product, Result

SHOWN_ATTRIBUTES = 5
LONGEST_VALUE = 24
_MEANINGLESS_VALUES = {"true", "false", "yes", "no"}


@dataclass(frozen=True, slots=True)
class ShownSearch:
    """One search on the page.

    Attributes:
        answer: what was found; its ``source`` is the query photo.
        how: what kind of photo the query is, in a few words.
        expected: the product that is in the photo, where that is known.
        expected_rank: rank of that product, None if it was not among the results.
    """

    answer: Answer
    how: str
    expected: Product | None = None
    expected_rank: int | None = None


def write_search_report(
    path: Path, title: str, facts: Sequence[str], searches: Iterable[ShownSearch], picture: Callable[[str], Pixels]
) -> None:
    """Write the page.

    Args:
        path: an HTML file; its folder must exist.
        facts: short sentences under the title.
        picture: source of a photo -> its pixels, uint8 (h, w, 3).
    """
    shown = [_search_values(search) for search in searches]
    page = render_page("searches.html", title=title, lead="", facts=facts, searches=shown, picture=picture)
    path.write_text(page, "utf-8")


def _search_values(search: ShownSearch) -> dict[str, object]:
    """Return what the template shows of one search."""
    return {
        "how": search.how,
        "answer": search.answer,
        "expected": search.expected,
        "expected_rank": search.expected_rank,
        "expected_name": "" if search.expected is None else _name(search.expected),
        "verdict": "right" if search.expected_rank == 1 else "near" if search.expected_rank else "missed",
        "results": [_result_values(result, search.expected) for result in search.answer.results],
    }


def _result_values(result: Result, expected: Product | None) -> dict[str, object]:
    """Return what the template shows of one result."""
    product = result.product
    mark = ""
    if expected is not None and product.id == expected.id:
        mark = "is-it"
    elif expected is not None and product.group_id == expected.group_id != "":
        mark = "same-group"
    return {
        "mark": mark,
        "photo": result.photo,
        "rank": result.rank,
        "title": product.title,
        "attributes": _attributes(product),
        "score": f"{result.score:.3f}",
        "parts": " + ".join(f"{name} {value:.3f}" for name, value in result.parts.items()),
        "price": "" if product.price is None else f"{product.price:.2f} {product.currency}".strip(),
    }


def _attributes(product: Product) -> str:
    """Return a few attributes that can be read at a glance: short values of attributes that have only one."""
    texts = [str(values[0]) for values in product.attributes.values() if len(values) == 1]
    shown = [text for text in texts if len(text) <= LONGEST_VALUE and text.lower() not in _MEANINGLESS_VALUES]
    return " · ".join(shown[:SHOWN_ATTRIBUTES])


def _name(product: Product) -> str:
    attributes = _attributes(product)
    return f"{product.title} ({attributes})" if attributes else product.title

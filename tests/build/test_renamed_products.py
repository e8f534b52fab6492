"""Ids that carry on from one feed to the next: kept where a row still has them, else old and new told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, Refused, StoreError
from shoplens.feedback.events import Event
from tests.fakes import ColourEmbedder, feed_of, numbered_color, photo, row

Told = list[Mapping[str, Sequence[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos ``p0.png`` to ``p9.png``."""
    for number in range(10):
        photo(tmp_path / f"p{number}.png", numbered_color(number))
    return tmp_path


def size(name: str, value: str, number: int = 0, group: str = "shirt", **more: Any) -> dict[str, Any]:
    """A row of one size of a design, with the photo of that number."""
    return row(name, f"p{number}.png", group_id=group, attributes={"size": value}, **more)


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """Shirts in two sizes, which are one product, and five others."""
    rows = [size("s-S", "S"), size("s-M", "M", identifiers=["4006381333931"]), *others()]
    shop, _ = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    yield shop
    shop.close()


def others() -> list[dict[str, Any]]:
    return [row(f"p{number}") for number in range(1, 6)]


def test_every_row_finds_its_product(shop: Shop) -> None:
    assert [getattr(shop.products.get(name), "id", None) for name in ("s-S", "s-M", "4006381333931", "s")] == [
        *["s-S"] * 3,
        None,
    ]


def test_an_id_is_kept_while_a_row_has_it(shop: Shop, folder: Path) -> None:
    told: Told = []
    turned = feed_of(folder / "two.jsonl", [*others(), size("s-L", "L"), size("s-M", "M"), size("s-S", "S")])
    summary = shop.sync(turned, on_renames=told.append)
    assert (summary.renamed, told, summary.removed, summary.added) == ({}, [], 0, 0)
    product = shop.products.get("s-L")
    assert product is not None and (product.id, product.identifiers) == ("s-S", ("s-L", "s-M"))


def test_an_id_that_changes_is_told_before_anything_goes_and_does_not_count_as_removed(
    shop: Shop, folder: Path
) -> None:
    there: list[bool] = []

    def tell(renames: Mapping[str, Sequence[str]]) -> None:
        assert dict(renames) == {"s-S": ["s-M"]}
        there.append("s-S" in shop.products)

    later = feed_of(folder / "two.jsonl", [size("s-M", "M"), size("s-L", "L"), *others()])
    summary = shop.sync(later, max_removals="0", on_renames=tell)
    assert (there, summary.renamed, summary.removed) == ([True], {"s-S": ["s-M"]}, 0)
    assert "s-S" not in shop.products and "s-M" in shop.products
    assert getattr(shop.products.get("s-S"), "id", None) == "s-M"


def test_an_id_that_changes_stays_while_the_photos_of_the_new_one_cannot_be_had(shop: Shop, folder: Path) -> None:
    hidden = (folder / "p0.png").rename(folder / "hidden.png")
    later = feed_of(folder / "two.jsonl", [size("s-M", "M"), size("s-L", "L"), *others()])
    summary = shop.sync(later, max_removals="0")
    assert (summary.renamed, summary.removed, "s-S" in shop.products, "s-M" in shop.products) == ({}, 0, True, False)
    hidden.rename(folder / "p0.png")
    assert shop.sync(later, max_removals="0").renamed == {"s-S": ["s-M"]}
    assert ("s-S" in shop.products, "s-M" in shop.products) == (False, True)


def test_clicks_follow(shop: Shop, folder: Path) -> None:
    answer = shop.search(photo(folder / "query.png", (9, 9, 9)), remember=True)
    received = shop.feedback.add([Event(query_id=answer.query_id, product_id="s-S", kind="click")])
    assert not received.problems
    shop.sync(feed_of(folder / "two.jsonl", [size("s-M", "M"), size("s-L", "L"), *others()]))
    (seen,) = shop._parts.feedback_log.impressions_with_events()
    assert list(seen.events) == ["s-M"]


def test_a_damaged_log_of_clicks_does_not_hold_up_a_sync(shop: Shop, folder: Path) -> None:
    (shop.folder / "feedback.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    shop.sync(feed_of(folder / "two.jsonl", [size("s-M", "M"), size("s-L", "L"), *others()]))
    assert getattr(shop.products.get("s-S"), "id", None) == "s-M"
    with pytest.raises(StoreError, match="damaged"):
        shop.feedback.counts()


def test_several_products_that_become_one(folder: Path) -> None:
    apart = [size("a", "S", 0, "g"), {**size("b", "S", 1, "g")}, *others()]
    shop, summary = Shop.index(feed_of(folder / "one.jsonl", apart), folder / "store", embedder=ColourEmbedder())
    assert summary.products == 7
    told: Told = []
    joined = [size("a", "S", 0, "g"), size("b", "M", 0, "g"), *others()]
    with shop:
        summary = shop.sync(feed_of(folder / "two.jsonl", joined), max_removals="0", on_renames=told.append)
        assert told == [{"b": ["a"]}] and summary.products == 6
        assert getattr(shop.products.get("b"), "id", None) == "a"


def test_a_product_that_is_gone_counts_as_removed(shop: Shop, folder: Path) -> None:
    with pytest.raises(Refused, match=r"lacks 1 of the 6 products in the store \(s-S"):
        shop.sync(feed_of(folder / "two.jsonl", others()), max_removals="0")
    assert getattr(shop.products.get("s-S"), "id", None) == "s-S"
    assert shop.sync(feed_of(folder / "two.jsonl", others()), max_removals="1").removed == 1
    assert shop.products.get("s-S") is None


def test_a_new_build_tells_renames_and_its_store_follows_them(shop: Shop, folder: Path) -> None:
    shop.close()
    told: Told = []
    later = feed_of(folder / "two.jsonl", [size("s-M", "M"), size("s-L", "L"), *others()])
    again, summary = Shop.index(
        later, folder / "store", replace=True, embedder=ColourEmbedder(), on_renames=told.append
    )
    with again:
        assert told == [{"s-S": ["s-M"]}] == [summary.renamed]
        assert getattr(again.products.get("s-S"), "id", None) == "s-M"


def test_an_identifier_of_several_products_names_none_of_them(folder: Path) -> None:
    rows = [row("p0", identifiers=["same"]), row("p1", identifiers=["same"])]
    shop, _ = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    with shop, pytest.raises(InvalidValue) as caught:
        shop.products.get("same")
    assert caught.value.code == "ambiguous-product" and "p0, p1" in caught.value.problem


def test_a_photo_that_many_products_have_is_told_at_index_and_sync(folder: Path) -> None:
    rows = [row(f"n{number}", "p0.png", f"p{number}.png") for number in range(1, 8)]
    shop, summary = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    (problem,) = summary.problems
    assert (problem.level, problem.kind, problem.times) == ("note", "photo-of-many-products", 1)
    assert "p0.png" in problem.example
    with shop:
        assert [one.kind for one in shop.sync(folder / "one.jsonl").problems] == ["photo-of-many-products"]

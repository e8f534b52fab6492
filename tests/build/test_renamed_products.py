"""Ids of products from one feed to the next: an id is kept while a row has it, else its rename is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, Refused, StoreError
from shoplens.feedback.events import Event
from tests.fakes import ColourEmbedder, feed_of, numbered_color, photo, row

RenameReports = list[Mapping[str, Sequence[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the photos ``p0.png`` to ``p9.png``."""
    for number in range(10):
        photo(tmp_path / f"p{number}.png", numbered_color(number))
    return tmp_path


def size_row(name: str, value: str, number: int = 0, group: str = "shirt", **more: Any) -> dict[str, Any]:
    """Return a feed row of one size of a design, with the photo of that number."""
    return row(name, f"p{number}.png", group_id=group, attributes={"size": value}, **more)


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """Open a shop of a shirt in two sizes, which are one product, and of five other products."""
    rows = [size_row("s-S", "S"), size_row("s-M", "M", identifiers=["4006381333931"]), *other_rows()]
    shop, _ = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    yield shop
    shop.close()


def other_rows() -> list[dict[str, Any]]:
    """Return feed rows of the products ``p1`` to ``p5``."""
    return [row(f"p{number}") for number in range(1, 6)]


def test_a_product_is_found_by_the_id_and_identifiers_of_every_row(shop: Shop) -> None:
    assert [getattr(shop.products.get(name), "id", None) for name in ("s-S", "s-M", "4006381333931", "s")] == [
        *["s-S"] * 3,
        None,
    ]


def test_a_product_keeps_its_id_while_a_row_has_it(shop: Shop, folder: Path) -> None:
    rename_reports: RenameReports = []
    reordered_feed = feed_of(
        folder / "two.jsonl", [*other_rows(), size_row("s-L", "L"), size_row("s-M", "M"), size_row("s-S", "S")]
    )
    summary = shop.sync(reordered_feed, on_renames=rename_reports.append)
    assert (summary.renamed, rename_reports, summary.removed, summary.added) == ({}, [], 0, 0)
    product = shop.products.get("s-L")
    assert product is not None and (product.id, product.identifiers) == ("s-S", ("s-L", "s-M"))


def test_a_changed_id_is_reported_before_the_removal_and_does_not_count_as_removed(shop: Shop, folder: Path) -> None:
    old_id_is_stored: list[bool] = []

    def receive_renames(renames: Mapping[str, Sequence[str]]) -> None:
        assert dict(renames) == {"s-S": ["s-M"]}
        old_id_is_stored.append("s-S" in shop.products)

    later_feed = feed_of(folder / "two.jsonl", [size_row("s-M", "M"), size_row("s-L", "L"), *other_rows()])
    summary = shop.sync(later_feed, max_removals="0", on_renames=receive_renames)
    assert (old_id_is_stored, summary.renamed, summary.removed) == ([True], {"s-S": ["s-M"]}, 0)
    assert "s-S" not in shop.products and "s-M" in shop.products
    assert getattr(shop.products.get("s-S"), "id", None) == "s-M"


def test_a_product_keeps_its_old_id_while_the_photos_of_the_new_one_are_missing(shop: Shop, folder: Path) -> None:
    moved_photo = (folder / "p0.png").rename(folder / "moved.png")
    later_feed = feed_of(folder / "two.jsonl", [size_row("s-M", "M"), size_row("s-L", "L"), *other_rows()])
    summary = shop.sync(later_feed, max_removals="0")
    assert (summary.renamed, summary.removed, "s-S" in shop.products, "s-M" in shop.products) == ({}, 0, True, False)
    moved_photo.rename(folder / "p0.png")
    assert shop.sync(later_feed, max_removals="0").renamed == {"s-S": ["s-M"]}
    assert ("s-S" in shop.products, "s-M" in shop.products) == (False, True)


def test_clicks_on_an_old_id_count_for_the_new_id(shop: Shop, folder: Path) -> None:
    answer = shop.search(photo(folder / "query.png", (9, 9, 9)), remember=True)
    receipt = shop.feedback.add([Event(query_id=answer.query_id, product_id="s-S", kind="click")])
    assert not receipt.problems
    shop.sync(feed_of(folder / "two.jsonl", [size_row("s-M", "M"), size_row("s-L", "L"), *other_rows()]))
    (impression,) = shop._parts.feedback_log.impressions_with_events()
    assert list(impression.events) == ["s-M"]


def test_a_sync_renames_products_despite_a_damaged_log_of_clicks(shop: Shop, folder: Path) -> None:
    (shop.folder / "feedback.sqlite").write_bytes(b"no database at all, but long enough to be read" * 40)
    shop.sync(feed_of(folder / "two.jsonl", [size_row("s-M", "M"), size_row("s-L", "L"), *other_rows()]))
    assert getattr(shop.products.get("s-S"), "id", None) == "s-M"
    with pytest.raises(StoreError, match="damaged"):
        shop.feedback.counts()


def test_products_that_are_merged_into_one_are_reported_as_renamed(folder: Path) -> None:
    rows_before = [size_row("a", "S", 0, "g"), size_row("b", "S", 1, "g"), *other_rows()]
    shop, summary = Shop.index(feed_of(folder / "one.jsonl", rows_before), folder / "store", embedder=ColourEmbedder())
    assert summary.products == 7
    rename_reports: RenameReports = []
    rows_after = [size_row("a", "S", 0, "g"), size_row("b", "M", 0, "g"), *other_rows()]
    with shop:
        summary = shop.sync(
            feed_of(folder / "two.jsonl", rows_after), max_removals="0", on_renames=rename_reports.append
        )
        assert rename_reports == [{"b": ["a"]}] and summary.products == 6
        assert getattr(shop.products.get("b"), "id", None) == "a"


def test_a_product_that_leaves_the_feed_counts_as_removed(shop: Shop, folder: Path) -> None:
    with pytest.raises(Refused, match=r"lacks 1 of the 6 products in the store \(s-S"):
        shop.sync(feed_of(folder / "two.jsonl", other_rows()), max_removals="0")
    assert getattr(shop.products.get("s-S"), "id", None) == "s-S"
    assert shop.sync(feed_of(folder / "two.jsonl", other_rows()), max_removals="1").removed == 1
    assert shop.products.get("s-S") is None


def test_a_new_build_reports_renames_and_its_store_finds_old_ids(shop: Shop, folder: Path) -> None:
    shop.close()
    rename_reports: RenameReports = []
    later_feed = feed_of(folder / "two.jsonl", [size_row("s-M", "M"), size_row("s-L", "L"), *other_rows()])
    new_shop, summary = Shop.index(
        later_feed, folder / "store", replace=True, embedder=ColourEmbedder(), on_renames=rename_reports.append
    )
    with new_shop:
        assert rename_reports == [{"s-S": ["s-M"]}] == [summary.renamed]
        assert getattr(new_shop.products.get("s-S"), "id", None) == "s-M"


def test_an_identifier_of_several_products_is_ambiguous(folder: Path) -> None:
    rows = [row("p0", identifiers=["same"]), row("p1", identifiers=["same"])]
    shop, _ = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    with shop, pytest.raises(InvalidValue) as error:
        shop.products.get("same")
    assert error.value.code == "ambiguous-product" and "p0, p1" in error.value.problem


def test_a_photo_of_many_products_is_reported_by_index_and_sync(folder: Path) -> None:
    rows = [row(f"n{number}", "p0.png", f"p{number}.png") for number in range(1, 8)]
    shop, summary = Shop.index(feed_of(folder / "one.jsonl", rows), folder / "store", embedder=ColourEmbedder())
    (problem,) = summary.problems
    assert (problem.level, problem.kind, problem.times) == ("note", "photo-of-many-products", 1)
    assert "p0.png" in problem.example
    with shop:
        assert [problem.kind for problem in shop.sync(folder / "one.jsonl").problems] == ["photo-of-many-products"]


def magento_feed(folder: Path, name: str, *, images: bool) -> Path:
    """Write a Magento export of a shirt in two colours, and of twenty bags; the shirt may have no photos."""
    photos = ["p0.png", "p1.png"] if images else ["", ""]
    lines = [
        "sku,product_type,name,base_image,additional_attributes,configurable_variations,visibility",
        f"shirt-Red,simple,Shirt,{photos[0]},color=Red,,Not Visible Individually",
        f"shirt-Blue,simple,Shirt,{photos[1]},color=Blue,,Not Visible Individually",
        'shirt,configurable,Shirt,,,"sku=shirt-Red,color=Red|sku=shirt-Blue,color=Blue",Catalog',
        *(f"bag{number},simple,Bag {number},p{number % 8 + 2}.png,,,Catalog" for number in range(20)),
    ]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_products_whose_rows_lost_all_photos_stay_as_they_were(folder: Path) -> None:
    """The feed splits rows into products by their photos; without any, the whole shirt is one rejected product."""
    before, after = magento_feed(folder, "one.csv", images=True), magento_feed(folder, "two.csv", images=False)
    with Shop.index(before, folder / "store", media=folder, embedder=ColourEmbedder())[0] as shop:
        shirts = {name for name in shop.products.ids() if name.startswith("shirt")}
        assert len(shirts) == 2
        summary = shop.sync(after, media=folder, max_removals="50%")
        assert (summary.removed, summary.rejected > 0) == (0, True)
        assert shirts <= set(shop.products.ids())

"""The shop on disk: the same bytes every time, a feed that tells the truth, phone photos with right answers."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.rendered import KINDS, RenderedCatalogue, render_catalogue, spec_of
from shoplens.rendered.queries import HIDDEN, queries_of, repeat_of
from shoplens.rendered.specs import specs
from shoplens.types import Product

PRODUCTS, QUERIES = 24, 11


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(feed: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in feed.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> RenderedCatalogue:
    return render_catalogue(tmp_path_factory.mktemp("shop"), PRODUCTS, size=96, queries=QUERIES)


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes(shop: RenderedCatalogue, tmp_path: Path) -> None:
    render_catalogue(tmp_path, PRODUCTS, size=96, queries=QUERIES)
    assert hashes(tmp_path) == hashes(shop.feed.parent)


def test_a_smaller_catalogue_is_a_prefix(shop: RenderedCatalogue, tmp_path: Path) -> None:
    small = render_catalogue(tmp_path, 5, size=96)
    assert rows(small.feed) == rows(shop.feed)[:5]
    whole = hashes(shop.feed.parent)
    assert all(whole[name] == digest for name, digest in hashes(tmp_path).items() if name.startswith("photos/"))
    assert small.queries_file is None


def test_counts(shop: RenderedCatalogue) -> None:
    assert (shop.products, shop.photos, shop.queries) == (PRODUCTS, 2 * PRODUCTS, QUERIES)
    assert len(rows(shop.feed)) == PRODUCTS
    assert len(list((shop.feed.parent / "photos").iterdir())) == 2 * PRODUCTS
    assert len(list((shop.feed.parent / "queries").iterdir())) == QUERIES


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    counts: list[int] = []
    render_catalogue(tmp_path, 3, views=3, size=32, queries=2, progress=counts.append)
    assert counts == [3, 3, 3, 1, 1]


def test_the_feed_tells_what_was_drawn(shop: RenderedCatalogue) -> None:
    for number, row in enumerate(rows(shop.feed), start=1):
        spec = spec_of(number)
        truth = {"color": spec.color, "pattern": spec.pattern, "material": spec.material, "shape": spec.shape}
        assert truth.items() <= row["attributes"].items()
        assert row["attributes"].get("pattern_scale", "") == spec.scale
        assert spec.color in row["title"] and spec.material in row["title"]
        assert row["group_id"] == f"G-{spec.group + 1:05d}"


def test_the_rows_are_products_with_photos_that_open(shop: RenderedCatalogue) -> None:
    for row in rows(shop.feed):
        photos = tuple(str(shop.feed.parent / name) for name in row["photos"])
        Product(row["id"], row["title"], photos, price=row["price"], category=tuple(row["category"]))
        for photo in photos:
            with Image.open(photo) as image:
                assert (image.format, image.size) == ("JPEG", (96, 96))


def test_products_of_a_group_share_brand_and_price(shop: RenderedCatalogue) -> None:
    groups: dict[str, set[tuple[str, float]]] = {}
    for row in rows(shop.feed):
        groups.setdefault(row["group_id"], set()).add((row["brand"], row["price"]))
    assert {len(group) for group in groups.values()} == {1}


def test_the_queries_point_at_photos_and_products(shop: RenderedCatalogue) -> None:
    assert shop.queries_file is not None
    known = {row["id"] for row in rows(shop.feed)}
    with shop.queries_file.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["photo", "product_id", "deciding", "kind"]
    assert len(table) == QUERIES
    assert {row["kind"] for row in table} == set(KINDS)
    for row in table:
        assert (shop.queries_file.parent / row["photo"]).is_file()
        assert row["product_id"] in known
        assert row["deciding"] in {"", "color", "pattern"}


def test_the_visible_attribute_of_a_query_identifies_the_product() -> None:
    decided = [query for query in queries_of(300, 100, seed=0) if query.deciding]
    assert {(query.kind, query.deciding) for query in decided} == {("grey-light", "pattern"), ("blur", "color")}
    for query in decided:
        hidden = HIDDEN[query.kind]
        same = [spec for spec in specs(300) if hidden.seen(spec) == hidden.seen(query.spec)]
        others = {getattr(spec, query.deciding) for spec in specs(300) if spec.shape == query.spec.shape}
        assert same == [query.spec]
        assert len(others) > 1
        assert query.kind != "blur" or repeat_of(query.spec) <= 10


def test_a_single_product_has_no_deciding_attribute() -> None:
    assert {query.deciding for query in queries_of(1, 11, seed=0)} == {""}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"products": 0}, "products is 0. Choose 1 to 100,000."),
        ({"products": -3}, "products is -3. Choose 1 to 100,000."),
        ({"products": 1, "views": 0}, "views is 0. Choose 1 to 100."),
        ({"products": 1, "size": 8}, "size is 8. Choose 32 to 4,096."),
        ({"products": 1, "seed": -1}, "seed is -1. Choose 0 to 4,294,967,295."),
        ({"products": 1, "queries": -1}, "queries is -1. Choose 0 to 10,000,000."),
    ],
)
def test_arguments_out_of_range_are_refused_before_writing(
    arguments: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        render_catalogue(tmp_path / "shop", **arguments)  # type: ignore[arg-type]
    assert str(refusal.value) == message
    assert not (tmp_path / "shop").exists()

"""The whole path on a real catalogue: the Luma export of Magento 2, 1,994 rows with their photos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop, Summary

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def luma(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Summary]]:
    shop, summary = Shop.index(data_folder / "luma/products.csv", tmp_path_factory.mktemp("luma") / "store")
    yield shop, summary
    shop.close()


def test_every_row_is_accounted_for(luma: tuple[Shop, Summary]) -> None:
    shop, summary = luma
    assert (summary.rows, summary.products, summary.photos, len(shop)) == (1994, 417, 668, 417)
    assert (summary.added, summary.rejected, summary.notes) == (417, 0, 7)
    assert [(row.kind, row.times) for row in summary.problems] == [("photo-of-no-variant", 7)]


def test_catalogue_photos_find_their_own_product_first(luma: tuple[Shop, Summary], data_folder: Path) -> None:
    shop, _ = luma
    photos: dict[bytes, set[str]] = {}
    for product_id in shop.products.ids():
        product = shop.products.get(product_id)
        assert product is not None
        for photo in product.photos:
            photos.setdefault(Path(photo).read_bytes(), set()).add(product_id)
    assert sum(map(len, photos.values())) >= 668
    for data, owners in list(photos.items())[::3]:
        answer = shop.search(data, k=len(owners) + 1)
        first = answer.results[: len(owners)]
        assert [result.product.id for result in first] == sorted(owners)
        assert all(result.same_photo and result.score == pytest.approx(1.0) for result in first)
        assert not answer.results[len(owners)].same_photo


def test_conditions_on_a_real_catalogue(luma: tuple[Shop, Summary], data_folder: Path) -> None:
    shop, _ = luma
    photo = data_folder / "luma/media/m/h/mh01-gray_back.jpg"
    answer = shop.search(photo, k=417, where="color = blue and price < 60", per_group=1)
    assert 20 < len(answer.results) <= 79
    assert {value for result in answer.results for value in result.product.attributes["color"]} == {"Blue"}
    assert max(result.product.price or 0 for result in answer.results) < 60
    groups = [result.product.group_id for result in answer.results]
    assert len(set(groups)) == len(groups)


def test_further_photos_find_their_product_as_often_as_measured(luma: tuple[Shop, Summary]) -> None:
    shop, _ = luma
    found = shop.quality.evaluate(strategy="pretrained")
    assert (found.queries, found.products, found.absent, found.left_out) == (251, 417, 0, [])
    first = found.overall["recall@1"]
    assert 0.20 <= first.value <= 0.35
    assert 0.10 < first.low < first.value < first.high < 0.50
    assert first.value < found.overall["recall@5"].value < found.overall["recall@10"].value < 1
    assert sum(part.queries for part in found.categories) == 251
    filtered = shop.quality.evaluate()
    assert (filtered.strategy, filtered.queries) == ("filters-static", 251)
    assert 0.5 < filtered.overall["recall@1"].low < filtered.overall["recall@1"].value < 0.75

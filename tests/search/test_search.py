"""Searches from a photo to ranked products, end to end, with an embedder whose vectors are the mean colours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.errors import ConditionError, InvalidValue, PhotoError, StoreError
from shoplens.settings import Settings
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from shoplens.types import Answer, Region
from tests.fakes import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    WHITE,
    Color,
    ColourEmbedder,
    Stopped,
    colour_vector,
    feed_of,
    photo,
    row,
)
from tests.images.made_photos import scene

SETTINGS = Settings(threads=2)
DARK_RED, DARK_GREEN, GRAY = (120, 0, 0), (0, 120, 0), (128, 128, 128)
COLORS: dict[str, Color] = {
    "red": RED,
    "darkred": DARK_RED,
    "green": GREEN,
    "darkgreen": DARK_GREEN,
    "blue": BLUE,
    "white": WHITE,
    "black": BLACK,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write photos and a feed of nine products, four of them in two groups; darkred and blue are sold out."""
    folder = tmp_path_factory.mktemp("shop")
    for number, (name, color) in enumerate(COLORS.items()):
        photo(folder / f"{name}.png", color, (12 + number, 8))
    scene(64, 48).save(folder / "scene.jpg", quality=95)
    Image.open(folder / "scene.jpg").save(folder / "scene-copy.png")
    rows = [
        row("red", price=10, group_id="reds", attributes={"color": "red", "size": ["S", "M"]}, in_stock=True),
        row("darkred", price=20, group_id="reds", attributes={"color": "red"}, in_stock=False),
        row("green", price=30, group_id="greens", attributes={"color": "green"}, in_stock=True),
        row("darkgreen", price=40, group_id="greens", attributes={"color": "green"}, in_stock=True),
        row("blue", price=50, attributes={"color": "blue"}, in_stock=False),
        row("white", "white.png", "black.png", brand="Acme"),
        row("z-scene", "red.png", "scene.jpg"),
        row("a-scene", "scene.jpg", "blue.png"),
        row("m-scene", "scene-copy.png", "scene.jpg"),
    ]
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    shop, summary = Shop.index(folder / "feed.jsonl", folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    assert (summary.products, summary.rejected) == (9, 0)
    with shop:
        yield shop


def ids(answer: Answer) -> list[str]:
    return [result.product.id for result in answer.results]


def same_photo_ids(answer: Answer) -> list[str]:
    return [result.product.id for result in answer.results if result.same_photo]


def query_photo(folder: Path, color: Color) -> Path:
    """Write a query photo of one colour, in a size that no product's photo has."""
    return photo(folder / "query.png", color, (50, 40))


def test_results_are_ordered_by_their_best_cosine(shop: Shop, tmp_path: Path) -> None:
    color = (200, 60, 10)
    condition = "id in (red, darkred, green, darkgreen, blue, white)"
    answer = shop.search(query_photo(tmp_path, color), where=condition, strategy="pretrained")
    query_vector = colour_vector(color)
    photos = {**{name: [name] for name in COLORS}, "white": ["white", "black"]}
    best = {
        name: max(float(query_vector @ colour_vector(COLORS[photo_color])) for photo_color in photos[name])
        for name in ("red", "darkred", "green", "darkgreen", "blue", "white")
    }
    assert ids(answer) == sorted(best, key=lambda name: -best[name])
    assert [result.score for result in answer.results] == pytest.approx(
        [(1 + best[name]) / 2 for name in ids(answer)], abs=1e-6
    )
    assert [result.rank for result in answer.results] == [1, 2, 3, 4, 5, 6]


def test_a_result_names_the_photo_that_matched_best(shop: Shop, folder: Path, tmp_path: Path) -> None:
    for color, name in ((250, 250, 250), "white.png"), ((5, 5, 5), "black.png"):
        (result,) = shop.search(query_photo(tmp_path, color), where="id = white").results
        assert result.photo == str(folder / name)


@pytest.mark.parametrize("name", ["red", "darkred", "green", "darkgreen", "blue"])
def test_a_catalogue_photo_ranks_its_products_first(shop: Shop, folder: Path, name: str) -> None:
    answer = shop.search(folder / f"{name}.png", k=3)
    assert name in same_photo_ids(answer)
    assert set(same_photo_ids(answer)) == {name} | {"red": {"z-scene"}, "blue": {"a-scene"}}.get(name, set())
    scores = [result.score for result in answer.results if result.same_photo]
    assert scores == pytest.approx([1.0] * len(same_photo_ids(answer)))
    assert answer.results[0].same_photo
    assert answer.results[0].photo == str(folder / f"{name}.png")


def test_products_that_share_the_query_photo_come_first_ordered_by_id(shop: Shop, folder: Path) -> None:
    answer = shop.search(folder / "scene.jpg", k=9)
    assert ids(answer)[:3] == same_photo_ids(answer) == ["a-scene", "m-scene", "z-scene"]
    assert [result.photo for result in answer.results[:3]] == [str(folder / "scene.jpg")] * 3
    assert len(ids(answer)) == len(set(ids(answer))) == 9


@pytest.mark.parametrize("k", [1, 2])
def test_a_smaller_k_keeps_the_order(shop: Shop, folder: Path, k: int) -> None:
    assert ids(shop.search(folder / "scene.jpg", k=k)) == ["a-scene", "m-scene"][:k]


def test_a_lossless_copy_in_another_format_is_the_same_photo(shop: Shop, folder: Path, tmp_path: Path) -> None:
    Image.open(folder / "red.png").save(tmp_path / "copy.bmp")
    Image.open(folder / "red.png").save(tmp_path / "copy.webp", lossless=True)
    for name in "copy.bmp", "copy.webp":
        assert same_photo_ids(shop.search(tmp_path / name)) == ["red", "z-scene"]


def test_a_photo_of_the_same_size_is_not_the_same_photo(shop: Shop, tmp_path: Path) -> None:
    photo(tmp_path / "almost.png", (255, 0, 1), (12, 8))
    answer = shop.search(tmp_path / "almost.png")
    assert (same_photo_ids(answer), ids(answer)[:2]) == ([], ["red", "z-scene"])
    assert answer.results[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_path_a_string_and_bytes_give_the_same_results(shop: Shop, folder: Path) -> None:
    path = folder / "green.png"
    answers = [shop.search(path), shop.search(str(path)), shop.search(path.read_bytes())]
    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert [answer.source for answer in answers] == [str(path), str(path), "upload"]
    assert len({answer.query_id for answer in answers}) == 3


def test_a_search_uses_only_the_region(shop: Shop, tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 60), BLUE)
    image.paste(GREEN, (60, 20, 90, 50))
    image.save(tmp_path / "street.png")
    image.save(tmp_path / "street.jpg", quality=95)
    assert ids(shop.search(tmp_path / "street.png", k=1, strategy="pretrained")) != ["green"]
    for name in "street.png", "street.jpg":
        answer = shop.search(tmp_path / name, k=1, region=(62, 22, 26, 26), strategy="pretrained")
        assert (ids(answer), answer.region) == (["green"], Region(62, 22, 26, 26))


def test_a_region_of_a_large_photo_is_exact(shop: Shop, tmp_path: Path) -> None:
    image = Image.new("RGB", (1600, 1200), BLUE)
    image.paste(GREEN, (800, 600, 840, 640))
    image.save(tmp_path / "large.jpg", quality=95)
    answer = shop.search(tmp_path / "large.jpg", k=1, region=(806, 606, 28, 28), strategy="pretrained")
    assert ids(answer) == ["green"]
    assert answer.results[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_region_is_never_reported_as_the_same_photo(shop: Shop, folder: Path) -> None:
    answer = shop.search(folder / "green.png", region=(0, 0, 10, 8))
    assert (ids(answer)[0], same_photo_ids(answer)) == ("green", [])


def test_a_region_outside_the_photo_is_refused(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue, match=r"reaches outside the photo, which is 14 x 8"):
        shop.search(folder / "green.png", region=(10, 0, 10, 8))


def test_photos_in_all_exif_orientations_have_equal_embeddings(tmp_path: Path) -> None:
    turns = [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM]
    turns += [Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE]
    turns += [Image.Transpose.ROTATE_270]
    upright = scene(64, 48)
    for orientation, turn in enumerate(turns, start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright if turn is None else upright.transpose(turn)
        stored.save(tmp_path / f"o{orientation}.png", exif=exif)
        stored.save(tmp_path / f"j{orientation}.jpg", exif=exif, quality=98, subsampling=0)
    names = [f"o{number}.png" for number in range(1, 9)]
    feed = feed_of(tmp_path / "feed.jsonl", [row(name, name) for name in names])
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    with shop:
        assert same_photo_ids(shop.search(tmp_path / "o1.png")) == names
        for orientation in range(1, 9):
            answer = shop.search(tmp_path / f"j{orientation}.jpg", k=8, strategy="pretrained")
            assert [result.score for result in answer.results] == pytest.approx([1.0] * 8, abs=1e-4)
        sideways = ColourEmbedder().embed([np.asarray(upright.transpose(Image.Transpose.ROTATE_90))])[0]
        straight = ColourEmbedder().embed([np.asarray(upright)])[0]
        assert np.abs(sideways - straight).max() > 0.1  # a photo that is not turned upright would fail above


def test_per_group_limits_the_products_of_a_group(shop: Shop, tmp_path: Path) -> None:
    path = query_photo(tmp_path, (200, 60, 10))
    all_ids = ids(shop.search(path, where="group_id in (reds, greens) or id = blue"))
    assert len(all_ids) == 5
    limited = ids(shop.search(path, where="group_id in (reds, greens) or id = blue", per_group=1))
    first_red = next(name for name in all_ids if name.endswith("red"))
    first_green = next(name for name in all_ids if name.endswith("green"))
    assert limited == [name for name in all_ids if name in (first_red, first_green, "blue")]
    assert ids(shop.search(path, k=2, where="group_id in (reds, greens)", per_group=1)) == limited[:2]


def test_products_without_a_group_are_not_limited(shop: Shop, folder: Path) -> None:
    product_ids = ids(shop.search(folder / "scene.jpg", k=9, per_group=1))
    assert {"a-scene", "m-scene", "z-scene", "white", "blue"} < set(product_ids)
    assert len(product_ids) == 7


def test_sold_out_products_can_be_hidden_or_put_last(shop: Shop, folder: Path) -> None:
    photo = folder / "darkred.png"
    all_ids = ids(shop.search(photo, k=9))
    assert all_ids[0] == "darkred"
    in_stock = [name for name in all_ids if name not in ("darkred", "blue")]
    assert ids(shop.search(photo, k=9, sold_out="hide")) == in_stock
    last = shop.search(photo, k=9, sold_out="last")
    assert ids(last) == [*in_stock, "darkred", "blue"]
    assert [result.rank for result in last.results] == list(range(1, 10))
    assert ids(shop.search(photo, k=8, sold_out="last"))[-1] == "darkred"
    assert ids(shop.search(photo, k=9, sold_out="last", where="color = red")) == ["red", "darkred"]


def test_the_limit_per_group_includes_sold_out_products_that_come_last(shop: Shop, folder: Path) -> None:
    assert ids(shop.search(folder / "darkred.png", sold_out="last", per_group=1, where="group_id = reds")) == ["red"]


def test_a_k_above_the_number_of_products_returns_all(shop: Shop, folder: Path) -> None:
    assert len(shop.search(folder / "red.png", k=10_000).results) == 9
    assert len(shop.search(folder / "red.png", k=9, where="color = red").results) == 2


@pytest.mark.parametrize("k", [0, -1, 10_001])
def test_a_k_out_of_range_is_refused(shop: Shop, folder: Path, k: int) -> None:
    with pytest.raises(InvalidValue, match=rf"k is {k}\. Ask for 1 to 10000 products"):
        shop.search(folder / "red.png", k=k)


def test_a_bad_per_group_sold_out_or_path_is_refused(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue, match="per_group is 0"):
        shop.search(folder / "red.png", per_group=0)
    with pytest.raises(InvalidValue, match=r"sold_out is 'maybe'.*show, hide or last"):
        shop.search(folder / "red.png", sold_out="maybe")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="path is empty"):
        shop.search("")


def test_every_result_meets_the_conditions(shop: Shop, folder: Path) -> None:
    assert ids(shop.search(folder / "blue.png", where="color = red and size = m")) == ["red"]
    assert set(ids(shop.search(folder / "blue.png", where=["price < 40", "not color = red"]))) == {"green"}
    assert set(ids(shop.search(folder / "red.png", where="brand = acme"))) == {"white"}


def test_a_condition_excludes_the_product_with_the_query_photo(shop: Shop, folder: Path) -> None:
    assert ids(shop.search(folder / "red.png", where="color = green", k=1)) == ["darkgreen"]


def test_the_error_for_an_unknown_field_lists_the_fields(shop: Shop, folder: Path) -> None:
    with pytest.raises(ConditionError, match=r"No product has a field 'colour'\. There are: .*brand, .*color, .*price"):
        shop.search(folder / "red.png", where="colour = red")


@pytest.mark.parametrize("where", ["color < 3", "price = cheap", "price < cheap"])
def test_a_value_of_the_wrong_type_is_refused(shop: Shop, folder: Path, where: str) -> None:
    with pytest.raises(ConditionError) as error:
        shop.search(folder / "red.png", where=where)
    assert error.value.code == "wrong-type"


def test_an_answer_without_results_has_a_note_with_the_values_of_the_field(shop: Shop, folder: Path) -> None:
    answer = shop.search(folder / "red.png", where="color = pink and price < 100")
    assert answer.results == ()
    assert answer.notes == ("No product meets the condition.", "color has: green (2), red (2), blue (1).")
    hidden = shop.search(folder / "red.png", where="color = blue", sold_out="hide")
    assert (hidden.results, hidden.notes) == ((), ("No product is left to show.",))


@pytest.mark.parametrize(
    ("strategy", "stages", "parts"),
    [
        ("pretrained", ["decode", "scan", "embed", "retrieve"], {"look"}),
        ("filters-static", ["decode", "scan", "embed", "filter", "retrieve"], {"look", "shape", "color"}),
    ],
)
def test_parts_add_up_and_the_answer_has_times_of_all_stages(
    shop: Shop, folder: Path, strategy: str, stages: list[str], parts: set[str]
) -> None:
    answer = shop.search(folder / "scene.jpg", strategy=strategy)
    assert answer.notes == ()
    assert (answer.strategy, answer.model) == (strategy, "colour@1")
    assert [name for name in answer.took_ms if name != "facets"] == [*stages, "rank", "judge", "other", "total"]
    assert sum(answer.weights.values()) == pytest.approx(1)
    assert set(answer.weights) == parts
    scores = [result.score for result in answer.results]
    assert len(scores) == 9 and scores == sorted(scores, reverse=True) and 0 <= scores[-1] < scores[0] <= 1
    for result in answer.results:
        assert set(result.parts) == parts
        assert math.isclose(sum(result.parts.values()), result.score, abs_tol=1e-9)


def test_a_missing_or_undecodable_query_photo_is_an_error(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="There is no file"):
        shop.search(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError) as error:
        shop.search(b"not a photo")
    assert error.value.code == "photo-not-an-image"


def test_an_embedder_of_another_model_is_refused(shop: Shop, folder: Path, tmp_path: Path) -> None:
    shop._parts.store.live.index.flush()
    copy_tree(folder / "store", tmp_path / "store")
    with (
        Shop(tmp_path / "store", embedder=ColourEmbedder("other@2"), settings=SETTINGS) as other,
        pytest.raises(StoreError, match=r"made by the model colour@1 .*, and this is other@2.*index --replace"),
    ):
        other.search(folder / "red.png")


def test_a_store_without_products_answers_with_a_note(shop: Shop, folder: Path, tmp_path: Path) -> None:
    shop._parts.store.live.index.flush()
    copy_tree(folder / "store", tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as emptied:
        assert emptied.products.remove(["red", *ids(emptied.search(folder / "red.png"))]) == 9
        assert len(emptied) == 0
        answer = emptied.search(folder / "red.png", sold_out="last")
        assert (answer.results, answer.notes) == ((), ("No product is left to show.",))


def test_the_error_for_a_missing_store_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no store at .*nowhere\. Make one: shoplens index FEED") as error:
        Shop(tmp_path / "nowhere")
    assert error.value.code == "no-store"
    assert not (tmp_path / "nowhere").exists()


def test_the_error_for_an_unfinished_store_names_the_command_that_resumes(folder: Path, tmp_path: Path) -> None:
    rows = [row(f"r{number}", "red.png") for number in range(64)] + [row("white")]
    feed = feed_of(folder / "interrupted.jsonl", rows)
    with pytest.raises(Stopped):
        Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(stop_after=1), settings=SETTINGS)
    assert not (tmp_path / "store" / "CURRENT").exists()
    with (
        Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as unfinished,
        pytest.raises(StoreError, match=r"never finished\. Run the same `shoplens index` again") as error,
    ):
        unfinished.search(folder / "red.png")
    assert error.value.code == "unfinished-store"


def test_a_shop_returns_its_products_and_its_counts(shop: Shop) -> None:
    assert len(shop) == 9
    red = shop.products.get("red")
    assert red is not None
    assert (red.price, red.group_id, red.in_stock, dict(red.attributes)) == (
        10.0,
        "reds",
        True,
        {"color": ("red",), "size": ("S", "M")},
    )
    assert shop.products.get("nothing") is None
    info = shop.info()
    assert (info["products"], info["model"], info["dimensions"], info["feed_format"]) == (9, "colour@1", 4, "jsonl")
    assert info["fields"]["color"] == {"holds": ["text"], "values": {"green": 2, "red": 2, "blue": 1}}
    assert info["fields"]["price"]["holds"] == ["number"]


def test_searches_may_run_in_parallel(shop: Shop, folder: Path) -> None:
    expected = ids(shop.search(folder / "scene.jpg", k=9))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ids(shop.search(folder / "scene.jpg", k=9)), range(40)))
    assert answers == [expected] * 40


def test_a_closed_shop_releases_the_lock_of_its_store(folder: Path, tmp_path: Path) -> None:
    feed = feed_of(folder / "one.jsonl", [row("red")])
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    shop.close()
    Store(tmp_path / "store").close()

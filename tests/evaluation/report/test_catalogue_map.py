import base64
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shoplens.errors import InvalidValue, PhotoError
from shoplens.evaluation.report.catalogue_map import CELLS, SHEET, MapProduct, MapQuery, dimensions_of, map_html
from shoplens.types import Pixels, Product

HOSTILE = "</script><script>alert('1')</script><!-- \" & \u2028 ’"


def squares(source: str) -> Pixels:
    """A square whose colour its name says in hexadecimal digits."""
    color = [int(source[i : i + 2], 16) for i in (0, 2, 4)]
    return np.full((100, 100, 3), color, np.uint8)


def product(name: str, photo: str = "808080", **dimensions: str) -> MapProduct:
    return MapProduct(name, f"Title of {name}", photo, 0.25, 0.5, dimensions)


class Scripts(HTMLParser):
    """What a browser takes for scripts: their attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag == "script"
        if self._open:
            self.found.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self._open:
            attributes, text = self.found.pop()
            self.found.append((attributes, text + data))

    def handle_endtag(self, tag: str) -> None:
        self._open = False


def data_in(page: str) -> dict[str, Any]:
    (told,) = (text for attributes, text in Scripts(page).found if attributes.get("type") == "application/json")
    found: dict[str, Any] = json.loads(told)
    return found


def sheets_in(data: dict[str, Any]) -> list[Image.Image]:
    head = "data:image/jpeg;base64,"
    assert all(sheet.startswith(head) for sheet in data["sheets"])
    return [Image.open(io.BytesIO(base64.b64decode(sheet[len(head) :]))) for sheet in data["sheets"]]


def pixel(data: dict[str, Any], number: int) -> list[int]:
    """The middle of photo ``number``, found as the script finds it."""
    sheet, place = divmod(number, data["columns"] ** 2)
    width, height = data["sizes"][number]
    row, column = divmod(place, data["columns"])
    found = sheets_in(data)[sheet].getpixel((column * data["cell"] + width // 2, row * data["cell"] + height // 2))
    assert isinstance(found, tuple)
    return list(found)


def test_the_data_hold_products_dimensions_and_queries() -> None:
    products = [product("a", color="red"), product("b", color="blue", fit="slim"), product("c", color="blue")]
    queries = [MapQuery("00ff00", 0.125, 1.0, True, ("b", "sold out", "a")), MapQuery("00ff00", 0, 0, False)]
    page = map_html(products, queries, squares, "UMAP & more")
    data = data_in(page)
    assert "3 products" in page
    assert "UMAP &amp; more" in page
    assert data["ids"] == ["a", "b", "c"]
    assert data["titles"][0] == "Title of a"
    assert (data["x"], data["y"]) == ([0.25] * 3, [0.5] * 3)
    assert data["dimensions"] == [
        {"name": "color", "ordered": False, "values": ["blue", "red"], "of": [1, 0, 0]},
        {"name": "fit", "ordered": False, "values": ["slim"], "of": [-1, 0, -1]},
    ]
    assert data["queries"] == [
        {"x": 0.125, "y": 1.0, "first": True, "right": [1, 0]},
        {"x": 0, "y": 0, "first": False, "right": []},
    ]


def test_numbers_are_in_order_in_the_legend() -> None:
    products = [
        product(name, price=band) for name, band in zip("abcd", ["100–250", "20–100", "20–100", "3.5–20"], strict=True)
    ]
    (price,) = data_in(map_html(products, [], squares, ""))["dimensions"]
    assert price["ordered"]
    assert price["values"] == ["3.5–20", "20–100", "100–250"]


def test_text_from_a_feed_stays_text() -> None:
    hostile = MapProduct(HOSTILE, HOSTILE, "808080", 0, 0, {HOSTILE: HOSTILE})
    page = map_html([hostile], [], squares, HOSTILE)
    scripts = Scripts(page)
    assert len(scripts.found) == 2
    assert "<!--" not in page
    assert "\u2028" not in page.replace(HOSTILE.split(" & ")[1], "")
    data = data_in(page)
    assert data["ids"] == data["titles"] == [HOSTILE]
    assert data["dimensions"][0]["name"] == data["dimensions"][0]["values"][0] == HOSTILE


def test_nothing_is_loaded_and_a_strict_policy_is_kept() -> None:
    page = map_html([product("a", color="red")], [MapQuery("ff0000", 0, 0, True, ("a",))], squares, "PCA")
    assert "http" not in page
    assert not re.search(r"@import|url\(|\beval\b|new Function|innerHTML|fetch\(|XMLHttp|import\(", page)
    for tag, attributes in Scripts(page).tags:
        assert tag not in {"link", "img", "iframe", "object"}
        assert not {"src", "href", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]


def test_thumbnails_have_their_photos_colours() -> None:
    colors = [f"{red:02x}{green:02x}{blue:02x}" for red in (0, 90, 250) for green in (0, 200) for blue in (30, 220)]
    data = data_in(map_html([product(color, color) for color in colors], [MapQuery("fa6400", 0, 0, True)], squares, ""))
    assert len(data["sizes"]) == len(colors) + 1
    for number, color in enumerate([*colors, "fa6400"]):
        assert pixel(data, number) == pytest.approx(squares(color)[0, 0].tolist(), abs=6)


@pytest.mark.parametrize(("shape", "size"), [((300, 100), [43, 128]), ((50, 200), [128, 32]), ((3, 900), [128, 1])])
def test_a_thumbnail_keeps_its_proportions(shape: tuple[int, int], size: list[int]) -> None:
    data = data_in(map_html([product("a")], [], lambda _: np.zeros((*shape, 3), np.uint8), ""))
    assert data["sizes"] == [size]
    assert data["cell"] == 128


def unreadable(source: str) -> Pixels:
    raise PhotoError(f"{source} is cut off.", "Give the whole file.")


def missing(source: str) -> Pixels:
    raise FileNotFoundError(source)


@pytest.mark.parametrize(
    "picture", [unreadable, missing, lambda _: np.zeros((5, 5, 7), np.uint8), lambda _: np.zeros((0, 4, 3), np.uint8)]
)
def test_a_photo_that_cannot_be_read_is_grey(picture: Callable[[str], Pixels]) -> None:
    def some(source: str) -> Pixels:
        return squares(source) if source == "ff0000" else picture(source)

    data = data_in(map_html([product("a", "ff0000"), product("b", "broken"), product("c", "ff0000")], [], some, ""))
    assert pixel(data, 1) == pytest.approx([150, 150, 148], abs=4)
    assert pixel(data, 2) == pytest.approx([254, 0, 0], abs=6)


def test_many_products_stay_small() -> None:
    noise = np.random.default_rng(0).normal(128, 40, (12, 12, 3)).clip(0, 255).astype(np.uint8)
    photo = np.asarray(Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC))
    page = map_html([product(str(i), color="red") for i in range(3000)], [], lambda _: photo, "")
    assert len(page) < 8_000_000
    data = data_in(page)
    assert data["cell"] == 64
    assert [sheet.size for sheet in sheets_in(data)] == [(2048, 2048), (2048, 2048), (2048, 1920)]
    assert pixel(data, 2999) == pytest.approx(photo[32, 32].tolist(), abs=25)


def test_cells_fit_jpeg_blocks_and_sheets() -> None:
    assert all(cell % 16 == 0 and SHEET // cell >= 16 for _, cell in CELLS)


def test_no_products() -> None:
    page = map_html([], [MapQuery("ff0000", 0.5, 0.5, False)], squares, "")
    assert "No products" in page
    assert "<script" not in page


@pytest.mark.parametrize("place", [(float("nan"), 0.5), (0.5, -0.1), (1.5, 0)])
def test_positions_off_the_map_are_refused(place: tuple[float, float]) -> None:
    with pytest.raises(InvalidValue, match="off the map"):
        MapProduct("a", "A", "p", *place)
    with pytest.raises(InvalidValue, match="off the map"):
        MapQuery("a", *place, found_right=True)


def sold(number: int, **fields: Any) -> Product:
    return Product(f"p{number}", "Title", ("/p.jpg",), **fields)


def test_dimensions_are_what_can_be_told_apart_by_colour() -> None:
    products = [
        sold(
            number,
            category=("Home", "Chairs" if number < 30 else "Tables"),
            brand=f"brand {number % 3}",
            group_id=f"g{number // 2}",
            price=float(number),
            currency="EUR",
            attributes={
                "material": ("oak", "steel") if number % 2 else ("steel",),
                "serial": (f"s{number}",),
                "made": ("here",),
                "folds": (number % 2 == 0,),
                "legs": (float(3 + number % 2),),
                **({"rare": ("yes",)} if number == 7 else {}),
            },
        )
        for number in range(60)
    ]
    found = dimensions_of(products)
    assert list(found[1].items()) == [
        ("category level 2", "Home / Chairs"),
        ("brand", "brand 1"),
        ("folds", "no"),
        ("legs", "4"),
        ("material", "oak"),
        ("price", "0–10"),
    ]
    assert found[59]["category level 2"] == "Home / Tables"
    assert "rare" in found[7]
    prices = [row["price"] for row in found]
    assert len(set(prices)) == 6
    assert max(map(prices.count, prices)) <= 11
    for number, band in enumerate(prices):
        low, high = map(float, band.split("–"))
        assert low <= number <= high


def test_the_rarest_of_many_values_are_grouped() -> None:
    frequent = [sold(number, attributes={"shade": (f"shade {number % 39}",)}) for number in range(39 * 10)]
    rare = [sold(1000 + number, attributes={"shade": (f"rare {number}",)}) for number in range(40)]
    shades = [row["shade"] for row in dimensions_of(frequent + rare)]
    assert shades[:390] == [f"shade {number % 39}" for number in range(390)]
    assert set(shades[390:]) == {"(other)"}
    assert (
        dimensions_of(frequent + rare + [sold(2000 + n, attributes={"shade": (f"{n}!",)}) for n in range(9)])[0] == {}
    )


def test_prices_in_two_currencies_are_no_dimension() -> None:
    products = [sold(number, price=float(number), currency=("EUR", "SEK")[number % 2]) for number in range(4)]
    assert dimensions_of(products) == [{}] * 4
    assert dimensions_of([]) == []

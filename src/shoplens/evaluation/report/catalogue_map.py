"""The map of the catalogue: products as thumbnails where their embeddings lie, a piece of a report that loads nothing.

The browser's part is ``catalogue_map.js`` and ``catalogue_map.css`` beside this file; both go into the page.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from shoplens.errors import InvalidValue, ShoplensError
from shoplens.evaluation.report.rendering import render
from shoplens.types import Pixels, Product, Value

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_VALUES = 40
"""More values than this cannot be told apart by colour."""
OTHER = "(other)"
COVERED = 0.9
BANDS = 6
SHEET = 2048
QUALITY = 70
CELLS = ((1000, 128), (2000, 96), (5000, 64), (10000, 48), (math.inf, 32))
"""Up to how many photos -> side of a thumbnail in pixels; multiples of 16 keep JPEG's blocks inside one photo."""
_UNREADABLE = (150, 150, 148)
_NUMBER = re.compile(r"-?\d")


@dataclass(frozen=True, slots=True)
class MapProduct:
    """A product on the map.

    Attributes:
        product_id, title: for people, and for finding it.
        photo: source of the photo to show.
        x, y: position, from 0 to 1.
        dimensions: name -> value, what the map can be coloured by, e.g. ``{"category": "Tops", "color": "green"}``.
    """

    product_id: str
    title: str
    photo: str
    x: float
    y: float
    dimensions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_place(self.product_id, self.x, self.y)


@dataclass(frozen=True, slots=True)
class MapQuery:
    """A query photo on the map.

    Attributes:
        photo: its source.
        x, y: position, from 0 to 1.
        found_right: a right product came first.
        right: ids of the right products, the most wanted first; ids that are not on the map get no line.
    """

    photo: str
    x: float
    y: float
    found_right: bool
    right: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_place(self.photo, self.x, self.y)


@dataclass(frozen=True, slots=True)
class _Sprites:
    """Thumbnails in JPEG sheets, row by row; ``sizes`` are those of the photos inside their cells."""

    cell: int
    sheets: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


def map_html(
    products: Sequence[MapProduct], queries: Sequence[MapQuery], picture: Callable[[str], Pixels], note: str = ""
) -> Markup:
    """A ``<section>`` for a page whose root says ``color-scheme``; its style, script and data are inside.

    About 3 kB per product, so sample a catalogue of more than some 10,000. The page needs no network. A photo that
    cannot be read is a grey field.

    Args:
        picture: source of a photo -> its pixels, uint8 (h, w, 3); asked once for each product and query.
        note: a sentence under the heading, such as how the positions were found.
    """
    photos = [*(product.photo for product in products), *(query.photo for query in queries)]
    data = _data(products, queries, _sprites(photos, picture)) if products else {}
    return render("catalogue_map.html", product_count=len(products), note=note, data=data)


def dimensions_of(products: Sequence[Product]) -> list[dict[str, str]]:
    """What each product's place can be coloured by: a mapping for every product, in their order.

    These are the levels of the category (``category``, ``category level 2``, …; each value names the levels above it),
    the brand, the first value of every attribute, and the price. Numbers of many values become up to six bands with
    about as many products in each. Of more than 40 other values the rarest become ``(other)``, where that is a tenth
    of the products or less; else the dimension is left out, and so is one that is the same for all, and the group,
    which is almost as fine as the products. Prices in several currencies cannot be compared and are left out.
    """
    one_currency = len({product.currency for product in products if product.price is not None}) == 1
    raw = [_values(product, one_currency) for product in products]
    said = Counter(chain.from_iterable(raw))
    kept: dict[str, list[str | None]] = {}
    for name in sorted(said, key=lambda name: _order(name, said[name])):
        values = _few(_texts([row.get(name) for row in raw]))
        if len(set(values)) > 1:
            kept[name] = values
    return [{name: text for name, column in kept.items() if (text := column[row])} for row in range(len(products))]


def _values(product: Product, with_price: bool) -> dict[str, Value]:
    levels = range(1, len(product.category) + 1)
    values: dict[str, Value] = {
        "category" if level == 1 else f"category level {level}": " / ".join(product.category[:level])
        for level in levels
    }
    if product.brand:
        values["brand"] = product.brand
    for name, several in product.attributes.items():
        if several:
            values.setdefault(name, several[0])
    if with_price and product.price is not None:
        values.setdefault("price", product.price)
    return values


def _order(name: str, said: int) -> tuple[int, int, str]:
    """Categories first, then the brand, then what most products say something about."""
    first = 0 if re.fullmatch(r"category( level \d+)?", name) else 1 if name == "brand" else 2
    return first, -said if first == 2 else 0, name


def _texts(column: Sequence[Value | None]) -> list[str | None]:
    """Values in words, and many numbers in bands."""
    numbers = [float(value) for value in column if isinstance(value, (int, float)) and not isinstance(value, bool)]
    only_numbers = len(numbers) == sum(value is not None for value in column)
    if only_numbers and len(set(numbers)) > 2 * BANDS:
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BANDS + 1), method="nearest"))
        return [None if value is None else _band(float(value), edges.tolist()) for value in column]
    return [None if value is None else _text(value) for value in column]


def _few(column: list[str | None]) -> list[str | None]:
    """At most 40 different values; nothing at all where that would hide more than a tenth of what is said."""
    counts = Counter(sorted(value for value in column if value is not None))
    if len(counts) <= MOST_VALUES:
        return column
    frequent = dict(counts.most_common(MOST_VALUES - 1))
    if sum(frequent.values()) < COVERED * counts.total():
        return []
    return [value if value is None or value in frequent else OTHER for value in column]


def _band(value: float, edges: Sequence[float]) -> str:
    """``27–34``: from the lower edge to below the upper one; the last band holds its upper edge too.

    >>> _band(27.0, [10.0, 27.0, 34.5])
    '27–34.5'
    """
    upper = next((i for i in range(1, len(edges)) if value < edges[i]), len(edges) - 1)
    return f"{edges[upper - 1]:.10g}–{edges[upper]:.10g}"


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:.10g}"


def _data(products: Sequence[MapProduct], queries: Sequence[MapQuery], sprites: _Sprites) -> dict[str, Any]:
    """What the script reads; lists have an entry per product, and the thumbnails of queries follow theirs."""
    number = {product.product_id: row for row, product in enumerate(products)}
    return {
        "ids": [product.product_id for product in products],
        "titles": [product.title for product in products],
        "x": [round(product.x, 5) for product in products],
        "y": [round(product.y, 5) for product in products],
        "dimensions": [_dimension(name, products) for name in dict.fromkeys(chain(*(p.dimensions for p in products)))],
        "queries": [
            {
                "x": round(query.x, 5),
                "y": round(query.y, 5),
                "first": query.found_right,
                "right": [number[one] for one in query.right if one in number],
            }
            for query in queries
        ],
        "cell": sprites.cell,
        "columns": SHEET // sprites.cell,
        "sizes": sprites.sizes,
        "sheets": sprites.sheets,
    }


def _dimension(name: str, products: Sequence[MapProduct]) -> dict[str, Any]:
    """Values in the legend's order: numbers ascending, else the most frequent first. -1 where nothing is said."""
    of = [product.dimensions.get(name) for product in products]
    counts = Counter(value for value in of if value is not None)
    ordered = all(_NUMBER.match(value) for value in counts)
    values = sorted(counts, key=lambda value: (_leading(value) if ordered else -counts[value], value))
    place = {value: row for row, value in enumerate(values)}
    return {
        "name": name,
        "ordered": ordered,
        "values": values,
        "of": [-1 if value is None else place[value] for value in of],
    }


def _leading(value: str) -> float:
    found = re.match(r"-?\d+(\.\d+)?", value)
    return float(found.group()) if found else 0.0


def _sprites(sources: Sequence[str], picture: Callable[[str], Pixels]) -> _Sprites:
    cell = next(side for most, side in CELLS if len(sources) <= most)
    columns = SHEET // cell
    sheets: list[str] = []
    sizes: list[tuple[int, int]] = []
    for start in range(0, len(sources), columns * columns):
        on_sheet = sources[start : start + columns * columns]
        height = -(-len(on_sheet) // columns) * cell
        sheet = Image.new("RGB", (min(len(on_sheet), columns) * cell, height), _UNREADABLE)
        for place, source in enumerate(on_sheet):
            thumbnail = _thumbnail(source, cell, picture)
            sheet.paste(_pad_to_cell(thumbnail, cell), (place % columns * cell, place // columns * cell))
            sizes.append(thumbnail.size)
        sheets.append(_jpeg(sheet))
    return _Sprites(cell, tuple(sheets), tuple(sizes))


def _thumbnail(source: str, cell: int, picture: Callable[[str], Pixels]) -> Image.Image:
    """The photo, its longer side that of the cell; grey where it cannot be read."""
    try:
        image = Image.fromarray(np.asarray(picture(source), np.uint8)).convert("RGB")
    except (ShoplensError, OSError, ValueError, TypeError):
        image = Image.new("RGB", (0, 0))
    if 0 in image.size:
        return Image.new("RGB", (cell, cell), _UNREADABLE)
    scale = cell / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _pad_to_cell(thumbnail: Image.Image, cell: int) -> Image.Image:
    """A whole cell, its last column and row drawn out to the border: JPEG's blocks then smear no other colour in."""
    width, height = thumbnail.size
    full = Image.new("RGB", (cell, cell))
    full.paste(thumbnail)
    if width < cell:
        full.paste(thumbnail.crop((width - 1, 0, width, height)).resize((cell - width, height)), (width, 0))
    if height < cell:
        full.paste(full.crop((0, height - 1, cell, height)).resize((cell, cell - height)), (0, height))
    return full


def _jpeg(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _check_place(what: str, x: float, y: float) -> None:
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise InvalidValue(f"{what!r} lies at {x!r}, {y!r}, which is off the map.", "Give positions from 0 to 1.")

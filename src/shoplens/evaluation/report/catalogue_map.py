"""The map of the catalogue: products as thumbnails at the positions of their embeddings, a section that loads nothing.

``catalogue_map.js`` and ``catalogue_map.css`` beside this file draw it in the browser; both become part of the page.
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
from shoplens.evaluation.report.rendering import render_fragment
from shoplens.types import Pixels, Product, Value

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_VALUES = 40
"""People cannot tell more values than this apart by colour."""
OTHER = "(other)"
COVERED = 0.9
"""Share of the products that the frequent values must have for the rare ones to become :data:`OTHER`."""
BANDS = 6
SHEET = 2048
"""Side of a sheet of thumbnails, in pixels."""
QUALITY = 70
CELLS = ((1000, 128), (2000, 96), (5000, 64), (10000, 48), (math.inf, 32))
"""Highest number of photos -> side of a thumbnail in pixels; multiples of 16 keep a JPEG block inside one photo."""
_UNREADABLE = (150, 150, 148)
_NUMBER = re.compile(r"-?\d")


@dataclass(frozen=True, slots=True)
class MapProduct:
    """A product on the map.

    Attributes:
        product_id, title: shown to people, who can search by them.
        photo: source of the photo to show.
        x, y: position, from 0 to 1.
        dimensions: name -> value, by which the map can be coloured, e.g. ``{"category": "Tops", "color": "green"}``.
    """

    product_id: str
    title: str
    photo: str
    x: float
    y: float
    dimensions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_position(self.product_id, self.x, self.y)


@dataclass(frozen=True, slots=True)
class MapQuery:
    """A query photo on the map.

    Attributes:
        photo: its source.
        x, y: position, from 0 to 1.
        found_right: whether a right product came first.
        right: ids of the right products, the most wanted first; ids that are not on the map get no line.
    """

    photo: str
    x: float
    y: float
    found_right: bool
    right: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_position(self.photo, self.x, self.y)


@dataclass(frozen=True, slots=True)
class _Sprites:
    """Thumbnails in JPEG sheets, row by row; ``sizes`` are the widths and heights of the photos inside their cells."""

    cell: int
    sheets: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


def map_html(
    products: Sequence[MapProduct], queries: Sequence[MapQuery], picture: Callable[[str], Pixels], note: str = ""
) -> Markup:
    """Return a ``<section>`` with its style, script and data, for a page whose root sets ``color-scheme``.

    It has about 3 kB per product, so sample a catalogue of more than about 10,000. The page needs no network. A photo
    that cannot be read becomes a grey field.

    Args:
        picture: source of a photo -> its pixels, uint8 (h, w, 3); called once for each product and query.
        note: a sentence under the heading, such as how the positions were computed.
    """
    photos = [*(product.photo for product in products), *(query.photo for query in queries)]
    data = _data(products, queries, _draw_sprites(photos, picture)) if products else {}
    return render_fragment("catalogue_map.html", product_count=len(products), note=note, data=data)


def dimensions_of(products: Sequence[Product]) -> list[dict[str, str]]:
    """Return what the map can be coloured by: name -> value for every product, in their order.

    The names are the levels of the category (``category``, ``category level 2``, …; each value names the levels above
    it), the brand, the first value of every attribute, and the price. Numbers of many values become up to six bands
    with about as many products in each. Of more than 40 other values the rarest become ``(other)``, if these are a
    tenth of the products or less; otherwise the dimension is left out. Also left out are a dimension that is the same
    for all, the group, which is almost as fine as the products, and prices in several currencies, which cannot be
    compared.
    """
    one_currency = len({product.currency for product in products if product.price is not None}) == 1
    rows = [_values(product, one_currency) for product in products]
    counts = Counter(chain.from_iterable(rows))
    columns: dict[str, list[str | None]] = {}
    for name in sorted(counts, key=lambda name: _sort_key(name, counts[name])):
        values = _limit_values(_value_texts([row.get(name) for row in rows]))
        if len(set(values)) > 1:
            columns[name] = values
    return [{name: text for name, column in columns.items() if (text := column[row])} for row in range(len(products))]


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


def _sort_key(name: str, count: int) -> tuple[int, int, str]:
    """Order dimensions: categories first, then the brand, then the others by the number of products that have them."""
    first = 0 if re.fullmatch(r"category( level \d+)?", name) else 1 if name == "brand" else 2
    return first, -count if first == 2 else 0, name


def _value_texts(column: Sequence[Value | None]) -> list[str | None]:
    """Write values as text, and numbers of many values as bands."""
    numbers = [float(value) for value in column if isinstance(value, (int, float)) and not isinstance(value, bool)]
    only_numbers = len(numbers) == sum(value is not None for value in column)
    if only_numbers and len(set(numbers)) > 2 * BANDS:
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BANDS + 1), method="nearest"))
        return [None if value is None else _band(float(value), edges.tolist()) for value in column]
    return [None if value is None else _value_text(value) for value in column]


def _limit_values(column: list[str | None]) -> list[str | None]:
    """Keep at most 40 different values; return nothing where that would hide more than a tenth of them."""
    counts = Counter(sorted(value for value in column if value is not None))
    if len(counts) <= MOST_VALUES:
        return column
    frequent = dict(counts.most_common(MOST_VALUES - 1))
    if sum(frequent.values()) < COVERED * counts.total():
        return []
    return [value if value is None or value in frequent else OTHER for value in column]


def _band(value: float, edges: Sequence[float]) -> str:
    """Return the band of a value, from its lower edge to below its upper one; the last band includes its upper edge.

    >>> _band(27.0, [10.0, 27.0, 34.5])
    '27–34.5'
    """
    upper = next((i for i in range(1, len(edges)) if value < edges[i]), len(edges) - 1)
    return f"{edges[upper - 1]:.10g}–{edges[upper]:.10g}"


def _value_text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:.10g}"


def _data(products: Sequence[MapProduct], queries: Sequence[MapQuery], sprites: _Sprites) -> dict[str, Any]:
    """Return what the script reads: lists with an entry per product, whose thumbnails come before those of queries."""
    rows = {product.product_id: row for row, product in enumerate(products)}
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
                "right": [rows[product_id] for product_id in query.right if product_id in rows],
            }
            for query in queries
        ],
        "cell": sprites.cell,
        "columns": SHEET // sprites.cell,
        "sizes": sprites.sizes,
        "sheets": sprites.sheets,
    }


def _dimension(name: str, products: Sequence[MapProduct]) -> dict[str, Any]:
    """Return the values in the order of the legend, and for each product the row of its value, -1 for none.

    Numbers are in ascending order; of other values the most frequent come first.
    """
    column = [product.dimensions.get(name) for product in products]
    counts = Counter(value for value in column if value is not None)
    ordered = all(_NUMBER.match(value) for value in counts)
    values = sorted(counts, key=lambda value: (_leading_number(value) if ordered else -counts[value], value))
    places = {value: row for row, value in enumerate(values)}
    return {
        "name": name,
        "ordered": ordered,
        "values": values,
        "of": [-1 if value is None else places[value] for value in column],
    }


def _leading_number(value: str) -> float:
    match = re.match(r"-?\d+(\.\d+)?", value)
    return float(match.group()) if match else 0.0


def _draw_sprites(sources: Sequence[str], picture: Callable[[str], Pixels]) -> _Sprites:
    """Draw the photos side by side on as few sheets as possible."""
    cell = next(side for most, side in CELLS if len(sources) <= most)
    columns = SHEET // cell
    sheets: list[str] = []
    sizes: list[tuple[int, int]] = []
    for start in range(0, len(sources), columns * columns):
        on_sheet = sources[start : start + columns * columns]
        height = -(-len(on_sheet) // columns) * cell
        sheet = Image.new("RGB", (min(len(on_sheet), columns) * cell, height), _UNREADABLE)
        for place, source in enumerate(on_sheet):
            thumbnail = _scale_photo(source, cell, picture)
            sheet.paste(_pad_to_cell(thumbnail, cell), (place % columns * cell, place // columns * cell))
            sizes.append(thumbnail.size)
        sheets.append(_encode_sheet(sheet))
    return _Sprites(cell, tuple(sheets), tuple(sizes))


def _scale_photo(source: str, cell: int, picture: Callable[[str], Pixels]) -> Image.Image:
    """Return the photo with its longer side as long as the cell; a grey square where the photo cannot be read."""
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
    """Fill the cell by repeating the last column and row, so that the blocks of JPEG mix in no other colour."""
    width, height = thumbnail.size
    full = Image.new("RGB", (cell, cell))
    full.paste(thumbnail)
    if width < cell:
        full.paste(thumbnail.crop((width - 1, 0, width, height)).resize((cell - width, height)), (width, 0))
    if height < cell:
        full.paste(full.crop((0, height - 1, cell, height)).resize((cell, cell - height)), (0, height))
    return full


def _encode_sheet(image: Image.Image) -> str:
    """Return the sheet as a ``data:`` address."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _check_position(name: str, x: float, y: float) -> None:
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise InvalidValue(f"{name!r} lies at {x!r}, {y!r}, which is off the map.", "Give positions from 0 to 1.")

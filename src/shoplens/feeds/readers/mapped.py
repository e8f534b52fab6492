"""Any table or JSON by a mapping of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shoplens.feeds.mapping import ATTRIBUTE, FieldMapping, matches
from shoplens.feeds.readers.jsonlines import read_objects
from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row, SkippedRow
from shoplens.feeds.text.availability import bad_availability, stock_of
from shoplens.feeds.text.delimited import TableRow, column_name, read_table
from shoplens.feeds.text.photo_lists import is_address, photos_in
from shoplens.feeds.text.plain_text import decode_entities, from_html, line
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.types import Rejection, Value

StoredProduct = Mapping[str, Sequence[str]]
"""Column, or path of keys joined by points -> its values, none of them empty."""
ROOTS = frozenset({"home", "root", "default", "root catalog", "default category", "accueil", "startseite", "inicio"})
"""Names of what is above all categories, and no category itself."""
_ADDRESSES = r"(?:\.(?:url|src|href|link))?"
"""Keys of the address in an object that stands for a photo."""
_SWATCH = re.compile(r"#[0-9A-Fa-f]{3,8}:")
"""How a shop system writes the colour before its name."""
_NOT_SOLD = frozenset({"0", "false", "no", "n", "nein", "non", "hidden", "draft", "archived", "disabled", "inactive"})


def read_table_by(path: Path, mapping: FieldMapping) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a table."""
    known = {pattern for patterns in mapping.columns.values() for pattern in patterns}
    for row in read_table(path, known, repeated=mapping.columns.get("photos", ())):
        if isinstance(row, TableRow):
            yield from read_record(row.number, {column: [cell] for column, cell in row.values.items()}, mapping)
        else:
            yield row


def read_json_by(path: Path, mapping: FieldMapping) -> Iterator[Event]:
    """Rows, and what is wrong with them, of JSON in lines or in one document."""
    for found in read_objects(path):
        if isinstance(found, Rejection):
            yield found
        else:
            number, content = found
            record: dict[str, list[str]] = {}
            _flatten("", content, record)
            yield from read_record(number, record, mapping)


def read_record(number: int, record: StoredProduct, mapping: FieldMapping) -> Iterator[Event]:
    """The row of a product, after what is odd about it."""
    reader = _RecordReader(number, record, mapping)
    product = reader.product()
    kind = reader.kind()
    if kind == "other":
        yield SkippedRow(_other_row(number, product.id))
        return
    yield from reader.notes
    if mapping.kind is None or not mapping.kind[2]:
        yield Row(number, product)
    elif kind == "product":
        product.group_id = ""
        product.attributes.update(reader.choices())
        yield Row(number, product, Role.PARENT, product.id, [(name, "") for name, _ in reader.options()])
    else:
        family, product.id, product.group_id = product.group_id, "", ""
        yield Row(number, product, Role.VARIANT, family, reader.options())


class _RecordReader:
    """What one record says, by a mapping; what is odd about it waits in ``notes``."""

    def __init__(self, number: int, record: StoredProduct, mapping: FieldMapping) -> None:
        self._number, self._record, self._mapping = number, record, mapping
        self._columns = sorted(record, key=_natural)
        self.notes: list[Rejection] = []

    def product(self) -> RawProduct:
        product = RawProduct(
            id=self._first("id")[0].strip(),
            title=line(from_html(self._first("title")[0])),
            photos=self._photos(),
            description=from_html(self._first("description")[0]),
            url=decode_entities(self._first("url")[0]),
            currency=line(self._first("currency")[0]).upper(),
            brand=line(self._first("brand")[0]),
            category=_category(self._first("category")[0], self._mapping),
            attributes=self._attributes(),
            group_id=self._first("group_id")[0].strip(),
            sold=self._first("sold")[0].strip().casefold() not in _NOT_SOLD,
            identifiers=[value.strip() for _, value in self._all("identifiers")],
        )
        self._price(product)
        text, column = self._first("in_stock")
        if text:
            product.in_stock = stock_of(text)
            if product.in_stock is None:
                self.notes.append(bad_availability(self._number, column, text, product.id))
        return product

    def kind(self) -> str:
        """``product``, ``variant`` or ``other``."""
        if self._mapping.kind is None:
            return "product"
        columns, products, variants = self._mapping.kind
        text = next((self._record[column][0] for column in columns.split("|") if column in self._record), "")
        kind = text.strip().casefold()
        return "product" if kind in products or not kind else "variant" if kind in variants else "other"

    def options(self) -> Options:
        """In what a variant differs from its siblings."""
        names = (self._record.get(column, [""])[0] for column in self._mapping.option_names)
        values = (self._record.get(column, [""])[0] for column in self._mapping.option_values)
        return [(line(name), line(_SWATCH.sub("", value))) for name, value in zip(names, values, strict=True)]

    def choices(self) -> Iterator[tuple[str, list[Value]]]:
        """The options that a product has at all, and their values."""
        for name, values in self.options():
            if name and (found := [value for one in values.split(";") if (value := _SWATCH.sub("", one.strip()))]):
                yield name.lower(), [*found]

    def _all(self, field: str) -> Iterator[tuple[str, str]]:
        """Column and value of all that is mapped to a field."""
        below = _ADDRESSES if field == "photos" else ""
        for pattern in self._mapping.columns.get(field, ()):
            for column in self._columns:
                if matches(column, pattern, below):
                    yield from ((column, value) for value in self._record[column])

    def _first(self, field: str) -> tuple[str, str]:
        """The first value that is mapped to a field, and its column; empty where there is none."""
        return next(((value, column) for column, value in self._all(field)), ("", ""))

    def _photos(self) -> dict[str, str]:
        photos: dict[str, str] = {}
        for column, value in self._all("photos"):
            for photo in photos_in(value):
                base = self._mapping.photo_base
                photos.setdefault(photo if is_address(photo) or not base else base + photo, column)
        return photos

    def _price(self, product: RawProduct) -> None:
        for column, text in self._all("price"):
            price = price_of(text)
            if price is not None:
                product.price, product.currency = price[0], price[1] or product.currency
                return
            self.notes.append(bad_price(self._number, column, text, product.id))

    def _attributes(self) -> dict[str, list[Value]]:
        found: dict[str, list[Value]] = {}
        options = {*self._mapping.option_names, *self._mapping.option_values}
        for column, values in self._record.items():
            if any(matches(column, pattern) for pattern in self._mapping.pairs):
                for name, value in _pairs(values, *self._mapping.pair_marks):
                    found.setdefault(name, []).append(value)
                continue
            field = self._mapping.field_of(column)
            name = field.removeprefix(ATTRIBUTE) if field and field.startswith(ATTRIBUTE) else column
            is_rest = field is None and self._mapping.rest and "." not in column
            is_rest = is_rest and not self._mapping.is_ignored(column) and column not in options
            if (name != column or is_rest) and (texts := [text for text in map(line, values) if text]):
                found[name] = [*found.get(name, []), *texts]
        return {name: list(dict.fromkeys(values)) for name, values in found.items() if name}


def reads_of(mapping: FieldMapping) -> dict[str, str]:
    """Field -> the columns that it is read from, for people."""
    found = {name: ", ".join(f"`{column}`" for column in columns) for name, columns in mapping.columns.items()}
    if mapping.pairs:
        found["attributes"] = ", ".join(f"`{column}`" for column in mapping.pairs) + ", and every other column"
    elif mapping.rest:
        found["attributes"] = "every other column"
    return found


def ignores_of(mapping: FieldMapping) -> dict[str, str]:
    """Columns that are not read -> why, for people."""
    columns = ", ".join(f"`{column}`" for column in sorted(mapping.ignored))
    return {columns: "not about what shoppers see"} if columns else {}


@lru_cache(1 << 12)
def _natural(column: str) -> list[tuple[int, str]]:
    """A key that sorts ``image_2`` before ``image_10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", column)]


def _pairs(values: Sequence[str], between: str, inside: str) -> Iterator[tuple[str, str]]:
    for part in (part.strip(' "') for value in values for part in value.split(between)):
        name, _, rest = part.partition(inside)
        value = line(rest.split(inside)[0])
        if (name := line(name).lower()) and value:
            yield name, value


def _category(text: str, mapping: FieldMapping) -> tuple[str, ...]:
    """The deepest of the categories, of equally deep ones the first."""
    paths = re.split(f"[{re.escape(mapping.categories_apart)}]", text) if mapping.categories_apart else [text]
    best: tuple[str, ...] = ()
    for path in paths:
        separator = next((mark for mark in mapping.category_separators if mark in path), None)
        levels = tuple(level for level in map(line, path.split(separator) if separator else [path]) if level)
        levels = levels[1:] if levels and levels[0].casefold() in ROOTS else levels
        best = levels if len(levels) > len(best) else best
    return best


def _flatten(name: str, value: Any, record: dict[str, list[str]]) -> None:
    """The texts, numbers and flags in a value of JSON, under the path of their keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{name}.{column_name(key)}" if name else column_name(key), inner, record)
    elif isinstance(value, list):
        for inner in value:
            _flatten(name, inner, record)
    elif value is not None and (text := str(value).lower() if isinstance(value, bool) else str(value).strip()):
        record.setdefault(name, []).append(text)


def _other_row(number: int, product_id: str) -> Rejection:
    return Rejection(
        kind="row-of-no-product",
        level="note",
        row=number,
        product_id=product_id,
        reason="The row is neither a product nor a variant; it is passed over.",
        fix="Nothing has to be done.",
    )

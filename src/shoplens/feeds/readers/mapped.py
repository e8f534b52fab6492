"""Reader of any table or JSON by a mapping of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shoplens.feeds.mapping import ATTRIBUTE, FieldMapping, matches_pattern
from shoplens.feeds.readers.jsonlines import read_objects
from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row, SkippedRow
from shoplens.feeds.text.availability import set_availability
from shoplens.feeds.text.delimited import TableRow, normalize_column_name, read_table
from shoplens.feeds.text.photo_lists import is_address, split_photos
from shoplens.feeds.text.plain_text import clean_line, decode_entities, html_to_text
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.types import Rejection, Value

StoredProduct = Mapping[str, Sequence[str]]
"""Column, or path of keys joined by points -> its values, none of them empty."""
ROOTS = frozenset({"home", "root", "default", "root catalog", "default category", "accueil", "startseite", "inicio"})
"""Names of the root above all categories, which is not a category itself."""
_PHOTO_KEYS = r"(?:\.(?:url|src|href|link))?"
"""Keys of the URL in a JSON object that stands for a photo."""
_SWATCH = re.compile(r"#[0-9A-Fa-f]{3,8}:")
"""The colour code that a shop system writes before a colour's name."""
_NOT_SOLD = frozenset({"0", "false", "no", "n", "nein", "non", "hidden", "draft", "archived", "disabled", "inactive"})


def read_table_by(path: Path, mapping: FieldMapping) -> Iterator[Event]:
    """Yield the rows of a table, and the notes and rejections about them."""
    known = {pattern for patterns in mapping.columns.values() for pattern in patterns}
    for row in read_table(path, known, repeated=mapping.columns.get("photos", ())):
        if isinstance(row, TableRow):
            yield from read_record(row.number, {column: [cell] for column, cell in row.values.items()}, mapping)
        else:
            yield row


def read_json_by(path: Path, mapping: FieldMapping) -> Iterator[Event]:
    """Yield the rows of JSON, in lines or in one document, and the notes and rejections about them."""
    for item in read_objects(path):
        if isinstance(item, Rejection):
            yield item
        else:
            number, content = item
            record: dict[str, list[str]] = {}
            _flatten("", content, record)
            yield from read_record(number, record, mapping)


def read_record(number: int, record: StoredProduct, mapping: FieldMapping) -> Iterator[Event]:
    """Yield the row of a product after the notes about it."""
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
    """Reads one record by a mapping.

    Attributes:
        notes: notes about values that cannot be read.
    """

    def __init__(self, number: int, record: StoredProduct, mapping: FieldMapping) -> None:
        self._number, self._record, self._mapping = number, record, mapping
        self._columns = sorted(record, key=_natural_order)
        self.notes: list[Rejection] = []

    def product(self) -> RawProduct:
        """Read the fields of the product, and add notes about those that cannot be read."""
        product = RawProduct(
            id=self._first("id")[0].strip(),
            title=clean_line(html_to_text(self._first("title")[0])),
            photos=self._photos(),
            description=html_to_text(self._first("description")[0]),
            url=decode_entities(self._first("url")[0]),
            currency=clean_line(self._first("currency")[0]).upper(),
            brand=clean_line(self._first("brand")[0]),
            category=_category(self._first("category")[0], self._mapping),
            attributes=self._attributes(),
            group_id=self._first("group_id")[0].strip(),
            sold=self._first("sold")[0].strip().casefold() not in _NOT_SOLD,
            identifiers=[value.strip() for _, value in self._all("identifiers")],
        )
        self._set_price(product)
        text, column = self._first("in_stock")
        self.notes.extend(set_availability(product, self._number, column, text))
        return product

    def kind(self) -> str:
        """Return the kind of row: ``product``, ``variant`` or ``other``."""
        if self._mapping.kind is None:
            return "product"
        columns, products, variants = self._mapping.kind
        text = next((self._record[column][0] for column in columns.split("|") if column in self._record), "")
        kind = text.strip().casefold()
        return "product" if kind in products or not kind else "variant" if kind in variants else "other"

    def options(self) -> Options:
        """Return the names and values in which a variant differs from its siblings."""
        names = (self._record.get(column, [""])[0] for column in self._mapping.option_names)
        values = (self._record.get(column, [""])[0] for column in self._mapping.option_values)
        return [
            (clean_line(name), clean_line(_SWATCH.sub("", value))) for name, value in zip(names, values, strict=True)
        ]

    def choices(self) -> Iterator[tuple[str, list[Value]]]:
        """Yield the options of a product with all their values."""
        for name, text in self.options():
            values = [value for part in text.split(";") if (value := _SWATCH.sub("", part.strip()))]
            if name and values:
                yield name.lower(), [*values]

    def _all(self, field: str) -> Iterator[tuple[str, str]]:
        """Yield column and value of everything that is mapped to a field."""
        suffix = _PHOTO_KEYS if field == "photos" else ""
        for pattern in self._mapping.columns.get(field, ()):
            for column in self._columns:
                if matches_pattern(column, pattern, suffix):
                    yield from ((column, value) for value in self._record[column])

    def _first(self, field: str) -> tuple[str, str]:
        """Return the first value that is mapped to a field, and its column; empty texts where there is none."""
        return next(((value, column) for column, value in self._all(field)), ("", ""))

    def _photos(self) -> dict[str, str]:
        photos: dict[str, str] = {}
        for column, value in self._all("photos"):
            for photo in split_photos(value):
                base = self._mapping.photo_base
                photos.setdefault(photo if is_address(photo) or not base else base + photo, column)
        return photos

    def _set_price(self, product: RawProduct) -> None:
        for column, text in self._all("price"):
            price = parse_price(text)
            if price is not None:
                product.price, product.currency = price[0], price[1] or product.currency
                return
            self.notes.append(bad_price(self._number, column, text, product.id))

    def _attributes(self) -> dict[str, list[Value]]:
        attributes: dict[str, list[Value]] = {}
        options = {*self._mapping.option_names, *self._mapping.option_values}
        for column, values in self._record.items():
            if any(matches_pattern(column, pattern) for pattern in self._mapping.pairs):
                for name, value in _parse_pairs(values, *self._mapping.pair_separators):
                    attributes.setdefault(name, []).append(value)
                continue
            field = self._mapping.field_of(column)
            name = field.removeprefix(ATTRIBUTE) if field and field.startswith(ATTRIBUTE) else column
            is_rest = field is None and self._mapping.rest and "." not in column
            is_rest = is_rest and not self._mapping.is_ignored(column) and column not in options
            if (name != column or is_rest) and (texts := [text for text in map(clean_line, values) if text]):
                attributes[name] = [*attributes.get(name, []), *texts]
        return {name: list(dict.fromkeys(values)) for name, values in attributes.items() if name}


def describe_read_columns(mapping: FieldMapping) -> dict[str, str]:
    """Return for each field the columns that it is read from, for people."""
    reads = {name: ", ".join(f"`{column}`" for column in columns) for name, columns in mapping.columns.items()}
    if mapping.pairs:
        reads["attributes"] = ", ".join(f"`{column}`" for column in mapping.pairs) + ", and every other column"
    elif mapping.rest:
        reads["attributes"] = "every other column"
    return reads


def describe_ignored_columns(mapping: FieldMapping) -> dict[str, str]:
    """Return the columns that are not read, with the reason, for people."""
    columns = ", ".join(f"`{column}`" for column in sorted(mapping.ignored))
    return {columns: "not about what shoppers see"} if columns else {}


@lru_cache(1 << 12)
def _natural_order(column: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``image_2`` before ``image_10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", column)]


def _parse_pairs(values: Sequence[str], pair_separator: str, name_separator: str) -> Iterator[tuple[str, str]]:
    for part in (part.strip(' "') for value in values for part in value.split(pair_separator)):
        name, _, rest = part.partition(name_separator)
        value = clean_line(rest.split(name_separator)[0])
        if (name := clean_line(name).lower()) and value:
            yield name, value


def _category(text: str, mapping: FieldMapping) -> tuple[str, ...]:
    """Return the deepest of the categories, and of equally deep ones the first."""
    paths = re.split(f"[{re.escape(mapping.list_separators)}]", text) if mapping.list_separators else [text]
    best: tuple[str, ...] = ()
    for path in paths:
        separator = next((character for character in mapping.category_separators if character in path), None)
        levels = tuple(level for level in map(clean_line, path.split(separator) if separator else [path]) if level)
        levels = levels[1:] if levels and levels[0].casefold() in ROOTS else levels
        best = levels if len(levels) > len(best) else best
    return best


def _flatten(name: str, value: Any, record: dict[str, list[str]]) -> None:
    """Add the texts, numbers and flags in a JSON value to ``record``, under the path of their keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{name}.{normalize_column_name(key)}" if name else normalize_column_name(key), inner, record)
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
        reason="The row is neither a product nor a variant; it is skipped.",
        fix="Nothing has to be done.",
    )

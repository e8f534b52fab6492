"""Mappings of a table's columns, or of JSON's keys, to the fields of a product, and proposals of such mappings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shoplens.errors import FeedError
from shoplens.feeds.text.delimited import normalize_column_name

FIELDS: Mapping[str, str] = {
    "id": "the product's id, which never changes",
    "title": "its name",
    "photos": "addresses or paths of its photos",
    "description": "a text, which may be HTML",
    "url": "its page in the shop",
    "price": "a number, with or without a currency",
    "currency": "the currency, where the price does not say it",
    "brand": "the maker",
    "category": "levels from the root down, with > or / between them",
    "group_id": "what variants of one design share",
    "in_stock": "a word of availability or a quantity",
    "identifiers": "SKUs and GTINs that find it, too",
    "sold": "whether it is on sale at all",
}
"""Field that a column can be mapped to -> its description."""
ATTRIBUTE = "attributes."
"""Prefix of the field that stands for the attribute of a name."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The columns of a kind of table, or the keys of JSON, that hold the fields of a product.

    Attributes:
        columns: field -> columns in the form of :func:`normalize_column_name`, where ``*`` stands for any text; the
            first column that is not empty counts, but all columns of ``photos`` and ``identifiers`` do.
        ignored: columns that do not describe products as shoppers see them.
        rest: whether columns that are neither mapped nor ignored become attributes.
        category_separators: characters that separate the levels of a category.
        list_separators: characters that separate several categories, of which the deepest counts; empty where a cell
            holds one category.
        photo_base: URL that is put before photos that are not URLs themselves.
        kind: the column that tells what a row is, its values for a product, and its values for a variant of the
            product whose ``group_id`` the row has; rows with other values are skipped.
        option_names, option_values: columns of a variant's options, in the same order.
        pairs: columns that hold attributes as ``Name:Value, Name:Value``.
        pair_separators: the text between two attributes there, and the text between a name and its value.
        required: tuples of columns; a header must have one column of each to be such a table.
    """

    columns: Mapping[str, tuple[str, ...]]
    ignored: Collection[str] = ()
    rest: bool = True
    category_separators: str = ">/"
    list_separators: str = ""
    photo_base: str = ""
    kind: tuple[str, frozenset[str], frozenset[str]] | None = None
    option_names: tuple[str, ...] = ()
    option_values: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    pair_separators: tuple[str, str] = (",", ":")
    required: tuple[tuple[str, ...], ...] = ()

    def field_of(self, column: str) -> str | None:
        """Return the field that a column is mapped to; None for a column that is not mapped."""
        for name, patterns in self.columns.items():
            if any(matches_pattern(column, pattern) for pattern in patterns):
                return name
        return None

    def required_columns(self) -> tuple[str, ...]:
        """Return the required columns for messages; of columns with ``|`` between them one is enough."""
        return tuple(map("|".join, self.required))

    def is_ignored(self, column: str) -> bool:
        """Return whether a column is ignored."""
        return any(matches_pattern(column, pattern) for pattern in self.ignored)


@lru_cache(1 << 16)
def matches_pattern(column: str, pattern: str, suffix: str = "") -> bool:
    """Return whether a column matches a pattern, in which ``*`` stands for any text and nothing else is special.

    Args:
        column: the column's name.
        pattern: the pattern.
        suffix: a regular expression for text that may follow.

    >>> matches_pattern("image_[1]", "image_[1]"), matches_pattern("image_2", "image_*")
    (True, True)
    >>> matches_pattern("my_image", "image*")
    False
    """
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))) + suffix, column, re.DOTALL) is not None


def parse_mapping(pairs: Mapping[str, str | Sequence[str]]) -> FieldMapping:
    """Parse a mapping that a person wrote.

    Args:
        pairs: field -> one or several columns; a text may hold several between commas.

    >>> parse_mapping({"id": "SKU", "photos": "Image 1, Image 2"}).columns["photos"]
    ('image_1', 'image_2')

    Raises:
        FeedError: ``bad-mapping``, a field is unknown, a column is empty, or ``id`` or ``photos`` is missing.
    """
    columns: dict[str, tuple[str, ...]] = {}
    for name, text in pairs.items():
        if name not in FIELDS and not (name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE)):
            fix = f"Map one of: {', '.join(FIELDS)}, or {ATTRIBUTE}NAME for an attribute."
            raise FeedError(f"There is no field {name!r} to map a column to.", fix, code="bad-mapping")
        headings = text.split(",") if isinstance(text, str) else text
        columns[name] = tuple(filter(None, map(normalize_column_name, headings)))
        if not columns[name]:
            fix = f"Name a column, for example --map {name}=Column."
            raise FeedError(f"No column is mapped to {name!r}.", fix, code="bad-mapping")
    missing = [name for name in ("id", "photos") if name not in columns]
    if missing:
        fix = f"Add for example --map {missing[0]}=Column."
        problem = f"The mapping does not say which column is {' and which is '.join(missing)}."
        raise FeedError(problem, fix, code="bad-mapping")
    return FieldMapping(columns, required=tuple(columns[name][:1] for name in ("id", "photos")))


_USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "sku", "product_id", "item_id", "article", "article_number", "artikelnummer", "reference", "ref",
           "code", "product_code", "item_number", "handle", "артикул", "référence", "referencia", "numéro"),
    "title": ("title", "name", "product_name", "product_title", "item_name", "titel", "bezeichnung", "produktname",
              "nom", "titre", "nombre", "título", "nome", "naam", "nazwa", "название", "наименование"),
    "photos": ("image", "images", "image_url", "image_urls", "photo", "photos", "picture", "pictures", "image_link",
               "img", "bild", "bilder", "bild_url", "bildurl", "foto", "fotos", "imagen", "imagenes", "immagine",
               "zdjęcie", "zdjecia", "фото", "изображение", "thumbnail", "media", "main_image", "product_image"),
    "price": ("price", "preis", "prix", "precio", "prezzo", "prijs", "cena", "цена", "sale_price", "regular_price"),
    "brand": ("brand", "manufacturer", "vendor", "marke", "hersteller", "marque", "marca", "merk", "marka", "бренд"),
    "category": ("category", "categories", "kategorie", "catégorie", "categoría", "categoria", "kategoria",
                 "product_type", "категория"),
    "description": ("description", "beschreibung", "descripción", "descrizione", "omschrijving", "opis", "описание"),
    "url": ("url", "link", "product_url", "permalink"),
    "group_id": ("group_id", "item_group_id", "parent_id", "parent_sku", "parent"),
    "in_stock": ("availability", "in_stock", "stock", "quantity", "qty", "bestand", "lagerbestand", "наличие"),
    "identifiers": ("gtin", "ean", "upc", "barcode", "ean13"),
}  # fmt: skip
"""Field -> the names that shops usually give it, the most usual first."""
_TRAILING_NUMBER = re.compile(r"_?\d+$")


def propose_mapping(headings: Iterable[str]) -> dict[str, str]:
    """Propose a mapping of fields to headings with usual names; ``id``, ``title`` and ``photos`` come first.

    >>> propose_mapping(["SKU", "Name", "Bild 1", "Preis"])
    {'id': 'SKU', 'title': 'Name', 'photos': 'Bild 1', 'price': 'Preis'}
    """
    by_name: dict[str, str] = {}
    for heading in headings:
        name = normalize_column_name(heading)
        by_name.setdefault(name, heading)
        by_name.setdefault(_TRAILING_NUMBER.sub("", name), heading)
    proposal: dict[str, str] = {}
    for field, usual_names in _USUAL_NAMES.items():
        column = next((name for name in usual_names if name in by_name), None)
        column = column or _find_by_word(field, usual_names, by_name)
        if column is not None and by_name[column] not in proposal.values():
            proposal[field] = by_name[column]
    return proposal


def _find_by_word(field: str, usual_names: Sequence[str], columns: Collection[str]) -> str | None:
    """Return a column with a word that is usual for a field; only the fields that a product needs are searched so."""
    if field not in ("id", "title", "photos"):
        return None
    return next((column for name in usual_names for column in columns if name in column.split("_")), None)


def has_required_columns(mapping: FieldMapping, columns: Collection[str]) -> bool:
    """Return whether a header has all columns that a mapping requires."""
    return all(
        any(matches_pattern(column, pattern) for pattern in patterns for column in columns)
        for patterns in mapping.required
    )

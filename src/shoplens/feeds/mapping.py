"""Which columns of a table, or keys of JSON, hold what of a product, and a proposal where nobody said so."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shoplens.errors import FeedError
from shoplens.feeds.text.delimited import column_name

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
"""What can be mapped, and what it is."""
ATTRIBUTE = "attributes."
"""Before the name of an attribute that a column is mapped to."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Where a kind of table keeps what is said of a product.

    Attributes:
        columns: field -> columns as :func:`column_name` gives them, where ``*`` stands for anything; the first one
            that is not empty counts, but of ``photos`` and ``identifiers`` all do.
        ignored: columns that are not about products as shoppers see them; all others become attributes.
        rest: whether columns that are neither mapped nor ignored become attributes.
        category_separators: between the levels of a category.
        categories_apart: what stands between several categories, of which the deepest is taken; empty where there is
            one.
        photo_base: address that photos without one are relative to.
        kind: column that says what a row is, and its values: of the product, of a variant of the product whose
            ``group_id`` it has; rows with other values are skipped.
        option_names, option_values: columns of a variant's options, in the same order.
        pairs: columns that hold attributes as ``Name:Value, Name:Value``.
        pair_marks: what stands between two attributes there, and between a name and its value.
        required: columns of which a header must have one, each, to be such a table.
    """

    columns: Mapping[str, tuple[str, ...]]
    ignored: Collection[str] = ()
    rest: bool = True
    category_separators: str = ">/"
    categories_apart: str = ""
    photo_base: str = ""
    kind: tuple[str, frozenset[str], frozenset[str]] | None = None
    option_names: tuple[str, ...] = ()
    option_values: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    pair_marks: tuple[str, str] = (",", ":")
    required: tuple[tuple[str, ...], ...] = ()

    def field_of(self, column: str) -> str | None:
        """The field that a column is mapped to; None where there is none."""
        for name, patterns in self.columns.items():
            if any(matches(column, pattern) for pattern in patterns):
                return name
        return None

    def required_columns(self) -> tuple[str, ...]:
        """The columns that are required, for people; ``|`` stands between those of which one is enough."""
        return tuple(map("|".join, self.required))

    def is_ignored(self, column: str) -> bool:
        """Whether a column says nothing that shoppers see."""
        return any(matches(column, pattern) for pattern in self.ignored)


@lru_cache(1 << 16)
def matches(column: str, pattern: str, below: str = "") -> bool:
    """Whether a pattern, in which ``*`` alone stands for anything, means a column.

    Args:
        below: a regular expression for what may follow.

    >>> matches("image_[1]", "image_[1]"), matches("image_2", "image_*"), matches("my_image", "image*")
    (True, True, False)
    """
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))) + below, column, re.DOTALL) is not None


def mapping_from(pairs: Mapping[str, str | Sequence[str]]) -> FieldMapping:
    """The mapping that a person wrote: field -> column, or several.

    >>> mapping_from({"id": "SKU", "photos": "Image 1, Image 2"}).columns["photos"]
    ('image_1', 'image_2')

    Raises:
        FeedError: ``bad-mapping``, for an unknown field, an empty column, or without ``id`` or ``photos``.
    """
    columns: dict[str, tuple[str, ...]] = {}
    for name, text in pairs.items():
        if name not in FIELDS and not (name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE)):
            fix = f"Map one of: {', '.join(FIELDS)}, or {ATTRIBUTE}NAME for an attribute."
            raise FeedError(f"There is no field {name!r} to map a column to.", fix, code="bad-mapping")
        several = text.split(",") if isinstance(text, str) else text
        columns[name] = tuple(filter(None, map(column_name, several)))
        if not columns[name]:
            fix = f"Name a column, for example --map {name}=Column."
            raise FeedError(f"No column is mapped to {name!r}.", fix, code="bad-mapping")
    missing = [name for name in ("id", "photos") if name not in columns]
    if missing:
        fix = f"Add for example --map {missing[0]}=Column."
        problem = f"The mapping does not say which column is {' and which is '.join(missing)}."
        raise FeedError(problem, fix, code="bad-mapping")
    return FieldMapping(columns, required=tuple(columns[name][:1] for name in ("id", "photos")))


_LIKELY: Mapping[str, tuple[str, ...]] = {
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
"""What shops usually call a field."""
_NUMBERED = re.compile(r"_?\d+$")


def propose_mapping(headings: Iterable[str]) -> dict[str, str]:
    """Field -> heading, for the headings that look like one; ``id``, ``title`` and ``photos`` first.

    >>> propose_mapping(["SKU", "Name", "Bild 1", "Preis"])
    {'id': 'SKU', 'title': 'Name', 'photos': 'Bild 1', 'price': 'Preis'}
    """
    by_name: dict[str, str] = {}
    for heading in headings:
        name = column_name(heading)
        by_name.setdefault(name, heading)
        by_name.setdefault(_NUMBERED.sub("", name), heading)
    found: dict[str, str] = {}
    for name, likely in _LIKELY.items():
        column = next((one for one in likely if one in by_name), None) or _holding(name, likely, by_name)
        if column is not None and by_name[column] not in found.values():
            found[name] = by_name[column]
    return found


def _holding(name: str, likely: Sequence[str], columns: Collection[str]) -> str | None:
    """A column one of whose words is usual for a field; only for what a product cannot do without."""
    if name not in ("id", "title", "photos"):
        return None
    return next((column for one in likely for column in columns if one in column.split("_")), None)


def shows(mapping: FieldMapping, columns: Collection[str]) -> bool:
    """Whether a header has all that a mapping needs."""
    return all(
        any(matches(column, pattern) for pattern in several for column in columns) for several in mapping.required
    )

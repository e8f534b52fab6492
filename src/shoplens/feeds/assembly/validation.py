"""Validation of the values that a feed has of one product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from shoplens.errors import InvalidValue
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import RawProduct
from shoplens.types import Product, Rejection, Value
from shoplens.types.catalogue import MAX_ID_LENGTH
from shoplens.types.gtin import strip_gtin_separators

MAX_PHOTOS = 50
"""Maximum number of photos of one product."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\x9f]")  # browsers ignore some of these and may then find another scheme


def validate(product: RawProduct, row: int, paths: PhotoPaths) -> Iterator[Product | Rejection]:
    """Yield everything that is wrong with a product, and then the product, unless it cannot be used.

    Args:
        product: the values from the feed.
        row: number of the row that the rejections name.
        paths: resolves references to photos.
    """
    note = partial(replace, row=row, product_id=product.id)
    photos: dict[str, None] = {}
    for number, (reference, field) in enumerate(product.photos.items()):
        if len(photos) == MAX_PHOTOS:
            yield note(_TOO_MANY_PHOTOS, field=field, value=f"{len(product.photos) - number} more")
            break
        photo = paths.resolve(reference)
        if isinstance(photo, str):
            photos[photo] = None
        else:
            yield note(photo, field=field)
    if not photos:
        yield _without_photos(product, row)
        return
    if not product.title:
        yield note(_NO_TITLE)
    url = product.url.strip().replace(" ", "%20")
    if not (url_is_safe := _is_safe(url)):
        yield note(_BAD_URL, value=product.url)
    attributes: dict[str, tuple[Value, ...]] = {}
    for name, values in product.attributes.items():
        if not _is_usable_name(name):
            yield note(_BAD_NAME, field=name[:200], value=", ".join(map(str, values)))
        elif filled := tuple(value for value in values if value != ""):
            attributes[name] = filled
    try:
        yield Product(
            id=product.id,
            title=product.title or product.id,
            photos=tuple(photos),
            description=product.description,
            url=url if url_is_safe else "",
            price=product.price,
            currency=product.currency,
            brand=product.brand,
            category=product.category,
            attributes=attributes,
            group_id=product.group_id,
            in_stock=product.in_stock,
            identifiers=tuple(_usable_identifiers(product)),
        )
    except InvalidValue as error:
        yield note(Rejection(kind="bad-id", field="id", value=product.id, reason=error.problem, fix=error.fix))


def duplicate_id(row: int, field: str, product_id: str, owner: str) -> Rejection:
    """Return the rejection of a row whose id belongs to ``owner``, e.g. ``row 3``."""
    return Rejection(
        kind="duplicate-id",
        row=row,
        product_id=product_id,
        field=field,
        value=product_id,
        reason=f"The id repeats that of {owner}; the first one is kept.",
        fix="Give every product an id of its own.",
    )


def _is_safe(url: str) -> bool:
    """Return whether a page can safely link to the URL: it is a path, or its scheme is http or https."""
    if _NOT_IN_URLS.search(url):
        return False
    scheme = _SCHEME.match(url)
    return not scheme or scheme[1].lower() in ("http", "https")


def _usable_identifiers(product: RawProduct) -> Iterator[str]:
    """Yield the identifiers that can be searched for, without repeats and without the id itself.

    A trade number that is written with spaces or hyphens is given without them, too: barcodes are found by its digits.
    """
    names = [
        form for name in (product.id, *product.identifiers) for form in (name.strip(), strip_gtin_separators(name))
    ]
    for identifier in dict.fromkeys(names):
        if 0 < len(identifier) <= MAX_ID_LENGTH and identifier.isprintable() and identifier != product.id:
            yield identifier


def _is_usable_name(name: str) -> bool:
    return 0 < len(name) <= 128 and name.isprintable() and name == name.strip()


_NO_TITLE = Rejection(
    kind="missing-title",
    level="note",
    field="title",
    reason="The product has no title; its id is shown instead.",
    fix="Give it a title.",
)
_BAD_URL = Rejection(
    kind="bad-url",
    level="note",
    field="url",
    reason="This is not the URL of a web page; the product is kept without it.",
    fix="Give an http or https URL.",
)
_TOO_MANY_PHOTOS = Rejection(
    kind="too-many-photos",
    level="note",
    reason=f"The product has more than {MAX_PHOTOS} photos; the further ones are left out.",
    fix="Name the best photos first, or name fewer.",
)
_BAD_NAME = Rejection(
    kind="bad-attribute-name",
    level="note",
    reason="The attribute's name is not usable; the product is kept without it.",
    fix="Give 1 to 128 printable characters, without spaces around them.",
)


def _without_photos(product: RawProduct, row: int) -> Rejection:
    cause = f"none of its {len(product.photos)} photos can be used" if product.photos else "the feed names no photo"
    return Rejection(
        kind="product-without-photos",
        row=row,
        product_id=product.id,
        reason=f"A product needs a photo to be found, and {cause}.",
        fix="Name at least one photo.",
    )

"""Finds products by the names that people and files give them.

A name is looked up as a product's own id; else as an identifier of the feed rows that a product is made of, which
several products may share; else as an id that a product had before (:mod:`shoplens.store.renames`). Where one product
is wanted, it may also be the id of a group, such as the one that a shop's page has for a product in several colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from shoplens.errors import InvalidValue
from shoplens.index.conditions import AllOf, Condition, OneOf
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import normalize_nfc
from shoplens.types.gtin import gtin_forms

MAX_LISTED = 5


class ProductMatch(NamedTuple):
    """The products that a name refers to.

    Attributes:
        ids: one or more, in order.
        matched_by: whether the name is a product's own ``id``, an ``identifier`` of a row, or an ``old-id``.
    """

    ids: tuple[str, ...]
    matched_by: Literal["id", "identifier", "old-id"]


def find_products(index: Index, names: Iterable[str]) -> dict[str, ProductMatch]:
    """Return name -> the products that it refers to; names that refer to no product are left out."""
    names = tuple(dict.fromkeys(names))
    matches = {record.product.id: ProductMatch((record.product.id,), "id") for record in index.records(names)}
    if missing := [name for name in names if name not in matches]:
        matches |= {name: ProductMatch(ids, "identifier") for name, ids in _find_identifiers(index, missing).items()}
    if missing := [name for name in missing if name not in matches]:
        matches |= {name: ProductMatch((new,), "old-id") for name, new in _find_old_ids(index, missing).items()}
    return matches


def find_product(index: Index, name: str) -> StoredProduct:
    """Return the one product that a name refers to; of a group, the first in stock by its id.

    Raises:
        InvalidValue: ``unknown-product``; ``ambiguous-product``, with the products that share the identifier.
    """
    match = find_products(index, [name]).get(name)
    if match is not None and len(match.ids) > 1:
        listed = ", ".join(match.ids[:MAX_LISTED]) + (", …" if len(match.ids) > MAX_LISTED else "")
        raise InvalidValue(
            f"{name[:200]!r} stands for {len(match.ids)} products: {listed}.",
            "Give the id of the product that is meant.",
            code="ambiguous-product",
        )
    records = index.records(match.ids) if match is not None else _find_group(index, name)
    if not records:
        raise unknown_product_error(name)
    return records[0]


def find_gtin(index: Index, gtin: str, condition: Condition | None = None) -> list[StoredProduct]:
    """Return the products that have this trade number as an id or identifier, in any of its forms, by id.

    Args:
        gtin: of 14 digits.
        condition: that they meet; None for any product.
    """
    if "id" not in index.field_kinds():
        return []
    named = OneOf("id", texts=gtin_forms(gtin))
    records = index.all_records(named if condition is None else AllOf((named, condition)))
    return sorted(records, key=lambda record: record.product.id)


def unknown_product_error(name: str) -> InvalidValue:
    """Return the error for a name that refers to no product."""
    return InvalidValue(
        f"There is no product {name[:200]!r}.",
        "Give the id of a product in the store, or of its group, or the id, SKU or GTIN of a feed row that it is made "
        "of.",
        code="unknown-product",
    )


def _find_identifiers(index: Index, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return name -> ids of the products that have it as an identifier, sorted."""
    if "id" not in index.field_kinds():
        return {}
    names_by_form: dict[str, list[str]] = {}
    for name in names:
        names_by_form.setdefault(normalize_nfc(name), []).append(name)
    matches: dict[str, set[str]] = {}
    for record in index.all_records(OneOf("id", texts=tuple(names_by_form))):
        product = record.product
        for form in {normalize_nfc(name) for name in (product.id, *product.identifiers)} & names_by_form.keys():
            for name in names_by_form[form]:
                matches.setdefault(name, set()).add(product.id)
    return {name: tuple(sorted(ids)) for name, ids in matches.items()}


def _find_group(index: Index, name: str) -> list[StoredProduct]:
    """Return the products of the group with this id: those in stock or of unknown stock first, by id."""
    if "group_id" not in index.field_kinds():
        return []
    records = index.all_records(OneOf("group_id", texts=(normalize_nfc(name),)))
    return sorted(records, key=lambda record: (record.product.in_stock is False, record.product.id))


def _find_old_ids(index: Index, names: Iterable[str]) -> dict[str, str]:
    """Return name -> id of the product whose id it was before."""
    renames: Mapping[str, str] = index.renames()
    if not renames:
        return {}
    renamed = {name: renames[old] for name in names for old in (name, normalize_nfc(name)) if old in renames}
    existing = {record.product.id for record in index.records(set(renamed.values()))}
    return {name: new for name, new in renamed.items() if new in existing}

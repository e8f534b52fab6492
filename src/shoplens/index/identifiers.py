"""What people and files call a product -> the product.

A name is a product's own id; else one of the identifiers of the feed's rows that it is made of, which several products
may share; else an id that it had before (:mod:`shoplens.store.renames`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from shoplens.errors import InvalidValue
from shoplens.index.conditions import OneOf
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import normalize_nfc

MOST_TOLD = 5


class Named(NamedTuple):
    """The products that a name stands for.

    Attributes:
        ids: one or more, in order.
        by: what the name is: the product's own ``id``, an ``identifier`` of a row, or an ``old-id``.
    """

    ids: tuple[str, ...]
    by: Literal["id", "identifier", "old-id"]


def products_named(index: Index, names: Iterable[str]) -> dict[str, Named]:
    """Name -> the products that it stands for; names that stand for none are left out."""
    wanted = tuple(dict.fromkeys(names))
    found = {record.product.id: Named((record.product.id,), "id") for record in index.records(wanted)}
    if missing := [name for name in wanted if name not in found]:
        found |= {name: Named(ids, "identifier") for name, ids in _by_identifier(index, missing).items()}
    if missing := [name for name in missing if name not in found]:
        found |= {name: Named((new,), "old-id") for name, new in _by_old_id(index, missing).items()}
    return found


def product_named(index: Index, name: str) -> StoredProduct:
    """The one product that a name stands for.

    Raises:
        InvalidValue: ``unknown-product``; ``ambiguous-product``, naming those that share the identifier.
    """
    named = products_named(index, [name]).get(name)
    if named is not None and len(named.ids) > 1:
        several = ", ".join(named.ids[:MOST_TOLD]) + (", …" if len(named.ids) > MOST_TOLD else "")
        raise InvalidValue(
            f"{name[:200]!r} stands for {len(named.ids)} products: {several}.",
            "Give the id of the product that is meant.",
            code="ambiguous-product",
        )
    records = index.records(named.ids) if named is not None else []
    if not records:
        raise unknown_product(name)
    return records[0]


def unknown_product(name: str) -> InvalidValue:
    """What to say of a name that stands for no product."""
    return InvalidValue(
        f"There is no product {name[:200]!r}.",
        "Give the id of one in the store, or the id, SKU or GTIN of a row that it is made of.",
        code="unknown-product",
    )


def _by_identifier(index: Index, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    if "id" not in index.field_kinds():
        return {}
    called: dict[str, list[str]] = {}
    for name in names:
        called.setdefault(normalize_nfc(name), []).append(name)
    found: dict[str, set[str]] = {}
    for record in index.all_records(OneOf("id", texts=tuple(called))):
        product = record.product
        for form in {normalize_nfc(name) for name in (product.id, *product.identifiers)} & called.keys():
            for name in called[form]:
                found.setdefault(name, set()).add(product.id)
    return {name: tuple(sorted(ids)) for name, ids in found.items()}


def _by_old_id(index: Index, names: Iterable[str]) -> dict[str, str]:
    renames: Mapping[str, str] = index.renames()
    if not renames:
        return {}
    renamed = {name: renames[old] for name in names for old in (name, normalize_nfc(name)) if old in renames}
    there = {record.product.id for record in index.records(set(renamed.values()))}
    return {name: new for name, new in renamed.items() if new in there}

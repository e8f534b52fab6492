"""Merchandising by hand: from the names in ``shoplens.toml`` to the ids of the store's products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shoplens.index.identifiers import find_products
from shoplens.index.protocol import Index
from shoplens.settings import Merchandising


@dataclass(frozen=True, slots=True)
class MerchandisingNote:
    """An entry of ``shoplens.toml`` that is not the id of a product.

    Attributes:
        entry: the name as it is written there.
        products: ids of the products that it stands for; empty where it names none.
        by: what the name is: an ``identifier`` of a row, an ``old-id``, or ``nothing``.
    """

    entry: str
    products: tuple[str, ...]
    by: Literal["identifier", "old-id", "nothing"]

    @property
    def sentence(self) -> str:
        """The note as a sentence for people."""
        meaning = {
            "nothing": "which stands for no product: correct the entry or remove it",
            "old-id": f"which is called {', '.join(self.products)} now",
            "identifier": f"which is an identifier of {', '.join(self.products)}",
        }
        return f"The merchandising names {self.entry!r}, {meaning[self.by]}."


def resolve_merchandising(index: Index, settings: Merchandising) -> Merchandising:
    """Return the merchandising of an index, with products by their own ids."""
    if not (names := _names(settings)):
        return settings
    return resolve_names(settings, {name: one.ids for name, one in find_products(index, names).items()})


def resolve_names(settings: Merchandising, named: Mapping[str, Sequence[str]]) -> Merchandising:
    """Replace all names by ids of products.

    An entry by a product's own id overrides an entry by another name of it, and a pin or a boost overrides a bury.
    Names that stand for no product are left out.

    Args:
        settings: by names of any kind.
        named: name -> ids of the products that it stands for.
    """
    buried = {name for name in settings.buries if name in named.get(name, ())}
    pins = dict.fromkeys(one for name in settings.pins for one in named.get(name, ()) if one not in buried)
    boosts = {one: amount for one, amount in _amounts_by_id(settings.boosts, named).items() if one not in buried}
    raised = {*pins, *boosts}
    buries = {one: amount for one, amount in _amounts_by_id(settings.buries, named).items() if one not in raised}
    hides = dict.fromkeys(one for name in settings.hides for one in named.get(name, ()))
    return Merchandising(tuple(pins), boosts, buries, tuple(hides), settings.rules)


def merchandising_notes(index: Index, settings: Merchandising) -> list[MerchandisingNote]:
    """Return a note per entry that names a product by anything but its id, or no product at all."""
    names = _names(settings)
    named = find_products(index, names)
    notes = []
    for name in names:
        if (found := named.get(name)) is None:
            notes.append(MerchandisingNote(name, (), "nothing"))
        elif found.matched_by != "id":
            notes.append(MerchandisingNote(name, found.ids, found.matched_by))
    return notes


def _names(settings: Merchandising) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*settings.pins, *settings.boosts, *settings.buries, *settings.hides)))


def _amounts_by_id(amounts: Mapping[str, float], named: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return product id -> amount: the amount by its own id, else by the first other name of it."""
    by_id = {name: amount for name, amount in amounts.items() if name in named.get(name, ())}
    for name, amount in amounts.items():
        for one in named.get(name, ()):
            by_id.setdefault(one, amount)
    return by_id

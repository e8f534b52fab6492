"""What a merchandiser sets by hand, told of the products that a store has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shoplens.index.identifiers import products_named
from shoplens.index.protocol import Index
from shoplens.preferences import Merchandising


@dataclass(frozen=True, slots=True)
class MerchandisingNote:
    """An entry of ``shoplens.toml`` that is not the id of a product.

    Attributes:
        entry: as it stands there.
        products: ids of those that it is taken for; empty where it names none.
        by: what it is of them: an ``identifier`` of a row, or an ``old-id``; ``nothing``.
    """

    entry: str
    products: tuple[str, ...]
    by: Literal["identifier", "old-id", "nothing"]

    @property
    def sentence(self) -> str:
        """For people."""
        told = {
            "nothing": "which stands for no product",
            "old-id": f"which is called {', '.join(self.products)} now",
            "identifier": f"which is an identifier of {', '.join(self.products)}",
        }
        return f"[merchandising] of shoplens.toml names {self.entry!r}, {told[self.by]}."


def merchandising_in(index: Index, said: Merchandising) -> Merchandising:
    """What is said of the products of an index, by their own ids."""
    if not (names := _names(said)):
        return said
    return by_own_ids(said, {name: one.ids for name, one in products_named(index, names).items()})


def by_own_ids(said: Merchandising, named: Mapping[str, Sequence[str]]) -> Merchandising:
    """The same, said of products' own ids.

    What is said by a product's own id goes before what is said by another name of it, and a pin or a boost before a
    bury. Names that stand for no product say nothing.

    Args:
        said: by names of any kind.
        named: name -> ids of the products that it stands for.
    """
    buried = {name for name in said.buries if name in named.get(name, ())}
    pins = dict.fromkeys(one for name in said.pins for one in named.get(name, ()) if one not in buried)
    boosts = {one: amount for one, amount in _own_first(said.boosts, named).items() if one not in buried}
    raised = {*pins, *boosts}
    buries = {one: amount for one, amount in _own_first(said.buries, named).items() if one not in raised}
    return Merchandising(tuple(pins), boosts, buries)


def merchandising_notes(index: Index, said: Merchandising) -> list[MerchandisingNote]:
    """The entries that name a product by anything but its id, or no product at all."""
    names = _names(said)
    named = products_named(index, names)
    notes = []
    for name in names:
        if (found := named.get(name)) is None:
            notes.append(MerchandisingNote(name, (), "nothing"))
        elif found.by != "id":
            notes.append(MerchandisingNote(name, found.ids, found.by))
    return notes


def _names(said: Merchandising) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*said.pins, *said.boosts, *said.buries)))


def _own_first(amounts: Mapping[str, float], named: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Product -> amount: by its own id, else by the first other name of it."""
    found = {name: amount for name, amount in amounts.items() if name in named.get(name, ())}
    for name, amount in amounts.items():
        for one in named.get(name, ()):
            found.setdefault(one, amount)
    return found

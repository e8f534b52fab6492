"""shoplens dimensions"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from shoplens.build.dimension_rows import DimensionRow
from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, plain, print_json, print_table
from shoplens.cli.searching.answer import short
from shoplens.errors import InvalidValue
from shoplens.filters.model.quality import Quality
from shoplens.preferences import fold_name

SHOWN_CLASSES = 3
UNTRAINED = "untrained: too few products to learn from, so it is never predicted"


def run(
    name: Annotated[
        str | None, typer.Argument(help="One dimension, with every class of it.", show_default=False)
    ] = None,
    classes: Annotated[bool, typer.Option("--classes", help="Every class of every dimension, with products.")] = False,
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """List the ways in which products can be alike: classes, how well photos show them, and what they count."""
    settings = options.settings(store)
    with open_shop(settings) as shop:
        rows = _select_by_name(shop.dimensions(), name)
    own = settings.preferences.weights
    if json:
        print_json({"dimensions": [_as_json(row, own) for row in rows]})
        return
    print_table(_table(rows, own))
    for row in rows if classes or name is not None else ():
        if row.classes or row.untrained:
            print_table(_classes(row))
    if name is None and not classes:
        people.print("[dim]Every class, with products: shoplens dimensions --classes, or with the NAME of one.[/]")


def _select_by_name(rows: Sequence[DimensionRow], name: str | None) -> Sequence[DimensionRow]:
    """Those of a name; all for none.

    Raises:
        InvalidValue: ``unknown-dimension``.
    """
    found = [row for row in rows if name is None or fold_name(row.name) == fold_name(name)]
    if not found:
        there = ", ".join(row.name for row in rows)
        raise InvalidValue(f"There is no dimension {name!r}.", f"There are: {there}.", code="unknown-dimension")
    return found


def _as_json(row: DimensionRow, own: Mapping[str, float]) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "scored": row.scored,
        "classes": dict(row.classes or {}),
        "untrained": dict(row.untrained or {}),
        "quality": None if row.quality is None else dataclasses.asdict(row.quality),
        "weight": row.weight,
        "own_weight": own.get(row.name),
        "note": row.note,
    }


def _table(rows: Sequence[DimensionRow], own: Mapping[str, float]) -> Table:
    table = Table("dimension", "kind", "classes", "scored by", "right", "weight", "note", box=None, pad_edge=False)
    for row in rows:
        weight = "" if row.weight is None else short(row.weight)
        if row.name in own:
            weight = f"{own[row.name]:g} (shoplens.toml)"
        table.add_row(
            plain(row.name), row.kind, plain(_most(row)), row.scored, _right(row.quality), weight, plain(row.note)
        )
    return table


def _most(row: DimensionRow) -> str:
    """How many classes, and the largest of them."""
    classes = row.classes or {}
    if not classes:
        return ""
    largest = ", ".join(f"{one} {products}" for one, products in list(classes.items())[:SHOWN_CLASSES])
    return f"{len(classes)}: {largest}{', …' if len(classes) > SHOWN_CLASSES else ''}"


def _right(quality: Quality | None) -> str:
    """How well it is read off photos whose groups the heads never saw."""
    if quality is None or not quality.photos:
        return ""
    if quality.average_precision is not None:
        return f"mAP {quality.average_precision:.0%}, off by {quality.calibration_error:.1%}"
    return f"{quality.accuracy:.0%}, balanced {quality.balanced:.0%}, off by {quality.calibration_error:.1%}"


def _classes(row: DimensionRow) -> Table:
    table = Table(plain(row.name), "products", "", box=None, pad_edge=False)
    for one, products in (row.classes or {}).items():
        table.add_row(plain(one), str(products), "")
    for one, products in (row.untrained or {}).items():
        table.add_row(plain(one), str(products), f"[yellow]{UNTRAINED}[/]")
    return table

"""shoplens dimensions"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from shoplens.build.dimension_rows import DimensionRow
from shoplens.cli import options
from shoplens.cli.output import console, print_json, print_table, sanitize
from shoplens.cli.searching.answer import format_short
from shoplens.cli.store_access import open_shop
from shoplens.errors import InvalidValue
from shoplens.filters.model.quality import Quality
from shoplens.settings import fold_name

SHOWN_CLASSES = 3
UNTRAINED = "untrained: it has too few products to learn from, so it is never predicted"


def run(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Dimension to list alone, with all its classes.", show_default=False),
    ] = None,
    classes: Annotated[
        bool, options.flag("--classes", "List every class of every dimension, with its number of products.")
    ] = False,
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """List the dimensions in which products can be alike: their classes, how well photos show them, their weights.

    Example: shoplens dimensions color
    """
    settings = options.read_settings(store)
    with open_shop(settings) as shop:
        rows = _select_by_name(shop.dimensions(), name)
    own_weights = settings.preferences.weights
    if json:
        print_json({"dimensions": [_row_json(row, own_weights) for row in rows]})
        return
    print_table(_dimension_table(rows, own_weights))
    for row in rows if classes or name is not None else ():
        if row.classes or row.untrained:
            print_table(_class_table(row))
    if name is None and not classes:
        console.print(
            "[dim]`shoplens dimensions --classes` lists all classes, and `shoplens dimensions NAME` those of one "
            "dimension.[/]"
        )


def _select_by_name(rows: Sequence[DimensionRow], name: str | None) -> Sequence[DimensionRow]:
    """Return the rows of a name, or all rows for None.

    Raises:
        InvalidValue: ``unknown-dimension``.
    """
    selected = [row for row in rows if name is None or fold_name(row.name) == fold_name(name)]
    if not selected:
        names = ", ".join(row.name for row in rows)
        raise InvalidValue(f"There is no dimension {name!r}.", f"Choose one of: {names}.", code="unknown-dimension")
    return selected


def _row_json(row: DimensionRow, own_weights: Mapping[str, float]) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "scored": row.scored,
        "classes": dict(row.classes or {}),
        "untrained": dict(row.untrained or {}),
        "quality": None if row.quality is None else dataclasses.asdict(row.quality),
        "weight": row.weight,
        "own_weight": own_weights.get(row.name),
        "note": row.note,
    }


def _dimension_table(rows: Sequence[DimensionRow], own_weights: Mapping[str, float]) -> Table:
    table = Table("dimension", "kind", "classes", "scored by", "accuracy", "weight", "note", box=None, pad_edge=False)
    for row in rows:
        weight = "" if row.weight is None else format_short(row.weight)
        if row.name in own_weights:
            weight = f"{own_weights[row.name]:g} (shoplens.toml)"
        classes, accuracy = sanitize(_format_classes(row)), _format_accuracy(row.quality)
        table.add_row(sanitize(row.name), row.kind, classes, row.scored, accuracy, weight, sanitize(row.note))
    return table


def _format_classes(row: DimensionRow) -> str:
    """Return how many classes there are, and the largest of them."""
    classes = row.classes or {}
    if not classes:
        return ""
    largest = ", ".join(f"{name} {products}" for name, products in list(classes.items())[:SHOWN_CLASSES])
    return f"{len(classes)}: {largest}{', …' if len(classes) > SHOWN_CLASSES else ''}"


def _format_accuracy(quality: Quality | None) -> str:
    """Return how well the dimension is predicted from photos of groups that the heads never saw."""
    if quality is None or not quality.photos:
        return ""
    error = f"calibration error {quality.calibration_error:.1%}"
    if quality.average_precision is not None:
        return f"mAP {quality.average_precision:.0%}, {error}"
    return f"{quality.accuracy:.0%}, balanced {quality.balanced_accuracy:.0%}, {error}"


def _class_table(row: DimensionRow) -> Table:
    table = Table(sanitize(row.name), "products", "", box=None, pad_edge=False)
    for name, products in (row.classes or {}).items():
        table.add_row(sanitize(name), str(products), "")
    for name, products in (row.untrained or {}).items():
        table.add_row(sanitize(name), str(products), f"[yellow]{UNTRAINED}[/]")
    return table

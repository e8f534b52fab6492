"""shoplens models: the networks that can make the vectors of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import console, format_percent, print_json, print_table, progress_bar, sanitize
from shoplens.cli.store_access import open_shop
from shoplens.embedders.card import Pool
from shoplens.errors import InvalidValue
from shoplens.settings import Settings

if TYPE_CHECKING:
    from shoplens.evaluation.model_comparison import ModelMeasurement
    from shoplens.evaluation.results import Estimate

app = new_group(
    "List the networks that can make the vectors of a store, and add others. `shoplens models` alone lists them.",
    default="list",
)


@app.command(name="list")
def list_all(json: options.Json = False) -> None:
    """List the networks of the package, those that were added, and those that are known, with size and licence."""
    from shoplens.models.table import list_models

    rows = list_models(options.read_settings().models)
    if json:
        print_json({"models": rows})
        return
    table = Table(
        *("name", "state", "good for", "licence", "MB", "dimensions", "ms on this CPU", "from"),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        measured = "not measured" if row.cpu_ms is None else f"{row.cpu_ms:g}"
        about = (row.name, row.state, row.purpose, row.licence, f"{row.megabytes:g}", str(row.dimensions), measured)
        table.add_row(*(sanitize(text) for text in (*about, row.source)))
    print_table(table)
    console.print(
        "`--model NAME` uses one that is shipped or added; `shoplens models add NAME` adds a known one. The size of "
        "known ones is computed for float32. docs/models.md says what is known of them, and what was not tried."
    )


@app.command()
def add(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name that `shoplens models` lists, a repository of the Hugging Face hub, or one of its revisions, "
            "REPOSITORY@REVISION, or a folder in the layout of one.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Its name for `--model`. \\[default: the last part of where it is from]",
            show_default=False,
        ),
    ] = "",
    variant: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Such as int8 or fp16, for model_int8.onnx. \\[default: float32]", show_default=False
        ),
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Output that is the vector. \\[default: chosen by its name]", show_default=False
        ),
    ] = "",
    pool: Annotated[
        Pool | None,
        options.choice_option(
            "--pool",
            ("cls", "mean", "patches"),
            "With `--output`: how an output of tokens becomes a vector.",
            default="the output is the vector",
        ),
    ] = None,
    accept_licence: Annotated[
        bool, options.flag("--accept-licence", "Add the model though its licence has limits, which you have read.")
    ] = False,
    export: Annotated[
        bool,
        options.flag("--export", "Export the model from its weights of torch, and check the result against torch."),
    ] = False,
    no_text: Annotated[bool, options.flag("--no-text", "Leave the text tower out, where the model has one.")] = False,
    measure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Measure it beside the store's own model, by a CSV file with the columns photo and product_id.",
            show_default=False,
        ),
    ] = None,
    store: options.Store = None,
    replace: Annotated[bool, options.flag("--replace", "Replace the model of this name.")] = False,
    json: options.Json = False,
) -> None:
    """Add a model: copy its files, write its card, and try it. `--model NAME` uses it from then on.

    Example: shoplens models add siglip2-base-patch16-224 --variant int8
    """
    from shoplens.models.add import AddOptions
    from shoplens.models.sources import add_named_model

    if variant and export:
        raise InvalidValue("`--variant` was given with `--export`.", "Leave one out: an export is in float32.")
    if pool and not output:
        raise InvalidValue("`--pool` was given without `--output`.", "Name the output of tokens, too.")
    options_of_model = AddOptions(name, variant, output, pool or "", accept_licence, replace, text=not no_text)
    settings = options.read_settings(store)
    models = settings.models
    if measure is not None:
        with open_shop(settings):  # where there is no store, nothing is added
            pass
    if export:
        from shoplens.training.exports.export import add_exported_model

        added = add_exported_model(model, options_of_model, models)
    else:
        added = add_named_model(model, options_of_model, models)
    rows = [] if measure is None else _measure(settings, measure, [added.name])
    if json:
        found = {"name": added.name, "model": added.model, "path": str(added.path), "card": added.card}
        print_json({**found, "measured": rows} if measure is not None else found)
        return
    card = added.card
    console.print(
        sanitize(
            f"{added.name} was added: {card['dimensions']} dimensions, {card['cpu_ms']:g} ms for a photo on one thread "
            f"of this machine, licence {card['licence']}. The vector is the output {card['output']}"
            f"{', pooled by ' + card['pool'] if card['pool'] else ''}; the card is {added.path.with_suffix('.json')}."
        )
    )
    if text := card.get("text"):
        console.print(sanitize(f"Words are compared with photos by its text tower, {text['network']}."))
    if measure is not None:
        _print_measured(rows)
    console.print(sanitize(f"Build a store with it: `shoplens index FEED --model {added.name}`."))


@app.command()
def measure(
    queries: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV file with the columns photo and product_id, as for evaluate.", show_default=False
        ),
    ],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models, or ONNX files.", show_default=False)],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Measure models side by side on the store's products: quality of a whole search with the shop's settings, and of
    the look alone, also cut to fewer numbers; CPU time, bytes. The store is not changed; its own model is the first.

    Example: shoplens models measure queries.csv dinov2-small siglip2-base-patch16-224
    """
    rows = _measure(options.read_settings(store), queries, names)
    if json:
        print_json({"measured": rows})
    else:
        _print_measured(rows)


@app.command()
def cut(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model that was added.", show_default=False)],
    to: Annotated[int, typer.Option(metavar="NUMBER", help="Length of the new vectors.", show_default=False)],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Add a model called NAME-NUMBER that gives the vectors of another in fewer numbers: the first ones where its card
    allows that (cuts), else those along the axes that lose least on the store's photos.

    Example: shoplens models cut siglip2-base-patch16-224 --to 256
    """
    from shoplens.embedders.added import added_model
    from shoplens.embedders.card import load_card
    from shoplens.models.cut import cut_model

    settings = options.read_settings(store)
    path = added_model(settings.models, name)
    axes = None
    if path is not None and to not in load_card(path).cuts:
        with open_shop(settings) as shop:
            axes = shop.quality.fit_axes(name, to)
    added = cut_model(name, to, axes, settings.models)
    if json:
        print_json({"name": added.name, "model": added.model, "path": str(added.path), "card": added.card})
        return
    console.print(
        sanitize(f"{added.name} was added. Build a store with it: `shoplens index FEED --model {added.name}`.")
    )


def _measure(settings: Settings, queries: Path, names: Sequence[str]) -> list[ModelMeasurement]:
    with open_shop(settings) as shop, progress_bar() as progress:
        return shop.quality.measure_models(queries, names, progress)


def _format_change(change: Estimate) -> str:
    return f"{100 * change.value:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"


def _print_measured(rows: Sequence[ModelMeasurement]) -> None:
    columns = (
        Column("model", overflow="fold"),
        "by",
        "vectors",
        "numbers",
        "R@1 %",
        "R@10 %",
        "change",
        "CPU ms a photo",
        "bytes a product",
    )
    from shoplens.evaluation.model_comparison import LOOK

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        quality = (format_percent(row.recall_1), format_percent(row.recall_10))
        change = "" if row.change_1 is None else _format_change(row.change_1.difference)
        by = "look alone" if row.strategy == LOOK else row.strategy
        cells = [row.model, by, row.vectors, str(row.dimensions), *quality, change, f"{row.cpu_ms:g}"]
        cells.append(f"{row.bytes_per_product:,}")
        table.add_row(*(sanitize(cell) for cell in cells))
    print_table(table)
    console.print(
        f"{rows[0].queries} queries among {rows[0].products} products. The first row of a model is a whole search, as "
        "it would be after a move to it, with the shop's settings; `change` is its R@1 minus that of the first model. "
        "The intervals hold with 95 % confidence."
    )


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model that was added.", show_default=False)],
) -> None:
    """Remove a model that was added. A store that was built by it cannot be searched until it is added again.

    Example: shoplens models remove dinov2-small
    """
    from shoplens.models.folder import remove_model

    remove_model(name, options.read_settings().models)
    console.print(sanitize(f"{name} was removed."))

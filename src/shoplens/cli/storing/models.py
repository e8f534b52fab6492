"""shoplens models: the networks that can make the vectors of a store."""

from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import console, print_json, print_table, sanitize
from shoplens.embedders.card import Pool
from shoplens.errors import InvalidValue

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
    models = options.read_settings().models
    if export:
        from shoplens.training.exports.export import add_exported_model

        added = add_exported_model(model, options_of_model, models)
    else:
        added = add_named_model(model, options_of_model, models)
    if json:
        print_json({"name": added.name, "model": added.model, "path": str(added.path), "card": added.card})
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
    console.print(sanitize(f"Build a store with it: `shoplens index FEED --model {added.name}`."))


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

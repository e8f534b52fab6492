"""shoplens keys: who may use the service."""

from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import people, plain, print_json, print_table
from shoplens.errors import StoreError
from shoplens.service.keys import ROLES, Keys
from shoplens.settings import Settings
from shoplens.store.layout import is_store

app = typer.Typer(
    help="Who may use the service; a service that runs sees changes at once.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    role: Annotated[
        str, typer.Option("--role", help=f"{', '.join(ROLES)}; each may what those before it may.")
    ] = "search",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Make a key. It is shown once, and kept as a hash."""
    secret, key = _keys(options.settings(store)).made(name, role)  # type: ignore[arg-type]  # checked there
    if json:
        print_json({"key": secret, "id": key.id, "name": key.name, "role": key.role})
    else:
        print(secret)
    people.print(f"{plain(key.name)}: {key.role}, id {key.id}. The key is shown this once.")


@app.command(name="list")
def list_keys(store: options.Store = None, json: options.Json = False) -> None:
    """The keys there are, without themselves."""
    keys = _keys(options.settings(store)).all()
    if json:
        rows = [{"id": one.id, "name": one.name, "role": one.role, "created": one.created} for one in keys]
        print_json({"keys": rows})
        return
    table = Table("id", "name", "role", "created", box=None, pad_edge=False)
    for one in keys:
        table.add_row(one.id, plain(one.name), one.role, one.created)
    print_table(table)


@app.command()
def remove(
    key_id: Annotated[str, typer.Argument(help="Its id.", show_default=False)],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Take a key back."""
    key = _keys(options.settings(store)).remove(key_id)
    if json:
        print_json({"removed": key.id})
    people.print(f"Removed: {plain(key.name)}, {key.role}.")


def _keys(settings: Settings) -> Keys:
    if not is_store(settings.store):
        raise StoreError(f"There is no store at {settings.store}.", "Make one: shoplens index FEED.", code="no-store")
    return Keys(settings.store)

"""shoplens keys: who may use the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.groups import new_group
from shoplens.cli.output import console, print_json, print_table, sanitize
from shoplens.errors import StoreError
from shoplens.service.keys import ROLES, Keys, Role
from shoplens.settings import Settings
from shoplens.shop.open_store import open_shared_files

app = new_group("Manage the API keys of the service. A running service sees changes at once.")


@app.command()
def add(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Name of the key: a few words on what it is for.", show_default=False),
    ],
    role: Annotated[
        Role,
        options.choice_option(
            "--role",
            ROLES,
            "What the key allows: searching; also the desk; also changes of products; everything.",
            code="bad-key",
        ),
    ] = "search",
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Make a key, and print it. The store keeps a hash only, so the key cannot be printed again.

    Example: shoplens keys add storefront --role search
    """
    with _open_keys(options.read_settings(store)) as keys:
        secret, key = keys.create(name, role)
    if json:
        print_json({"key": secret, "id": key.id, "name": key.name, "role": key.role})
    else:
        print(secret)
    console.print(f"The key {sanitize(key.name)} has the role {key.role} and the id {key.id}. It is not shown again.")


@app.command(name="list")
def list_keys(store: options.Store = None, json: options.Json = False) -> None:
    """List the id, name and role of every key. The keys themselves are not stored."""
    with _open_keys(options.read_settings(store)) as opened:
        keys = opened.list_all()
    if json:
        rows = [{"id": key.id, "name": key.name, "role": key.role, "created": key.created} for key in keys]
        print_json({"keys": rows})
        return
    table = Table("id", "name", "role", "created", box=None, pad_edge=False)
    for key in keys:
        table.add_row(key.id, sanitize(key.name), key.role, key.created)
    print_table(table)


@app.command()
def remove(
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the key, as `shoplens keys list` shows it.", show_default=False)
    ],
    store: options.Store = None,
    json: options.Json = False,
) -> None:
    """Remove a key. The service refuses it from then on.

    Example: shoplens keys remove 1f3a9c02
    """
    with _open_keys(options.read_settings(store)) as keys:
        key = keys.remove(key_id)
    if json:
        print_json({"removed": key.id})
    console.print(f"The key {sanitize(key.name)} with the role {key.role} was removed.")


@contextmanager
def _open_keys(settings: Settings) -> Iterator[Keys]:
    with open_shared_files(settings) as layout:
        if not layout.exists():
            where = settings.server or settings.store
            raise StoreError(f"There is no store at {where}.", "Make a store: shoplens index FEED.", code="no-store")
        yield Keys(settings.store)

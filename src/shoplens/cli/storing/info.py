"""shoplens info"""

import dataclasses

from rich.table import Table

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people, plain, print_json


def run(store: options.Store = None, json: options.Json = False) -> None:
    """Say what a store holds, how it was made, and which fields `--where` may name."""
    settings = options.settings(store)
    with open_shop(settings) as shop:
        told = shop.info()
    told["settings"] = {field.name: str(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    if json:
        print_json(told)
        return
    for name in ("store", "products", "model", "dimensions", "feed", "feed_format", "created", "generation"):
        people.print(f"{name.replace('_', ' '):12} {plain(told[name])}")
    people.print(f"{'look':12} {plain(told['look']) or 'untouched: shoplens train look'}")
    if told["classifier"]:
        people.print(f"{'classifier':12} {plain(told['classifier'])}")
    calibrated = ", ".join(f"{name} ({one['queries']} photos)" for name, one in told["calibrated"].items())
    people.print(f"{'calibrated':12} {plain(calibrated) or 'no: shoplens calibrate'}")
    people.print(f"{'size':12} {told['bytes'] / 1e6:.1f} MB")
    for note in told["merchandising"]:
        people.print(plain(note["note"]))
    table = Table("field", "holds", "most frequent values", box=None, pad_edge=False)
    for field, about in told["fields"].items():
        values = ", ".join(f"{value} ({count})" for value, count in about["values"].items())
        table.add_row(plain(field), plain(", ".join(about["holds"])), plain(values))
    people.print(table)

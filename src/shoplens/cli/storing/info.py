"""shoplens info"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import console, print_json, sanitize
from shoplens.cli.store_access import open_shop
from shoplens.embedders.shipped import is_default_network


def run(store: options.Store = None, json: options.Json = False) -> None:
    """Show what a store holds, how it was made, and which fields `--where` can use."""
    settings = options.read_settings(store)
    with open_shop(settings) as shop:
        info = shop.info()
    info["settings"] = {field.name: str(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
    if json:
        print_json(info)
        return
    for name in ("store", "products", "model", "dimensions", "feed", "feed_format", "created", "generation"):
        console.print(f"{name.replace('_', ' '):12} {sanitize(info[name])}")
    if info["newer_model"]:
        command = f"shoplens index --replace {info['feed']} --model {info['newer_model']}"
        console.print(
            f"{'newer model':12} {info['newer_model']}, which finds the object in a photo: `{sanitize(command)}`"
        )
    console.print(f"{'look':12} {sanitize(info['look']) or 'untrained: `shoplens train look` trains one'}")
    if info["classifier"]:
        console.print(f"{'classifier':12} {sanitize(info['classifier'])}")
    calibrated = ", ".join(f"{name} ({one['queries']} photos)" for name, one in info["calibrated"].items())
    console.print(f"{'calibrated':12} {sanitize(calibrated) or 'no: `shoplens calibrate` does it'}")
    console.print(f"{'objects':12} {_describe_objects(info['objects'], info['model'])}")
    console.print(f"{'views':12} {_describe_views(info['views'])}")
    console.print(f"{'weights':12} {sanitize(_describe_tuning(info['tuning']))}")
    if caption := info["caption"]:
        console.print(f"{'caption':12} {sanitize(_describe_caption(caption))}")
    console.print(f"{'size':12} {info['bytes'] / 1e6:.1f} MB")
    for note in info["merchandising"]:
        console.print(sanitize(note["note"]))
    table = Table("field", "types", "most frequent values", box=None, pad_edge=False)
    for field, about in info["fields"].items():
        values = ", ".join(f"{value} ({count})" for value, count in about["values"].items())
        table.add_row(sanitize(field), sanitize(", ".join(about["holds"])), sanitize(values))
    console.print(table)


def _describe_objects(objects: Mapping[str, Any], model: str) -> str:
    """Return whether objects are compared, what it costs, and whether a new build would do it better, in words."""
    if not objects["compared"]:
        return "not compared by themselves"
    framed = ", and photos are framed to them" if objects["framed"] else ""
    passes = f"up to {objects['passes']} passes of the network for each photo instead of 1"
    cost = "a small network finds them in an eighth of the time of a pass" if objects["by_finder"] else passes
    is_older = is_default_network(model) and not objects["by_finder"]
    older = "; `shoplens index --replace` makes a store that finds them in a fraction of the time" if is_older else ""
    return (
        f"compared by themselves{framed}: {cost}, and {objects['bytes_per_photo']:,} bytes; "
        f"the setting objects = false leaves it out of a new store{older}"
    )


def _describe_views(views: Mapping[str, Any]) -> str:
    """Return whether it was learned how photos of one product differ, in words."""
    if not views["photos"]:
        return "no product has further photos, which would teach how photos of one product differ"
    taught = f"{views['photos']} further photos of products taught how photos of one product differ"
    figure = ""
    if views["error"]:
        figure = f"nDCG@10 {100 * views['gain']:+.1f} (standard error {100 * views['error']:.1f})"
    if not views["used"]:
        return f"{taught}, which is not used, since it finds less: {figure}"
    return f"{taught}{': ' if figure else ''}{figure}"


def _describe_caption(caption: Mapping[str, Any]) -> str:
    """Return whether the text tower counts, and why, in words."""
    if not caption["ndcg"]:
        return str(caption["reason"])
    figures = [f"{kind}: nDCG@10 {before:.2f} -> {after:.2f}" for kind, (before, after) in caption["ndcg"].items()]
    return f"weight {caption['weight']:g}; {caption['reason']}; {caption['titles']} titles; {'; '.join(figures)}"


def _describe_tuning(tuning: Mapping[str, Any]) -> str:
    """Return how the static weights were chosen, in words."""
    if not tuning:
        return "the default ones"
    changes = [
        f"{name} {before:g} -> {tuning['weights'][name]:g}"
        for name, before in tuning["default_weights"].items()
        if tuning["weights"][name] != before
    ]
    photos = ", ".join(f"{count} {kind}" for kind, count in tuning["photos"].items())
    gain = f"; nDCG@10 {100 * tuning['gain']:+.1f} (standard error {100 * tuning['error']:.1f})" if changes else ""
    return f"{tuning['reason']}{': ' if changes else ''}{', '.join(changes)}{gain}; {photos or 'no photos'}"

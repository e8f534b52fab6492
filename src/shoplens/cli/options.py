"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoplens.errors import InvalidValue
from shoplens.feeds import FORMATS
from shoplens.feeds.mapping import ATTRIBUTE, FIELDS
from shoplens.ranking.strategies import STRATEGIES
from shoplens.settings import Settings, settings_from
from shoplens.store.files.atomic import timestamp

Store = Annotated[
    Path | None,
    typer.Option("--store", help="Folder of the store. \\[default: SHOPLENS_STORE, else ./shoplens-store]"),
]
Feed = Annotated[
    str,
    typer.Argument(
        help="Feed file (also .gz or .zip), its http or https address, or a folder of photos.", show_default=False
    ),
]
FeedMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help=f"Which column of any table or JSON holds a field; may be repeated. Fields: {', '.join(FIELDS)}, and "
        f"{ATTRIBUTE}NAME. Several columns stand between commas. \\[default: \\[feed.map] in shoplens.toml]",
        show_default=False,
    ),
]
Media = Annotated[
    Path | None,
    typer.Option("--media", help="Folder that photo paths are relative to. \\[default: by the format's habit]"),
]
Format = Annotated[
    str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}. \\[default: recognised by the header]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; everything else on stderr.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 5 if any row, product or photo was rejected.")]
AllowPrivate = Annotated[
    bool | None,
    typer.Option(
        "--allow-private", help="Fetch photos and feeds from private and loopback addresses too.", show_default=False
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", help="ONNX file of another embedder, with its JSON card beside it. \\[default: the shipped one]"
    ),
]
QueriesFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[QUERIES.csv]", help="Rows of photo,product_id (and region, exclude, grade).", show_default=False
    ),
]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="Ask with every photo of a product after its first, taken out of the store.")
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", help="HTML file to write, and JSON beside it. \\[default: in the store's reports/]"),
]
Strategy = Annotated[
    str,
    typer.Option(
        "--strategy",
        help=f"How to answer: {', '.join(STRATEGIES)}. \\[default: what searches use]",
        show_default=False,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of the resampling that gives the intervals.")]


def feed_mapping(pairs: list[str] | None) -> dict[str, str] | None:
    """The mapping that ``--map`` gives; None where it is not given.

    Raises:
        InvalidValue: ``bad-mapping``, for anything but ``FIELD=COLUMN``, or a field that comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, column = pair.partition("=")
        if not equals or name.strip() in found:
            problem = f"--map {pair!r} {'maps a field again' if equals else 'has no ='}."
            fix = "Write --map FIELD=COLUMN, once for each field; several columns stand between commas."
            raise InvalidValue(problem, fix, code="bad-mapping")
        found[name.strip()] = column
    return found or None


def queries(file: Path | None, held_out: bool) -> Path | None:
    """The file of queries, or None for held-out photos.

    Raises:
        InvalidValue: both were given, or neither.
    """
    if (file is None) != held_out:
        given = "Both a file of queries and --held-out were" if held_out else "Neither queries nor --held-out was"
        fix = "Give QUERIES.csv with the columns photo and product_id, or --held-out."
        raise InvalidValue(f"{given} given.", fix, code="no-queries")
    return file


def report(file: Path | None, used: Settings, command: str) -> Path:
    """Where a command writes its report: the HTML file, whichever of the two was named."""
    page = file or used.store / "reports" / f"{timestamp()}-{command}.html"
    return page.with_suffix(".html") if page.suffix == ".json" else page


def settings(store: Path | None = None, model: Path | None = None, allow_private: bool | None = None) -> Settings:
    """Settings from a command's options."""
    return settings_from(store=store, model=model, allow_private=allow_private)

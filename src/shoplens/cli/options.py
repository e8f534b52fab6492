"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from shoplens.errors import InvalidValue
from shoplens.feeds import FORMATS
from shoplens.feeds.mapping import ATTRIBUTE, FIELDS
from shoplens.ranking.strategies import STRATEGIES
from shoplens.settings import Settings, settings_from
from shoplens.store.files.atomic import timestamp


def choice_option(
    name: str, choices: Iterable[str], help: str, *, default: str = "", code: str = InvalidValue.code
) -> Any:
    """Return an option that accepts some fixed values only.

    The help lists the values. Another value is an InvalidValue, like all bad input; Typer's own check of a ``Literal``
    would end as wrong usage, and print no JSON under ``--json``.

    Args:
        name: of the option, with its dashes.
        choices: the values.
        help: a sentence about the option.
        default: words for what happens where the option is not given; empty where the parameter has a default.
        code: of the error.
    """
    allowed = tuple(choices)

    def check(given: str | Sequence[str] | None) -> Any:
        for value in (given,) if isinstance(given, str) else given or ():
            if value not in allowed:
                raise InvalidValue(f"{name} is {value!r}.", f"Choose one of: {', '.join(allowed)}.", code=code)
        return given

    words = f"{help} Choices: {', '.join(allowed)}." + (f" \\[default: {default}]" if default else "")
    return typer.Option(name, parser=str, callback=check, metavar="NAME", help=words, show_default=not default)


def flag(names: str, help: str, panel: str | None = None) -> Any:
    """Return an option without a value, such as ``--json``; ``panel`` is the heading above it in the help."""
    return typer.Option(names, metavar="", help=help, show_default=False, rich_help_panel=panel)


Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FOLDER",
        help="Folder of the store, or qdrant://HOST:6334/NAME of one on a Qdrant server. "
        "\\[default: SHOPLENS_STORE, else ./shoplens-store]",
        show_default=False,
    ),
]
Feed = Annotated[
    str,
    typer.Argument(
        metavar="FEED",
        help="Feed to read: a file (.gz and .zip, too), its http or https address, or a folder of photos.",
        show_default=False,
    ),
]
FeedMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Read a field from this column of a table, or from this key of JSON. Repeat the option for each field; "
        f"write commas between several columns. Fields: {', '.join(FIELDS)}, and {ATTRIBUTE}NAME. "
        "\\[default: the table \\[feed.map] of shoplens.toml]",
        show_default=False,
    ),
]
Media = Annotated[
    Path | None,
    typer.Option(
        "--media",
        metavar="FOLDER",
        help="Folder that the photo paths of the feed are relative to. \\[default: depends on the format]",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    choice_option(
        "--format", FORMATS, "Format of the feed.", default="recognised by the header", code="unknown-format"
    ),
]
Json = Annotated[bool, flag("--json", "Print one JSON object to standard output, and all messages to standard error.")]
Strict = Annotated[bool, flag("--strict", "Exit with code 5 if anything was rejected.")]
AllowPrivate = Annotated[
    bool | None, flag("--allow-private", "Also fetch photos and feeds from private and loopback addresses.")
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Another model: a name that `shoplens models` lists, or an ONNX file with its JSON card beside it. "
        "\\[default: that of the store]",
        show_default=False,
    ),
]
QueriesFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="QUERIES.csv",
        help="CSV file of queries with the columns photo,product_id and, where wanted, region, exclude and grade.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    bool,
    flag(
        "--held-out",
        "Use the store's own photos as queries: all photos of a product but its first. Only first photos are searched.",
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="HTML file to write, with a JSON file beside it. \\[default: in the folder reports/ of the store]",
        show_default=False,
    ),
]
Strategy = Annotated[
    str | None,
    choice_option(
        "--strategy",
        STRATEGIES,
        "Strategy that answers the queries.",
        default="the one that searches use",
        code="unknown-strategy",
    ),
]
IntervalSeed = Annotated[
    int,
    typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Seed of the resampling that gives the intervals."),
]


def parse_feed_mapping(pairs: Sequence[str] | None) -> dict[str, str] | None:
    """Return field -> column, as ``--map`` gives it; None where it is not given.

    Raises:
        InvalidValue: ``bad-mapping``, for anything but ``FIELD=COLUMN``, or a field that comes twice.
    """
    columns: dict[str, str] = {}
    for pair in pairs or ():
        field, equals, column = pair.partition("=")
        if not equals or field.strip() in columns:
            problem = f"--map {pair!r} {'maps a field that is mapped already' if equals else 'has no ='}."
            fix = "Write --map FIELD=COLUMN, once for each field, with commas between several columns."
            raise InvalidValue(problem, fix, code="bad-mapping")
        columns[field.strip()] = column
    return columns or None


def choose_queries(file: Path | None, held_out: bool) -> Path | None:
    """Return the file of queries, or None for held-out photos.

    Raises:
        InvalidValue: both were given, or neither.
    """
    if (file is None) != held_out:
        given = "Both a file of queries and --held-out were" if held_out else "Neither queries nor --held-out was"
        fix = "Give QUERIES.csv with the columns photo and product_id, or give --held-out."
        raise InvalidValue(f"{given} given.", fix, code="no-queries")
    return file


def choose_report(file: Path | None, settings: Settings, command: str) -> Path:
    """Return the HTML file of a command's report; ``file`` may name it, or the JSON file beside it."""
    page = file or settings.store / "reports" / f"{timestamp()}-{command}.html"
    return page.with_suffix(".html") if page.suffix == ".json" else page


def read_settings(store: Path | None = None, model: Path | None = None, allow_private: bool | None = None) -> Settings:
    """Return the settings, with what a command's options say."""
    return settings_from(store=store, model=model, allow_private=allow_private)

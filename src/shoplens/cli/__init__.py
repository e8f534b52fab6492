"""The command line: one file per command; parse, then call."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

import typer

from shoplens import __version__
from shoplens.cli.output import print_error
from shoplens.errors import ShoplensError

COMMANDS = {
    "index": "catalogue",
    "search": "searching",
    "similar": "searching",
    "dimensions": "catalogue",
    "add": "catalogue",
    "remove": "catalogue",
    "sync": "catalogue",
    "info": "storing",
    "evaluate": "quality",
    "compare": "quality",
    "calibrate": "quality",
    "check": "quality",
    "doctor": "catalogue",
    "generations": "storing",
    "backup": "storing",
    "restore": "storing",
    "demo": "serving",
    "serve": "serving",
}
"""Command -> the folder of its file."""
GROUPS = {"train": "learning", "feedback": "learning", "keys": "serving"}
"""The same of commands that have commands of their own."""


def command_line(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """The application with these commands; each takes time to load."""
    app = typer.Typer(
        name="shoplens",
        help="Visual product search: a shopper's photo in, the shop's products out, with the reason for each.",
        epilog="Exit codes: 0 done · 2 wrong usage · 3 bad input · 4 trouble with the store · "
        "5 rejections under --strict · 6 refused to protect data · 1 a check that failed, or anything else.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in names:
        folder = (COMMANDS | GROUPS)[name]
        module = import_module(f"shoplens.cli.{folder}.{name}")
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(name=name)(module.run)
    return app


def _version(asked: bool) -> None:
    if asked:
        print(f"shoplens {__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Visual product search: a shopper's photo in, the shop's products out, with the reason for each."""


def main() -> None:
    """Run the command line; an error on purpose is a message and an exit code, never a traceback."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        command_line((asked,) if asked in (*COMMANDS, *GROUPS) else (*COMMANDS, *GROUPS))()
    except ShoplensError as problem:
        print_error(problem, as_json="--json" in sys.argv)
        sys.exit(problem.exit_code)

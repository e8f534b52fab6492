"""The command line: one file per command; parse, then call."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

import typer

from shoplens import __version__
from shoplens.cli.groups import HELP_OPTIONS
from shoplens.cli.output import print_error
from shoplens.errors import ShoplensError, disk_error

COMMANDS = {
    "index": "catalogue",
    "add": "catalogue",
    "sync": "catalogue",
    "remove": "catalogue",
    "dimensions": "catalogue",
    "doctor": "catalogue",
    "search": "searching",
    "similar": "searching",
    "evaluate": "quality",
    "compare": "quality",
    "calibrate": "quality",
    "info": "storing",
    "backup": "storing",
    "restore": "storing",
    "copy": "storing",
    "demo": "serving",
    "serve": "serving",
    "mcp": "serving",
}
"""Command -> the folder of its file."""
GROUPS = {
    "check": "quality",
    "train": "learning",
    "feedback": "learning",
    "generations": "storing",
    "models": "storing",
    "keys": "serving",
}
"""Command that has commands of its own -> the folder of its file."""
PANELS = {
    "catalogue": "Catalogue",
    "searching": "Search",
    "quality": "Quality",
    "learning": "Training and feedback",
    "storing": "Store",
    "serving": "Service and demonstration",
}
"""Folder -> the heading of its commands in the help."""


def command_line(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """Build the application with these commands. Every command takes time to load, so one call may load only one."""
    app = typer.Typer(
        name="shoplens",
        help="Visual product search: a shopper's photo in, the shop's products out, with the reason for each.",
        epilog="Exit codes: 0 the command succeeded · 1 a check failed, or an unexpected error occurred · "
        "2 the usage or a setting is wrong · 3 the input is bad · 4 there is a problem with the store · "
        "5 something was rejected under --strict · 6 the command was refused to protect data.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )
    app.callback()(_read_global_options)
    for name in names:
        folder = (COMMANDS | GROUPS)[name]
        module = import_module(f"shoplens.cli.{folder}.{name}")
        if name in GROUPS:
            app.add_typer(module.app, name=name, rich_help_panel=PANELS[folder])
        else:
            app.command(name=name, rich_help_panel=PANELS[folder])(module.run)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"shoplens {__version__}")
        raise typer.Exit


def _read_global_options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, metavar="", help="Print the version, and exit."
    ),
) -> None:
    """Visual product search: a shopper's photo in, the shop's products out, with the reason for each."""


def main() -> None:
    """Run the command line. A ShoplensError ends as a message and an exit code, never as a traceback."""
    first_word = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        command_line((first_word,) if first_word in (*COMMANDS, *GROUPS) else (*COMMANDS, *GROUPS))()
    except (ShoplensError, OSError) as problem:
        known = problem if isinstance(problem, ShoplensError) else disk_error(problem)
        if known is None:
            raise
        print_error(known, as_json="--json" in sys.argv)
        sys.exit(known.exit_code)

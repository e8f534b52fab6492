"""The command line: one file per command; parse, then call."""

from __future__ import annotations

import sys

import typer

from shoplens import __version__
from shoplens.cli import (
    add,
    backup,
    calibrate,
    check,
    compare,
    demo,
    dimensions,
    doctor,
    evaluate,
    feedback,
    generations,
    index,
    info,
    keys,
    remove,
    restore,
    search,
    serve,
    similar,
    sync,
    train,
)
from shoplens.cli.output import failed
from shoplens.errors import ShoplensError

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
COMMANDS = (
    index,
    search,
    similar,
    dimensions,
    add,
    remove,
    sync,
    info,
    evaluate,
    compare,
    calibrate,
    check,
    doctor,
    generations,
    backup,
    restore,
    demo,
    serve,
)
for command in COMMANDS:
    app.command(name=command.__name__.rsplit(".", 1)[-1])(command.run)
app.add_typer(train.app, name="train")
app.add_typer(feedback.app, name="feedback")
app.add_typer(keys.app, name="keys")


def _version(asked: bool) -> None:
    if asked:
        print(f"shoplens {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Visual product search: a shopper's photo in, the shop's products out, with the reason for each."""


def main() -> None:
    """Run the command line; an error on purpose is a message and an exit code, never a traceback."""
    try:
        app()
    except ShoplensError as problem:
        failed(problem, as_json="--json" in sys.argv)
        sys.exit(problem.exit_code)

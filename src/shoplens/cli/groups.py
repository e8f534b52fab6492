"""Commands that have commands of their own, such as ``shoplens keys add``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

HELP_OPTIONS = ("-h", "--help")


def new_group(help: str, *, default: str = "") -> typer.Typer:
    """Return an application for the commands of one group.

    Args:
        help: what the group is for.
        default: the command that runs where none is named. Options without a command belong to it:
            ``shoplens generations --json`` is ``shoplens generations list --json``.
    """

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if default and (not args or (args[0].startswith("-") and args[0] not in HELP_OPTIONS)):
                args = [default, *args]
            return super().parse_args(ctx, args)

    return typer.Typer(
        cls=Group,
        help=help,
        no_args_is_help=not default,
        subcommand_metavar="[COMMAND] [ARGS]..." if default else None,
        rich_markup_mode="rich",
        context_settings={"help_option_names": list(HELP_OPTIONS)},
    )

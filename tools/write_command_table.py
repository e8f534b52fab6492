"""Writes docs/commands.md, every command with its arguments and options, from the command line itself.

python tools/write_command_table.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from shoplens.cli import command_line

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
BEGIN, END = "<!-- commands: written by tools/write_command_table.py -->", "<!-- commands: end -->"


def commands() -> dict[str, TyperCommand]:
    """All commands by name; the name of a command in a group has the group's before it."""
    root = get_command(command_line())
    assert isinstance(root, TyperGroup)
    return dict(_commands_of(root, ""))


def _commands_of(group: TyperGroup, before: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands_of(command, f"{before}{name} ")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{before}{name}", command


def option_names(command: TyperCommand) -> list[str]:
    """The names of a command's options, such as ``--store`` and ``-k``."""
    return [name for option in command.params for name in (*option.opts, *option.secondary_opts) if name[0] == "-"]


def command_tables() -> str:
    """A section per command: what it does, and a row per argument and option."""
    return "\n\n".join(_section(name, command) for name, command in commands().items())


def page_with_tables(page: str) -> str:
    """The page with the sections between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{command_tables()}\n\n{END}{after}"


def _section(name: str, command: TyperCommand) -> str:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            rows.append(_row(f"`{_argument(parameter)}`", parameter.help, None))
        elif isinstance(parameter, TyperOption):
            shown = ", ".join(f"`{part}`" for part in (*parameter.opts, *parameter.secondary_opts))
            shown += f" `{parameter.metavar}`" if parameter.metavar else ""
            rows.append(_row(shown, parameter.help, parameter.default if parameter.show_default else None))
    about = _unescape(command.help or "").split("\n\n")[0].replace("\n", " ")
    return "\n".join([f"## `shoplens {name}`", "", about, "", "| option | what |", "|---|---|", *rows])


def _argument(argument: TyperArgument) -> str:
    name = (argument.metavar or (argument.name or "").upper()).strip("[]")
    name += " ..." if argument.nargs != 1 else ""
    return name if argument.required else f"[{name}]"


def _row(shown: str, about: str | None, default: object) -> str:
    text = _unescape(about or "")
    if default not in (None, False, "", ()) and "[default:" not in text:
        text += f" [default: {default}]"
    return f"| {shown} | {text.replace('|', chr(92) + '|')} |"


def _unescape(text: str) -> str:
    return text.replace("\\[", "[")


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text("utf-8")), "utf-8")

"""Every command and option stands in the documentation, and every one that stands there exists."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ALL_PAGES, PAGES, ROOT, page, prose, rows, shell_lines, spans

TOOL = runpy.run_path(str(ROOT / "tools" / "write_command_table.py"))
COMMANDS = TOOL["commands"]()
OPTIONS = {name: {*TOOL["option_names"](command), "-h", "--help"} for name, command in COMMANDS.items()}
GROUPS = {name.rpartition(" ")[0] for name in OPTIONS if " " in name}
ALL_OPTIONS = {"--version"}.union(*OPTIONS.values())
OTHER_PROGRAMS = ("pip", "curl", "python", "git", "make", "docker")
"""Their options are not ours."""
OPTION = re.compile(r"(?:^|(?<=[\s|(\[`]))(--?[a-z][\w-]*)")
STYLE = re.compile(r"--shoplens-[\w-]+")
"""What gives the storefront element its looks."""
NAMES_THAT_WENT = [row[:2] for row in rows(page("docs/architecture.md"), "was", "is")]


def command_of(words: str) -> str:
    """The command that a text names first; a group where no command of it is named; empty where there is none.

    Raises:
        AssertionError: its second word is no command of the group that the first one names.
    """
    first, second, *_ = [*re.findall(r"[\w.-]+|\S", words), "", ""]
    if first in GROUPS:
        named = f"{first} {second}"
        assert named in OPTIONS or not re.fullmatch(r"[a-z]+", second), f"there is no command {named!r}"
        return named if named in OPTIONS else first
    return first if first in OPTIONS else ""


def calls(code: str) -> Iterator[tuple[str, str]]:
    """The commands of Shoplens in a line of code, each with the text behind it up to the next one."""
    for call in re.split(r"(?<![\w-])shoplens (?=[a-z])", code)[1:]:
        named = command_of(call)
        assert named, f"there is no command {call!r}"
        yield named, call


def wrong_options(code: str, *, inline: bool) -> set[str]:
    """Options in a piece of code that do not exist, or not for the command that is named there."""
    if code.startswith(OTHER_PROGRAMS) and "shoplens " not in code:
        return set()
    named = list(calls(code)) or ([(command_of(code), code)] if inline else [])
    wrong = set()
    for command, call in named:
        exist = OPTIONS.get(command) or (ALL_OPTIONS if not command else set()).union(
            *(options for name, options in OPTIONS.items() if name.startswith(f"{command} "))
        )
        wrong |= set(OPTION.findall(STYLE.sub("", call))) - exist
    return wrong


def documented_spans(text: str) -> list[str]:
    """What stands between backticks, without the names in the table of those that went."""
    for was, _ in NAMES_THAT_WENT:
        text = text.replace(f"| {was} |", "|")
    return spans(text)


def test_the_reference_is_what_the_command_line_says() -> None:
    text = page("docs/commands.md")
    assert text == TOOL["page_with_tables"](text), "run: python tools/write_command_table.py"
    assert len(COMMANDS) > 25 and {"search", "train look", "keys list"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_has_a_place(command: str) -> None:
    section = page("docs/commands.md").split(f"\n## `shoplens {command}`\n")[1].split("\n## ")[0]
    there = [option for row in rows(section, "option", "what") for option in spans(row[0])]
    assert [option for option in sorted(OPTIONS[command] - {"-h", "--help"}) if option not in there] == []


def test_every_command_is_described_outside_of_the_reference() -> None:
    text = "".join(one.read_text("utf-8") for one in PAGES if one.name not in ("commands.md", "errors.md"))
    told = {name for code in (*spans(text), *shell_lines(text)) for name, _ in calls(code)}
    told |= {command_of(code) for code in spans(text)}
    assert [name for name in COMMANDS if name not in told] == []


@pytest.mark.parametrize("path", ALL_PAGES, ids=lambda path: path.stem)
def test_every_command_and_option_that_is_named_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    ours = path in PAGES  # other pages tell of benchmarks and of older versions, which have options of their own
    wrong = {code: found for code in shell_lines(text) if (found := wrong_options(code, inline=False))}
    if ours:
        wrong |= {code: found for code in documented_spans(text) if (found := wrong_options(code, inline=True))}
    assert wrong == {}


def test_renamed_options_no_longer_exist() -> None:
    gone = [(set(OPTION.findall(was)), command) for was, _ in NAMES_THAT_WENT for command in spans(was)]
    checked = [(options, command) for options, command in gone if options and command in OPTIONS]
    assert len(checked) > 2 and [pair for pair in checked if pair[0] & OPTIONS[pair[1]]] == []


def test_options_outside_of_code_are_found_too() -> None:
    for path in [path for path in PAGES if path.name != "commands.md"]:
        words = re.sub(r"(`+).+?\1", "", prose(path.read_text("utf-8")))
        words = re.sub(r"\]\([^)]*\)|<!--.*?-->|\|[-|: ]+\|", "", words)
        assert re.findall(r"(?<![\w-])--[a-z][\w-]*", words) == [], f"put options between backticks in {path.name}"


def test_names_that_do_not_exist_are_found() -> None:
    assert wrong_options("shoplens search a.jpg --where 'price < 3' --seed 1 -k 5", inline=False) == {"--seed"}
    assert wrong_options("train look --depth full --dry-run", inline=True) == {"--dry-run"}
    assert wrong_options("--no-such N", inline=True) == {"--no-such"}
    assert wrong_options("pip install --user shoplens", inline=True) == set()
    with pytest.raises(AssertionError, match="no command 'keys show'"):
        wrong_options("shoplens keys show", inline=False)
    with pytest.raises(AssertionError, match=r"no command 'find a\.jpg'"):
        wrong_options("shoplens find a.jpg", inline=False)


def test_the_style_properties_of_the_element_are_documented() -> None:
    sources = [ROOT / "src/shoplens/web/element.js", *(ROOT / "src/shoplens/web/search/styles").iterdir()]
    used = {name for source in sources for name in STYLE.findall(source.read_text("utf-8"))}
    told = {name for code in spans(page("docs/storefront.md")) for name in STYLE.findall(code)}
    assert told == used

"""What the pages of the documentation hold: headings with their anchors, links, code, and the cells of tables."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
"""What users read."""
ALL_PAGES = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")), ROOT / "benchmarks" / "RESULTS.md"]
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\]\(([^()\s]+)\)|\b(?:src|href)=\"([^\"]+)\"|^\[[^\]]+\]: *(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_SHELL = ("", "sh", "bash", "console")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code between fences."""

    language: str
    text: str


def page(name: str) -> str:
    """The text of a page, by its path from the root of the repository."""
    return (ROOT / name).read_text("utf-8")


def blocks(text: str) -> list[Block]:
    """The blocks of code of a page."""
    return [Block(language, code) for language, code in _FENCE.findall(text)]


def shell_lines(text: str) -> list[str]:
    """The lines of a page's shell blocks without comments; a line that goes on is one with those that follow it."""
    lines: list[str] = []
    for block in blocks(text):
        if block.language in _SHELL:
            for line in block.text.replace("\\\n", " ").splitlines():
                line = re.sub(r"(^|\s)#.*", "", line).rstrip()
                if line.startswith(" ") and lines:
                    lines[-1] += line
                elif line:
                    lines.append(line)
    return lines


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """Everything between backticks, outside of blocks."""
    return [code.strip().replace("\\|", "|") for _, code in _SPAN.findall(prose(text))]


def links(text: str) -> list[str]:
    """Where a page's links and pictures lead."""
    return ["".join(found) for found in _LINK.findall(_SPAN.sub("", prose(text)))]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings.

    A heading's text in lower case, without everything but letters, digits, ``_``, ``-`` and spaces, which become
    ``-``; the second heading of the same text has ``-1`` behind it, the third one ``-2``.
    """
    times = Counter[str]()
    found = set()
    for heading in _HEADING.findall(prose(text)):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(f"{slug}-{times[slug]}" if times[slug] else slug)
        times[slug] += 1
    return found


def rows(text: str, *header: str) -> list[list[str]]:
    """The cells of a page's tables that have this header, row by row.

    Args:
        header: the first columns' headings, each whole.
    """
    found, inside = [], False
    for line in prose(text).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if inside and set(line) - set("|-: "):
            found.append(cells)
        elif not inside:
            inside = tuple(cells[: len(header)]) == header
    return found


def names(cell: str) -> list[str]:
    """The names between backticks in a cell."""
    return spans(cell)


def paths(cell: str) -> list[str]:
    """The paths of keys in a cell; one that begins with a point lies where the one before lies.

    >>> paths("`results[].rank`, `.score`")
    ['results[].rank', 'results[].score']
    """
    found: list[str] = []
    for name in spans(cell):
        found.append(found[-1].rpartition(".")[0] + name if name.startswith(".") else name)
    return found

"""Writes the table of feed formats in docs/feeds.md from the readers themselves.

python tools/write_format_table.py
"""

from __future__ import annotations

from pathlib import Path

from shoplens.feeds.formats import FORMATS

PAGE = Path(__file__).parents[1] / "docs" / "feeds.md"
BEGIN, END = "<!-- formats: written by tools/write_format_table.py -->", "<!-- formats: end -->"


def format_table() -> str:
    """A row per format: what it is, what is read from where, and what is ignored and why."""
    rows = ["| `--format` | what is read | what is ignored, and why |", "|---|---|---|"]
    for row in FORMATS.values():
        reads = "<br>".join(f"**{field}**: {where}" for field, where in row.reads.items())
        ignores = "<br>".join(f"{what}: {why}" for what, why in row.ignores.items()) or "nothing"
        rows.append(f"| `{row.name}` | {row.sentence}<br>{reads} | {ignores} |".replace("\n", " "))
    return "\n".join(rows)


def page_with_table(page: str) -> str:
    """The page with the table between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{format_table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")

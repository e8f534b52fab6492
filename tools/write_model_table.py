"""Writes the table of known models in docs/models.md from the registry.

python tools/write_model_table.py
"""

from __future__ import annotations

from pathlib import Path

from shoplens.models.licences import explain_licence
from shoplens.models.registry import REGISTRY

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
BEGIN, END = "<!-- models: written by tools/write_model_table.py -->", "<!-- models: end -->"


def model_table() -> str:
    """A row per model of the registry."""
    rows = [
        "| name | good for | words | dimensions | MB | photos | vector | licence | repository |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in REGISTRY.values():
        licence = f"{model.licence}: {explain_licence(model.licence)}"
        place = f"`{model.repository}`" + (
            f", no ONNX file: `--export` by {model.by_export}" if model.by_export else ""
        )
        facts = ("yes" if model.text else "no", model.dimensions, model.megabytes, model.prepared, f"`{model.output}`")
        rows.append(f"| `{model.name}` | {model.purpose} | {' | '.join(map(str, facts))} | {licence} | {place} |")
    return "\n".join(rows)


def page_with_table(page: str) -> str:
    """The page with the table between its two marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{model_table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")

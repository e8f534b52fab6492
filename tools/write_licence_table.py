"""Writes the tables of ``docs/licences.md``: what the image installs, and the weights in the package.

python tools/write_licence_table.py
"""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
REQUIREMENTS = [ROOT / "deploy" / name for name in ("requirements.txt", "heic.txt")]
MODELS = ROOT / "src" / "shoplens" / "embedders" / "models"
BEGIN, END = "<!-- begin: written by tools/write_licence_table.py -->", "<!-- end -->"
KNOWN = {
    "hatchling": "MIT",
    "trove-classifiers": "Apache-2.0",
    "numba": "BSD-2-Clause",
    "umap-learn": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "pathspec": "MPL-2.0",
    "flatbuffers": "Apache-2.0",
    "pillow-heif": "BSD-3-Clause; its wheels hold libheif and libde265 (LGPL-3.0) and x265 (GPL-2.0)",
}
"""Licences of packages that are only needed to build, or whose metadata do not name them in standard words."""
SHORT = {"MIT License": "MIT", "PSFL": "PSF-2.0", "ISC License": "ISC"}


def requirements() -> dict[str, str]:
    """Return name -> version of what the image installs, sorted by name."""
    text = "\n".join(path.read_text("utf-8") for path in REQUIREMENTS)
    return dict(sorted(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, re.MULTILINE)))


def licence_of(name: str) -> str:
    """Return the licence of a package, by its metadata."""
    if name in KNOWN:
        return KNOWN[name]
    try:
        found = metadata(name)
    except PackageNotFoundError:
        raise SystemExit(f"{name} is not installed, so its licence is unknown: write it down in KNOWN.") from None
    classifiers = [one.rpartition(" :: ")[2] for one in found.get_all("Classifier") or () if "License ::" in one]
    fields = [*(found.get_all("License-Expression") or ()), *(found.get_all("License") or ()), *classifiers]
    text = next(iter(fields), "").strip()
    return SHORT.get(text, text)


def tables() -> str:
    """Return both tables."""
    packages = [f"| {name} | {licence_of(name)} |" for name in requirements()]
    cards = [json.loads(path.read_text("utf-8")) for path in sorted(MODELS.glob("*.json"))]
    weights = [f"| {card['name']} | {card['licence']} | {card['source']} |" for card in cards]
    return "\n".join(
        [
            "| package | licence |",
            "|---|---|",
            *packages,
            "",
            "| weights | licence | source |",
            "|---|---|---|",
            *weights,
        ]
    )


def page_with_tables(page: str) -> str:
    """Return the page with its tables replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text("utf-8")), "utf-8")

"""Under which licences a network may be used in a shop, and which must be accepted first."""

from __future__ import annotations

import re
from pathlib import Path

from shoplens.errors import Refused

FREE = {
    "apache-2.0": "may be used in a shop",
    "mit": "may be used in a shop",
    "bsd-2-clause": "may be used in a shop",
    "bsd-3-clause": "may be used in a shop",
    "cc0-1.0": "may be used in a shop",
    "cc-by-4.0": "may be used in a shop that names the authors",
}
"""Licences that need no acceptance, in the hub's spelling."""
LIMITED = {
    "apple-amlr": "allows research only",
    "apple-ascl": "is Apple's own, with conditions",
    "cc-by-nc-4.0": "forbids commercial use",
    "cc-by-nc-sa-4.0": "forbids commercial use",
    "cc-by-nc-nd-4.0": "forbids commercial use",
    "dinov3-license": "is Meta's own, with conditions",
}
"""What is known of licences that must be accepted."""
UNNAMED = "not named"
"""In place of a licence that a repository of the hub does not name."""
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---", re.DOTALL)


def licence_of_readme(readme: Path) -> str:
    """Return the licence that the head of a model's README.md names; empty for none. ``license_name`` says more than
    ``license: other``."""
    if not readme.is_file():
        return ""
    head = _FRONT_MATTER.match(readme.read_text("utf-8", "replace"))
    names = dict(re.findall(r"^(license|license_name): *[\"']?([\w.-]+)", head[1] if head else "", re.MULTILINE))
    return str(names.get("license_name") or names.get("license") or "").lower()


def explain_licence(licence: str) -> str:
    """Return what is known of a licence."""
    return FREE.get(licence) or LIMITED.get(licence) or "is not known to Shoplens"


def check_licence(licence: str, place: str, *, accepted: bool) -> None:
    """Refuse a model whose licence is named, has limits or is not known, and was not accepted.

    Raises:
        Refused: ``licence-refused``.
    """
    if accepted or not licence or licence in FREE:
        return
    limits = f"is under the licence {licence!r}, which {explain_licence(licence)}"
    raise Refused(
        f"{place} {'names no licence' if licence == UNNAMED else limits}.",
        "Read it where the model is from, and run the command again with `--accept-licence` if your use is allowed.",
        code="licence-refused",
    )

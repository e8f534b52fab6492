"""Reading of the items of a Merchant Center feed in RSS 2.0, RDF or Atom, or of a bare channel, as rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from shoplens.errors import FeedError
from shoplens.feeds.text.delimited import TableRow
from shoplens.feeds.text.text_lines import read_head_text
from shoplens.feeds.text.xml_elements import local_name, read_elements, read_root_name
from shoplens.types import Rejection

ROOTS = frozenset({"rss", "feed", "RDF", "channel"})
_ITEMS = frozenset({"item", "entry"})
_REPEATED = frozenset({"image_link", "additional_image_link", "product_detail"})
_PLAIN = {"title": "title", "link": "link", "description": "description", "summary": "description", "id": "id"}
_HOUSEKEEPING = frozenset({"guid", "pubDate", "updated", "published", "author", "comments", "source", "content"})
_DETAIL = ("section_name", "attribute_name", "attribute_value")
_GOOGLE = re.compile(r"""xmlns:([\w.-]+)\s*=\s*["']https?://base\.google\.com/c?ns""")


def is_xml(path: Path) -> bool:
    """Return whether a file starts like XML."""
    return read_head_text(path).lstrip().startswith("<")


def read_items(path: Path) -> Iterator[TableRow | Rejection]:
    """Yield every item as a row, numbered from 1; the columns are those of a table, without the prefix ``g:``.

    Raises:
        FeedError: the file is not RSS, RDF or Atom, breaks off, or declares a document type of its own.
    """
    root = read_root_name(path)
    if root not in ROOTS:
        raise FeedError(
            f"{path} is XML, but its first element is <{root[:60]}>.",
            "A Merchant Center feed starts with <rss> or <feed>; see --format for other formats.",
            code="unknown-header",
        )
    prefixes = frozenset({"g", "c", *_GOOGLE.findall(read_head_text(path))})
    for item in read_elements(path, _ITEMS):
        if isinstance(item, Rejection):
            yield item
        else:
            yield TableRow(item.number, _column_values(item.element, prefixes, is_atom=root == "feed"))


def _column_values(item: Element, prefixes: frozenset[str], *, is_atom: bool) -> dict[str, str]:
    google: dict[str, str] = {}
    plain: dict[str, str] = {}
    for child in item:
        prefix, name = child.tag.rpartition(":")[0], local_name(child.tag)
        text = _element_text(child, name)
        if not text or (prefix and prefix not in prefixes):
            continue
        if not prefix and (name in _PLAIN or name in _HOUSEKEEPING or is_atom):
            plain.setdefault(_PLAIN.get(name, ""), text)
        elif name in google and name in _REPEATED:
            google[name] = f"{google[name]},{text}"
        else:
            google.setdefault(name.lower(), text)
    plain.pop("", None)
    return {**plain, **google}


def _element_text(element: Element, name: str) -> str:
    if name == "product_detail" and len(element):
        parts = {local_name(part.tag): (part.text or "").strip() for part in element}
        return ":".join(parts.get(part, "").replace(",", " ").replace(":", " ") for part in _DETAIL)
    return "".join(element.itertext()).strip() or (element.get("href", "").strip() if name == "link" else "")

"""Items of a Merchant Center feed in RSS 2.0, RDF or Atom, one at a time.

Document types, entities and references to other documents are refused, so a small file cannot become a large one and
nothing else is read. XML that breaks off is refused as a whole: a feed that lost its end would look like a catalogue
that lost its products.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from shoplens.errors import FeedError
from shoplens.feeds.text.delimited import TableRow
from shoplens.feeds.text.text_lines import head_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

GOOGLE = "http://base.google.com/ns/"
_ROOTS = frozenset({"rss", "feed", "RDF"})
_ITEMS = frozenset({"item", "entry"})
_REPEATED = frozenset({"additional_image_link", "product_detail"})
_PLAIN = {"title": "title", "link": "link", "description": "description", "summary": "description"}
_DETAIL = ("section_name", "attribute_name", "attribute_value")


def is_xml(path: Path) -> bool:
    """Whether a file starts as XML does."""
    return head_text(path).lstrip().startswith("<")


def read_items(path: Path) -> Iterator[TableRow]:
    """Every item as column -> value, numbered from 1; the columns are those of a table, without ``g:``.

    Raises:
        FeedError: it is not XML, not RSS, RDF or Atom, or declares a document type or entities.
    """
    number = 0
    open_elements: list[Element] = []
    try:
        with path.open("rb") as file:
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    _check_root(path, element, open_elements)
                    open_elements.append(element)
                    continue
                open_elements.pop()
                if _local(element.tag) in _ITEMS and len(open_elements) <= 2:
                    number += 1
                    yield TableRow(number, _values(element))
                    open_elements[-1].clear()  # of all items so far
    except DefusedXmlException as danger:
        fix = "Export the feed without <!DOCTYPE> and entities of its own."
        raise FeedError(f"{path} is XML that declares what could harm: {danger}.", fix, code="unsafe-xml") from None
    except (ParseError, ValueError, LookupError) as problem:
        fix = "Export it again; perhaps a download was cut off."
        raise FeedError(f"{path} is not valid XML: {problem}.", fix, code="bad-xml") from None


def _check_root(path: Path, element: Element, open_elements: list[Element]) -> None:
    if not open_elements and _local(element.tag) not in _ROOTS:
        raise FeedError(
            f"{path} is XML, but its first element is <{_local(element.tag)[:60]}>.",
            "A Merchant Center feed starts with <rss> or <feed>; see --format for other formats.",
            code="unknown-header",
        )


def _values(item: Element) -> dict[str, str]:
    google: dict[str, str] = {}
    plain: dict[str, str] = {}
    for child in item:
        name = _local(child.tag)
        if not child.tag.startswith(f"{{{GOOGLE}") and name in _PLAIN:
            plain.setdefault(_PLAIN[name], _text(child, name))
        elif child.tag.startswith((f"{{{GOOGLE}", name)) and (text := _text(child, name)):
            google[name] = f"{google[name]},{text}" if name in google and name in _REPEATED else google.get(name, text)
    return {name: text for name, text in {**plain, **google}.items() if text}


def _text(element: Element, name: str) -> str:
    if name == "product_detail" and len(element):
        parts = {_local(part.tag): (part.text or "").strip() for part in element}
        return ":".join(parts.get(part, "").replace(",", " ").replace(":", " ") for part in _DETAIL)
    return (element.text or "").strip() or (element.get("href", "").strip() if name == "link" else "")


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]

"""Parsing of an XML element with repair of the flaws that shops' exports have.

A bare ``&``, entities of HTML, a ``<`` that starts no tag, control characters, and tags of HTML that are never closed
are repaired.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

FLAWS = {
    "bare-ampersand": ("An & that starts no entity was read as the character.", "Write &amp; for &."),
    "html-entity": ("Entities of HTML, which XML does not have, were read as characters.", "Write the characters."),
    "control-character": ("Characters that XML does not allow were left out.", "Export the feed without them."),
    "bare-less-than": ("A < that starts no tag was read as the character.", "Write &lt; for <."),
    "stray-bytes": (
        "Some bytes are not valid in the encoding that the file declares; they were read as Windows-1252.",
        "Export the feed as UTF-8.",
    ),
    "unbalanced-tags": (
        "Tags that were not closed, or not written as XML requires, were repaired.",
        "Put HTML into <![CDATA[ … ]]>.",
    ),
}
"""Kind of flaw -> the sentences that say how it was read and what to do."""

TOKEN = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>"
    r"|</?[^\W\d][^\s<>/\"']*(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>",
    re.DOTALL,
)
"""A piece of markup."""
_TAG = re.compile(r"<(/?)([^\s<>/]+)(.*?)(/?)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([^\W\d][\w:.-]*)\s*=\s*(\"[^\"<]*\"|'[^'<]*'|[^\s\"'<>=]+)")
_REFERENCE = re.compile(r"&(#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{0,31};)?")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_WINDOWS_1252 = re.compile(r"&#(?:1[2-5]\d|[xX][89][0-9a-fA-F]);")
"""Character references that mean a character of Windows-1252 in HTML, and a control character in XML."""
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})


def parse_element(text: str, flaws: set[str]) -> Element:
    """Parse an element, and repair it first if it is not valid XML.

    Names keep their prefixes (``g:price``), which need not be declared.

    Args:
        text: one element, from its first ``<`` to its last ``>``.
        flaws: the set to which the kinds of repaired flaws are added, from :data:`FLAWS`.

    Raises:
        ValueError: the element cannot be parsed even after the repair.
    """
    if "&#" not in text or not _WINDOWS_1252.search(text):
        try:
            return _parse(text)
        except (expat.ExpatError, UnicodeEncodeError):
            pass  # most elements need no repair, which takes longer than parsing
    text, count = _FORBIDDEN.subn("", text)
    if count:
        flaws.add("control-character")
    repaired = "".join(_repair(text, flaws))
    try:
        return _parse(repaired)
    except expat.ExpatError:
        flaws.add("unbalanced-tags")
    try:
        return _parse("".join(_balance_tags(repaired)))
    except expat.ExpatError as problem:
        raise ValueError(str(problem)) from None


def _parse(text: str) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(text.encode("utf-8"), True)
    return builder.close()


def _repair(text: str, flaws: set[str]) -> Iterator[str]:
    """Yield the text in pieces with repaired references and special characters; CDATA stays as it is."""
    position = 0
    for token in TOKEN.finditer(text):
        yield _repair_text(text[position : token.start()], flaws)
        markup = token[0]
        if markup.startswith("<!["):
            yield markup
        elif not markup.startswith(("<!", "<?")):
            yield _repair_references(markup, flaws)
        position = token.end()
    yield _repair_text(text[position:], flaws)


def _repair_text(text: str, flaws: set[str]) -> str:
    if "<" in text:
        flaws.add("bare-less-than")
        text = text.replace("<", "&lt;")
    return _repair_references(text.replace("]]>", "]]&gt;"), flaws)


def _repair_references(text: str, flaws: set[str]) -> str:
    def repair(reference: re.Match[str]) -> str:
        name = reference[1]
        if name in _XML_ENTITIES:
            return reference[0]
        if name and name.startswith("#"):
            return _repair_number(reference[0], int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1]), flaws)
        if name in html5:
            flaws.add("html-entity")
            return html5[name].replace("&", "&amp;").replace("<", "&lt;")
        flaws.add("bare-ampersand")
        return f"&amp;{reference[0][1:]}"

    return _REFERENCE.sub(repair, text) if "&" in text else text


def _repair_number(reference: str, number: int, flaws: set[str]) -> str:
    if _WINDOWS_1252.fullmatch(reference):
        return unescape(reference)
    if number > 0x10FFFF or _FORBIDDEN.match(chr(number)):
        flaws.add("control-character")
        return ""
    return reference


def _balance_tags(text: str) -> Iterator[str]:
    """Yield the text in pieces with every tag closed; a tag that is never closed becomes an empty element."""
    pieces: list[str] = []
    open_tags: list[tuple[str, int]] = []
    times_open: Counter[str] = Counter()
    position = 0
    for token in TOKEN.finditer(text):
        pieces.append(text[position : token.start()])
        position = token.end()
        tag = _TAG.fullmatch(token[0])
        if token[0].startswith(("<!", "<?")) or tag is None:
            pieces.append(token[0])
            continue
        end_slash, name, attributes, empty_slash = tag.groups()
        if not end_slash:
            if not empty_slash:
                open_tags.append((name, len(pieces)))
                times_open[name] += 1
            pieces.append(f"<{name}{_repair_attributes(attributes)}{empty_slash}>")
        elif times_open[name]:
            while open_tags[-1][0] != name:
                unclosed, place = open_tags.pop()
                times_open[unclosed] -= 1
                pieces[place] = f"{pieces[place][:-1]}/>"
            open_tags.pop()
            times_open[name] -= 1
            pieces.append(f"</{name}>")
    return iter([*pieces, text[position:]])


def _repair_attributes(text: str) -> str:
    """Return the attributes of a tag, each once and in quotes; an attribute without a value is left out."""
    attributes: dict[str, str] = {}
    for attribute in _ATTRIBUTE.finditer(text):
        name, value = attribute.groups()
        attributes.setdefault(name, value if value[0] in "\"'" else f'"{value}"')
    return "".join(f" {name}={value}" for name, value in attributes.items())

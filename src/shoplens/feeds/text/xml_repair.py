"""The text of an XML element as shops write it -> the element, with what is wrong in it mended.

A bare ``&``, entities of HTML, a ``<`` that starts no tag, control characters, and tags of HTML that are never closed
are no reason to refuse an element.
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
        "Tags that are not closed, or not written as XML wants them, were closed.",
        "Put HTML into <![CDATA[ … ]]>.",
    ),
}
"""What was mended -> a sentence for people, and what to do about it."""

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
_WINDOWS = re.compile(r"&#(?:1[2-5]\d|[xX][89][0-9a-fA-F]);")
"""References that mean Windows-1252 in HTML and control characters in XML."""
_OWN = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})


def parse_element(text: str, flaws: set[str]) -> Element:
    """The element that ``text`` is; its names keep their prefixes (``g:price``), which need not be declared.

    Args:
        text: one element, from its first ``<`` to its last ``>``.
        flaws: gets the names of what was mended, of :data:`FLAWS`.

    Raises:
        ValueError: it cannot be taken apart even so.
    """
    if "&#" not in text or not _WINDOWS.search(text):
        try:
            return _parse(text)
        except (expat.ExpatError, UnicodeEncodeError):
            pass  # most elements need no mending, which takes longer than to parse them
    text, found = _FORBIDDEN.subn("", text)
    if found:
        flaws.add("control-character")
    mended = "".join(_repair(text, flaws))
    try:
        return _parse(mended)
    except expat.ExpatError:
        flaws.add("unbalanced-tags")
    try:
        return _parse("".join(_balance_tags(mended)))
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
    """The text in pieces, each with its references and signs mended; CDATA stays as it is."""
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
    def repair(found: re.Match[str]) -> str:
        name = found[1]
        if name in _OWN:
            return found[0]
        if name and name.startswith("#"):
            return _repair_number(found[0], int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1]), flaws)
        if name in html5:
            flaws.add("html-entity")
            return html5[name].replace("&", "&amp;").replace("<", "&lt;")
        flaws.add("bare-ampersand")
        return f"&amp;{found[0][1:]}"

    return _REFERENCE.sub(repair, text) if "&" in text else text


def _repair_number(reference: str, number: int, flaws: set[str]) -> str:
    if _WINDOWS.fullmatch(reference):
        return unescape(reference)
    if number > 0x10FFFF or _FORBIDDEN.match(chr(number)):
        flaws.add("control-character")
        return ""
    return reference


def _balance_tags(text: str) -> Iterator[str]:
    """The text in pieces, every tag closed: where one is not, right behind itself."""
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
        closes, name, attributes, alone = tag.groups()
        if not closes:
            kept = _attributes(attributes)
            if not alone:
                open_tags.append((name, len(pieces)))
                times_open[name] += 1
            pieces.append(f"<{name}{kept}{alone}>")
        elif times_open[name]:
            while open_tags[-1][0] != name:
                unclosed, place = open_tags.pop()
                times_open[unclosed] -= 1
                pieces[place] = f"{pieces[place][:-1]}/>"
            open_tags.pop()
            times_open[name] -= 1
            pieces.append(f"</{name}>")
    return iter([*pieces, text[position:]])


def _attributes(text: str) -> str:
    """The attributes of a tag, each once and between quotes; what has no value is left out."""
    found: dict[str, str] = {}
    for attribute in _ATTRIBUTE.finditer(text):
        name, value = attribute.groups()
        found.setdefault(name, value if value[0] in "\"'" else f'"{value}"')
    return "".join(f" {name}={value}" for name, value in found.items())

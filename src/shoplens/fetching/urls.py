"""A photo's address as feeds, queries and redirects write it -> the URL that browsers make of it.

The rules are those of the WHATWG URL Standard, https://url.spec.whatwg.org, for http and https. It stops short of them
where a browser would guess: an address needs two slashes before its host, and holds no name or password. Nothing but
text is looked at here: which hosts may be reached is for the network to say, when their addresses are known.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv6Address
from urllib.parse import quote, unquote, urljoin

from shoplens.errors import PhotoError

_DEFAULT_PORTS = {"http": 80, "https": 443}

_LABELS = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}"
_PATH = r"!$%&'()*+,\-./0-9:;=@A-Z\[\]_a-z|~"
_QUERY = r"!$%&()*+,\-./0-9:;=?@A-Z\[\\\]^_`a-z{|}~"
_CANONICAL = re.compile(
    rf"https?://(?=[^/A-Z]+/){_LABELS}(?:/(?!\.|%2[Ee])[{_PATH.replace('/', '')}]*)+(?:\?[{_QUERY}]*)?"
)
"""What nearly all URLs of feeds are like: nothing is to be changed in them."""

_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?[/\\]{2}([^/\\]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{0,20}))?")
_HOST = re.compile(rf"{_LABELS}\.?")
_NO_PATH_CHARACTERS = re.compile(rf"[^{_PATH}]+")
_NO_QUERY_CHARACTERS = re.compile(rf"[^{_QUERY}]+")
_IGNORED = re.compile(r"[\t\r\n]")
_IGNORED_AROUND = "".join(map(chr, range(0x21)))
_SHOWN = 200


def normalize_photo_url(reference: str) -> str:
    """The one way to write the URL that a feed, a query or a redirect refers to; its own result stays as it is.

    ``//host/path`` is read as https. The host is in ASCII and lower case; path and query are percent-encoded as
    browsers do it, and what is encoded already stays so; a backslash in the path is a slash; ``.`` and ``..`` are
    resolved; a port that says nothing and the fragment are dropped.

    Raises:
        PhotoError: ``fetch-scheme`` for another scheme than http and https, a name or password in the URL, or text
            that is no URL.

    >>> normalize_photo_url("//CDN.example/gate valve.jpg#top")
    'https://cdn.example/gate%20valve.jpg'
    """
    if _CANONICAL.fullmatch(reference):
        return reference
    text = _IGNORED.sub("", reference.strip(_IGNORED_AROUND))
    address, mark, query = text.partition("#")[0].partition("?")
    parts = _PARTS.fullmatch(address)
    if parts is None:
        raise _url_error(f"{text[:_SHOWN]!r} is no URL.")
    scheme = (parts[1] or "https").lower()
    if scheme not in _DEFAULT_PORTS:
        raise _url_error(f"The scheme {scheme[:_SHOWN]!r} is not fetched.")
    if not parts[2]:
        raise _url_error(f"{text[:_SHOWN]!r} names no host.")
    path = _without_dots(_NO_PATH_CHARACTERS.sub(_encode, parts[3].replace("\\", "/") or "/"))
    return f"{scheme}://{_authority(scheme, parts[2])}{path}{mark}{_NO_QUERY_CHARACTERS.sub(_encode, query)}"


def next_url(url: str, location: bytes | None) -> str:
    """Absolute URL that a redirect from ``url`` points to, not yet normalized.

    Args:
        url: a normalized URL.
        location: the header as it came, in UTF-8 or Latin-1, with spaces where the server left them.

    Raises:
        PhotoError: ``fetch-redirects`` when there is no usable one.
    """
    try:
        if location and (text := _text(location)):
            path, *rest = re.split(r"(?=[?#])", text, maxsplit=1)
            return urljoin(url, "".join([path.replace("\\", "/"), *rest]))
    except ValueError:
        pass
    raise PhotoError(
        f"{url[:_SHOWN]} redirects to {location!r}, which is no URL.",
        "Name the photo's final URL in the feed.",
        code="fetch-redirects",
    )


def _text(location: bytes) -> str:
    try:
        text = location.decode("utf-8")
    except UnicodeDecodeError:
        text = location.decode("latin-1")
    return text.strip(_IGNORED_AROUND)


def _authority(scheme: str, text: str) -> str:
    """Host and port as they are written in a URL, the port only where it is not the scheme's own."""
    if "@" in text:
        raise _url_error(f"The URL of {text.rpartition('@')[2][:_SHOWN]!r} holds a name or password.")
    parts = _AUTHORITY.fullmatch(text)
    host = _ascii_host(parts[1]) if parts else None
    if parts is None or host is None:
        raise _url_error(f"{text[:_SHOWN]!r} is no host name.")
    port = int(parts[2] or _DEFAULT_PORTS[scheme])
    if port > 0xFFFF:
        raise _url_error(f"The port {port} of {host} does not exist.")
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"


def _ascii_host(host: str) -> str | None:
    """The host as the network asks for it, an IPv6 address in its brackets; None when it is none."""
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]" if "%" not in host else None
        except ValueError:
            return None
    labels = unicodedata.normalize("NFKC", unquote(host)).lower().replace("\u3002", ".").split(".")
    try:
        host = ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in labels)
    except UnicodeError:  # half a character
        return None
    return host if _HOST.fullmatch(host) else None


def _encode(characters: re.Match[str]) -> str:
    return quote(characters[0], safe="", errors="replace")


def _without_dots(path: str) -> str:
    """An absolute path with its ``.`` and ``..`` resolved, encoded ones too."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for left, segment in zip(range(len(segments) - 1, -1, -1), segments, strict=True):
        name = segment.lower().replace("%2e", ".")
        if name == "..":
            del kept[-1:]
        if name not in (".", ".."):
            kept.append(segment)
        elif not left:
            kept.append("")
    return "/" + "/".join(kept)


def _url_error(problem: str) -> PhotoError:
    return PhotoError(problem, "Give an http:// or https:// URL of a photo that anybody may see.", code="fetch-scheme")

"""The normal form of the URLs that feeds, queries and redirects contain: the form that browsers make of them.

The rules are those of the WHATWG URL Standard, https://url.spec.whatwg.org, for http and https. They are stricter where
a browser would guess: a URL needs two slashes before its host, and must not contain a name or password. Only the text
is checked here; :mod:`shoplens.fetching.ssrf_guard` decides which hosts may be reached, when their addresses are known.
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
"""Matches nearly all URLs of feeds; a URL that matches is in normal form already."""

_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?[/\\]{2}([^/\\]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{0,20}))?")
_HOST = re.compile(rf"{_LABELS}\.?")
_OUTSIDE_PATH = re.compile(rf"[^{_PATH}]+")
_OUTSIDE_QUERY = re.compile(rf"[^{_QUERY}]+")
_IGNORED = re.compile(r"[\t\r\n]")
_IGNORED_AROUND = "".join(map(chr, range(0x21)))
_MAX_SHOWN = 200


def normalize_photo_url(reference: str) -> str:
    """Return the normal form of a URL from a feed, a query or a redirect; a normal form is returned unchanged.

    ``//host/path`` is read as https. The host is written in ASCII and lower case. Path and query are percent-encoded
    as browsers do it, and escapes that are there stay as they are. A backslash in the path becomes a slash. ``.`` and
    ``..`` are resolved. The scheme's default port and the fragment are dropped.

    Raises:
        PhotoError: ``fetch-scheme`` for another scheme than http and https, for a name or password in the URL, and
            for text that is not a URL.

    >>> normalize_photo_url("//CDN.example/gate valve.jpg#top")
    'https://cdn.example/gate%20valve.jpg'
    """
    if _CANONICAL.fullmatch(reference):
        return reference
    text = _IGNORED.sub("", reference.strip(_IGNORED_AROUND))
    address, mark, query = text.partition("#")[0].partition("?")
    parts = _PARTS.fullmatch(address)
    if parts is None:
        raise _url_error(f"{text[:_MAX_SHOWN]!r} is not a URL.")
    scheme = (parts[1] or "https").lower()
    if scheme not in _DEFAULT_PORTS:
        raise _url_error(f"The scheme {scheme[:_MAX_SHOWN]!r} is not fetched.")
    if not parts[2]:
        raise _url_error(f"{text[:_MAX_SHOWN]!r} names no host.")
    path = _resolve_dots(_OUTSIDE_PATH.sub(_encode, parts[3].replace("\\", "/") or "/"))
    return f"{scheme}://{_authority(scheme, parts[2])}{path}{mark}{_OUTSIDE_QUERY.sub(_encode, query)}"


def next_url(url: str, location: bytes | None) -> str:
    """Return the absolute URL that a redirect from ``url`` points to; it is not normalized yet.

    Args:
        url: a normalized URL.
        location: the Location header as received, in UTF-8 or Latin-1; it may contain spaces.

    Raises:
        PhotoError: ``fetch-redirects`` when the header is missing or is not a URL.
    """
    try:
        if location and (text := _decode_location(location)):
            path, *rest = re.split(r"(?=[?#])", text, maxsplit=1)
            return urljoin(url, "".join([path.replace("\\", "/"), *rest]))
    except ValueError:
        pass
    raise PhotoError(
        f"{url[:_MAX_SHOWN]} redirects to {location!r}, which is not a URL.",
        "Name the photo's final URL in the feed.",
        code="fetch-redirects",
    )


def _decode_location(location: bytes) -> str:
    try:
        text = location.decode("utf-8")
    except UnicodeDecodeError:
        text = location.decode("latin-1")
    return text.strip(_IGNORED_AROUND)


def _authority(scheme: str, text: str) -> str:
    """Return host and port as a normal URL has them; the scheme's default port is left out."""
    if "@" in text:
        raise _url_error(f"The URL of {text.rpartition('@')[2][:_MAX_SHOWN]!r} contains a name or password.")
    parts = _AUTHORITY.fullmatch(text)
    host = _ascii_host(parts[1]) if parts else None
    if parts is None or host is None:
        raise _url_error(f"{text[:_MAX_SHOWN]!r} is not a host name.")
    port = int(parts[2] or _DEFAULT_PORTS[scheme])
    if port > 0xFFFF:
        raise _url_error(f"The port {port} of {host} does not exist.")
    return host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"


def _ascii_host(host: str) -> str | None:
    """Return the host in ASCII, an IPv6 address in brackets; None for text that is not a host."""
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]" if "%" not in host else None
        except ValueError:
            return None
    labels = unicodedata.normalize("NFKC", unquote(host)).lower().replace("\u3002", ".").split(".")
    try:
        host = ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
    except UnicodeError:  # an unpaired surrogate
        return None
    return host if _HOST.fullmatch(host) else None


def _encode(characters: re.Match[str]) -> str:
    return quote(characters[0], safe="", errors="replace")


def _resolve_dots(path: str) -> str:
    """Resolve ``.`` and ``..`` in an absolute path, percent-encoded ones included."""
    resolved: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        name = segment.lower().replace("%2e", ".")
        if name == "..":
            del resolved[-1:]
        if name not in (".", ".."):
            resolved.append(segment)
        elif number == len(segments):
            resolved.append("")
    return "/" + "/".join(resolved)


def _url_error(problem: str) -> PhotoError:
    return PhotoError(problem, "Give an http:// or https:// URL of a photo that anybody may see.", code="fetch-scheme")

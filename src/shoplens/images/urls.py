"""A photo's URL, checked and written the way it goes over the wire."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore

from shoplens.errors import PhotoError

SCHEMES = ("http", "https")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_KEPT_CHARACTERS = "/%:@!$&'()*+,;=~?[]|"


def request_url(url: str) -> httpcore.URL:
    """The URL as it is requested: host in ASCII, path and query percent-encoded, fragment dropped.

    Raises:
        PhotoError: ``fetch-scheme`` for another scheme than http and https, a name or password in the URL, or text
            that is no URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
    except ValueError as problem:  # UnicodeError is one
        raise _refused(f"{url[:200]!r} is no URL: {problem}.") from None
    _check(parts, host)
    target = quote(parts.path or "/", safe=_KEPT_CHARACTERS)
    if parts.query:
        target += "?" + quote(parts.query, safe=_KEPT_CHARACTERS)
    return httpcore.URL(scheme=parts.scheme, host=host, port=port, target=target)


def host_header(url: httpcore.URL) -> bytes:
    """Value of the Host header."""
    host = b"[%b]" % url.host if b":" in url.host else url.host
    return host if url.port is None else b"%b:%d" % (host, url.port)


def next_url(url: str, location: bytes | None) -> str:
    """Absolute URL that a redirect from ``url`` points to.

    Raises:
        PhotoError: ``fetch-redirects`` when there is no usable one.
    """
    try:
        if location:
            return urljoin(url, location.decode("utf-8").strip())
    except ValueError:
        pass
    raise PhotoError(
        f"{url[:200]} redirects to {location!r}, which is no URL.",
        "Name the photo's final URL in the feed.",
        code="fetch-redirects",
    )


def _check(parts: SplitResult, host: str) -> None:
    if parts.scheme not in SCHEMES:
        raise _refused(f"The scheme {parts.scheme!r} is not fetched.")
    if "@" in parts.netloc:
        raise _refused(f"The URL of {host} holds a name or password.")
    if not _HOST.fullmatch(host):
        raise _refused(f"{host[:200]!r} is no host name.")


def _refused(problem: str) -> PhotoError:
    return PhotoError(problem, "Give an http:// or https:// URL of a photo that anybody may see.", code="fetch-scheme")

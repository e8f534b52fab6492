"""The one fetcher, for photos and for feeds: it requests a URL safely and passes the response body to a reader."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TypeVar
from urllib.parse import urlsplit

import httpcore

from shoplens.errors import PhotoError
from shoplens.fetching.host_limits import HostLimits
from shoplens.fetching.ssrf_guard import Deadline, GuardedNetwork, Network
from shoplens.fetching.urls import next_url, normalize_photo_url
from shoplens.settings import Settings

MAX_REDIRECTS = 5
MAX_PAUSE = 30.0
"""Longest pause between two attempts in seconds, whatever a server asks for."""

Body = TypeVar("Body")
BodyReader = Callable[[str, Mapping[bytes, bytes], Iterable[bytes]], Body]
"""A function of the URL, the headers and the body that returns the result of reading the body."""

_FIRST_PAUSE = 0.5
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class _Redirect:
    url: str


class _RetryableError(Exception):
    """An attempt failed in a way that may pass; ``after`` is how many seconds the server asked to wait."""

    def __init__(self, error: PhotoError, after: float = 0.0) -> None:
        super().__init__(error)
        self.error = error
        self.after = after


class Fetcher:
    """Fetches URLs with limits that protect this machine and the servers.

    It fetches only http and https, and only from public addresses unless ``settings.allow_private`` is set; this is
    checked for every redirect and at the moment of connecting. It uses no proxies. It limits the seconds per attempt
    (the whole body included) and the number of simultaneous requests per host, and pauses longer after each failed
    attempt. A fetcher is thread-safe; close it, or use it in a ``with`` statement.

    Args:
        settings: the settings with the limits.
        network: resolver, sockets and trusted certificates.
        sleep: function that waits for a number of seconds.
        jitter: function that returns a number in [0, 1), which varies the pauses.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        network: Network | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._jitter = jitter
        self._slots = HostLimits(settings.fetch_per_host)
        self._deadline = Deadline()
        self._agent = settings.user_agent.encode("ascii")
        network = network or Network()
        self._pool = httpcore.ConnectionPool(
            ssl_context=network.certificates or httpcore.default_ssl_context(),
            max_connections=None,
            max_keepalive_connections=32,
            keepalive_expiry=15.0,
            network_backend=GuardedNetwork(network, self._deadline, allow_private=settings.allow_private),
        )

    def fetch(self, url: str, read: BodyReader[Body]) -> Body:
        """Request a URL and return what ``read`` makes of the body of the response.

        Args:
            url: an http or https URL.
            read: function of the URL after the last redirect, the response's headers with their names in lower case,
                and the body as it arrives. It is called again when an attempt fails.

        Raises:
            PhotoError: ``fetch-scheme``, ``fetch-address``, ``fetch-timeout``, ``fetch-status``, ``fetch-redirects``,
                ``fetch-failed``, or an error that ``read`` raises.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._follow_redirects(url, read)
            except _RetryableError as failure:
                if attempt == self._settings.fetch_attempts:
                    raise failure.error from None
                pause = _FIRST_PAUSE * 2 ** (attempt - 1) * (1 + self._jitter()) / 2
                self._sleep(min(max(pause, failure.after), MAX_PAUSE))

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow_redirects(self, url: str, read: BodyReader[Body]) -> Body:
        """Make one attempt, from the first URL to the body after the last redirect."""
        start = url
        self._deadline.start(self._settings.fetch_timeout)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(normalize_photo_url(url), read)
            if not isinstance(response, _Redirect):
                return response
            url = response.url
        raise PhotoError(
            f"{start[:200]} redirects more than {MAX_REDIRECTS} times.",
            "Name the photo's final URL in the feed.",
            code="fetch-redirects",
        )

    def _request(self, url: str, read: BodyReader[Body]) -> Body | _Redirect:
        """Send one request; return what ``read`` makes of the body, or the URL that the server redirects to."""
        target = _request_url(url)
        headers = [
            (b"Host", _host_header(target)),
            (b"User-Agent", self._agent),
            (b"Accept", b"image/*, */*;q=0.1"),
            (b"Accept-Encoding", b"identity"),
        ]
        with self._slots.slot(target.host) as waiting_seconds, _network_errors(url, self._settings):
            self._deadline.extend(waiting_seconds)
            with self._pool.stream("GET", target, headers=headers) as response:
                response_headers = {name.lower(): value for name, value in response.headers}
                if response.status in _REDIRECT_STATUSES:
                    return _Redirect(next_url(url, response_headers.get(b"location")))
                _check_status(url, response.status, response_headers)
                return read(url, response_headers, response.iter_stream())


def _request_url(url: str) -> httpcore.URL:
    """Return a normalized URL in the form that is sent to the server."""
    parts = urlsplit(url)
    target = url.split("/", 3)[3]
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=f"/{target}")


def _host_header(url: httpcore.URL) -> bytes:
    host = b"[%b]" % url.host if b":" in url.host else url.host
    return host if url.port is None else b"%b:%d" % (host, url.port)


def _check_status(url: str, status: int, headers: dict[bytes, bytes]) -> None:
    if status == 200:
        return
    fix = "Correct the URL in the feed, or let the photo be read without signing in."
    if status == 403:
        fix = f"{fix} Some servers answer only if they know the user_agent (SHOPLENS_USER_AGENT)."
    error = PhotoError(f"{url[:200]} answers with status {status}.", fix, code="fetch-status")
    if status in _RETRY_STATUSES:
        raise _RetryableError(error, _parse_retry_after(headers.get(b"retry-after", b"")))
    raise error


def _parse_retry_after(retry_after: bytes) -> float:
    """Return the seconds in a Retry-After header, which holds a number or a date; 0 for anything else."""
    text = retry_after.decode("latin-1").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0


@contextmanager
def _network_errors(url: str, settings: Settings) -> Iterator[None]:
    """Turn network errors of the body of the ``with`` statement into retryable errors with a problem and a fix."""
    try:
        yield
    except httpcore.TimeoutException:
        error = PhotoError(
            f"{url[:200]} did not arrive within {settings.fetch_timeout:g} seconds.",
            "Try again later, or raise fetch_timeout (SHOPLENS_FETCH_TIMEOUT).",
            code="fetch-timeout",
        )
        raise _RetryableError(error) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as problem:
        error = PhotoError(
            f"{url[:200]} cannot be fetched: {problem or type(problem).__name__}.",
            "Check that the URL opens in a browser, then try again.",
            code="fetch-failed",
        )
        raise _RetryableError(error) from None

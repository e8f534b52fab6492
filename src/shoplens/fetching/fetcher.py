"""The one safe fetcher: a URL -> what its server answers, for photos and for feeds."""

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
LONGEST_PAUSE = 30.0
"""Seconds: the longest pause between two tries, whatever a server asks for."""

Body = TypeVar("Body")
BodyReader = Callable[[str, Mapping[bytes, bytes], Iterable[bytes]], Body]
"""URL, headers and body -> what is made of the body."""

_FIRST_PAUSE = 0.5
_REDIRECTS = {301, 302, 303, 307, 308}
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class _Redirect:
    url: str


class _TryAgainError(Exception):
    """A try that may go better next time; ``after`` is how many seconds the server asked to wait."""

    def __init__(self, error: PhotoError, after: float = 0.0) -> None:
        super().__init__(error)
        self.error = error
        self.after = after


class Fetcher:
    """Fetches files politely and safely. Thread-safe; close it, or use it in a ``with`` statement.

    Only http and https; only public addresses unless ``settings.allow_private``, checked for every redirect and at
    the moment of connecting; no proxies; limits on seconds per try (the whole body included) and on files
    at once per host; growing pauses between tries.

    Args:
        settings: for the limits.
        network: resolver, sockets and trusted certificates.
        sleep: waits so many seconds.
        jitter: gives a number in [0, 1) that spreads the pauses.
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
        """What a reader makes of the body of a server's answer.

        Args:
            url: http or https.
            read: is given the URL behind the last redirect, the answer's headers, their names in lower case, and the
                body as it arrives; is asked again where a try fails.

        Raises:
            PhotoError: ``fetch-scheme``, ``fetch-address``, ``fetch-timeout``, ``fetch-status``, ``fetch-redirects``,
                ``fetch-failed``, or what the reader raises.
        """
        turn = 0
        while True:
            turn += 1
            try:
                return self._follow_redirects(url, read)
            except _TryAgainError as failure:
                if turn == self._settings.fetch_attempts:
                    raise failure.error from None
                pause = _FIRST_PAUSE * 2 ** (turn - 1) * (1 + self._jitter()) / 2
                self._sleep(min(max(pause, failure.after), LONGEST_PAUSE))

    def close(self) -> None:
        """Closes idle connections."""
        self._pool.close()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow_redirects(self, url: str, read: BodyReader[Body]) -> Body:
        """One try, from the first address to the body behind the last redirect."""
        start = url
        self._deadline.start(self._settings.fetch_timeout)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._answer(normalize_photo_url(url), read)
            if not isinstance(answer, _Redirect):
                return answer
            url = answer.url
        raise PhotoError(
            f"{start[:200]} redirects more than {MAX_REDIRECTS} times.",
            "Name the photo's final URL in the feed.",
            code="fetch-redirects",
        )

    def _answer(self, url: str, read: BodyReader[Body]) -> Body | _Redirect:
        """The body, or the URL that the server redirects to."""
        target = _request_url(url)
        headers = [
            (b"Host", _host_header(target)),
            (b"User-Agent", self._agent),
            (b"Accept", b"image/*, */*;q=0.1"),
            (b"Accept-Encoding", b"identity"),
        ]
        with self._slots.slot(target.host) as waited, _network_errors(url, self._settings):
            self._deadline.extend(waited)
            with self._pool.stream("GET", target, headers=headers) as response:
                given = {name.lower(): value for name, value in response.headers}
                if response.status in _REDIRECTS:
                    return _Redirect(next_url(url, given.get(b"location")))
                _check_status(url, response.status, given)
                return read(url, given, response.iter_stream())


def _request_url(url: str) -> httpcore.URL:
    """A normalized URL as it goes over the wire."""
    parts = urlsplit(url)
    target = url.split("/", 3)[3]
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=f"/{target}")


def _host_header(url: httpcore.URL) -> bytes:
    host = b"[%b]" % url.host if b":" in url.host else url.host
    return host if url.port is None else b"%b:%d" % (host, url.port)


def _check_status(url: str, status: int, given: dict[bytes, bytes]) -> None:
    if status == 200:
        return
    fix = "Correct the URL in the feed, or let the photo be read without signing in."
    if status == 403:
        fix = f"{fix} Some servers answer only to a user_agent (SHOPLENS_USER_AGENT) that they know."
    error = PhotoError(f"{url[:200]} answers with status {status}.", fix, code="fetch-status")
    if status in _WORTH_ANOTHER_TRY:
        raise _TryAgainError(error, _seconds_asked(given.get(b"retry-after", b"")))
    raise error


def _seconds_asked(retry_after: bytes) -> float:
    """Seconds in a Retry-After header, which holds a number or a date; 0 for anything else."""
    text = retry_after.decode("latin-1").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0


@contextmanager
def _network_errors(url: str, settings: Settings) -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException:
        error = PhotoError(
            f"{url[:200]} was not there after {settings.fetch_timeout:g} seconds.",
            "Try again later, or raise fetch_timeout (SHOPLENS_FETCH_TIMEOUT).",
            code="fetch-timeout",
        )
        raise _TryAgainError(error) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as problem:
        error = PhotoError(
            f"{url[:200]} cannot be fetched: {problem or type(problem).__name__}.",
            "Check that the URL opens in a browser, then try again.",
            code="fetch-failed",
        )
        raise _TryAgainError(error) from None

"""The one safe fetcher: a photo's URL -> its bytes, for feeds and for queries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from types import TracebackType

import httpcore

from shoplens.errors import PhotoError
from shoplens.images.guard import Deadline, GuardedNetwork, Network
from shoplens.images.slots import HostSlots
from shoplens.images.urls import host_header, next_url, request_url
from shoplens.settings import Settings

MAX_REDIRECTS = 5
LONGEST_PAUSE = 30.0
"""Seconds: the longest pause between two tries, whatever a server asks for."""

_FIRST_PAUSE = 0.5
_REDIRECTS = {301, 302, 303, 307, 308}
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}
_NO_PHOTO_TYPES = (
    "text/",
    "audio/",
    "video/",
    "font/",
    "multipart/",
    "image/svg",
    "application/json",
    "application/ld+json",
    "application/xml",
    "application/xhtml",
    "application/pdf",
    "application/javascript",
    "application/zip",
)
_PLAIN_TEXT = "text/plain"
"""What servers call files of a kind they do not know, WebP for one."""


class _TryAgainError(Exception):
    """A try that may go better next time; ``after`` is how many seconds the server asked to wait."""

    def __init__(self, error: PhotoError, after: float = 0.0) -> None:
        super().__init__(error)
        self.error = error
        self.after = after


class Fetcher:
    """Fetches photos politely and safely. Thread-safe; close it, or use it in a ``with`` statement.

    Only http and https; only public addresses unless ``settings.allow_private``, checked for every redirect and at
    the moment of connecting; no proxies; limits on bytes, on seconds per try (the whole body included) and on photos
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
        self._slots = HostSlots(settings.fetch_per_host)
        self._deadline = Deadline()
        self._agent = f"shoplens/{_version()}".encode()
        network = network or Network()
        self._pool = httpcore.ConnectionPool(
            ssl_context=network.certificates or httpcore.default_ssl_context(),
            max_connections=None,
            max_keepalive_connections=32,
            keepalive_expiry=15.0,
            network_backend=GuardedNetwork(network, self._deadline, allow_private=settings.allow_private),
        )

    def fetch(self, url: str) -> bytes:
        """The photo's bytes, as the server sends them; whether they are a photo is for the decoder to say.

        Raises:
            PhotoError: ``fetch-scheme``, ``fetch-address``, ``fetch-timeout``, ``fetch-too-large``, ``fetch-status``,
                ``fetch-type``, ``fetch-redirects`` or ``fetch-failed``.
        """
        turn = 0
        while True:
            turn += 1
            try:
                return self._followed(url)
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

    def _followed(self, url: str) -> bytes:
        """One try, from the first address to the body behind the last redirect."""
        start = url
        self._deadline.start(self._settings.fetch_timeout)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._answer(url)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise PhotoError(
            f"{start[:200]} redirects more than {MAX_REDIRECTS} times.",
            "Name the photo's final URL in the feed.",
            code="fetch-redirects",
        )

    def _answer(self, url: str) -> bytes | str:
        """The body, or the URL that the server redirects to."""
        target = request_url(url)
        headers = [
            (b"Host", host_header(target)),
            (b"User-Agent", self._agent),
            (b"Accept", b"image/*, */*;q=0.1"),
            (b"Accept-Encoding", b"identity"),
        ]
        with self._slots.slot(target.host) as waited, _network_errors(url, self._settings):
            self._deadline.extend(waited)
            with self._pool.stream("GET", target, headers=headers) as response:
                given = {name.lower(): value for name, value in response.headers}
                if response.status in _REDIRECTS:
                    return next_url(url, given.get(b"location"))
                _check_status(url, response.status, given)
                _check_kind(url, given)
                return self._body(url, response, given)

    def _body(self, url: str, response: httpcore.Response, given: dict[bytes, bytes]) -> bytes:
        limit = self._settings.max_photo_bytes
        said = given.get(b"content-length", b"")
        if said.isdigit() and int(said) > limit:
            raise _too_large(url, limit)
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(url, limit)
        return bytes(body)


def _version() -> str:
    try:
        return metadata.version("shoplens")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "0"


def _check_status(url: str, status: int, given: dict[bytes, bytes]) -> None:
    if status == 200:
        return
    error = PhotoError(
        f"{url[:200]} answers with status {status}.",
        "Correct the URL in the feed, or let the photo be read without signing in.",
        code="fetch-status",
    )
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


def _check_kind(url: str, given: dict[bytes, bytes]) -> None:
    kind = given.get(b"content-type", b"").decode("latin-1").split(";")[0].strip().lower()
    packing = given.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if kind.startswith(_NO_PHOTO_TYPES) and kind != _PLAIN_TEXT:
        raise PhotoError(
            f"{url[:200]} is {kind}, not a photo.",
            "Give the URL of the photo itself, not of a page that shows it.",
            code="fetch-type",
        )
    if packing not in ("identity", ""):
        raise PhotoError(
            f"{url[:200]} is sent packed as {packing}, though that was not asked for.",
            "Let the server send photos as they are.",
            code="fetch-type",
        )


def _too_large(url: str, limit: int) -> PhotoError:
    return PhotoError(
        f"{url[:200]} has more than {limit:,} bytes.",
        "Give a smaller photo, or raise max_photo_bytes (SHOPLENS_MAX_PHOTO_BYTES).",
        code="fetch-too-large",
    )


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

"""The network backend of the fetcher, which checks every resolved address and ends every wait at one deadline.

A host name is resolved once, here, and the connection goes to the address that was checked. So a name that resolves
to a private address the second time (DNS rebinding) gains nothing. TLS still verifies the certificate for the name.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore

from shoplens.errors import PhotoError
from shoplens.fetching.addresses import refusal_reason

Resolver = Callable[[str, int], Sequence[str]]
"""A function of host name and port that returns addresses as text, or raises ``socket.gaierror`` if there are none."""

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def resolve_addresses(host: str, port: int) -> list[str]:
    """Return the addresses that the system's resolver gives for a host, in its order and without repeats."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Deadline(threading.local):
    """The time at which the calling thread's work must end; every thread has its own deadline."""

    def __init__(self) -> None:
        self._ends = 0.0

    def start(self, seconds: float) -> None:
        """Set the deadline to ``seconds`` from now."""
        self._ends = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Move the deadline ``seconds`` later."""
        self._ends += seconds

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, more than 0.

        Raises:
            httpcore.ReadTimeout: the deadline has passed.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left


@dataclass(frozen=True, slots=True)
class Network:
    """The resolver, sockets and certificates that the fetcher uses.

    Attributes:
        resolver: host name and port -> addresses.
        sockets: backend that connects to an address.
        certificates: the certificates that TLS trusts; None for the usual authorities.
    """

    resolver: Resolver = resolve_addresses
    sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    certificates: ssl.SSLContext | None = None


class GuardedNetwork(httpcore.NetworkBackend):
    """Connects only to addresses that :func:`refusal_reason` does not refuse, or to any with ``allow_private``."""

    def __init__(self, network: Network, deadline: Deadline, *, allow_private: bool) -> None:
        self._network = network
        self._deadline = deadline
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that accepts, after all its addresses were checked.

        Raises:
            PhotoError: ``fetch-address``, or ``fetch-failed`` for a name that does not exist.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address accepted; another attempt may succeed.
        """
        addresses = self._resolve(host, port)
        if not self._allow_private:
            _check_addresses(host, addresses)
        for number, address in enumerate(addresses):
            seconds = self._deadline.seconds_left() / (len(addresses) - number)
            try:
                stream = self._network.sockets.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
            else:
                return _TimedStream(stream, self._deadline)
        raise httpcore.ConnectError(f"{host} has no addresses")

    def _resolve(self, host: str, port: int) -> Sequence[str]:
        """Resolve a host name in a separate thread, because the resolver takes no timeout."""
        answers: list[Sequence[str]] = []
        problems: list[Exception] = []

        def run_resolver() -> None:
            try:
                answers.append(self._network.resolver(host, port))
            except (OSError, UnicodeError) as problem:
                problems.append(problem)

        thread = threading.Thread(target=run_resolver, daemon=True, name="shoplens-resolve")
        thread.start()
        thread.join(self._deadline.seconds_left())
        if answers:
            return answers[0]
        if not problems:
            raise httpcore.ConnectTimeout(f"no address for {host} in time")
        if getattr(problems[0], "errno", None) in _NO_SUCH_NAME or isinstance(problems[0], UnicodeError):
            raise PhotoError(
                f"There is no host named {host}.", "Correct the photo's URL, or try again later.", code="fetch-failed"
            )
        raise httpcore.ConnectError(f"{host} cannot be resolved: {problems[0]}")


def _check_addresses(host: str, addresses: Sequence[str]) -> None:
    for address in addresses:
        if (kind := refusal_reason(address)) is not None:
            raise PhotoError(
                f"{host} is at {address}, a {kind} address, from which nothing is fetched.",
                "Use a public URL; for a shop's own network, pass --allow-private (SHOPLENS_ALLOW_PRIVATE=1).",
                code="fetch-address",
            )


def _certificate_error(host: str | None, problem: ssl.SSLCertVerificationError) -> PhotoError:
    return PhotoError(
        f"The certificate of {host} is not trusted: {problem.verify_message}.",
        "Use the host name that the certificate is for, or let the server renew it.",
        code="fetch-failed",
    )


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, so that a server that sends slowly cannot prolong it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.seconds_left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.seconds_left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:  # the timeout holds for the whole TLS handshake, not for every read
            stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.seconds_left())
        except httpcore.ConnectError as problem:
            if isinstance(problem.__cause__, ssl.SSLCertVerificationError):
                raise _certificate_error(server_hostname, problem.__cause__) from None
            raise
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

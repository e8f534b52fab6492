"""Authentication and authorization of requests: the check of the API key, of its role, and of the client's rate."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from fastapi import Request

from shoplens.service.failures import RequestRefused
from shoplens.service.keys import COMMANDS, Key, Role
from shoplens.service.limits.queue import WORKED
from shoplens.service.limits.rate_limit import work_as_requests
from shoplens.service.state import service_state
from shoplens.settings import Settings

_CHECKED = "shoplens.checked"
"""Key of a request's scope: the key that was checked."""


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class RoleCheck:
    """The check of key, role and rate of a request; a dependency, which :class:`GuardedRoute` calls before the body.

    A search needs no key where the settings say so and the service can be reached from this machine only.

    Args:
        role: that the request needs; an attribute, too.
        only_commands: whether only commands of the service's own user may send it.
    """

    def __init__(self, role: Role, *, only_commands: bool = False) -> None:
        self.role, self._only_commands = role, only_commands

    async def __call__(self, request: Request) -> Key | None:
        if _CHECKED not in request.scope:
            request.scope[_CHECKED] = await self._check(request)
        checked: Key | None = request.scope[_CHECKED]
        return checked

    async def _check(self, request: Request) -> Key | None:
        service, role = service_state(request), self.role
        settings: Settings = service.shop.settings
        address = client_address(request, settings)
        secret = _secret(request)
        key = service.keys.find(secret) if secret else None
        if key is None or key.id != COMMANDS:
            await service.rates.client.take(_client_of(key, address))
        if secret and key is None:
            raise RequestRefused(
                "The API key is unknown.",
                "Create one with `shoplens keys add`, and send it as a bearer token.",
                code="unknown-key",
            )
        if key is None and not (role == "search" and settings.open_search and is_loopback(settings.host)):
            raise RequestRefused(
                f"This request needs a key with the role {role}.",
                "Send `Authorization: Bearer KEY`; `shoplens keys add NAME --role ROLE` creates one.",
                code="unauthenticated",
            )
        if key is not None and not key.has_role(role):
            raise RequestRefused(
                f"The key {key.id} has the role {key.role}, and this request needs {role}.",
                f"Create another one: shoplens keys add NAME --role {role}.",
                code="insufficient-role",
            )
        if self._only_commands and (key is None or key.id != COMMANDS):
            raise RequestRefused(
                "Only commands of this service's user may send this request.",
                "Run `shoplens` on its machine.",
                code="insufficient-role",
            )
        if key is not None and key.id != COMMANDS:
            await service.rates.key.take(key.id)
        return key


async def charge_work(request: Request) -> None:
    """Count a request for which a thread worked long as several: a few photos made to be expensive are many searches.

    What clients with the role ``write`` send may take long.
    """
    more, key = work_as_requests(request.scope.get(WORKED, 0.0)), request.scope.get(_CHECKED)
    if more and (key is None or not key.has_role("write")):
        service = service_state(request)
        await service.rates.client.charge(_client_of(key, client_address(request, service.shop.settings)), more)


def _client_of(key: Key | None, address: str) -> str:
    return f"{key.id if key else ''} {address}"


def require_role(role: Role) -> RoleCheck:
    """Return the dependency that checks key, role and rate of a request."""
    return RoleCheck(role)


require_command = RoleCheck("admin", only_commands=True)
"""Lets only commands of the service's own user pass; a dependency."""


def client_address(request: Request, settings: Settings) -> str:
    """Return the address of the client that sent a request: the last one that no trusted proxy has.

    Of an IPv6 address, only the network of 64 bits counts, since a client has all addresses in it.
    """
    peer = request.client.host if request.client else ""
    trusted = _networks(settings.trusted_proxies)
    if not is_proxy(peer, settings):
        return _network_of(peer)
    lines = request.headers.getlist("x-forwarded-for")
    forwarded = [_without_port(one.strip()) for line in lines for one in line.split(",")]
    return _network_of(next((one for one in reversed(forwarded) if not _is_in(one, trusted)), peer))


def is_proxy(address: str, settings: Settings) -> bool:
    """Whether an address is that of a trusted proxy."""
    return _is_in(address, _networks(settings.trusted_proxies))


@lru_cache(maxsize=8)
def _networks(proxies: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one.strip(), strict=False) for one in proxies.split(",") if one.strip())


def _is_in(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _without_port(address: str) -> str:
    """Return an address without the port that some proxies add: ``1.2.3.4:5678``, ``[2001:db8::1]:5678``."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _network_of(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _secret(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")

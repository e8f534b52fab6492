"""Authentication and authorization of requests: the check of the API key, of its role, and of the client's rate."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request

from shoplens.service.failures import RequestRefused
from shoplens.service.keys import COMMANDS, Key, Role
from shoplens.service.state import service_state
from shoplens.settings import Settings


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_role(role: Role) -> Callable[[Request], Coroutine[Any, Any, Key | None]]:
    """Return a dependency that checks key, role and rate of a request.

    A search needs no key where the settings say so and the service can be reached from this machine only.
    """

    async def authorize(request: Request) -> Key | None:
        service = service_state(request)
        secret = _secret(request)
        key = service.keys.find(secret) if secret else None
        if secret and key is None:
            service.rate_limiter.take(_address(request))
            raise RequestRefused(
                "The API key is unknown.",
                "Create one with `shoplens keys add`, and send it as a bearer token.",
                code="unknown-key",
            )
        if key is None or key.id != COMMANDS:
            service.rate_limiter.take(f"key {key.id}" if key else _address(request))
        settings: Settings = service.shop.settings
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
        return key

    return authorize


async def require_command(request: Request) -> None:
    """Let only commands of the service's own user pass; a dependency."""
    key = await require_role("admin")(request)
    if key is None or key.id != COMMANDS:
        raise RequestRefused(
            "Only commands of this service's user may send this request.",
            "Run `shoplens` on its machine.",
            code="insufficient-role",
        )


def _secret(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key", "")


def _address(request: Request) -> str:
    return f"address {request.client.host if request.client else ''}"

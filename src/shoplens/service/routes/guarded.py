"""Routes that check key, role and rate before they read the body of a request, and limit the body's size."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from shoplens.service.auth import RoleCheck, charge_work, client_address
from shoplens.service.limits.bodies import MAX_BYTES, MAX_PRODUCT_VALUES, MAX_VALUES, SMALL, photo_body_bytes, read_json
from shoplens.service.state import service_state

LIMITS = {"/v1/products": (8 << 20, MAX_PRODUCT_VALUES), "/v1/feedback": (1 << 20, MAX_VALUES)}
"""Path -> bytes and values that the body of a request may have."""
DEFAULT_LIMITS = (1 << 20, MAX_VALUES)
"""The same for all other routes that take JSON."""
WITH_PHOTO = {"/v1/regions", "/ucp/catalog/search"}
"""Paths of JSON with a photo in base64."""


class GuardedRoute(APIRoute):
    """A route whose checks come before its body; what it takes as JSON is parsed beside the event loop."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a path; a last part such as ``similar`` is no part of an id, in which its slash is encoded."""
        match, child = super().matches(scope)
        last, raw_path = self.path.rpartition("/")[2], scope.get("raw_path")
        if match is not Match.NONE and raw_path and "{" not in last and not raw_path.endswith(f"/{last}".encode()):
            return Match.NONE, {}
        return match, child

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        checks = [one.dependency for one in self.dependencies if isinstance(one.dependency, RoleCheck)]
        max_bytes, max_values = LIMITS.get(self.path, DEFAULT_LIMITS) if self.body_field else (SMALL, MAX_VALUES)

        async def handle_guarded(request: Request) -> Response:
            for check in checks:
                await check(request)
            service = service_state(request)
            of_photo = photo_body_bytes(service.shop.settings) if self.path in WITH_PHOTO else 0
            request.scope.setdefault(MAX_BYTES, of_photo or max_bytes)
            if self.body_field is not None:
                with service.arrivals.reserve_place(client_address(request, service.shop.settings)):
                    request._json = await read_json(request, max_values)
            try:
                return await handle(request)
            finally:
                await charge_work(request)

        return handle_guarded

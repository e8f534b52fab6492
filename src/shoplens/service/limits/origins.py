"""Tells the shop which web pages browsers keep from searching, because their site is not among those of ``cors``."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("shoplens.service")
MAX_ORIGINS = 100
"""Sites that are told, each once; anybody can make up more."""
_LONGEST = 255
"""Characters of the longest site that is told."""


class OriginMiddleware:
    """ASGI middleware that logs each site whose pages may not search. The browser refuses, and the shop's engineer sees
    nothing but a failed request there.

    Args:
        app: that answers the requests.
        allowed: the sites whose pages may search, such as ``https://shop.example``; ``*`` is all.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app, self._allowed, self._told = app, frozenset(allowed), set[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "/v1/" in scope["path"] and "*" not in self._allowed:
            self._tell(dict(scope["headers"]))
        await self._app(scope, receive, send)

    def _tell(self, headers: dict[bytes, bytes]) -> None:
        """Log the site of a page that asks across sites; pages of the service itself say ``same-origin``."""
        if headers.get(b"sec-fetch-mode") != b"cors" or headers.get(b"sec-fetch-site") == b"same-origin":
            return
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or origin in self._allowed or origin in self._told or len(origin) > _LONGEST:
            return
        if len(self._told) < MAX_ORIGINS:
            self._told.add(origin)
            fix = f"To allow it, add it to the setting cors: --cors {','.join([*sorted(self._allowed), origin])}"
            log.warning("A page of %s may not search here. %s", origin, fix, extra={"code": "refused-origin"})

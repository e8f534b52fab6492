"""The search page, the search element, and their parts: plain files without a build step."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from shoplens.errors import InvalidValue

router = APIRouter(include_in_schema=False)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SHARED = {"element.js", "api.js"}
"""Files that pages of other origins load."""


def _read() -> dict[str, bytes]:
    """Read all files, by name."""
    home = files("shoplens.web")
    return {one.name: one.read_bytes() for one in home.iterdir() if any(one.name.endswith(kind) for kind in KINDS)}


_FILES = _read()


@router.get("/")
async def index(request: Request) -> Response:
    """Return the search page."""
    return _file_response(request, "index.html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the documentation of the API."""
    return _file_response(request, "docs.html")


@router.get("/web/{name}")
async def part(request: Request, name: str) -> Response:
    """Return a part of the pages."""
    return _file_response(request, name)


def _file_response(request: Request, name: str) -> Response:
    content = _FILES.get(name)
    if content is None:
        raise InvalidValue(f"There is no file {name[:100]!r}.", "See /.", code="no-such-page")
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if name in SHARED:
        headers |= {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=KINDS[name[name.rindex(".") :]], headers=headers)

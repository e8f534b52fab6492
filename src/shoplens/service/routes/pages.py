"""The search page, the search element, and their parts: plain files without a build step."""

from __future__ import annotations

import hashlib
import json
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from shoplens.errors import InvalidValue
from shoplens.service.middleware import POLICY
from shoplens.service.responses.scripts import bundle_scripts, shorten_script
from shoplens.service.routes.ucp import profile_document
from shoplens.service.state import service_state
from shoplens.settings import Settings

router = APIRouter(include_in_schema=False)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
SHARED = ("element.js", "search/")
"""Files, and folders of files, that pages of other origins load."""
SHOP = b"<!-- shop -->"
"""Where a page wants to know the settings of the shop."""


def _read(folder: Traversable, path: str = "") -> dict[str, bytes]:
    """Read all files of a folder and of those in it, by path."""
    contents: dict[str, bytes] = {}
    for one in folder.iterdir():
        if one.is_dir():
            contents |= _read(one, f"{path}{one.name}/")
        elif any(one.name.endswith(kind) for kind in KINDS):
            contents[path + one.name] = one.read_bytes()
    return contents


def _read_files() -> dict[str, bytes]:
    """Return the files as they are sent: scripts bundled and shortened, all else as it is."""
    contents = _read(files("shoplens.web"))
    scripts = {path: contents.pop(path).decode() for path in [*contents] if path.endswith(".js")}
    return contents | {path: shorten_script(one).encode() for path, one in bundle_scripts(scripts).items()}


_FILES = _read_files()


@router.get("/")
async def index(request: Request) -> Response:
    """Return the search page."""
    return _page_response(request, "index.html")


@router.get("/desk")
async def desk(request: Request) -> Response:
    """Return the page for merchandisers."""
    return _page_response(request, "desk.html")


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the documentation of the API."""
    return _file_response(request, "docs.html")


@router.get("/.well-known/ucp")
async def ucp_profile(request: Request) -> JSONResponse:
    """Return the profile of the Universal Commerce Protocol."""
    return JSONResponse(profile_document(request), headers={"Cache-Control": "public, max-age=3600"})


@router.get("/web/{name:path}")
async def part(request: Request, name: str) -> Response:
    """Return a part of the pages."""
    return _file_response(request, name)


def _page_response(request: Request, name: str) -> Response:
    """Return a page that knows the name, logo, colour and key of the shop."""
    settings = service_state(request).shop.settings
    known = {
        "name": settings.shop_name,
        "logo": settings.shop_logo,
        "accent": settings.shop_accent,
        "key": settings.page_key,
    }
    tag = f'<meta name="shoplens" content="{escape(json.dumps(known, ensure_ascii=False))}">'
    title = f"<title>{escape(settings.shop_name)}</title>"
    content = _FILES[name].replace(SHOP, (title + tag).encode())
    return _respond(request, name, content, {"Content-Security-Policy": _policy(settings)})


def _policy(settings: Settings) -> str:
    """Return the policy of a page, which may also show the shop's logo."""
    if not settings.shop_logo:
        return POLICY
    logo = urlsplit(settings.shop_logo)
    return POLICY.replace("img-src 'self'", f"img-src 'self' {logo.scheme}://{logo.netloc}")


def _file_response(request: Request, name: str) -> Response:
    content = _FILES.get(name)
    if content is None:
        raise InvalidValue(f"There is no file {name[:100]!r}.", "See /.", code="no-such-page")
    headers = {}
    if name.startswith(SHARED):
        headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    return _respond(request, name, content, headers)


def _respond(request: Request, name: str, content: bytes, headers: dict[str, str]) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **headers}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=KINDS[name[name.rindex(".") :]], headers=headers)

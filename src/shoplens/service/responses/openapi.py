"""The OpenAPI document: tags, ids of operations, and the role that the key of each needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shoplens.service.auth import RoleCheck
from shoplens.service.keys import ROLES, Role
from shoplens.service.schemas import SearchRequest

SEARCHING, CATALOGUE, FEEDBACK, DESK = "searching", "catalogue", "feedback", "desk"
ADMINISTRATION = "administration"
TAGS = [
    {"name": SEARCHING, "description": "Searches by a photo, a product, a colour or words."},
    {"name": CATALOGUE, "description": "Products, their photos, and what a page needs to know of the shop."},
    {"name": FEEDBACK, "description": "What shoppers did with answers."},
    {"name": DESK, "description": "What merchandisers see and set."},
    {"name": ADMINISTRATION, "description": "Statistics, backups, and the data of users."},
]

_TAGS_BY_PATH = {
    "/v1/search": SEARCHING,
    "/v1/regions": SEARCHING,
    "/ucp/": SEARCHING,
    "/v1/feedback": FEEDBACK,
    "/v1/merchandising": DESK,
    "/v1/desk/": DESK,
    "/v1/users/": ADMINISTRATION,
    "/v1/missing": ADMINISTRATION,
    "/v1/backups": ADMINISTRATION,
}
"""Beginning of a path -> tag; all other requests are about the catalogue."""


def operation_id(route: APIRoute) -> str:
    """Return the id of an operation, by which generated clients name it: the name of its function."""
    return route.name


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, built once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        schemas = document["components"]["schemas"]
        sent = SearchRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas["SearchRequest"] = sent
        schemas["SearchForm"] = _form_of(sent)
        document["components"]["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": f"A key of `shoplens keys add`. Its role is one of {', '.join(ROLES)}; `x-role` of an "
                "operation says which one it needs. A search on a loopback address needs none.",
            }
        }
        roles = {(method, _describe_path(route)): _role_of(route) for route, method in _routes(app.router)}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                role = roles[method.upper(), path]
                operation["tags"] = [_tag_of(path)]
                operation["security"] = [{"key": []}] if role not in (None, "search") else [{"key": []}, {}]
                if role is None:
                    operation["security"] = []
                else:
                    operation["x-role"] = role
        app.openapi_schema = document
    return app.openapi_schema


def _routes(router: APIRouter | Any) -> Iterator[tuple[APIRoute, str]]:
    """Yield the routes of a router and of those that it includes, with their methods."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield from ((route, method) for method in route.methods or ())
        elif isinstance(included := getattr(route, "original_router", None), APIRouter):
            yield from _routes(included)


def _tag_of(path: str) -> str:
    if path.endswith("/similar"):
        return SEARCHING
    return next((tag for beginning, tag in _TAGS_BY_PATH.items() if path.startswith(beginning)), CATALOGUE)


def _describe_path(route: APIRoute) -> str:
    return route.path_format


def _role_of(route: APIRoute) -> Role | None:
    checks = [one.dependency for one in route.dependencies if isinstance(one.dependency, RoleCheck)]
    return checks[0].role if checks else None


def _form_of(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the same fields as parts of a form."""
    parts = {name: value for name, value in sent["properties"].items() if name != "image"}
    image = {"type": "string", "format": "binary", "description": "The photo's file."}
    return {"type": "object", "description": sent["description"], "properties": {"image": image, **parts}}

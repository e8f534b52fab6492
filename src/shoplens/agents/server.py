"""The MCP server: five tools that call a running service, so that its keys and limits hold for agents, too."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, Field

from shoplens import __version__
from shoplens.agents.key_required import KeyRequired, key_of
from shoplens.client import Client
from shoplens.errors import InvalidValue, ShoplensError
from shoplens.service.catalogue_schemas import FacetsDocument
from shoplens.service.schemas import AnswerDocument, ProductDocument, ResultDocument

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from starlette.applications import Starlette

MAX_RESULTS = 50
MAX_BODY_BYTES = 32 * 2**20
"""A photo of 20 MB in base64, and the rest of a request."""
INSTRUCTIONS = (
    "Searches one shop's catalogue. Start with search_by_photo when there is a picture of what is wanted, else with "
    "search_by_text. Narrow a search by `where`, with the fields and values that `facets` names. Give people the `url` "
    "of products. `verdict` says whether the first product is the very one in the photo."
)
Photo = Annotated[str, Field(description="The photo's file, base64; or use url.", max_length=28_000_000)]
Url = Annotated[str, Field(description="Public http or https address of the photo.", max_length=2_000)]
Where = Annotated[
    Sequence[str],
    Field(description="Conditions that products must meet, such as `price < 60` or `color = red`.", max_length=20),
]
Fields = Annotated[Sequence[str], Field(description="Fields to count; all where none is named.", max_length=20)]
Count = Annotated[int, Field(description="Number of products.", ge=1, le=MAX_RESULTS)]
Words = Annotated[str, Field(description="What else is wanted, such as `in red, under 40`.", max_length=500)]
Result = TypeVar("Result")


class AgentProduct(BaseModel):
    """A product, for an agent."""

    id: str
    title: str
    url: Annotated[str, Field(description="Its page in the shop; empty where it is unknown.")]
    photo: Annotated[str, Field(description="Address of a photo of it.")]
    price: float | None
    currency: str
    brand: str
    category: list[str]
    in_stock: bool | None
    attributes: dict[str, list[str | float | bool]]
    match_probability: Annotated[
        float | None, Field(description="Probability that it is the very product in the photo; null where unknown.")
    ] = None


class AgentAnswer(BaseModel):
    """Products, most similar first."""

    verdict: Annotated[str, Field(description="Whether the first one is the product in the photo, in words.")]
    products: list[AgentProduct]
    notes: list[str]


def build_server(endpoint: str, key: str = "") -> "MCPServer":
    """Build the MCP server of a running service.

    Args:
        endpoint: address of the service.
        key: with the role search; over HTTP, the key that the agent's request brings comes before it.

    Raises:
        InvalidValue: ``no-mcp``, the extra is not installed.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver import Context
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError as problem:
        raise InvalidValue(
            f"The package mcp cannot be loaded: {problem}.", "Run: pip install 'shoplens[mcp]'", code="no-mcp"
        ) from None

    server: MCPServer = MCPServer(
        "shoplens", title="Visual product search", instructions=INSTRUCTIONS, version=__version__
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    def call(context: Context, request: Callable[[Client], Result]) -> Result:
        """Send a request with the key of whoever calls the tool; an error becomes a text that says what to do."""
        try:
            with Client(endpoint, key_of(context.headers or {}) or key) as client:
                return request(client)
        except ShoplensError as problem:
            raise ToolError(f"{problem.problem} {problem.fix}") from problem

    def search_by_photo(
        context: Context,
        image: Photo = "",
        url: Url = "",
        text: Words = "",
        where: Where = (),
        k: Count = 10,
    ) -> AgentAnswer:
        """Find the products of the shop that are in a photo, or most like it. The photo is not stored."""
        fields: dict[str, Any] = {"text": text, "where": where, "k": k, "per_group": 1, "sold_out": "last"}
        if bool(image) == bool(url):
            raise ToolError("Give the photo as `image` or as `url`.")
        photo = _decode(image) if image else None
        fields |= {} if image else {"url": url}
        return _answer(endpoint, call(context, lambda client: client.search(photo, **fields)))

    def search_by_text(context: Context, text: Words, where: Where = (), k: Count = 10) -> AgentAnswer:
        """Find the products of the shop by words: kinds, colours, materials, brands, prices."""
        fields: dict[str, Any] = {"text": text, "where": where, "k": k, "per_group": 1, "sold_out": "last"}
        return _answer(endpoint, call(context, lambda client: client.search(**fields)))

    def similar(context: Context, product_id: str, text: Words = "", where: Where = (), k: Count = 10) -> AgentAnswer:
        """Find the products that are most like one of the shop."""
        fields: dict[str, Any] = {"product_id": product_id, "text": text, "where": where, "k": k, "sold_out": "last"}
        return _answer(endpoint, call(context, lambda client: client.search(**fields)))

    def product(context: Context, product_id: str) -> AgentProduct:
        """Return a product by its id, SKU or GTIN."""
        found = call(context, lambda client: client.product(product_id))
        return _product(endpoint, found, found.id, found.photos[0] if found.photos else "")

    def facets(
        context: Context,
        fields: Fields = (),
        where: Where = (),
    ) -> FacetsDocument:
        """Count products by value, by category path and by price: what `where` can ask for."""
        return call(context, lambda client: client.facets(fields, where))

    for tool in (search_by_photo, search_by_text, similar, product, facets):
        server.add_tool(tool, annotations=reads)
    return server


def build_application(server: "MCPServer", host: str, *, is_open: bool = False) -> "Starlette":
    """Return the application that serves a server over streamable HTTP, at ``/mcp``, without sessions.

    Args:
        host: that it listens on; on a loopback address, requests for other host names are refused.
        is_open: whether requests without a key of their own are taken; others are refused before they are read.
    """
    application: Starlette = server.streamable_http_app(
        json_response=True, stateless_http=True, max_request_body_size=MAX_BODY_BYTES, host=host
    )
    if not is_open:
        application.add_middleware(KeyRequired)
    return application


def _decode(image: str) -> bytes:
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        return base64.b64decode(image.partition("base64,")[2] or image, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ToolError(f"image is not valid base64: {problem}. Send the bytes of the photo's file.") from None


def _answer(endpoint: str, answer: AnswerDocument) -> AgentAnswer:
    products = [_product(endpoint, one, one.product_id, one.photo, one.match_probability) for one in answer.results]
    return AgentAnswer(verdict=answer.verdict_words, products=products, notes=answer.notes)


def _product(
    endpoint: str, found: ProductDocument | ResultDocument, name: str, photo: str, probability: float | None = None
) -> AgentProduct:
    return AgentProduct(
        id=name,
        title=found.title,
        url=found.url,
        photo=endpoint.rstrip("/") + photo if photo.startswith("/") else photo,
        price=found.price,
        currency=found.currency,
        brand=found.brand,
        category=found.category,
        in_stock=found.in_stock,
        attributes=found.attributes,
        match_probability=probability,
    )

"""Tests of the MCP server with the package's own client, against a running service."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens.service.keys import Keys
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service
from tests.training.shops import draw_pattern

mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")
pytestmark = [pytest.mark.extras, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index_pixel_shop(tmp_path_factory.mktemp("agents"), 20, 1)


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    return Keys(folder / "store").create("agent", "search")[0]


@pytest.fixture(scope="module")
def endpoint(folder: Path, key: str) -> Iterator[str]:
    """Yield the address of a service whose searches need a key."""
    options = ("--model", str(folder / "model.onnx"), "--no-open-search", "--rate-limit", "0")
    with run_service(folder / "store", *options) as service:
        yield service.address


def call(server: Any, tool: str, **arguments: Any) -> Any:
    """Call a tool of a server, which may be in this process, and return its result."""

    async def run() -> Any:
        async with mcp.Client(server) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(run())


def content(result: Any) -> Any:
    assert not result.is_error, result.content
    return result.structured_content


@pytest.fixture(scope="module")
def server(endpoint: str, key: str) -> Any:
    from shoplens.agents.server import build_server

    return build_server(endpoint, key)


def test_there_are_five_tools_that_change_nothing(server: Any) -> None:
    async def run() -> Any:
        async with mcp.Client(server) as client:
            return await client.list_tools()

    tools = {tool.name: tool for tool in asyncio.run(run()).tools}
    assert set(tools) == {"search_by_photo", "search_by_text", "similar", "product", "facets"}
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools.values())


def test_agents_search_by_photo_by_text_and_by_product(server: Any, endpoint: str, folder: Path) -> None:
    photo = base64.b64encode(draw_pattern(folder / "query.png", 3, 77).read_bytes()).decode()
    found = content(call(server, "search_by_photo", image=photo, k=3, where=["id != p0"]))
    assert len(found["products"]) == 3 and found["verdict"] == "uncalibrated"
    first = found["products"][0]
    assert first["photo"].startswith(f"{endpoint}/v1/photos/") and first["id"] != "p0"
    again = content(call(server, "search_by_photo", image=f"data:image/png;base64,{photo}", k=3, where=["id != p0"]))
    assert again == found
    assert content(call(server, "product", product_id=first["id"]))["title"] == first["title"]
    similar = content(call(server, "similar", product_id=first["id"], k=4))["products"]
    assert len(similar) == 4 and first["id"] not in [one["id"] for one in similar]
    assert content(call(server, "facets", fields=["group_id"]))["facets"]["group_id"]
    by_words = call(server, "search_by_text", text="under 20")
    assert by_words.is_error and "Nothing in 'under 20' is known in this shop" in by_words.content[0].text


def test_errors_say_what_to_do(server: Any, endpoint: str) -> None:
    from shoplens.agents.server import build_server

    unknown = call(server, "product", product_id="none")
    assert unknown.is_error and "no product 'none'" in unknown.content[0].text
    assert "as `image` or as `url`" in call(server, "search_by_photo").content[0].text
    assert "not valid base64" in call(server, "search_by_photo", image="%").content[0].text
    assert call(server, "search_by_photo", url="http://127.0.0.1/x.png").is_error
    without_key = call(build_server(endpoint), "facets")
    assert without_key.is_error and "needs a key" in without_key.content[0].text


def test_it_runs_over_standard_input_and_output(endpoint: str, key: str) -> None:
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    arguments = ["-c", "from shoplens.cli import main; main()", "mcp", "--endpoint", endpoint]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env={**os.environ, "MCP_API_KEY": key})
    assert content(call(stdio_client(parameters), "product", product_id="p3"))["id"] == "p3"


def test_over_http_the_key_of_the_agent_counts(endpoint: str, key: str) -> None:
    from starlette.testclient import TestClient

    from shoplens.agents.server import build_application, build_server

    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "product", "arguments": {"product_id": "p3"}},
    }
    application = build_application(build_server(endpoint), "127.0.0.1")
    with TestClient(application, base_url="http://127.0.0.1:8001") as client:
        for given, is_error in ((key, False), ("sl_wrong", True)):
            headers = {
                "Accept": "application/json, text/event-stream",
                "Authorization": f"Bearer {given}",
                "MCP-Protocol-Version": "2025-06-18",
            }
            result = client.post("/mcp", json=request, headers=headers).json()["result"]
            assert bool(result.get("isError")) == is_error, result
        refused = client.post("/mcp", content=b"never read" * 1_000)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthenticated")

"""shoplens mcp"""

from typing import Annotated

import typer

from shoplens.cli.output import console, sanitize

CONNECTIONS = 200
"""Connections over HTTP; more are refused."""


def run(
    endpoint: Annotated[
        str,
        typer.Option(
            "--endpoint", metavar="ADDRESS", help="Address of the running service. \\[default: http://127.0.0.1:8000]"
        ),
    ] = "http://127.0.0.1:8000",
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="KEY",
            envvar="MCP_API_KEY",
            show_envvar=False,
            help="Key with the role search; or set MCP_API_KEY. Over HTTP, agents send their own.",
        ),
    ] = "",
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP at /mcp instead of standard input and output.")
    ] = False,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on. \\[default: 127.0.0.1]")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", help="Port to listen on. \\[default: 8001]")] = 8001,
) -> None:
    """Give agents the searches of a running service by the Model Context Protocol.

    Example: shoplens mcp --endpoint https://search.shop.example --key sl_…
    """
    from shoplens.agents.server import build_application, build_server

    server = build_server(endpoint, key)
    if not http:
        server.run("stdio")
        return
    import uvicorn

    console.print(f"Agents connect to [bold]http://{sanitize(host)}:{port}/mcp[/]. Press Ctrl-C to stop.")
    application = build_application(server, host, is_open=bool(key))
    uvicorn.run(application, host=host, port=port, log_level="warning", limit_concurrency=CONNECTIONS)

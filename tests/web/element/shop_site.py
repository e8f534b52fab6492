"""A web site of the shop, on an origin that is not the service's."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LISTEN = """<script nonce="x">window.events = [];
for (const name of ["open", "search", "results", "select", "close", "error"])
  addEventListener(`shoplens-${name}`, (event) => events.push([name, event.detail]));</script>"""


class ShopSite:
    """Serves one page; what is on it and its headers can be set. Use it in a ``with`` block.

    Attributes:
        origin: of the site.
        body, headers: of its page.
    """

    def __init__(self) -> None:
        site = self
        self.body, self.headers = "", dict[str, str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = site.body.encode()
                self.send_response(200)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **site.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> ShopSite:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def show(self, service: str, markup: str) -> None:
        """Show a page with the element's script and this markup, under a strict content security policy."""
        policy = f"default-src 'none'; script-src {service} 'nonce-x'; connect-src {service}; img-src {service} blob:"
        self.headers = {"Content-Security-Policy": f"{policy}; media-src blob:; style-src 'nonce-x'"}
        self.body = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>{LISTEN}'
        self.body += f'<script type="module" src="{service}/web/element.js"></script>{markup}'

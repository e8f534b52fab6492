"""A Hugging Face hub on 127.0.0.1 that has one repository in a folder."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the hub does.

    Attributes:
        folder: the repository ``REPOSITORY``; ``*.onnx`` are large files, which have a SHA-256.
        licence: in the model's description; empty for none.
        gated: whether files are refused to all who have not agreed.
        breaks: how many answers with a large file end after half of it.
        wrong: whether large files are sent with other bytes than their SHA-256 says.
        requests: method and path of each request.
        address: where it listens.
    """

    folder: Path
    licence: str = "apache-2.0"
    gated: bool = False
    breaks: int = 0
    wrong: bool = False
    requests: list[str] = field(default_factory=list)
    address: str = ""

    REPOSITORY = "someone/tiny-model"

    def names(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def run_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Let the hub answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            path = self.path.partition("?")[0]
            revisions = {f"/{hub.REPOSITORY}/resolve/{revision}/" for revision in ("main", COMMIT)}
            if path.startswith(f"/api/models/{hub.REPOSITORY}"):
                self.send(200, json.dumps(describe(hub)).encode(), {"Content-Type": "application/json"}, with_body)
            elif not any(path.startswith(prefix) for prefix in revisions):
                self.send(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
            elif hub.gated:
                self.send(403, b"", {"X-Error-Code": "GatedRepo"}, with_body)
            else:
                self.send_file(path.partition("/resolve/")[2].partition("/")[2], with_body)

        def send_file(self, name: str, with_body: bool) -> None:
            file = hub.folder / name
            if not file.is_file():
                self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, with_body)
                return
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
            if hub.wrong and name.endswith(".onnx"):
                content = bytes(len(content))
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            if "Range" in self.headers:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status, rest = (206 if "Range" in self.headers else 200), content[start:]
            if with_body and name.endswith(".onnx") and hub.breaks:
                hub.breaks -= 1
                self.send(status, rest, headers, with_body, sent=len(rest) // 2)
                return
            self.send(status, rest, headers, with_body)

        def send(
            self, status: int, body: bytes, headers: dict[str, str], with_body: bool, sent: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body[:sent])
            if sent is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def describe(hub: FakeHub) -> dict[str, object]:
    """What the hub's API says of the repository."""
    siblings: list[dict[str, object]] = []
    for name in hub.names():
        content = (hub.folder / name).read_bytes()
        lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        siblings.append({"rfilename": name, "size": len(content), **({"lfs": lfs} if name.endswith(".onnx") else {})})
    card = {"cardData": {"license": hub.licence}} if hub.licence else {}
    return {"id": hub.REPOSITORY, "sha": COMMIT, "private": False, "siblings": siblings, "tags": [], **card}

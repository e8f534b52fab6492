"""``shoplens serve`` as a process of its own: it starts, answers, bears with bad clients, and stops in good order."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.serving import serving
from tests.training.shops import draw_pattern

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``store`` and ``model.onnx``."""
    return index_pixel_shop(tmp_path_factory.mktemp("serving"), 20, 1)


def model(shop: Path) -> tuple[Path, str, str]:
    """What :func:`serving` takes for it."""
    return shop / "store", "--model", str(shop / "model.onnx")


def status(host: str, port: int, path: str = "/readyz") -> int:
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        return int(answer.status)


def test_it_answers_and_stops_when_it_is_told_to(shop: Path) -> None:
    with serving(*model(shop), "--logs", "json") as one:
        process, host, port, said = one.process, one.host, one.port, one.said
        assert status(host, port) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    lines = [json.loads(line) for line in said if line.startswith("{")]
    [request] = [one for one in lines if one["message"] == "GET /readyz 200"]
    assert request["status"] == 200 and request["ms"] > 0 and len(request["request_id"]) == 32


def test_a_request_that_has_begun_is_ended_first(shop: Path, tmp_path: Path) -> None:
    photo = draw_pattern(tmp_path / "asked.png", 3, 9).read_bytes()
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="p.png"\r\n\r\n'
    body = head + photo + b"\r\n--x--\r\n"
    with serving(*model(shop)) as one, socket.create_connection((one.host, one.port), 10) as client:
        process = one.process
        client.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body[:-10]
        )
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        client.sendall(body[-10:])
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert process.wait(30) == 0


def test_slow_and_broken_clients_hold_nobody_up(shop: Path) -> None:
    with serving(*model(shop), "--request-timeout", "0.5") as one:
        host, port, said = one.host, one.port, one.said
        slow = socket.create_connection((host, port), 10)
        slow.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        gone = socket.create_connection((host, port), 10)
        gone.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        gone.close()
        rubbish = socket.create_connection((host, port), 10)
        rubbish.sendall(b"\x16\x03\x01 no http at all\r\n\r\n")
        endless = socket.create_connection((host, port), 10)
        with suppress(OSError):
            for _ in range(40):
                endless.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000)
        begun = time.monotonic()
        assert status(host, port) == 200 and time.monotonic() - begun < 5
        assert b" 408 " in slow.recv(65_536)
        assert b" 400 " in rubbish.recv(65_536)
        for one in (slow, rubbish, endless):
            one.close()
        assert status(host, port) == 200
    assert not any("Traceback" in line for line in said), "".join(said)


def test_a_port_in_use_and_a_store_in_use_are_told(shop: Path) -> None:
    common = ("--store", shop / "store", "--model", shop / "model.onnx")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = run_command("serve", *common, "--port", taken.getsockname()[1])
        assert (told.code, "--port" in told.err) == (3, True)
    assert run_command("serve", *common, "--host", "no.such.host.invalid").code == 3
    assert run_command("serve", *common, "--logs", "xml", "--port", "0").code == 3


def test_keys_are_made_listed_and_removed(shop: Path) -> None:
    store = ("--store", shop / "store")
    made = run_command("keys", "add", "the storefront", "--role", "write", *store, "--json").json
    assert made["role"] == "write" and made["key"].startswith("sl_")
    assert run_command("keys", "list", *store, "--json").json["keys"][0]["name"] == "the storefront"
    assert made["key"] not in run_command("keys", "list", *store).out
    assert run_command("keys", "remove", made["id"], *store).code == 0
    assert run_command("keys", "remove", made["id"], *store).code == 3
    assert run_command("keys", "add", "x", "--role", "owner", *store).code == 3
    assert run_command("keys", "list", "--store", shop / "nowhere").code == 4

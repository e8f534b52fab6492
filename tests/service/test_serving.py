"""Tests of ``shoplens serve`` in a separate process: it answers, withstands bad clients, and shuts down cleanly."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service
from tests.training.shops import draw_pattern


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``store`` and ``model.onnx``."""
    return index_pixel_shop(tmp_path_factory.mktemp("serving"), 20, 1)


def service_arguments(shop_folder: Path) -> tuple[Path, str, str]:
    """Return the arguments of :func:`run_service` for this shop."""
    return shop_folder / "store", "--model", str(shop_folder / "model.onnx")


def request_status(host: str, port: int, path: str = "/readyz") -> int:
    """Return the HTTP status of a GET request."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return int(refused.code)


def test_answers_and_stops_on_sigterm(shop_folder: Path) -> None:
    with run_service(*service_arguments(shop_folder), "--logs", "json") as service:
        process, host, port = service.process, service.host, service.port
        assert request_status(host, port) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    lines = [json.loads(line) for line in service.stderr_lines if line.startswith("{")]
    [request] = [line for line in lines if line["message"] == "GET /readyz 200"]
    assert request["status"] == 200 and request["ms"] > 0 and len(request["request_id"]) == 32


@pytest.mark.extras
def test_gives_up_a_map_when_it_stops(shop_folder: Path) -> None:
    with run_service(*service_arguments(shop_folder)) as service, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(request_status, service.host, service.port, "/v1/map")
        time.sleep(0.5)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 0
        with suppress(urllib.error.URLError):  # closed-store, but for a fast machine
            asked.result()


def test_a_second_interrupt_ends_it_at_once(shop_folder: Path) -> None:
    with (
        run_service(*service_arguments(shop_folder)) as service,
        socket.create_connection((service.host, service.port), 10) as client,
    ):
        client.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        time.sleep(0.3)
        service.process.send_signal(signal.SIGINT)  # it waits for the rest of the request
        time.sleep(0.3)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(10) == 130
    assert "Stopped at once." in "".join(service.stderr_lines[-3:]) and "Traceback" not in "".join(service.stderr_lines)


def test_completes_a_started_request_before_it_stops(shop_folder: Path, tmp_path: Path) -> None:
    photo = draw_pattern(tmp_path / "query.png", 3, 9).read_bytes()
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="p.png"\r\n\r\n'
    body = head + photo + b"\r\n--x--\r\n"
    with (
        run_service(*service_arguments(shop_folder)) as service,
        socket.create_connection((service.host, service.port), 10) as client,
    ):
        process = service.process
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


def test_slow_and_broken_clients_do_not_delay_others(shop_folder: Path) -> None:
    with run_service(*service_arguments(shop_folder), "--request-timeout", "0.5") as service:
        host, port = service.host, service.port
        slow = socket.create_connection((host, port), 10)
        slow.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        disconnected = socket.create_connection((host, port), 10)
        disconnected.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        disconnected.close()
        malformed = socket.create_connection((host, port), 10)
        malformed.sendall(b"\x16\x03\x01 no http at all\r\n\r\n")
        endless = socket.create_connection((host, port), 10)
        with suppress(OSError):
            for _ in range(40):
                endless.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8_000)
        start = time.monotonic()
        assert request_status(host, port) == 200 and time.monotonic() - start < 5
        assert b" 408 " in slow.recv(65_536)
        assert b" 400 " in malformed.recv(65_536)
        for client in (slow, malformed, endless):
            client.close()
        assert request_status(host, port) == 200
    assert not any("Traceback" in line for line in service.stderr_lines), "".join(service.stderr_lines)


def test_rejects_a_port_in_use_and_invalid_options(shop_folder: Path) -> None:
    options = ("--store", shop_folder / "store", "--model", shop_folder / "model.onnx")
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run_command("serve", *options, "--port", server.getsockname()[1])
        assert (result.code, "--port" in result.err) == (3, True)
    assert run_command("serve", *options, "--host", "no.such.host.invalid").code == 3
    assert run_command("serve", *options, "--logs", "xml", "--port", "0").code == 3


def test_adds_lists_and_removes_keys(shop_folder: Path) -> None:
    store_option = ("--store", shop_folder / "store")
    key = run_command("keys", "add", "the storefront", "--role", "write", *store_option, "--json").json
    assert key["role"] == "write" and key["key"].startswith("sl_")
    assert run_command("keys", "list", *store_option, "--json").json["keys"][0]["name"] == "the storefront"
    assert key["key"] not in run_command("keys", "list", *store_option).out
    assert run_command("keys", "remove", key["id"], *store_option).code == 0
    assert run_command("keys", "remove", key["id"], *store_option).code == 3
    assert run_command("keys", "add", "x", "--role", "owner", *store_option).code == 3
    assert run_command("keys", "list", "--store", shop_folder / "nowhere").code == 4

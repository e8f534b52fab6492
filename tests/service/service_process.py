"""Run ``shoplens serve`` in a separate process."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ServiceProcess:
    """A running service.

    Attributes:
        process: the process of the service.
        host, port: the address at which it answers.
        stderr_lines: lines that it has written to stderr so far.
    """

    process: subprocess.Popen[str]
    host: str
    port: int
    stderr_lines: list[str]

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def run_service(store: Path, *options: str) -> Iterator[ServiceProcess]:
    """Start a service of this store on a free port, yield it when it has logged its address, and stop it at the end."""
    command = [
        sys.executable,
        "-c",
        "from shoplens.cli import main; main()",
        "serve",
        "--port",
        "0",
        "--store",
        str(store),
    ]
    stderr_lines: list[str] = []
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        match = None
        for line in process.stderr:
            stderr_lines.append(line)
            if match := re.search(r"http://([\d.]+):(\d+)", line):
                break
        assert match, stderr_lines
        reader = threading.Thread(target=lambda: stderr_lines.extend(process.stderr or ()))
        reader.start()
        try:
            yield ServiceProcess(process, match[1], int(match[2]), stderr_lines)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            process.wait(30)
            reader.join()

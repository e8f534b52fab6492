"""``shoplens serve`` in a process of its own."""

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
class Served:
    """A service that runs.

    Attributes:
        process: that serves.
        host, port: where.
        said: lines on stderr, so far.
    """

    process: subprocess.Popen[str]
    host: str
    port: int
    said: list[str]

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving(store: Path, *words: str) -> Iterator[Served]:
    """A service of this store, on a port that is free."""
    call = [
        sys.executable,
        "-c",
        "from shoplens.cli import main; main()",
        "serve",
        "--port",
        "0",
        "--store",
        str(store),
    ]
    said: list[str] = []
    with subprocess.Popen([*call, *words], stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        found = None
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://([\d.]+):(\d+)", line):
                break
        assert found, said
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
        reader.start()
        try:
            yield Served(process, found[1], int(found[2]), said)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            process.wait(30)
            reader.join()

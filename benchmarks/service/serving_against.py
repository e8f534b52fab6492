"""The service of this checkout beside that of another one, in turn: CPU per answer, latency of one client, saturation.

    git worktree add ../before f205882 && make -C ../before .venv/runtime
    python -m benchmarks.service.serving_against --data ../shared/data --folder FOLDER --against ../before

Each checkout indexes Luma with its own code, and serves Luma's 251 further photos as the page sends them (JPEG, 1,600
pixels high), k = 20; in its own environment where it has one, else in this one. Both services run all the time, and are
asked in turn for a few seconds each, so that what else the machine does meets both alike; ratios are those of two
neighbouring turns. CPU time is that of the service and of the processes that it started (``/proc``), user and system.
Clients run in this process and are not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.service.serving import bodies, children_of, load, python_of, served, serving
from benchmarks.tables import default_data, machine_line

WARM_UP_SECONDS = 3.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of the processes that it started."""
    return sum(_own_cpu_seconds(one) for one in (pid, *children_of(pid)))


def _own_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def indexed_by(checkout: Path, options: argparse.Namespace) -> Path:
    """The store of Luma that a checkout makes with its own code."""
    store: Path = options.folder.resolve() / f"luma-{checkout.name}"
    if not (store / "CURRENT").is_file():
        call = [python_of(checkout), "-c", "from shoplens.cli import main; main()", "index"]
        luma = options.data.resolve() / "luma"
        command = [*call, str(luma / "products.csv"), "--media", str(luma / "media"), "--store", str(store)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(checkout / "src")})
    return store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--against", type=Path, required=True, help="another checkout of this repository")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    sent = bodies(served(options)[1])
    here = Path(__file__).resolve().parents[2]
    checkouts = {"this": here, "the other": options.against.resolve()}
    stores = {name: indexed_by(checkout, options) for name, checkout in checkouts.items()}
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = defaultdict(list)
    with ExitStack() as running:
        services = {
            name: running.enter_context(serving(stores[name], checkout=checkout))
            for name, checkout in checkouts.items()
        }
        for host, port, _, _ in services.values():
            load(host, port, sent, 2, WARM_UP_SECONDS)
        for clients in options.clients:
            for _ in range(options.rounds):
                for name, (host, port, pid, _) in services.items():
                    before = cpu_seconds(pid)
                    heard = load(host, port, sent, clients, options.seconds)
                    answers = len(heard.answered)
                    busy = 1e3 * (cpu_seconds(pid) - before) / answers
                    found[name, clients].append((busy, answers / heard.seconds, float(np.median(heard.answered))))
    print("\nMedians, and quartiles of the turns.\n")
    print("| checkout | clients | CPU ms an answer | answers/s | p50 ms |\n|---|---|---|---|---|")
    for (name, clients), rows in found.items():
        print(f"| {name} | {clients} | {' | '.join(_quartiles(np.array(rows), 1))} |")
    for clients in options.clients:
        mine, theirs = (np.array(found[name, clients]) for name in checkouts)
        print(f"| this / the other | {clients} | {' | '.join(_quartiles(mine / theirs, 2))} |")
    print(f"\n{machine_line('onnxruntime', 'numpy', 'pillow', 'fastapi', 'uvicorn', 'qdrant-edge-py')}")


def _quartiles(rows: npt.NDArray[np.float64], digits: int) -> list[str]:
    """Return a cell for each column."""
    low, middle, high = (np.percentile(rows, share, axis=0) for share in (25, 50, 75))
    return [f"{b:.{digits}f} ({a:.{digits}f}-{c:.{digits}f})" for a, b, c in zip(low, middle, high, strict=True)]


if __name__ == "__main__":
    main()

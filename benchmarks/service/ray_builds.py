"""What a build on Ray nodes costs beside ``index``: a part of ``benchmarks/service/cluster.py``."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.service.qdrant_servers import ROOT, SEED, fake_server, server_settings
from shoplens import Shop
from shoplens.rendered import render_catalogue
from shoplens.settings import Settings

RAY_OPTIONS = {
    "RAY_gcs_server_request_timeout_seconds": "180",
    "RAY_health_check_failure_threshold": "60",
    "RAY_worker_niceness": "0",
}
"""Ray waits long for nodes of a busy machine, and its workers get as much of the processor as `index` (their default
niceness is 15)."""


def measure_ray(options: argparse.Namespace) -> None:
    """Print photos per second, and CPU ms per photo, of `index` and of builds on 1, 2 and 3 nodes.

    Each build has a process of its own: Ray ends a process whose earlier cluster is gone.
    """
    feed = Path(render_catalogue(options.folder / "ray", options.products, seed=SEED).feed)
    spawn = multiprocessing.get_context("spawn")
    with fake_server(options) as url:
        plain: RayBuildCost | None = None
        for number, nodes in enumerate(options.nodes):
            target = server_settings(options, f"ray-{number}-{time.time_ns()}", url)
            with ProcessPoolExecutor(1, mp_context=spawn) as process:
                cost = process.submit(build_once, feed, replace(target, tune=False, threads=1), nodes).result()
            plain = plain or cost
            name = f"{nodes} node{'s' * (nodes > 1)}" if nodes else "`index`, one thread"
            cells = (
                name,
                cost.photos,
                f"{cost.seconds:.0f}",
                f"{cost.encoding_seconds:.0f}",
                f"{cost.photos / cost.seconds:.1f}",
                f"{plain.seconds / cost.seconds:.2f}",
                f"{cost.cpu_ms:.0f}",
                f"{cost.cpu_ms / plain.cpu_ms:.2f}",
                ", ".join(f"{seconds / cost.photos * 1e3:.0f}" for seconds in cost.cpu_seconds.values()),
            )
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


@dataclass(frozen=True, slots=True)
class RayBuildCost:
    """What a build took: seconds in all and until the last photo was encoded, and CPU seconds of its processes."""

    photos: int
    seconds: float
    encoding_seconds: float
    cpu_seconds: dict[str, float]

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per photo of all processes."""
        return sum(self.cpu_seconds.values()) / self.photos * 1e3


def build_once(feed: Path, target: Settings, nodes: int) -> RayBuildCost:
    """Build a store in this process, or with Ray on so many nodes of one processor each, and measure it."""
    if nodes:
        os.environ |= RAY_OPTIONS
        import ray
        from ray.cluster_utils import Cluster

        node = {"object_store_memory": 80_000_000}
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node})
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, **node)
        environment = {"env_vars": {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}}
        ray.init(address=cluster.address, log_to_driver=False, runtime_env=environment)
    encoded = [0.0]

    def note(stage: str, done: int, total: int) -> None:
        if stage == "Indexing":
            encoded[0] = time.perf_counter()

    times, begun = CpuTimes(), time.perf_counter()
    shop, summary = Shop.index(feed, settings=target, ray="auto" if nodes else "", progress=note)
    took, cpu = time.perf_counter() - begun, times.stop()
    shop.close()
    if nodes:
        ray.shutdown()
        cluster.shutdown()
    return RayBuildCost(summary.photos, took, encoded[0] - begun, cpu)


class CpuTimes(threading.Thread):
    """Counts the CPU seconds of this process and of all that it starts; of those that end, what they had used before.

    The kernel adds a child's time to that of its parent only where the parent waits for it, and Ray does not.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ticks: dict[int, int] = {}
        self._workers = set[int]()
        self._known, self._ended = {os.getpid()}, threading.Event()
        self.sample()
        self._first = dict(self._ticks)
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self.sample()

    def sample(self) -> None:
        """Read the time that each process has used by now."""
        ticks, parents = {}, {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            process = int(path.parent.name)
            parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
        for process in ticks:
            line = [process]
            while line[-1] not in self._known and line[-1] in parents:
                line.append(parents[line[-1]])
            if line[-1] in self._known:
                self._known.update(line)
                self._ticks[process] = ticks[process]
                with suppress(OSError):
                    name = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
                    if name.startswith("ray::MapWorker"):
                        self._workers.add(process)

    def stop(self) -> dict[str, float]:
        """Stop counting, and return the CPU seconds since the start: of this process, of Ray's workers that ran our
        code, and of Ray itself."""
        self._ended.set()
        self.join()
        self.sample()
        seconds = {"driver": 0.0, "workers": 0.0, "ray": 0.0}
        for process, ticks in self._ticks.items():
            kind = "driver" if process == os.getpid() else "workers" if process in self._workers else "ray"
            seconds[kind] += (ticks - self._first.get(process, 0)) / os.sysconf("SC_CLK_TCK")
        return seconds

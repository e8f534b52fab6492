"""What filters add to the time of indexing: CPU seconds of their parts in a run of ``shoplens index``.

    python -m benchmarks.filters.filter_indexing --folder FOLDER

The catalogue is indexed as a shop would; what belongs to filters alone is timed where it is called: measuring pixels,
fitting, scoring and writing the products once more. CPU time of one run, so that a busy machine changes little.
"""

from __future__ import annotations

import argparse
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import shoplens.build.builder
import shoplens.build.photo_features
from benchmarks.stores import FEEDS
from benchmarks.tables import default_data, machine_line
from shoplens import Shop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogues", nargs="+", default=["luma", "hm"], choices=list(FEEDS))
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--folder", type=Path, default=Path("/tmp/shoplens-filter-indexing"))
    options = parser.parse_args()
    rows = [indexed(name, options.data.resolve(), options.folder) for name in options.catalogues]
    parts = list(rows[0]["parts"])
    print(f"| catalogue | photos | all, CPU s | {' | '.join(parts)} | filters / all else |")
    print("|" + "---|" * (len(parts) + 4))
    for row in rows:
        told = " | ".join(f"{row['parts'][part]:.1f}" for part in parts)
        print(f"| {row['name']} | {row['photos']:,} | {row['cpu']:.1f} | {told} | {row['share']:.3f} |")
    print(f"\n{machine_line('onnxruntime', 'numpy', 'qdrant-edge-py')}")
    (options.folder / "filter-indexing.json").write_text(json.dumps(rows, indent=1), "utf-8")


def indexed(name: str, data: Path, folder: Path) -> dict[str, Any]:
    """CPU seconds of one catalogue's indexing, and of the parts of it that filters are the reason for."""
    feed, media = FEEDS[name]
    store = folder / name
    shutil.rmtree(store, ignore_errors=True)
    parts = {"measuring": 0.0, "fitting": 0.0, "scoring and writing": 0.0}
    lock = threading.Lock()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.thread_time if part == "measuring" else time.process_time

        def run(*given: Any, **named: Any) -> Any:
            began = clock()
            try:
                return function(*given, **named)
            finally:
                with lock:
                    parts[part] += clock() - began

        return run

    places = (
        (shoplens.build.photo_features, "measured", "measuring"),
        (shoplens.build, "fitted", "fitting"),
        (shoplens.build, "rescored", "scoring and writing"),
    )
    before = [getattr(module, function) for module, function, _ in places]
    for module, function, part in places:
        setattr(module, function, timed(part, getattr(module, function)))
    try:
        began = time.process_time()
        shop, summary = Shop.index(data / feed, store, media=data / media if media else None)
        shop.close()
        cpu = time.process_time() - began
    finally:
        for (module, function, _), own in zip(places, before, strict=True):
            setattr(module, function, own)
    added = sum(parts.values())
    return {"name": name, "photos": summary.photos, "cpu": cpu, "parts": parts, "share": added / (cpu - added)}


if __name__ == "__main__":
    main()

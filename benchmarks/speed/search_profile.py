"""Where the time of one search goes, stage by stage.

    python -m benchmarks.speed.search_profile --data ../shared/data --folder FOLDER

A search on one thread in the library, of Luma's further photos as a page sends them (JPEG, at most 1,600 pixels a
side), in the store of Luma; the same photos again for the parts of the stage ``embed``. CPU milliseconds, medians over
all photos; the first five searches are not counted. ``http`` is what ``POST /v1/search`` adds in the same process: the
form, the checks, the JSON of 20 products.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from fastapi.testclient import TestClient

from benchmarks.service.serving import served
from benchmarks.stores import embedder_of
from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.build.photo_features import frame_photo
from shoplens.embedders.preprocessing import network_input
from shoplens.filters.photo_features.measurements import measure_photo
from shoplens.images import decode_photo
from shoplens.service.app import application
from shoplens.settings import Settings

WARM_UP, K = 5, 20
Output = TypeVar("Output")
Times = dict[str, list[float]]


def measure(times: Times, name: str, call: Callable[[], Output]) -> Output:
    """Add the CPU milliseconds of a call, of all threads of the process."""
    started = time.process_time()
    output = call()
    times[name].append(1e3 * (time.process_time() - started))
    return output


def embedding_parts(store: Path, photos: Sequence[bytes], times: Times) -> None:
    embedder, settings = embedder_of(store), Settings()
    for photo in photos:
        pixels = decode_photo(photo, settings, shortest=embedder.min_side).pixels
        frame = measure(times, "embed: finding the object", partial(frame_photo, embedder, pixels))
        measure(times, "embed: scaling to the network's input", partial(network_input, frame, embedder.card))
        started = time.process_time()
        embedder.embed_with_object(frame)
        scaling = times["embed: scaling to the network's input"][-1]
        times["embed: network"].append(1e3 * (time.process_time() - started) - scaling)
        measure(times, "embed: histograms, outline, palette", partial(measure_photo, frame))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where the store goes")
    options = parser.parse_args()
    store, photos = served(options)
    times: Times = defaultdict(list)
    with Shop(store, settings=Settings(threads=1, rate=0)) as shop, TestClient(application(shop)) as client:
        for photo in photos[:WARM_UP]:
            shop.search(photo, k=K)
        for photo in photos:
            answer = measure(times, "all of it", partial(shop.search, photo, K))
            for stage, milliseconds in answer.took_ms.items():
                times[f"stage {stage}"].append(milliseconds)
            form = {"image": ("photo.jpg", photo)}
            measure(times, "over HTTP", partial(client.post, "/v1/search", files=form)).raise_for_status()
    embedding_parts(store, photos, times)
    print("| stage | ms |\n|---|---|")
    for name, values in times.items():
        print(f"| {name} | {np.median(values):.2f} |")
    print(f"\n{machine_line('onnxruntime', 'numpy', 'pillow', 'qdrant-edge-py')}")


if __name__ == "__main__":
    main()

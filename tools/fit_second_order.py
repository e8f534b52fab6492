"""Fit the axes of second-order pooling for the shipped network: 120 channels of a feature map -> 48 components.

    python -m tools.fit_second_order --data ../shared/data --out \
        src/shoplens/embedders/models/efficientnet-lite2-int8-second-order.npy

No labels are used, and the photos are those of ``tools/fit_projection.py``. The channels are brought to the same spread
inside the objects of these photos, and projected to their principal components, each scaled by its variance to the
power of -1/4. Map, number and power were chosen on validation photos, see ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import frame_photo
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.embedder import ObjectUse
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.second_order import weigh_places
from shoplens.images import decode_photo
from shoplens.images.objects import find_object
from shoplens.settings import Settings
from tools.fit_projection import fitting_photos

COMPONENTS, POWER, FLOOR = 48, -0.25, 1e-3
Doubles = npt.NDArray[np.float64]


def mean_moments(photos: Sequence[Path]) -> tuple[Doubles, Doubles]:
    """Return the means of the channels inside the objects of these photos, (channels,), and of their products,
    (channels, channels); every photo counts alike."""
    embedder = OnnxEmbedder(objects=ObjectUse(compared=True, framed=True))
    network, place = MapNetwork(embedder), embedder.card.maps.index(embedder.card.second_order)
    means, products, count = np.zeros(0), np.zeros((0, 0)), 0
    for number, photo in enumerate(photos):
        pixels = decode_photo(photo.read_bytes(), Settings(), shortest=embedder.min_side).pixels
        found = network.compute(frame_photo(embedder, pixels))
        if find_object(found.mask) is None:
            continue
        feature_map = found.maps[place]
        values = feature_map.reshape(len(feature_map), -1).astype(np.float64)
        weights = weigh_places(found.mask, *feature_map.shape[1:])
        mean, product = values @ weights, (values * weights) @ values.T
        means, products, count = (mean + means, product + products, count + 1) if count else (mean, product, 1)
        if number % 200 == 0:
            print(f"{number} of {len(photos)}", flush=True)
    return means / count, products / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    means, products = mean_moments(fitting_photos(options.data))
    covariance = products - np.outer(means, means)
    spread = np.sqrt(np.diag(covariance)) + FLOOR
    variances, components = np.linalg.eigh(covariance / np.outer(spread, spread))
    variances, components = variances[::-1][:COMPONENTS], components[:, ::-1][:, :COMPONENTS]
    # The sign of a component is free; fix it, so that the same photos give the same file.
    components = components * np.sign(components[np.abs(components).argmax(axis=0), np.arange(COMPONENTS)])
    axes = components * (variances + FLOOR) ** POWER / spread[:, None]
    np.save(options.out, np.concatenate([axes, -(means @ axes)[None]]).astype(np.float16))
    print(f"{options.out}: {COMPONENTS} components, {variances.sum() / len(spread):.1%} of the variance")


if __name__ == "__main__":
    main()

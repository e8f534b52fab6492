"""What decoding a JPEG at a part of its size changes in the input of a network.

    python -m benchmarks.speed.decoded_input --data ../shared/data

Fifty photos of Luma, scaled to a height of 1,600 pixels and saved as JPEG. Each is decoded in full and, as a store
does, down to once or twice the side that the network's card scales to; then both are prepared as the card says.
Differences are in grey levels (0 to 255): the mean over all pixels and photos, and the largest of all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.tables import default_data
from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.images import decode_photo
from shoplens.settings import Settings

PHOTOS, HEIGHT, QUALITY = 50, 1600, 85
CARDS = {
    "SigLIP2: squash, bilinear": ModelCard("m", 224, fit="squash", resample="bilinear", dtype="uint8"),
    "SigLIP: squash, bicubic": ModelCard("m", 224, fit="squash", resample="bicubic", dtype="uint8"),
    "DINOv2: 256, cut to 224, bicubic": ModelCard(
        "m", 224, fit="shortest", resize=256, resample="bicubic", dtype="uint8"
    ),
}


def large_photo(path: Path) -> bytes:
    """A photo as a phone saves it."""
    image = Image.open(path).convert("RGB")
    buffer = BytesIO()
    size = (image.width * HEIGHT // image.height, HEIGHT)
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def differences(photos: Sequence[bytes], card: ModelCard, times: int) -> tuple[float, int]:
    """Mean and largest difference where photos keep so many times the side that the card scales to."""
    means, largest = [], 0
    for data in photos:
        full = network_input(decode_photo(data, Settings()).pixels, card).astype(int)
        kept = times * (card.resize or card.side)
        part = network_input(decode_photo(data, Settings(), shortest=kept).pixels, card).astype(int)
        difference = np.abs(full - part)
        means.append(float(difference.mean()))
        largest = max(largest, int(difference.max()))
    return float(np.mean(means)), largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds luma/")
    paths = sorted((parser.parse_args().data / "luma").rglob("*.jpg"))
    photos = [large_photo(path) for path in paths[:: max(1, len(paths) // PHOTOS)][:PHOTOS]]
    print("| card | once: mean, largest | twice: mean, largest |\n|---|---|---|")
    for name, card in CARDS.items():
        once, twice = (differences(photos, card, times) for times in (1, 2))
        print(f"| {name} | {once[0]:.2f}, {once[1]} | {twice[0]:.2f}, {twice[1]} |")


if __name__ == "__main__":
    main()

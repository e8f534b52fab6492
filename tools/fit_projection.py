"""Fit the projection of the shipped backbone: 1280 features -> 256, centred and partly whitened.

    python tools/export_backbone.py --variant 2 --out bare.onnx
    python tools/fit_projection.py --backbone bare.onnx --data ../shared/data --out projection.npz
    python tools/export_backbone.py --variant 2 --projection projection.npz --out \
        src/shoplens/embedders/models/efficientnet-lite2.onnx

No labels are used. The photos are ones whose licence allows it: Grocery Store Dataset (MIT), train and catalogue photos
of all products but the 26 of ``benchmarks/learning/grocery_unseen.txt``, every second one; and the first 1,500 photos
of the clothing data set (CC0). Component i is scaled by its eigenvalue to the power of -0.2: between plain principal
components (0) and whitening (-0.5); the power was chosen on validation photos, see ``benchmarks/RESULTS.md``.

Source: Jégou & Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and whitening",
ECCV 2012.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime

from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import network_input
from shoplens.images import decode_photo
from shoplens.settings import Settings

UNSEEN = Path(__file__).parent.parent / "benchmarks" / "learning" / "grocery_unseen.txt"
DIMENSIONS, POWER, CLOTHING_PHOTOS = 256, -0.2, 1500


def fitting_photos(data: Path) -> list[Path]:
    unseen = set(UNSEEN.read_text("utf-8").split())
    with (data / "grocery/catalogue.jsonl").open(encoding="utf-8") as lines:
        rows = [(product["photos"][0], product["id"]) for product in map(json.loads, lines)]
    with (data / "grocery/train.csv").open(encoding="utf-8") as lines:
        rows += [(row["photo"], row["product_id"]) for row in csv.DictReader(lines)]
    grocery = [data / "grocery" / photo for photo, product in rows if product not in unseen]
    with (data / "clothing/photos.csv").open(encoding="utf-8") as lines:
        clothing = [data / "clothing" / row["photo"] for row in csv.DictReader(lines)]
    return grocery[::2] + clothing[:CLOTHING_PHOTOS]


def features(backbone: Path, photos: list[Path]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(backbone), providers=["CPUExecutionProvider"])
    card = ModelCard("bare", session.get_inputs()[0].shape[1], layout="NHWC", dtype="uint8")
    found = []
    for number, photo in enumerate(photos):
        picture = decode_photo(photo.read_bytes(), Settings(), shortest=card.side)
        found.append(session.run(["features"], {"photos": network_input(picture.pixels, card)[None]})[0][0])
        if number % 200 == 0:
            print(f"{number} of {len(photos)}", flush=True)
    return np.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = features(options.backbone, fitting_photos(options.data)).astype(np.float64)
    mean = found.mean(axis=0)
    _, singular, rows = np.linalg.svd(found - mean, full_matrices=False)
    eigenvalues = singular[:DIMENSIONS] ** 2 / len(found)
    # The sign of a component is free; fix it, so that the same photos give the same file.
    rows = rows[:DIMENSIONS] * np.sign(rows[np.arange(DIMENSIONS), np.abs(rows[:DIMENSIONS]).argmax(axis=1)])[:, None]
    components = rows * (eigenvalues / eigenvalues[0])[:, None] ** POWER
    np.savez(options.out, mean=mean.astype(np.float32), components=components.astype(np.float32))
    print(f"{options.out}: {components.shape}, {eigenvalues.sum() / found.var(axis=0).sum():.1%} of the variance")


if __name__ == "__main__":
    main()

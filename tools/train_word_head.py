"""Train the head that tells from the network's features whether a photo shows words, so that others need not be read.

    python tools/train_word_head.py --data ../shared/data --out src/shoplens/reading/models/efficientnet-lite2-int8.npz

The head is a logistic regression on the features of the part of a photo that is embedded. It learns what the reader
(extra ``text``) finds in whole photos that may train shipped weights: 900 of Grocery's training photos and its
catalogue photos (MIT), and 300 of ``clothing`` (CC0), drawn by a hash. Groups of photos (products of Grocery) are held
out in turn to choose the threshold and to tell how good it is; that of the shipped file finds 92 % of the photos with
words. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import extract_features, word_features
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.embedder import ALL_OBJECTS
from shoplens.embedders.shipped import shipped_file
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.images import decode_photo
from shoplens.reading.text_reader import SHARP_SIDE, RapidTextReader, ReadingEffort
from shoplens.settings import Settings

EFFORT = ReadingEffort(480, 3, 0.6, threshold=0.2)
COUNTS = {"grocery/train": 900, "clothing": 300, "grocery/iconic-images-and-descriptions": 81}
FOLDS, RECALL, RIDGE, STEPS = 5, 0.92, 0.3, 30
Floats = npt.NDArray[np.float64]


def photos_of(data: Path) -> Iterator[tuple[Path, str]]:
    """The photos, each with its group."""
    for folder, count in COUNTS.items():
        paths = sorted((data / folder).rglob("*.jpg"), key=lambda path: _digest(path.relative_to(data)))
        for path in paths[:count]:
            yield path, path.name if folder == "clothing" else path.parent.name


def _digest(path: Path) -> str:
    return sha256(path.as_posix().encode()).hexdigest()


class _Worker:
    embedder: OnnxEmbedder
    reader: RapidTextReader


def _start() -> None:
    _Worker.embedder, _Worker.reader = OnnxEmbedder(shipped_file(), threads=1, objects=ALL_OBJECTS), RapidTextReader()


def describe(path: Path) -> tuple[npt.NDArray[np.float32], bool]:
    """The features of a photo that searches have, of the part around its object, and whether the photo shows words."""
    data, embedder = path.read_bytes(), _Worker.embedder
    pixels = decode_photo(data, Settings(), shortest=embedder.min_side).pixels
    sharp = decode_photo(data, Settings(), shortest=SHARP_SIDE).pixels
    features = extract_features(embedder, str(path), pixels).features
    return word_features(embedder, features), bool(_Worker.reader.read(sharp, EFFORT))


def fit(x: Floats, y: npt.NDArray[np.bool_]) -> Floats:
    """Logistic regression with a ridge, by Newton's method with step halving: the coefficients, the intercept last."""
    x = np.column_stack([x, np.ones(len(x))])
    ridge = np.full(x.shape[1], 2 * RIDGE * len(x))
    ridge[-1] = 1e-6 * len(x)
    signs = np.where(y, -1.0, 1.0)

    def loss(w: Floats) -> float:
        return float(np.logaddexp(0.0, signs * (x @ w)).sum() + ridge @ w**2 / 2)

    w = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = np.exp(-np.logaddexp(0.0, -(x @ w)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(hessian, x.T @ (y - p) - ridge * w)
        while loss(w + step) > loss(w) and np.abs(step).max() > 1e-9:
            step /= 2
        w = w + step
        if np.abs(step).max() < 1e-6:
            break
    return w


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    photos = [*photos_of(options.data)]
    with ProcessPoolExecutor(2, initializer=_start) as pool:
        described = [*pool.map(describe, [path for path, _ in photos], chunksize=8)]
    x = np.array([features for features, _ in described], np.float64)
    y = np.array([shows for _, shows in described])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-2
    x = (x - mean) / scale
    folds = np.array([fold_index(group, FOLDS) for _, group in photos])
    held_out = np.zeros(len(y))
    for fold in range(FOLDS):
        w = fit(x[folds != fold], y[folds != fold])
        held_out[folds == fold] = x[folds == fold] @ w[:-1] + w[-1]
    threshold = float(np.quantile(held_out[y], 1 - RECALL))
    area = (held_out[y][:, None] > held_out[~y]).mean()
    print(
        f"{len(y)} photos, {y.sum()} with words; held out: AUC {area:.3f}, at the threshold {RECALL:.0%} of those with"
    )
    print(f"words and {(held_out[~y] >= threshold).mean():.1%} of those without")
    w = fit(x, y)
    weights = (w[:-1] / scale).astype(np.float32)
    bias = w[-1] - float((w[:-1] / scale) @ mean) - threshold
    model = OnnxEmbedder(shipped_file(), threads=1).model
    np.savez_compressed(options.out, model=np.array(model), weights=weights, bias=np.array(bias, np.float32))


if __name__ == "__main__":
    main()

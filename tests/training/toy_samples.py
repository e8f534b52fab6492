"""Small samples whose answers are known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.optimization.feature_whitening import FeatureColumns

BACKBONE = 12
COLUMNS = FeatureColumns(BACKBONE, BACKBONE + MEASURED_SIZE + 4)


def sample_photo(product: str, view: int = 0, *, group: str = "", shopper: bool = False) -> SamplePhoto:
    name = hashlib.sha256(f"{product}/{view}/{shopper}".encode()).hexdigest()
    return SamplePhoto(
        name, f"/{product}-{view}.jpg", product, group or product, shopper, is_first=view == 0 and not shopper
    )


def create_toy_samples(
    photos: Sequence[SamplePhoto], augmented_views: int = 1, *, noise: float = 2.0, seed: int = 0
) -> Samples:
    """Return samples whose first four features tell products apart; the eight after them are louder, and are noise."""
    rng = np.random.default_rng(seed)
    products = sorted({photo.product for photo in photos})
    places = {product: rng.normal(size=4) for product in products}
    rows, owners, views = [], [], []
    for number, photo in enumerate(photos):
        for view in range(augmented_views + 1):
            row = np.zeros(COLUMNS.width)
            row[:4] = places[photo.product] + 0.1 * rng.normal(size=4)
            row[4:BACKBONE] = noise * rng.normal(size=8)
            row[BACKBONE : BACKBONE + MEASURED_SIZE] = rng.uniform(0, 1e-3, MEASURED_SIZE)
            rows.append(row)
            owners.append(number)
            views.append(view)
    return Samples(tuple(photos), np.array(rows, np.float16), np.array(owners, np.int64), np.array(views, np.int64))

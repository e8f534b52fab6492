"""What a classifier says of a photo -> candidates: the most probable products that meet the condition."""

from __future__ import annotations

import numpy as np

from shoplens.embedders.classifier import Classified
from shoplens.index.conditions import field_values, holds
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import Index, PhotoConstraint, StoredProduct
from shoplens.types import Candidate, Photo

_MOST_AT_ONCE = 4_096


def candidates_among(index: Index, classified: Classified, k: int, sieve: PhotoConstraint) -> list[Candidate]:
    """The ``k`` most probable products, most probable first; equals by their outputs' order.

    Products that the classifier was not trained on are not among them, however few there are else.
    """
    order = np.argsort(-classified.probabilities, kind="stable").tolist()
    found: list[Candidate] = []
    start, size = 0, 2 * k
    while start < len(order) and len(found) < k:
        probable = {classified.products[n]: float(classified.probabilities[n]) for n in order[start : start + size]}
        for record in index.records(probable):
            photo = _first_matching_photo(record, sieve)
            if photo is not None:
                found.append(Candidate(record.product, {"look": probable[record.product.id]}, photo.source))
        start, size = start + size, min(4 * size, _MOST_AT_ONCE)
    return found[:k]


def _first_matching_photo(record: StoredProduct, sieve: PhotoConstraint) -> Photo | None:
    """The first photo that may be retrieved; None where there is none."""
    photos = record.photos[:1] if sieve.first_photos else record.photos
    photo = next((one for one in photos if one.content_hash != sieve.without_photo), None)
    if photo is None or sieve.condition is None:
        return photo
    fields = field_values(record.product) | predicted_values(record.predicted)
    return photo if holds(sieve.condition, fields) else None

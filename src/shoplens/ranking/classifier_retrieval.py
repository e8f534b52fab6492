"""Candidates by a classifier: the most probable products that meet the constraint."""

from __future__ import annotations

import numpy as np

from shoplens.embedders.classifier import Classification
from shoplens.index.conditions import field_values, matches
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import Index, PhotoConstraint, StoredProduct
from shoplens.types import Candidate, Photo

_LARGEST_BATCH = 4_096


def retrieve_by_classifier(
    index: Index, classified: Classification, k: int, constraint: PhotoConstraint
) -> list[Candidate]:
    """Return the ``k`` most probable products, most probable first; ties in the order of the outputs.

    Products that the classifier was not trained on are never among them, even if fewer than ``k`` are left.
    """
    order = np.argsort(-classified.probabilities, kind="stable").tolist()
    candidates: list[Candidate] = []
    start, size = 0, 2 * k
    while start < len(order) and len(candidates) < k:
        probable = {classified.products[n]: float(classified.probabilities[n]) for n in order[start : start + size]}
        for record in index.records(probable):
            photo = _first_matching_photo(record, constraint)
            if photo is not None:
                scores = {"look": probable[record.product.id]}
                candidates.append(Candidate(record.product, scores, photo.source, product_photos=record.photos))
        start, size = start + size, min(4 * size, _LARGEST_BATCH)
    return candidates[:k]


def _first_matching_photo(record: StoredProduct, constraint: PhotoConstraint) -> Photo | None:
    """Return the first photo of a product that meets the constraint; None where none does."""
    views = constraint.allowed_views(record.photos)
    if not views or constraint.condition is None:
        return record.photos[views[0]] if views else None
    fields = field_values(record.product) | predicted_values(record.predicted)
    return record.photos[views[0]] if matches(constraint.condition, fields) else None

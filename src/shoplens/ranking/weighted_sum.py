"""From candidates to results: the score is the weighted sum of the similarities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.types import Candidate, Result


def similarity_from_cosine(cosine: float) -> float:
    """Map a cosine in [-1, 1] to a similarity in [0, 1], (1 + cosine) / 2; the order stays."""
    return min(1.0, max(0.0, (1.0 + cosine) / 2.0))


def rank_candidates(
    candidates: Iterable[Candidate], weights: Mapping[str, float], *, first_rank: int = 1
) -> list[Result]:
    """Rank candidates best first: products with a barcode of the query photo, then products with the query photo
    itself, then by score; ties by product id.

    Args:
        weights: dimension -> weight, none negative, not all zero; they are divided by their sum.
        first_rank: rank of the best one.

    Raises:
        InvalidValue: the weights are others.

    >>> from shoplens.types import Product
    >>> shirt = Candidate(Product("s1", "Shirt", ("/s.jpg",)), {"look": 0.8, "color": 0.5}, "/s.jpg")
    >>> dict(rank_candidates([shirt], {"look": 3, "color": 1})[0].parts)
    {'look': 0.6000000000000001, 'color': 0.125}
    """
    total = sum(weights.values())
    if not (total > 0 and all(weight >= 0 for weight in weights.values())):
        raise InvalidValue(f"Weights {dict(weights)} make no sense.", "Give none below 0, and one above.")
    rows, shares = [], {name: weight / total for name, weight in weights.items()}
    for candidate in candidates:
        parts = {name: share * candidate.scores.get(name, 0.0) for name, share in shares.items()}
        parts.update(candidate.adjustments)
        proof = (not candidate.barcode, not candidate.same_photo)
        rows.append((proof, -sum(parts.values()), candidate.product.id, candidate, parts))
    rows.sort(key=lambda row: row[:3])
    return [
        Result(
            rank,
            candidate.product,
            -negative,
            candidate.photo,
            parts,
            candidate.same_photo,
            reasons=candidate.reasons,
            barcode=candidate.barcode,
            product_photos=candidate.product_photos,
        )
        for rank, (_, negative, _, candidate, parts) in enumerate(rows, start=first_rank)
    ]


def ranks_without(
    similarities: npt.NDArray[np.float32],
    weights: Mapping[str, float],
    rest: npt.NDArray[np.float32],
    chosen: Sequence[int],
) -> dict[int, dict[str, int]]:
    """Return place in the pool -> dimension -> rank if that dimension had no weight and the others kept theirs.

    Args:
        similarities: float32 (n, dimensions), of the whole pool, best first.
        weights: dimension -> weight, in the order of the columns.
        rest: float32 (n,), everything else that is added to a score.
        chosen: places whose ranks are wanted.
    """
    ranks: dict[int, dict[str, int]] = {n: {} for n in chosen}
    given = np.array([*weights.values()], np.float32)
    for column, name in enumerate(weights):
        others = given.copy()
        others[column] = 0
        if given[column] == 0 or not others.sum() > 0:
            continue
        totals = similarities @ (others / others.sum()) + rest
        for n in chosen:
            above = totals > totals[n]
            ranks[n][name] = 1 + int(above.sum()) + int((totals[:n] == totals[n]).sum())
    return ranks

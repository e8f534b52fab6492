"""The weight of ``caption``, chosen by the shop's own titles, whose photos are known.

Where a shopper's words are those of titles, comparing words with words finds the product, and nothing else is needed.
The text tower is for words that no title has. So a title is searched for as if some of its words were unknown: those
are hidden from the comparison of words, and the tower reads the whole title.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoplens.filters.model.caption import CaptionModel
from shoplens.filters.photo_features.pixels import Floats

MIN_TITLES = 30
"""Number of titles below which nothing is chosen, and ``caption`` does not count."""
CUT = 10
"""Ranks below this one gain nothing."""
WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)
"""Weights of which one is chosen, in standard deviations for one of ``text``."""
HIDDEN, COMPLETE = "some words unknown", "all words known"


def fit_caption(
    tower: str, cosines: Floats, agreements: Floats, remaining: Floats, right: Sequence[int], groups: Sequence[str]
) -> CaptionModel:
    """Fit how words and photos are compared, and choose the weight.

    Of all weights whose value is within one standard error of the best one's, the smallest is taken (the
    one-standard-error rule, as :mod:`.weight_tuning`). A weight with which complete titles find less is left out.

    Args:
        tower: id of the text tower.
        cosines: float32 (titles, products), of titles and first photos.
        agreements: float32 (titles, products), of all words of a title with the texts of products, in units of their
            spread.
        remaining: the same for the words that are not hidden.
        right: the column of each title's product.
        groups: of the products; other products of a title's group do not count as wrong.
    """
    own = np.array(groups)
    others = own[np.array(right, np.intp)][:, None] != own[None, :] if len(right) else np.zeros(cosines.shape, bool)
    apart = cosines[others]
    low, high, mean, spread = _range(cosines, apart)
    count = len(right)
    if count < MIN_TITLES or not apart.size:
        reason = f"not used: {count} titles are too few to choose a weight by, {MIN_TITLES} are needed"
        return CaptionModel(tower, low, high, mean, spread, 0.0, count, {}, 0.0, 0.0, reason)
    seen = np.clip((cosines - low) / (high - low), 0, 1) / spread
    gains = {
        kind: np.stack([_gains(words + weight * seen, right, others) for weight in WEIGHTS])
        for kind, words in ((HIDDEN, remaining), (COMPLETE, agreements))
    }
    chosen = _choose(gains[HIDDEN], gains[COMPLETE])
    difference = gains[HIDDEN][chosen] - gains[HIDDEN][0]
    ndcg = {kind: (float(each[0].mean()), float(each[chosen].mean())) for kind, each in gains.items()}
    reason = "titles with unknown words find more by it" if chosen else "not used: titles find no more by it"
    return CaptionModel(
        tower,
        low,
        high,
        mean,
        spread,
        WEIGHTS[chosen],
        count,
        ndcg,
        float(difference.mean()),
        _standard_error(difference),
        reason,
    )


def _range(cosines: Floats, apart: Floats) -> tuple[float, float, float, float]:
    """Return the cosines that are a similarity of 0 and of 1, and mean and spread of the similarities of others."""
    if not cosines.size:
        return 0.0, 1.0, 0.0, 1.0
    low, high = float(cosines.min()), float(cosines.max())
    high = max(high, low + 1e-6)
    similarities = (apart - low) / (high - low)
    if not similarities.size:
        return low, high, 0.5, 1.0
    return low, high, float(similarities.mean()), max(float(similarities.std()), 1e-3)


def _gains(scores: Floats, right: Sequence[int], others: npt.NDArray[np.bool_]) -> Floats:
    """Return the gain of each title's product, float64 (titles,): 1 / log2(1 + rank), at the middle of equal scores."""
    own = scores[np.arange(len(right)), np.array(right, np.intp)][:, None]
    above = ((scores > own) & others).sum(axis=1) + ((scores == own) & others).sum(axis=1) / 2
    gains: Floats = np.where(above < CUT, 1 / np.log2(2 + above), 0.0)
    return gains


def _choose(hidden: Floats, complete: Floats) -> int:
    """Return the number of the weight."""
    allowed = [n for n in range(len(WEIGHTS)) if complete[n].mean() >= complete[0].mean()]
    means = hidden.mean(axis=1)
    best = max(allowed, key=lambda n: means[n])
    return min(n for n in allowed if means[best] - means[n] <= _standard_error(hidden[best] - hidden[n]))


def _standard_error(difference: Floats) -> float:
    return float(difference.std() / np.sqrt(len(difference)))

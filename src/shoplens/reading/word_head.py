"""Whether a photo shows words, told by the features that the network has anyway, so that most photos need not be read.

A logistic regression on the features of the part of a photo that is embedded, fitted by ``tools/train_word_head.py`` to
what the reader finds in whole photos; it costs nothing, where a look for lines takes 10 ms of a core and more. Where it
is not sure, the reader takes that look first, which is still cheaper than to read a photo in vain.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from shoplens.reading.text_reader import QUERY, SEEN, ReadingEffort

Floats = npt.NDArray[np.float32]
SURE = 0.25
"""Log odds above the threshold from which on a photo is read without a first look."""
_FILES = ("efficientnet-lite2-int8.npz",)


@dataclass(frozen=True, slots=True, eq=False)
class WordHead:
    """The head for one network.

    Attributes:
        model: id of the network.
        weights: float32 (w,).
        bias: is added.
    """

    model: str
    weights: Floats
    bias: float

    def choose_effort(self, features: Floats) -> ReadingEffort | None:
        """Return how thoroughly a shopper's photo is worth reading; None where it shows no words.

        Args:
            features: float32 (w,), the network's features, see :func:`~shoplens.build.photo_features.word_features`.
        """
        odds = float(self.weights @ features) + self.bias
        if odds < 0:
            return None
        return SEEN if odds >= SURE else QUERY


def find_word_head(model: str) -> WordHead | None:
    """Return the head for the network with this id; None where there is none."""
    return _load_heads().get(model)


@functools.lru_cache(maxsize=1)
def _load_heads() -> dict[str, WordHead]:
    heads = {}
    for name in _FILES:
        with resources.files("shoplens.reading").joinpath("models", name).open("rb") as file, np.load(file) as stored:
            model = str(stored["model"])
            heads[model] = WordHead(model, stored["weights"].astype(np.float32), float(stored["bias"]))
    return heads

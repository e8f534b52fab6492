"""Whether a photo shows words, told by the features that the network has anyway, so that most photos need not be read.

A logistic regression on the features of the whole photo, fitted by ``tools/train_word_head.py`` to what the reader
finds in photos; it costs nothing, where a look for lines takes 10 ms of a core and more.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
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

    def shows_words(self, features: Floats) -> bool:
        """Whether a photo is worth reading.

        Args:
            features: float32 (w,), the network's features of the whole photo.
        """
        return float(self.weights @ features) + self.bias >= 0


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

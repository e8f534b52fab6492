"""How words are compared with photos in one generation: the dimension ``caption``.

The model of the store has a tower for texts, which gives the vector of a text in the space of the vectors of photos.
The cosines of texts and photos lie in a small range that differs by model, so that a shop's own titles and photos say
which of them are low and high there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from shoplens.errors import StoreError
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import Vectors

NAME = "caption.json"
"""Name of the file in a generation's folder."""


@dataclass(frozen=True, slots=True)
class CaptionModel:
    """How words and photos of a shop are compared, and what the choice of the weight rests on.

    Attributes:
        tower: id of the text tower.
        low, high: cosines that are a similarity of 0 and of 1.
        mean, spread: mean and standard deviation of the similarities of titles and photos that do not belong together.
        weight: static weight of ``caption`` beside a weight of 1 of ``text``; 0 where it finds no more.
        titles: number of titles by which it was chosen.
        ndcg: for titles whose words are partly unknown, and for complete ones, nDCG@10 without and with ``caption``.
        gain, error: of the former, and its standard error.
        reason: in words.
    """

    tower: str
    low: float
    high: float
    mean: float
    spread: float
    weight: float
    titles: int
    ndcg: Mapping[str, tuple[float, float]]
    gain: float
    error: float
    reason: str

    def similarities(self, cosines: Floats) -> Floats:
        """Return the similarities of photos to a text, float32 in [0, 1], from their cosines."""
        return np.asarray(np.clip((cosines - self.low) * self.slope, 0, 1), np.float32)

    @property
    def slope(self) -> float:
        """What a cosine adds to the similarity."""
        return 1 / (self.high - self.low)

    def to_json(self) -> str:
        """Return the content of the file :data:`NAME`."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True, slots=True, eq=False)
class CaptionQuery:
    """Words that photos are compared with.

    Attributes:
        words: as the tower reads them.
        vector: float32 (d,), length 1.
        model: how they are compared.
    """

    words: str
    vector: Vectors
    model: CaptionModel


def load_caption_model(folder: Path) -> CaptionModel | None:
    """Read the file of a generation; None where it has none.

    Raises:
        StoreError: ``damaged-filters``.
    """
    path = folder / NAME
    try:
        stored = json.loads(path.read_text("utf-8"))
        ndcg = {name: (float(before), float(after)) for name, (before, after) in stored["ndcg"].items()}
        numbers = {one.name: stored[one.name] for one in fields(CaptionModel) if one.name != "ndcg"}
        model = CaptionModel(**numbers, ndcg=ndcg)
        if not (model.low < model.high and model.spread > 0 and model.weight >= 0):
            raise ValueError("its numbers are out of range")
        return model
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StoreError(
            f"{path} cannot be used: {problem!r}.", "Run `shoplens train filters`.", code="damaged-filters"
        ) from None

"""Steered searches of the shop of patterned photos, and properties of their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.settings import Preferences, Profile, Settings
from shoplens.types import Answer, Steering
from tests.fakes import ColourEmbedder
from tests.patterned_shop import PRODUCTS

NAMES = {"look", "shape", "color", "pattern", "category"}
PREFERENCES = Preferences(
    profiles={
        "same-color": Profile({**dict.fromkeys(NAMES, 0.0), "color": 1.0}),
        "by-category": Profile(
            {**dict.fromkeys(NAMES, 0.0), "color": 1.0}, {"Women > Tops": {"color": 0.0, "pattern": 1.0}}
        ),
    }
)


def open_shop(store: Path, preferences: Preferences = PREFERENCES) -> Shop:
    """Open the shop of this store, with these preferences, as ``shoplens.toml`` would hold them."""
    return Shop(store, embedder=ColourEmbedder(), settings=Settings(threads=2, preferences=preferences))


def search(
    shop: Shop, photo: Path | None, k: int = PRODUCTS, where: str | tuple[str, ...] = (), **steering: Any
) -> Answer:
    """Search with this steering, by default for all products."""
    return shop.search(photo, k, where=where, steering=Steering(**steering))


def single_weight(name: str) -> dict[str, float]:
    """Return weights that are 1 for this dimension and 0 for all others."""
    return {**dict.fromkeys(NAMES, 0.0), name: 1.0}


def product_ids(answer: Answer) -> list[str]:
    return [result.product.id for result in answer.results]


def colors(answer: Answer, k: int) -> set[str]:
    """Return the colours of the first k results, from their ids."""
    return {name.split("-")[0] for name in product_ids(answer)[:k]}


def patterns(answer: Answer, k: int) -> set[str]:
    """Return the patterns of the first k results, from their ids."""
    return {name.split("-")[1] for name in product_ids(answer)[:k]}


def check_parts(answer: Answer) -> None:
    """Check that the weights sum to 1 and the parts to the scores, and that the results are ordered by score."""
    assert answer.results and sum(answer.weights.values()) == pytest.approx(1)
    for result in answer.results:
        assert sum(result.parts.values()) == result.score
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)

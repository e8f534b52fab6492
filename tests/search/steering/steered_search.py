"""Steered searches of a shop of patterned photos, and what their answers hold."""

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
SHOPS = Preferences(
    profiles={
        "same-color": Profile({**dict.fromkeys(NAMES, 0.0), "color": 1.0}),
        "by-category": Profile(
            {**dict.fromkeys(NAMES, 0.0), "color": 1.0}, {"Women > Tops": {"color": 0.0, "pattern": 1.0}}
        ),
    }
)


def open_shop(store: Path, preferences: Preferences = SHOPS) -> Shop:
    """The shop of this store, with these tables of ``shoplens.toml``."""
    return Shop(store, embedder=ColourEmbedder(), settings=Settings(threads=2, preferences=preferences))


def search(
    shop: Shop, photo: Path | None, k: int = PRODUCTS, where: str | tuple[str, ...] = (), **steering: Any
) -> Answer:
    """The answer to a search with this steering; all products where ``k`` does not say otherwise."""
    return shop.search(photo, k, where=where, steering=Steering(**steering))


def only(name: str) -> dict[str, float]:
    """Weights by which one dimension alone counts."""
    return {**dict.fromkeys(NAMES, 0.0), name: 1.0}


def product_ids(answer: Answer) -> list[str]:
    return [result.product.id for result in answer.results]


def colors(answer: Answer, k: int) -> set[str]:
    return {name.split("-")[0] for name in product_ids(answer)[:k]}


def patterns(answer: Answer, k: int) -> set[str]:
    return {name.split("-")[1] for name in product_ids(answer)[:k]}


def check_parts(answer: Answer) -> None:
    """Weights sum to 1, parts to scores, and the results are in the order of their scores."""
    assert answer.results and sum(answer.weights.values()) == pytest.approx(1)
    for result in answer.results:
        assert sum(result.parts.values()) == result.score
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)

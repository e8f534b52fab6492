"""What the shop writes about a product: a row of the feed."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoplens.images.drawing.patterns import PATTERNS
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.things.shapes import SHAPES

BRANDS = (
    "Brambleford",
    "Halvorsen Lane",
    "Kestrelle",
    "Loomhaven",
    "Nuvanti",
    "Osterby & Finch",
    "Pelloria",
    "Quillmoor",
    "Saltgrove",
    "Tindra Works",
)
"""Invented; none of them exists."""

_ENDINGS = (0.0, 0.5, 0.9, 0.95)
_PRAISE = (
    "A favourite of our spring window.",
    "Made in small runs.",
    "Pairs with nearly everything.",
    "A good present.",
    "New this season.",
    "Made to be used every day.",
)


def product_id(number: int) -> str:
    """Id of product ``number``: ``SL-00001``."""
    return f"SL-{number:05d}"


def title(spec: ProductSpec) -> str:
    """E.g. ``Starry green hoodie in knit``."""
    noun = SHAPES[spec.shape].nouns.get(spec.cut, spec.shape)
    return f"{PATTERNS[spec.pattern].adjective} {spec.color} {noun} in {spec.material}"


def feed_row(spec: ProductSpec, photos: list[str]) -> dict[str, Any]:
    """The product in the keys of a Shoplens JSON Lines feed."""
    design = np.random.default_rng([spec.seed, 41, spec.group])
    low, high = SHAPES[spec.shape].prices
    price = round(low + (high - low) * float(design.random()) ** 1.6) + float(design.choice(_ENDINGS))
    brand, praise = str(design.choice(BRANDS)), str(design.choice(_PRAISE))
    stocked = float(np.random.default_rng([spec.seed, 42, spec.number]).random()) < 0.9
    return {
        "id": product_id(spec.number),
        "title": title(spec),
        "description": f"{_sentence(spec)} {praise}",
        "price": price,
        "currency": "EUR",
        "brand": brand,
        "category": list(SHAPES[spec.shape].category),
        "attributes": attributes(spec),
        "group_id": f"G-{spec.group + 1:05d}",
        "photos": photos,
        "in_stock": stocked,
    }


def attributes(spec: ProductSpec) -> dict[str, str]:
    """The ground truth as attributes; those of the pattern only where there is one."""
    known = {"color": spec.color, "pattern": spec.pattern, "material": spec.material, "shape": spec.shape}
    known |= {"cut": spec.cut, "accent_color": spec.accent}
    known |= {"pattern_scale": spec.scale} if spec.scale else {}
    return known | ({"pattern_direction": spec.direction} if spec.direction else {})


def _sentence(spec: ProductSpec) -> str:
    words = [spec.scale, spec.direction, spec.pattern]
    pattern = " ".join(word for word in words if word)
    surface = "plain" if spec.pattern == "solid" else f"with {pattern} in {spec.accent}"
    return f"{spec.color.capitalize()} {spec.material}, {surface}; {spec.accent} details; {spec.cut}."

"""A recipe: a photo as if it had been taken again, for learning what does not matter.

Three strengths. ``again`` is for photos that shoppers took, which have clutter and bad light already: another crop, a
little light, sometimes blur and compression. ``phone`` is for photos from a studio: the product is put, tilted and
smaller, before clutter (where its background is plain) and then treated like the other. ``home`` is the same in light
in which colours say as little of the product as in real photos of people's homes: colours alone find a quarter of what
the whole appearance finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

from shoplens.images.corruptions.backgrounds import put_before_clutter
from shoplens.images.corruptions.blur import blur
from shoplens.images.corruptions.compression import compress
from shoplens.images.corruptions.framing import crop_randomly, mirror, shrink_to
from shoplens.images.corruptions.light import vary_light
from shoplens.types import Pixels

Rng = np.random.Generator
Strength = Literal["again", "phone", "home"]
LONGEST = 420
"""Pixels of the longest side of what is worked on; the network sees 260."""
LONGEST_TO_READ = 900
"""The same where words are to be read."""


def augment_photo(photo: Pixels, strength: Strength, seed: tuple[int, ...], *, readable: bool = False) -> Pixels:
    """Return the photo as if it had been taken again.

    Args:
        photo: uint8 (h, w, 3).
        strength: how much is different.
        seed: the same photo, strength and seed give the same pixels.
        readable: whether words shall stay readable: more pixels are kept, and nothing is mirrored.
    """
    rng = np.random.default_rng(seed)
    image = shrink_to(Image.fromarray(np.ascontiguousarray(photo)), LONGEST_TO_READ if readable else LONGEST)
    for chance, change in _CHANGES[strength]:
        if rng.random() < chance and not (readable and change is _mirror):
            image = change(image, rng)
    return np.asarray(image)


def _blur_a_little(image: Image.Image, rng: Rng) -> Image.Image:
    return blur(image, float(rng.uniform(0, 0.008)) * min(image.size))


def _compress(image: Image.Image, rng: Rng) -> Image.Image:
    return compress(image, int(rng.integers(35, 92)))


def _mirror(image: Image.Image, rng: Rng) -> Image.Image:
    return mirror(image)


Changes = tuple[tuple[float, Callable[[Image.Image, Rng], Image.Image]], ...]
"""Chance and change, in the order in which they happen."""


def _scene_changes(light: float) -> Changes:
    """Return what puts a product into a scene, with light that varies so many times as much as between phones."""
    return (
        (1, put_before_clutter),
        (1, lambda image, rng: crop_randomly(image, 0.5, rng)),
        (0.5, _blur_a_little),
        (0.5, _mirror),
        (1, lambda image, rng: vary_light(image, light, rng)),
        (0.4, _compress),
    )


_CHANGES: dict[Strength, Changes] = {
    "again": (
        (1, lambda image, rng: crop_randomly(image, 0.4, rng)),
        (0.2, _blur_a_little),
        (0.5, _mirror),
        (1, lambda image, rng: vary_light(image, 0.7, rng)),
        (0.4, _compress),
    ),
    "phone": _scene_changes(1.0),
    "home": _scene_changes(3.0),
}

"""Phone photos (thin version)."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.studio import product_photo

KINDS = ("plain", "grey-light", "blur", "dark")


def phone_photo(spec: ProductSpec, seed: int = 0, kind: str = "plain") -> Image.Image:
    rng = np.random.default_rng([spec.seed, 51, spec.number, seed])
    image = product_photo(spec, 3, 400).resize((480, 480)).crop((0, -80, 480, 560))
    if kind == "grey-light":
        image = ImageEnhance.Color(image).enhance(0.05)
    if kind == "blur":
        image = image.filter(ImageFilter.GaussianBlur(14))
    if kind == "dark":
        image = ImageEnhance.Brightness(image).enhance(0.3 + 0.1 * float(rng.random()))
    return image

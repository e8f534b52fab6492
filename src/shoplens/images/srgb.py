"""Any mode and colour profile of a picture -> 8-bit sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_WIDE_MODES = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
_CEILINGS = {"F": (1.0, 255.0, 65535.0)}
_PROFILED_MODES = {"L", "CMYK", "RGB"}
_SAME_COLOUR = 2


def rgb(image: Image.Image) -> Image.Image:
    """The picture in mode RGB: transparency on white, 16 bits scaled to 8, an embedded profile taken to sRGB.

    A profile that cannot be used is ignored, as browsers do.
    """
    profile = image.info.get("icc_profile")
    if image.mode in _WIDE_MODES:
        image = _eight_bit(image)
    if image.has_transparency_data:
        image = _on_white(image)
    if image.mode not in _PROFILED_MODES:
        image = image.convert("RGB")
    if profile:
        image = _in_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Wide samples scaled to 0..255. Their range is the smallest usual one that holds the brightest sample."""
    samples = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    brightest = float(samples.max(initial=0.0))
    ceiling = next((c for c in _CEILINGS.get(image.mode, (65535.0,)) if brightest <= c), brightest)
    return Image.fromarray(np.rint(samples.clip(0.0) * (255.0 / ceiling)).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform(profile, image.mode)
    if transform is None:
        return image
    from PIL import ImageCms

    try:
        converted = ImageCms.applyTransform(image, transform)
    except ImageCms.PyCMSError:
        return image
    return image if converted is None else converted


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """Transform to sRGB, or None where the profile is unusable or changes no colour visibly.

    ``NOCACHE`` makes one transform usable by many threads.
    """
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOCACHE
        )
        if mode == "CMYK":
            return transform
        sample = _sample_colours().convert(mode)
        changed = ImageCms.applyTransform(sample, transform)
        difference = _to_int16(changed) - _to_int16(sample.convert("RGB"))
    except Exception:  # a profile is foreign input to a C library; the photo is worth more than its profile
        return None
    return transform if np.abs(difference).max() > _SAME_COLOUR else None


def _sample_colours() -> Image.Image:
    steps = np.linspace(0, 255, 6)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(12, 18, 3)
    return Image.fromarray(cube.astype(np.uint8))


def _to_int16(image: Image.Image | None) -> npt.NDArray[np.int16]:
    return np.asarray(image).astype(np.int16)

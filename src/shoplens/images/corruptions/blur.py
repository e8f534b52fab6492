"""Out of focus, and shaken."""

from __future__ import annotations

from PIL import Image, ImageFilter

from shoplens.images.corruptions.framing import resize_by


def blur(image: Image.Image, radius: float | tuple[float, float]) -> Image.Image:
    """Return the picture out of focus.

    Args:
        image: of any mode.
        radius: standard deviation of the Gauss curve, pixels; two of them, across and down, when the phone was shaken
            along one side.
    """
    return image.filter(ImageFilter.GaussianBlur(radius))


def blur_at_half_size(image: Image.Image, radius: float | tuple[float, float]) -> Image.Image:
    """Return the picture out of focus, at a quarter of the work; only details that a blur hides anyway are lost.

    Args:
        image: of any mode.
        radius: as for :func:`blur`, in pixels of the picture at half its size.
    """
    return blur(resize_by(image, 0.5), radius).resize(image.size, Image.Resampling.BILINEAR)

"""The pictures that explain an answer, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.shop import Shop
from shoplens.types import Answer


def write_pictures(shop: Shop, answer: Answer, photos: Sequence[str], mask: Path | None, regions: Path | None) -> None:
    """Write the pictures of ``--mask`` and ``--regions``; of several photos, for the first one.

    Raises:
        InvalidValue: the search starts from no photo, or has no result to compare; a file cannot be written; or
            ``no-maps``.
    """
    if mask is None and regions is None:
        return
    if not photos or (regions is not None and not answer.results):
        raise InvalidValue(
            "There is no photo, or no result, of which a picture can be drawn.",
            "Search with a photo, and leave --mask and --regions out where nothing is found.",
        )
    if mask is not None:
        _write(shop.explanations.draw_objects(photos[0], region=answer.region), mask)
    if regions is not None:
        first = answer.results[0]
        picture = shop.explanations.draw_match(
            photos[0], first.product.id, product_photo=first.photo, region=answer.region
        )
        _write(picture, regions)


def _write(picture: Image.Image, file: Path) -> None:
    try:
        picture.save(file)
    except (OSError, ValueError) as problem:
        raise InvalidValue(f"{file} cannot be written: {problem}.", "Name a .png or .jpg file in a folder.") from None

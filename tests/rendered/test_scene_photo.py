"""Drawn scenes show each product inside its box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.rendered import ProductSpec
from shoplens.rendered.scene_photo import scene_photo

MUG = ProductSpec("mug", "red", "solid", "ceramic", "white", "straight", number=7, group=3)
CUSHION = ProductSpec("cushion", "yellow", "solid", "cotton", "navy", "square", number=8, group=4)


@pytest.mark.parametrize("product", [MUG, CUSHION], ids=["standing", "lying"])
@pytest.mark.parametrize("count", [1, 3])
def test_only_the_pixels_in_a_box_change_with_its_product(product: ProductSpec, count: int) -> None:
    scene = scene_photo([product] * count, seed=2)
    other = scene_photo([*[product] * (count - 1), replace(product, color="blue", accent="green")], seed=2)
    assert len(scene.boxes) == count and scene.boxes == other.boxes
    changed = np.abs(np.asarray(scene.picture, int) - np.asarray(other.picture, int)).max(axis=2) > 40
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    box = scene.boxes[-1]
    assert abs(columns[0] - box.x) <= 12 and abs(columns[-1] - (box.x + box.width)) <= 12
    assert abs(rows[0] - box.y) <= 12 and abs(rows[-1] - (box.y + box.height)) <= 12
    assert scene.picture.size == (640, 480)


def test_boxes_do_not_overlap_and_scenes_are_repeatable() -> None:
    scene = scene_photo([CUSHION] * 5, seed=1)
    for place, one in enumerate(scene.boxes):
        for two in scene.boxes[place + 1 :]:
            apart = one.x + one.width <= two.x or two.x + two.width <= one.x
            assert apart or one.y + one.height <= two.y or two.y + two.height <= one.y
    assert scene_photo([CUSHION] * 5, seed=1).picture.tobytes() == scene.picture.tobytes()
    assert scene_photo([CUSHION] * 5, seed=2).picture.tobytes() != scene.picture.tobytes()


@pytest.mark.parametrize("products", [[], [CUSHION] * 7, [MUG, CUSHION]])
def test_other_scenes_are_refused(products: list[ProductSpec]) -> None:
    with pytest.raises(InvalidValue):
        scene_photo(products)

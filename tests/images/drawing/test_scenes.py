"""Rooms fill the picture, and things are put where the camera sees them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from shoplens.images.drawing.camera import Camera, back_project, paste
from shoplens.images.drawing.placing import lying_plane, scatter_props, standing_plane
from shoplens.images.drawing.props import PROPS, draw_prop
from shoplens.images.drawing.scenes import draw_flat_scene, draw_table_scene

ABOVE = Camera(120, 160, (0.0, 0.0, 0.0), 200.0, 90.0)
ASIDE = Camera(120, 160, (0.0, 0.0, 44.0), 200.0, 15.0)


@pytest.mark.parametrize(("draw", "camera"), [(draw_flat_scene, ABOVE), (draw_table_scene, ASIDE)])
def test_a_room_fills_the_picture_and_is_the_same_for_the_same_seed(draw: object, camera: Camera) -> None:
    rooms = [draw(camera, np.random.default_rng(seed)) for seed in (0, 0, 1)]  # type: ignore[operator]
    assert all(room.mode == "RGB" and room.size == (120, 160) for room in rooms)
    assert rooms[0].tobytes() == rooms[1].tobytes() != rooms[2].tobytes()


def test_back_projection_inverts_the_projection_of_the_camera() -> None:
    plane = ABOVE.plane((0, 0, 0), (1, 0, 0), (0, -1, 0))
    a, b, depth = back_project(plane, (120, 160), 1)
    assert (depth > 0).all()
    assert abs(a[80, 60]) < 1e-3 and abs(b[80, 60]) < 1e-3
    x, y, w = plane @ [a[30, 20], b[30, 20], 1]
    assert np.allclose([x / w, y / w], [20, 30], atol=1e-2)


def test_an_object_lies_at_its_centre_or_stands_on_its_base() -> None:
    thing = Image.new("RGBA", (50, 50), (255, 0, 0, 255))
    for camera, plane in ((ABOVE, lying_plane(ABOVE, 0, 0, 40, 0.0)), (ASIDE, standing_plane(ASIDE, 0, 0, 40, 100))):
        picture = Image.new("RGB", (120, 160))
        paste(picture, thing, plane)
        y, x = np.nonzero(np.asarray(picture)[..., 0] > 128)
        assert abs(x.mean() - 59.5) < 1
        assert abs(y.mean() - 79.5) < 1 if camera is ABOVE else y.mean() > 79.5


@pytest.mark.parametrize("name", PROPS)
def test_every_prop_fills_a_part_of_its_square(name: str) -> None:
    image = draw_prop(name, np.random.default_rng(0), 64)
    assert image.mode == "RGBA" and image.size == (64, 64)
    assert 0.02 < (np.asarray(image)[..., 3] > 128).mean() < 0.9


def test_scattered_props_are_visible() -> None:
    for camera, names in ((ABOVE, ["cup", "book", "letter"]), (ASIDE, ["plant", "books"])):
        picture = Image.new("RGB", (120, 160), (128, 128, 128))
        scatter_props(picture, camera, names, np.random.default_rng(0))
        assert 0.02 < (np.asarray(picture) != 128).any(axis=2).mean() < 0.9

"""Paths become points, and what is no path is refused."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.images.drawing.paths import polyline


def test_a_line_contains_its_end_points() -> None:
    assert polyline("M 1 2 L 3 4").tolist() == [[1, 2], [3, 4]]


def test_curves_end_where_they_say() -> None:
    for path in ("M0 0 Q5 9 10 0", "M0 0 C2 5 8 5 10 0"):
        points = polyline(path)
        assert points[0].tolist() == [0, 0] and points[-1].tolist() == [10, 0]
        assert points[:, 1].max() > 3


def test_an_ellipse_keeps_its_distance() -> None:
    x, y = (polyline("E 50 40 20 10") - [50, 40]).T
    assert np.allclose((x / 20) ** 2 + (y / 10) ** 2, 1)


def test_a_mirrored_path_is_symmetric() -> None:
    points = polyline("M50 4 L30 20 L50 90", mirrored=True)
    assert np.allclose(points[::-1], points * [-1, 1] + [100, 0])


@pytest.mark.parametrize("path", ["M 1", "M 1 2 X 3 4", "L 1 2 3"])
def test_an_invalid_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Path"):
        polyline(path)

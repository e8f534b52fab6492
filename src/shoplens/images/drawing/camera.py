"""A phone's camera: where a flat thing in the room lands in the picture.

The room: x to the right, y away from the viewer, z up, in drawing units; z = 0 is the floor or the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.images.drawing.patterns import Plane

Matrix = npt.NDArray[np.float64]
"""float64, shape (3, 3): homogeneous (x, y, 1) of one plane to another."""

Point = tuple[float, float, float]
"""x, y, z in the room."""

_LONGER = 1.15
_SHADE = (9, 8, 13)


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole looking at a point.

    Attributes:
        width, height: of the picture, pixels.
        target: what is in the middle.
        distance: to the target, drawing units.
        elevation: degrees; 90 looks straight down.
        azimuth: degrees, around the target.
        roll: degrees.
    """

    width: int
    height: int
    target: Point
    distance: float
    elevation: float
    azimuth: float = 0.0
    roll: float = 0.0

    @property
    def focal(self) -> float:
        """Pixels."""
        return _LONGER * max(self.width, self.height)

    def plane(self, origin: Point, right: Point, down: Point) -> Matrix:
        """Homography of the plane ``origin + a right + b down``: (a, b, 1) -> pixels."""
        axes = self._axes()
        eye = np.array(self.target) - axes[2] * self.distance
        columns = np.column_stack([axes @ np.array(right), axes @ np.array(down), axes @ (np.array(origin) - eye)])
        lens = np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1.0]])
        homography: Matrix = lens @ columns
        return homography

    def _axes(self) -> Matrix:
        """Rows: right, down, ahead."""
        up, around, roll = np.deg2rad([self.elevation, self.azimuth, self.roll])
        ahead = np.array([-np.sin(around) * np.cos(up), np.cos(around) * np.cos(up), -np.sin(up)])
        right = np.array([np.cos(around), np.sin(around), 0.0])
        down = np.cross(ahead, right)
        turned: Matrix = np.stack(
            [right * np.cos(roll) + down * np.sin(roll), down * np.cos(roll) - right * np.sin(roll), ahead]
        )
        return turned


def back_project(homography: Matrix, size: tuple[int, int], step: int) -> tuple[Plane, Plane, Plane]:
    """Place on a plane that each pixel shows.

    Args:
        homography: plane -> pixels.
        size: of the picture, (width, height) pixels.
        step: pixels per sample.

    Returns:
        a, b and depth; where depth is not positive the plane is not in sight.
    """
    y, x = np.mgrid[0 : size[1] : step, 0 : size[0] : step].astype(np.float32)
    back = np.linalg.inv(homography)
    back = (back / np.abs(back).max()).astype(np.float32)
    a, b, w = (row[0] * x + row[1] * y + row[2] for row in back)
    depth = w * np.float32(np.sign(np.linalg.det(homography)))
    safe = np.where(np.abs(w) < 1e-9, np.float32(1e-9), w)
    return a / safe, b / safe, depth


def paste(picture: Image.Image, thing: Image.Image, homography: Matrix, shade: float = 0.0) -> None:
    """Put ``thing`` into ``picture`` in perspective.

    Args:
        picture: RGB; changed.
        thing: RGBA, a square that shows 100 x 100 drawing units.
        homography: the thing's plane, units from its upper left corner -> pixels of ``picture``.
        shade: 0 puts the thing itself; above, only darkens by this much where it is, 0..1.
    """
    corners = homography @ np.array([[0, 100, 100, 0], [0, 0, 100, 100], [1, 1, 1, 1.0]])
    if (corners[2] <= 0).any():
        return
    corners = corners[:2] / corners[2]
    low = np.maximum(np.floor(corners.min(axis=1)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=1)), picture.size).astype(int)
    if (high - low < 2).any():
        return
    to_thing = np.diag([thing.width / 100.0, thing.height / 100.0, 1.0]) @ np.linalg.inv(homography)
    to_thing = to_thing @ np.array([[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1.0]])
    to_thing /= to_thing[2, 2]
    extent = int(high[0] - low[0]), int(high[1] - low[1])
    data = tuple(float(n) for n in to_thing.ravel()[:8])
    mask = thing.getchannel("A") if shade else thing
    placed = mask.transform(extent, Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)
    corner = int(low[0]), int(low[1])
    if shade:
        picture.paste(_SHADE, corner, placed.point([round(level * shade) for level in range(256)]))
    else:
        picture.paste(placed, corner, placed.getchannel("A"))

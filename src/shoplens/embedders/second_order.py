"""Second-order pooling: which features of a map occur together inside the object.

An average over the places of a map tells how much of each feature there is. The average of their products tells, beside
that, which ones occur at the same place: the lines of a pattern, the edge of a lid.

Sources: Carreira, Caseiro, Batista, Sminchisescu 2012, "Semantic Segmentation with Second-Order Pooling"; Lin,
RoyChowdhury, Maji 2015, "Bilinear CNN Models for Fine-grained Visual Recognition" (the signed square root).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import ModelError
from shoplens.types import Features, Mask

FeatureMap = npt.NDArray[np.float32]
"""float32 (channels, rows, columns)."""
_LEAST_WEIGHT = 1e-3
"""Weight of a place outside the object, so that a photo in which none was found is pooled as a whole."""


class SecondOrderPooling:
    """Pools the products of a map's features inside an object.

    Args:
        axes: float32 (channels + 1, components): the features are first projected to fewer, by the first rows, and the
            last row is added.
        map_shape: channels, rows and columns of the maps.

    Attributes:
        size: length of what is pooled, components · (components + 1) / 2.
    """

    def __init__(self, axes: npt.NDArray[np.float32], map_shape: tuple[int, int, int]) -> None:
        self._weights, self._offset = axes[:-1].T.copy(), axes[-1][:, None]
        self._pairs = np.triu_indices(axes.shape[1])
        self.map_shape, self.size = map_shape, len(self._pairs[0])

    def pool(self, feature_map: FeatureMap, mask: Mask) -> Features:
        """Return the square roots, with their signs, of the mean products of all pairs of components.

        Args:
            feature_map: of a photo, of this shape.
            mask: float32 (rows, columns) in [0, 1], the probability that a cell of that photo shows the object.

        Returns:
            float32 (size,).
        """
        channels, rows, columns = feature_map.shape
        components = self._weights @ feature_map.reshape(channels, -1) + self._offset
        products = (components * weigh_places(mask, rows, columns)) @ components.T
        values = products[self._pairs]
        pooled: Features = np.sign(values) * np.sqrt(np.abs(values))
        return pooled


def weigh_places(mask: Mask, rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return how much each place of a map of so many rows and columns counts, float32 (rows · columns,), with the sum
    1: in proportion to the mean of the mask there."""
    resized = Image.fromarray(mask).resize((columns, rows), Image.Resampling.BOX)
    weights = np.asarray(resized, np.float32).ravel() + _LEAST_WEIGHT
    return np.asarray(weights / weights.sum(), np.float32)


def load_second_order_pooling(path: Path, map_shape: Sequence[object]) -> SecondOrderPooling:
    """Read the axes from a file of NumPy.

    Args:
        map_shape: that of a map in the network's file: channels, rows and columns.

    Raises:
        ModelError: ``bad-axes``: the file is missing, or holds none for such maps.
    """
    try:
        axes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise ModelError(
            f"{path} cannot be read: {problem}.",
            "Put the file there that the card names in `second_order_axes`.",
            code="bad-axes",
        ) from None
    sides = tuple(side for side in map_shape if isinstance(side, int))
    is_matrix = axes.ndim == 2 and axes.shape[1] and np.issubdtype(axes.dtype, np.floating)
    if len(map_shape) != 3 or len(sides) != 3 or not is_matrix or len(axes) != sides[0] + 1:
        raise ModelError(
            f"{path} holds {axes.dtype} {axes.shape}, and the map is {list(map_shape)}: not (channels + 1, components) "
            "of a map (channels, rows, columns).",
            "Correct `second_order` and `second_order_axes` in the card.",
            code="bad-axes",
        )
    return SecondOrderPooling(axes.astype(np.float32), sides)

"""Second-order pooling: which features of a map occur together inside the object.

An average over the places of a map tells how much of each feature there is. The average of their products tells, beside
that, which ones occur at the same place: the lines of a pattern, the edge of a lid.

Sources: Carreira, Caseiro, Batista, Sminchisescu 2012, "Semantic Segmentation with Second-Order Pooling"; Lin,
RoyChowdhury, Maji 2015, "Bilinear CNN Models for Fine-grained Visual Recognition" (the signed square root).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import ModelError
from shoplens.types import ByteMask, Features

FeatureMap = npt.NDArray[np.float32]
"""float32 (channels, rows, columns)."""
_LEAST_WEIGHT = 1e-3
"""Weight of a place outside the object, so that an object that is smaller than a place has some."""


class SecondOrderPooling:
    """Pools the products of a map's features inside an object.

    Args:
        axes: float32 (channels + 1, components): the features are first projected to fewer, by the first rows, and the
            last row is added.

    Attributes:
        size: length of what is pooled, components · (components + 1) / 2.
    """

    def __init__(self, axes: npt.NDArray[np.float32]) -> None:
        self._weights, self._offset = axes[:-1].T.copy(), axes[-1][:, None]
        self._pairs = np.triu_indices(axes.shape[1])
        self.size = len(self._pairs[0])

    @property
    def channels(self) -> int:
        """How many channels its maps have."""
        return int(self._weights.shape[1])

    def pool(self, feature_map: FeatureMap, mask: ByteMask) -> Features:
        """Return the square roots, with their signs, of the mean products of all pairs of components.

        Args:
            feature_map: of a photo.
            mask: how much each pixel of that photo belongs to the object.

        Returns:
            float32 (size,).
        """
        channels, rows, columns = feature_map.shape
        components = self._weights @ feature_map.reshape(channels, -1) + self._offset
        products = (components * weigh_places(mask, rows, columns)) @ components.T
        values = products[self._pairs]
        pooled: Features = np.sign(values) * np.sqrt(np.abs(values))
        return pooled


def weigh_places(mask: ByteMask, rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return how much each place of a map counts, float32 (rows · columns,), with the sum 1.

    Args:
        mask: uint8 (h, w), how much each pixel belongs to the object.
    """
    resized = Image.fromarray(mask).resize((columns, rows), Image.Resampling.BOX)
    weights = np.asarray(resized, np.float32).ravel() / 255 + _LEAST_WEIGHT
    return np.asarray(weights / weights.sum(), np.float32)


def load_second_order_pooling(path: Path) -> SecondOrderPooling:
    """Read the axes from a file of NumPy.

    Raises:
        ModelError: ``bad-axes``: it is missing or is none.
    """
    try:
        axes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise ModelError(
            f"{path} cannot be read: {str(problem).splitlines()[0]}",
            "Put the file there that the card names in `second_order_axes`.",
            code="bad-axes",
        ) from None
    if axes.ndim != 2 or min(axes.shape) < 2 or not np.issubdtype(axes.dtype, np.floating):
        raise ModelError(
            f"{path} holds {axes.dtype} {axes.shape}, not float (channels + 1, components).",
            "Put the file there that the card names in `second_order_axes`.",
            code="bad-axes",
        )
    return SecondOrderPooling(axes.astype(np.float32))

"""A small ONNX network behind the untouched one: it reads the features that the one pass over a photo gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shoplens.errors import ModelError
from shoplens.types import Features

MOST_ROWS = 1024
"""Photos that pass through one at once."""


def small_session(network: bytes) -> Any:
    """A session of one thread for a network that takes well below a millisecond.

    Raises:
        ModelError: it cannot be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        raise ModelError(str(problem).splitlines()[0], "Train it anew, or restore a backup.") from None


class FeatureNetwork:
    """One, open. May be used from several threads.

    Args:
        network: ONNX with the input ``features``, float32 (n, width).
        width: of a row of features.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, network: bytes, width: int) -> None:
        self._session, self.width = small_session(network), width

    @property
    def told(self) -> Mapping[str, str]:
        """What the file says of itself beside the network."""
        found: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    def of(self, features: Features, output: str) -> Features:
        """One output, float32 (n, any), of float32 (n, width) features.

        Raises:
            ModelError: features of another width.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ModelError(
                f"The network reads rows of {self.width} features, not {features.shape}.",
                "Index the catalogue anew with the model that it was trained on.",
            )
        rows = np.ascontiguousarray(features, np.float32)
        starts = range(0, max(len(rows), 1), MOST_ROWS)
        return np.concatenate(
            [self._session.run([output], {"features": rows[start : start + MOST_ROWS]})[0] for start in starts]
        )

"""The pass over all photos for training a network's end: the map that its trunk makes of each, kept on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.embedders.onnx import open_session, outputs_of
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.store.feature_cache import FeatureFile
from shoplens.training.data.feature_pass import FOLDER, Look, Pass, extract_rows, view_name, views_file
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import Told
from shoplens.training.optimization.backbone_tail import Tail
from shoplens.types import Features, Pixels

MAPS = "maps.sqlite"
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Maps:
    """Maps of photos, float16 on disk: about 70 kB a look with the shipped network.

    Args:
        file: holds them.
        shape: channels, height and width of one.
    """

    def __init__(self, file: FeatureFile, shape: tuple[int, int, int]) -> None:
        self._file, self._shape = file, shape

    def of(self, samples: Samples, rows: Ints) -> Floats:
        """float32 (n, channels, height, width), of these rows of the samples."""
        names = [view_name(samples.photos[int(samples.owners[row])], int(samples.views[row])) for row in rows]
        found = self._file.of(names)
        rows_found: Floats = np.stack([found[name] for name in names]).reshape(len(names), *self._shape)
        return rows_found


@contextmanager
def maps_pass(
    bench: EvaluationContext, tail: Tail, what: Pass, told: Told
) -> Iterator[tuple[Sequence[SamplePhoto], Maps]]:
    """The photos that can be used, and their maps; what is known is not looked at again.

    Args:
        told: hears of photos that cannot be used; they are left out.
    """
    session, name = open_session(tail.trunk(), 1), tail.card.tail_from

    def row(photo: str, pixels: Pixels) -> Features:
        found: Features = outputs_of(session, tail.card, [name], [pixels])[0]
        return found

    file = views_file(bench, MAPS, f"/{name}")
    try:
        usable = list(extract_rows(bench, what, file, told, Look("Looking at the photos for the network", row)))
        file.flush()
        yield usable, Maps(file, tail.map_shape())
    finally:
        file.close()


def forget_maps(folder: Path) -> None:
    """Remove those of a store; they are large, and made again when they are wanted."""
    for file in (folder / FOLDER).glob(f"{MAPS}*"):
        file.unlink(missing_ok=True)

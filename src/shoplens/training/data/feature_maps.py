"""The pass over all photos for training a network's end: the feature map that its trunk computes for each, kept on
disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import frame_photo
from shoplens.embedders.onnx import run_network
from shoplens.embedders.sessions import open_session
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.store.feature_cache import FeatureFile
from shoplens.training.data.feature_pass import (
    FOLDER,
    FeaturePassOptions,
    RowExtractor,
    extract_rows,
    open_view_file,
    view_name,
)
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import RejectionHandler
from shoplens.training.optimization.backbone_tail import Tail
from shoplens.types import Features, Pixels

MAPS = "maps.sqlite"
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class FeatureMaps:
    """Feature maps of photos, float16 on disk: about 70 kB each with the shipped network.

    Args:
        file: holds the maps.
        shape: channels, height and width of one map.
    """

    def __init__(self, file: FeatureFile, shape: tuple[int, int, int]) -> None:
        self._file, self._shape = file, shape

    def load(self, samples: Samples, rows: Ints) -> Floats:
        """Return the maps of these rows of the samples, float32 (n, channels, height, width)."""
        names = [view_name(samples.photos[int(samples.owners[row])], int(samples.views[row])) for row in rows]
        stored = self._file.read(names)
        maps: Floats = np.stack([stored[name] for name in names]).reshape(len(names), *self._shape)
        return maps


@contextmanager
def open_feature_maps(
    context: EvaluationContext, tail: Tail, options: FeaturePassOptions, on_rejection: RejectionHandler
) -> Iterator[tuple[Sequence[SamplePhoto], FeatureMaps]]:
    """Compute the feature maps of photos, of the part that is embedded, and yield the photos that can be used with
    their maps.

    Maps that are kept are not computed again.

    Args:
        on_rejection: receives photos that cannot be used; they are left out.
    """
    session, name = open_session(tail.export_trunk(), 1), tail.card.tail_from

    def extract(photo: str, pixels: Pixels) -> Features:
        feature_map: Features = run_network(session, tail.card, [name], [frame_photo(context.embedder, pixels)])[0]
        return feature_map

    file = open_view_file(context, MAPS, f"/{name}@frame")
    try:
        usable = list(
            extract_rows(context, options, file, on_rejection, RowExtractor("Computing feature maps", extract))
        )
        file.flush()
        yield usable, FeatureMaps(file, tail.map_shape())
    finally:
        file.close()


def delete_feature_maps(folder: Path) -> None:
    """Delete the feature maps of a store; they are large, and computed again when they are needed."""
    for file in (folder / FOLDER).glob(f"{MAPS}*"):
        file.unlink(missing_ok=True)

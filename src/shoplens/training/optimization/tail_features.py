"""A network's end as it is trained, and its outputs among the whitened features that the rest of training works on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import extract_features, feature_width, object_width, whole_width
from shoplens.embedders.tuned import FineTunedEmbedders
from shoplens.errors import InvalidValue, ModelError, PhotoError
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.images import decode_photo
from shoplens.training.data.feature_maps import FeatureMaps
from shoplens.training.data.samples import Ints, Samples
from shoplens.training.optimization.backbone_tail import Tail, load_tail
from shoplens.training.optimization.feature_whitening import CLIP, FeatureScale, FeatureWhitening
from shoplens.training.optimization.training_loop import import_torch
from shoplens.types import Features

BATCH_ROWS, CHECKED_PHOTOS = 64, 16
Floats = npt.NDArray[np.float32]


class TailFeatures:
    """Whitened rows of the samples, with the trained end's outputs in place of the untouched end's.

    The whitening was fitted to the untouched network's features. It runs on a GPU if torch sees one.

    Args:
        context: of the store; its embedder is the untouched one.
        samples, maps: of the same photos.
        whitening: of the untouched features.

    Attributes:
        spans: where in a photo's features the outputs of the end lie, start and stop.
    """

    def __init__(
        self, context: EvaluationContext, samples: Samples, maps: FeatureMaps, whitening: FeatureWhitening
    ) -> None:
        torch = self._torch = import_torch(context.settings.cores)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._context, self._samples, self._maps, self._whitening = context, samples, maps, whitening
        self._tail = load_tail(context.embedder)
        views = object_width(context.embedder) + whole_width(context.embedder)
        self.spans = _output_spans(self._tail, context.embedder.features, views)
        columns = self._columns = np.concatenate([np.arange(*span) for span in self.spans])
        self.module = self._tail.module.to(self.device)
        self._constants = {
            name: torch.from_numpy(values).to(self.device)
            for name, values in (
                ("mean", whitening.scale.mean[columns]),
                ("factor", whitening.scale.factor[columns]),
                ("axes", whitening.axes[columns]),
            )
        }

    @property
    def tail_width(self) -> int:
        """The number of outputs of the end."""
        return len(self._columns)

    def forward(self, rows: Ints) -> Any:
        """Compute whitened rows of the samples, with gradients: a torch tensor, float32 (n, b)."""
        torch, constants = self._torch, self._constants
        outputs = self.module(torch.from_numpy(self._maps.load(self._samples, rows)).to(self.device))
        tail_part = torch.clamp((outputs - constants["mean"]) * constants["factor"], -CLIP, CLIP) @ constants["axes"]
        return tail_part + torch.from_numpy(self._frozen_part(rows)).to(self.device)

    def evaluate(self, rows: Ints, layer: Any) -> Floats:
        """Compute the outputs of ``layer`` for these rows without gradients, float32 (n, any)."""
        with self._torch.no_grad():
            starts = range(0, len(rows), BATCH_ROWS)
            parts = [layer(self.forward(rows[start : start + BATCH_ROWS])).cpu().numpy() for start in starts]
        return np.concatenate(parts)

    def _frozen_part(self, rows: Ints) -> Floats:
        """Return what the features that are not trained add to a whitened row."""
        scaled = self._whitening.scale.transform(self._samples.rows[rows].astype(np.float32))
        scaled[:, self._columns] = 0
        whitened: Floats = scaled @ self._whitening.axes - self._whitening.offset
        return whitened

    def export_backbone(self) -> bytes:
        """Return the whole network with both ends."""
        self.module.to("cpu")
        network = self._tail.export_both_tails()
        self.module.to(self.device)
        return network

    def extended_whitening(self) -> FeatureWhitening:
        """Return the whitening of features followed by the trained end's, which replace the untouched end's."""
        scale, axes, columns = self._whitening.scale, self._whitening.axes.copy(), self._columns
        axes[columns] = 0
        return FeatureWhitening(
            FeatureScale(
                np.concatenate([scale.rooted, np.zeros(len(columns), bool)]),
                np.concatenate([scale.mean, scale.mean[columns]]),
                np.concatenate([scale.factor, scale.factor[columns]]),
            ),
            np.concatenate([axes, self._whitening.axes[columns]]),
            self._whitening.offset,
        )

    def extract_served_features(self, backbone: bytes) -> tuple[Ints, Features]:
        """Return some rows of the samples, and the features of their photos as searches extract them, from the bytes
        on; photos that cannot be read now are left out."""
        rows, photos, settings = self._samples.original_rows, self._samples.photos, self._context.settings
        embedder = FineTunedEmbedders(backbone).with_tail(self._context.embedder)
        used, features = list[int](), [np.zeros((0, feature_width(embedder)), np.float32)]
        for n in (n for n in range(len(rows)) if "/" not in photos[n].name):
            try:
                data = self._context.source.bytes_of(photos[n].source)
                pixels = decode_photo(data, settings, shortest=2 * embedder.min_side).pixels
                features.append(extract_features(embedder, "checked", pixels).features[None])
            except (PhotoError, ModelError):
                continue
            used.append(n)
            if len(used) == CHECKED_PHOTOS:
                break
        return rows[used], np.concatenate(features)


def _output_spans(tail: Tail, features: int, views: int) -> list[tuple[int, int]]:
    """Return where in a photo's features the outputs of the tail lie, start and stop, part by part."""
    if not features:
        raise InvalidValue(
            f"The card of {tail.card.name} names no `features`.", "Name the outputs in `features`.", code="no-tail"
        )
    shifted = [(span, MEASURED_SIZE + views if span[0] >= features else 0) for span in tail.output_spans()]
    return [(start + shift, stop + shift) for (start, stop), shift in shifted]

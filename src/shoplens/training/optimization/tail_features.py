"""A network's end, as it is trained, and what comes of it in the basis that the rest of training works on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import sight, width_of
from shoplens.embedders.tuned import Tunings
from shoplens.errors import InvalidValue, ModelError, PhotoError
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.photo_features.measured import MEASURED
from shoplens.images import decode_photo
from shoplens.training.data.feature_maps import Maps
from shoplens.training.data.samples import Ints, Samples
from shoplens.training.optimization.backbone_tail import Tail, tail_of
from shoplens.training.optimization.feature_whitening import CLIP, Basis, Scale
from shoplens.training.optimization.training_loop import torch_module
from shoplens.types import Features

AT_ONCE, CHECKED_PHOTOS = 64, 16
Floats = npt.NDArray[np.float32]


class TunedBasis:
    """Rows of the samples in a basis that was fitted to the untouched network, the trained end's outputs in place of
    the untouched one's. On a GPU where torch sees one.

    Args:
        bench: of the store; its embedder is the untouched one.
        samples, maps: of the same photos.
        basis: of the untouched features.

    Attributes:
        places: where in a photo's features lie those that the end puts out.
    """

    def __init__(self, bench: EvaluationContext, samples: Samples, maps: Maps, basis: Basis) -> None:
        torch = self._torch = torch_module(bench.settings.cores)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._bench, self._samples, self._maps, self._basis = bench, samples, maps, basis
        self._tail = tail_of(bench.embedder)
        self.places = _places(self._tail, bench.embedder.features)
        columns = self._columns = np.concatenate([np.arange(*place) for place in self.places])
        self.module = self._tail.module.to(self.device)
        self._fixed = {
            name: torch.from_numpy(one).to(self.device)
            for name, one in (
                ("mean", basis.scale.mean[columns]),
                ("factor", basis.scale.factor[columns]),
                ("axes", basis.axes[columns]),
            )
        }

    @property
    def tail(self) -> int:
        """How many numbers the end puts out."""
        return len(self._columns)

    def rows(self, rows: Ints) -> Any:
        """Torch's float32 (n, b), with gradients, of these rows of the samples."""
        torch, fixed = self._torch, self._fixed
        outputs = self.module(torch.from_numpy(self._maps.of(self._samples, rows)).to(self.device))
        inner = torch.clamp((outputs - fixed["mean"]) * fixed["factor"], -CLIP, CLIP) @ fixed["axes"]
        return inner + torch.from_numpy(self._frozen_part(rows)).to(self.device)

    def applied(self, rows: Ints, last: Any) -> Floats:
        """float32 (n, any), what ``last`` makes of these rows, without gradients."""
        with self._torch.no_grad():
            starts = range(0, len(rows), AT_ONCE)
            parts = [last(self.rows(rows[at : at + AT_ONCE])).cpu().numpy() for at in starts]
        return np.concatenate(parts)

    def _frozen_part(self, rows: Ints) -> Floats:
        """What the features that are not trained add to a row in the basis."""
        scaled = self._basis.scale.applied(self._samples.rows[rows].astype(np.float32))
        scaled[:, self._columns] = 0
        found: Floats = scaled @ self._basis.axes - self._basis.offset
        return found

    def backbone(self) -> bytes:
        """The whole network with both ends."""
        self.module.to("cpu")
        network = self._tail.beside()
        self.module.to(self.device)
        return network

    def beside(self) -> Basis:
        """The basis of features that are followed by the trained end's, which stand in for the untouched one's."""
        scale, axes, columns = self._basis.scale, self._basis.axes.copy(), self._columns
        axes[columns] = 0
        return Basis(
            Scale(
                np.concatenate([scale.rooted, np.zeros(len(columns), bool)]),
                np.concatenate([scale.mean, scale.mean[columns]]),
                np.concatenate([scale.factor, scale.factor[columns]]),
            ),
            np.concatenate([axes, self._basis.axes[columns]]),
            self._basis.offset,
        )

    def seen(self, backbone: bytes) -> tuple[Ints, Features]:
        """Some rows of the samples, and the features of their photos as searches see them, from the bytes on; of those
        that can be read now."""
        plain, photos, settings = self._samples.plain, self._samples.photos, self._bench.settings
        embedder = Tunings(backbone).of(self._bench.embedder)
        some, found = list[int](), [np.zeros((0, width_of(embedder)), np.float32)]
        for n in (n for n in range(len(plain)) if "/" not in photos[n].name):
            try:
                data = self._bench.source.bytes_of(photos[n].source)
                pixels = decode_photo(data, settings, shortest=2 * embedder.shortest).pixels
                found.append(sight(embedder, "checked", pixels).features[None])
            except (PhotoError, ModelError):
                continue
            some.append(n)
            if len(some) == CHECKED_PHOTOS:
                break
        return plain[some], np.concatenate(found)


def _places(tail: Tail, features: int) -> list[tuple[int, int]]:
    """Where in a photo's features lies what the tail puts out: from and to, part by part."""
    if not features:
        raise InvalidValue(f"The card of {tail.card.name} names no `features`.", "Name outputs in it.", code="no-tail")
    shifted = [(place, MEASURED if place[0] >= features else 0) for place in tail.places()]
    return [(start + shift, stop + shift) for (start, stop), shift in shifted]

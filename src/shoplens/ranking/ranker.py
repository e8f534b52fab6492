"""A trained ranker: it decides by the query photo and its candidates how much each dimension counts.

A file holds two networks. The *gate* gives every dimension a weight. The *listwise* network looks at all candidates
together and adds a bounded part, ``context``, to the score of each; the order of the candidates does not matter. Both
are trained in :mod:`shoplens.training.ranker`; this module only runs them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from shoplens.embedders.classifier import CARD
from shoplens.embedders.look import HASH_DIGITS, card_from_json, card_to_json
from shoplens.embedders.sessions import open_small_session
from shoplens.errors import ModelError
from shoplens.ranking.ranker_features import SIGNALS, Floats, RankerFeatures

Kind = Literal["gate", "listwise"]
KINDS: tuple[Kind, ...] = ("gate", "listwise")


@dataclass(frozen=True, slots=True)
class RankerCard:
    """The description of a ranker, which its file carries.

    Attributes:
        dimensions: names of the dimensions that it was trained on, in the order of its rows.
        kind: a ``gate`` has no ``context``.
        size: length of the query's embedding.
        training_record: how it was trained and how good it is, for people.
        training_photos: hashes of the photos that it was trained on, as in :class:`~shoplens.embedders.look.LookCard`.
    """

    dimensions: Sequence[str]
    kind: Kind
    size: int
    training_record: Mapping[str, Any] = field(default_factory=dict)
    training_photos: Sequence[str] = ()

    def as_json(self) -> str:
        """Return the text that the card is read from."""
        return json.dumps(card_to_json(asdict(self)), ensure_ascii=False, default=dict)


class Ranker:
    """An open ranker; several threads may use it.

    Args:
        network: ONNX: ``signals`` float32 (d, s) and ``look`` float32 (e,) -> ``logits`` float32 (d,); ``places``
            float32 (n, d) and ``weights`` float32 (d,) -> ``context`` float32 (n,). The card is inside.

    Raises:
        ModelError: ``damaged-ranker``.
    """

    def __init__(self, network: bytes) -> None:
        try:
            self._session = open_small_session(network)
            self.card = RankerCard(
                **card_from_json(json.loads(self._session.get_modelmeta().custom_metadata_map[CARD]))
            )
        except (ModelError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ModelError(
                f"The ranker cannot be read: {problem}.", "Run `shoplens train ranker`.", code="damaged-ranker"
            ) from None
        self.network = network
        self.model = f"ranker@{hashlib.sha256(network).hexdigest()[:12]}"
        self._training_photos = frozenset(self.card.training_photos)

    def has_learned(self, content_hash: str) -> bool:
        """Whether it was trained on this photo, so that a query with it proves nothing."""
        return content_hash[:HASH_DIGITS] in self._training_photos

    def weights(self, features: RankerFeatures, static: Mapping[str, float]) -> dict[str, float]:
        """Choose the weights of this query: dimension -> weight, of all dimensions; they sum to 1.

        A dimension that the ranker was not trained on keeps the share that it has by static weights.

        Args:
            features: of the query.
            static: dimension -> weight, of every dimension of ``features``.
        """
        known = [name for name in features.names if name in self.card.dimensions]
        total = sum(static[name] for name in features.names)
        if not known or features.look.shape != (self.card.size,):
            return {name: static[name] / total for name in features.names}
        signals = np.zeros((len(self.card.dimensions), features.signals.shape[1]), np.float32)
        rows = [self.card.dimensions.index(name) for name in known]
        signals[rows] = features.signals[[features.names.index(name) for name in known]]
        logits = self._run("logits", signals=signals, look=features.look)[rows].astype(np.float64)
        share = np.exp(logits - logits.max())
        kept = 1 - (sum(static[name] for name in features.names if name not in known) / total if total > 0 else 0.0)
        chosen = dict(zip(known, (kept * share / share.sum()).tolist(), strict=True))
        return {name: chosen[name] if name in chosen else static[name] / total for name in features.names}

    def context(self, names: Sequence[str], places: Floats, weights: Mapping[str, float]) -> Floats:
        """Return what is added to the score of each candidate, float32 (n,), in standard deviations; 0 for a ``gate``.

        Args:
            names: of the d dimensions.
            places: float32 (n, d), as of :class:`~shoplens.ranking.ranker_features.RankerFeatures`.
            weights: dimension -> weight; a dimension of weight 0 has no part in it.
        """
        known = [name for name in names if name in self.card.dimensions and weights[name] > 0]
        if self.card.kind == "gate" or len(places) < 2 or not known:
            return np.zeros(len(places), np.float32)
        wide = len(self.card.dimensions)
        rows = [self.card.dimensions.index(name) for name in known]
        given, shares = np.zeros((len(places), wide), np.float32), np.zeros(wide, np.float32)
        given[:, rows] = places[:, [names.index(name) for name in known]]
        shares[rows] = [weights[name] for name in known]
        return self._run("context", places=given, weights=shares / shares.sum())

    def _run(self, output: str, **given: Floats) -> Floats:
        """Compute one output; inputs that it does not depend on are zeros, since the session needs all inputs."""
        wide = len(self.card.dimensions)
        inputs = {
            "signals": np.zeros((wide, len(SIGNALS)), np.float32),
            "look": np.zeros(self.card.size, np.float32),
            "places": np.zeros((1, wide), np.float32),
            "weights": np.zeros(wide, np.float32),
        }
        inputs |= {name: np.ascontiguousarray(value, np.float32) for name, value in given.items()}
        values: Floats = self._session.run([output], inputs)[0]
        return values

"""A trained ranker: what the filters see in a query photo and in its candidates -> what counts this time.

Two networks in one file. The *gate* gives every dimension a weight. The *listwise* one looks at all candidates at once
and adds to each one's score a bounded part, ``context``; it does not matter in which order they come. Both are trained
in :mod:`shoplens.training.ranker`; here they are only asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from shoplens.embedders.classifier import CARD
from shoplens.embedders.feature_network import small_session
from shoplens.embedders.look import TOLD_DIGITS
from shoplens.errors import ModelError
from shoplens.ranking.ranker_features import SIGNALS, Evidence, Floats

Kind = Literal["gate", "listwise"]
KINDS: tuple[Kind, ...] = ("gate", "listwise")


@dataclass(frozen=True, slots=True)
class RankerCard:
    """What a ranker is.

    Attributes:
        dimensions: that it knows, in the order of its rows.
        kind: ``gate`` leaves ``context`` out.
        size: length of the query's embedding.
        made: how it was trained, and what came of it: for people.
        learned: as in :class:`~shoplens.embedders.look.LookCard`.
    """

    dimensions: Sequence[str]
    kind: Kind
    size: int
    made: Mapping[str, Any] = field(default_factory=dict)
    learned: Sequence[str] = ()

    def as_json(self) -> str:
        """What :meth:`Ranker.card` is read from."""
        return json.dumps(asdict(self), ensure_ascii=False, default=dict)


class Ranker:
    """A ranker, open. May be used from several threads.

    Args:
        network: ONNX: ``signals`` float32 (d, s) and ``look`` float32 (e,) -> ``logits`` float32 (d,); ``places``
            float32 (n, d) and ``weights`` float32 (d,) -> ``context`` float32 (n,). The card is inside.

    Raises:
        ModelError: ``damaged-ranker``.
    """

    def __init__(self, network: bytes) -> None:
        try:
            self._session = small_session(network)
            self.card = RankerCard(**json.loads(self._session.get_modelmeta().custom_metadata_map[CARD]))
        except (ModelError, ValueError, KeyError, TypeError) as problem:
            raise ModelError(
                f"The ranker cannot be read: {problem}.", "Run `shoplens train ranker`.", code="damaged-ranker"
            ) from None
        self.network = network
        self.model = f"ranker@{hashlib.sha256(network).hexdigest()[:12]}"
        self._learned = frozenset(self.card.learned)

    def has_learned(self, content_hash: str) -> bool:
        """Whether it learned from this photo, so that asking with it proves nothing."""
        return content_hash[:TOLD_DIGITS] in self._learned

    def weights(self, seen: Evidence, static: Mapping[str, float]) -> dict[str, float]:
        """Dimension -> weight for this query, of all dimensions there are; they sum to 1.

        A dimension that it does not know keeps the share that it has by static weights.

        Args:
            static: dimension -> weight, of every dimension of ``seen``.
        """
        known = [name for name in seen.names if name in self.card.dimensions]
        total = sum(static[name] for name in seen.names)
        if not known or seen.look.shape != (self.card.size,):
            return {name: static[name] / total for name in seen.names}
        signals = np.zeros((len(self.card.dimensions), seen.signals.shape[1]), np.float32)
        rows = [self.card.dimensions.index(name) for name in known]
        signals[rows] = seen.signals[[seen.names.index(name) for name in known]]
        logits = self._of("logits", signals=signals, look=seen.look)[rows].astype(np.float64)
        share = np.exp(logits - logits.max())
        kept = 1 - (sum(static[name] for name in seen.names if name not in known) / total if total > 0 else 0.0)
        found = dict(zip(known, (kept * share / share.sum()).tolist(), strict=True))
        return {name: found[name] if name in found else static[name] / total for name in seen.names}

    def context(self, names: Sequence[str], places: Floats, weights: Mapping[str, float]) -> Floats:
        """float32 (n,): what is added to the score of each candidate, in standard deviations; 0 for a ``gate``.

        Args:
            names: of d dimensions.
            places: float32 (n, d), as of :class:`~shoplens.ranking.ranker_features.Evidence`.
            weights: dimension -> weight; one of weight 0 has no part in it.
        """
        known = [name for name in names if name in self.card.dimensions and weights[name] > 0]
        if self.card.kind == "gate" or len(places) < 2 or not known:
            return np.zeros(len(places), np.float32)
        wide = len(self.card.dimensions)
        rows = [self.card.dimensions.index(name) for name in known]
        given, shares = np.zeros((len(places), wide), np.float32), np.zeros(wide, np.float32)
        given[:, rows] = places[:, [names.index(name) for name in known]]
        shares[rows] = [weights[name] for name in known]
        return self._of("context", places=given, weights=shares / shares.sum())

    def _of(self, output: str, **given: Floats) -> Floats:
        """One output; what it does not depend on is zeros, since all inputs have to be there."""
        wide = len(self.card.dimensions)
        inputs = {
            "signals": np.zeros((wide, len(SIGNALS)), np.float32),
            "look": np.zeros(self.card.size, np.float32),
            "places": np.zeros((1, wide), np.float32),
            "weights": np.zeros(wide, np.float32),
        }
        told = {name: np.ascontiguousarray(value, np.float32) for name, value in given.items()}
        found: Floats = self._session.run([output], {**inputs, **told})[0]
        return found

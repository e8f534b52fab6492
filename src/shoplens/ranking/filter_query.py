"""A query for all filters: its examples, its weights, and what else changes the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import CAPTION, TEXT
from shoplens.filters.model.caption import CaptionQuery
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import ScoreNormalizer
from shoplens.ranking.match_probability import ScoreScale
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.ranker_features import RankerFeatures
from shoplens.reading.text_model import TextQuery
from shoplens.settings import Merchandising
from shoplens.types import SparseVector, Vectors

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A positive or negative example of what is searched for: a photo as the filters describe it.

    Attributes:
        look: float32 (d,), what embeddings are compared with, of :meth:`Filters.query_vectors`; zeros where there is no
            photo.
        dense: float32 (m,), the same of dense vectors.
        marks: square roots of its class probabilities, as those of a product's photo.
        text: its words; None where it has none, or where they do not count.
        caption: words that photos are compared with; None for none.
        embedding: float32 (d,), the photo's own embedding, which rankers see; ``look`` where it is omitted.
    """

    look: Vectors
    dense: Floats
    marks: SparseVector
    text: TextQuery | None = None
    caption: CaptionQuery | None = None
    embedding: Vectors | None = None

    @property
    def photo_embedding(self) -> Vectors:
        """float32 (d,)."""
        return self.look if self.embedding is None else self.embedding


@dataclass(frozen=True, slots=True, eq=False)
class FilterQuery:
    """A query for all filters.

    Attributes:
        filters: of the generation.
        like: the positive example.
        weights: dimension -> weight for this query, summing to 1; see :meth:`ScoreNormalizer.normalize_weights`. It has
            ``text`` and ``caption`` exactly where the positive example has them.
        norms: means and spreads of the query's similarities over the cohort.
        static: dimension -> static weight as fitted or tuned, of every dimension.
        given: dimension -> weight, of the dimensions that people set.
        unlike: the negative example.
        merchandising: pins, boosts and buries, by ids of products.
        explain: whether candidates carry reasons.
        ranker: the ranker whose ``context`` is added; None for weights alone.
        by_look: whether the nearest products by look alone are candidates, too.
        ranker_features: the inputs of the ranker that chose the weights; None where none did.
        rule_parts: the index's key of a product -> parts of its score by rules with conditions.
    """

    filters: Filters
    like: Example
    weights: Mapping[str, float]
    norms: ScoreNormalizer
    static: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    unlike: Example | None = None
    merchandising: Merchandising = field(default_factory=Merchandising)
    explain: bool = False
    ranker: Ranker | None = None
    by_look: bool = False
    ranker_features: RankerFeatures | None = None
    rule_parts: Mapping[str | int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def dimension_names(self) -> list[str]:
        """The dimensions that photos are compared in, ``text`` and ``caption`` last where the query has words."""
        return [*self.filter_names, *self.word_names]

    @property
    def filter_names(self) -> list[str]:
        """The dimensions of the filters."""
        return [dimension.name for dimension in self.filters.dimensions]

    @property
    def word_names(self) -> list[str]:
        """The dimensions of the query's words."""
        words = {TEXT: self.like.text, CAPTION: self.like.caption}
        return [name for name, query in words.items() if query is not None]

    @property
    def counting(self) -> list[str]:
        """The dimensions whose weight is above 0."""
        return [name for name, weight in self.weights.items() if weight > 0]

    @property
    def importances(self) -> dict[str, float]:
        """Dimension -> weight in standard deviations, summing to 1: the input of
        :meth:`ScoreNormalizer.normalize_weights`."""
        shares = {name: weight * self.norms.spreads[name] for name, weight in self.weights.items()}
        total = sum(shares.values())
        return {name: share / total for name, share in shares.items()}

    @property
    def average(self) -> float:
        """Score of the shop's average product for this query."""
        return self.norms.average_score(self.weights)

    @property
    def scale(self) -> ScoreScale:
        """What the scores of this query mean among the shop's products."""
        spread = sum(weight * self.norms.spreads[name] for name, weight in self.weights.items())
        return ScoreScale(self.average, spread)

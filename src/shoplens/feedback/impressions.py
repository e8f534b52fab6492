"""Impressions: what an answer showed and how it was ranked, which is all that training needs; without any pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.filter_retrieval import retrieve_ranker_features
from shoplens.ranking.ranker_features import Floats, RankerFeatures, standardize
from shoplens.ranking.strategies import EncodedQuery
from shoplens.store.manifest import Manifest
from shoplens.types import Candidate, Result

MAX_PRODUCTS = 100
"""Number of products of an answer that are logged; few shoppers look further down."""


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """One answer that was shown.

    Attributes:
        query_id: of the answer.
        at: seconds since 1970.
        user: the shop's id of the shopper; empty where it is unknown.
        strategy: that ranked.
        model: id of the vectors that looks were compared by, :func:`embedding_model_id`; those of others differ.
        importances: dimension -> weight of the ranking, in standard deviations.
        ranker_features: embedding and signals of the query, and similarities of the products that were shown.
        products: their ids, in the order of the rows of ``ranker_features.places``.
        ranks: at which each was shown, from 1.
    """

    query_id: str
    at: float
    user: str
    strategy: str
    model: str
    importances: Mapping[str, float]
    ranker_features: RankerFeatures
    products: Sequence[str]
    ranks: Sequence[int]


def embedding_model_id(manifest: Manifest) -> str:
    """Return the id of a generation's embedder, with that of its trained head."""
    return f"{manifest.model} {manifest.look}".strip()


def build_ranker_features(
    index: Index, photo: EncodedQuery, results: Iterable[Result], tiers: Iterable[Iterable[Candidate]]
) -> tuple[RankerFeatures, list[Result]] | None:
    """Collect what an impression holds of an answer's query and products; None where no filters ranked any.

    Products that have the query photo itself are left out, since no weights ranked them.

    Args:
        results: that were shown, best first.
        tiers: the candidates that the results were chosen from.
    """
    query = photo.filtered
    if query is None:
        return None
    scores = {one.product.id: one.scores for tier in tiers for one in tier}
    kept = [one for one in results if not (one.same_photo or one.barcode)][:MAX_PRODUCTS]
    if not kept:
        return None
    features = query.ranker_features or retrieve_ranker_features(index, query, PhotoConstraint())
    rows = [[scores[one.product.id][name] for name in features.names] for one in kept]
    similarities: Floats = np.array(rows, np.float32).reshape(len(kept), len(features.names))
    places = standardize(similarities, query.norms, features.names)
    return RankerFeatures(features.names, features.look, features.signals, places), kept

"""What an answer showed, and by what it was ranked: all that is learned from, and nothing of the photo's pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.filter_retrieval import evidence_of
from shoplens.ranking.ranker_features import Evidence, Floats, standardize
from shoplens.ranking.strategies import EncodedQuery
from shoplens.store.manifest import Manifest
from shoplens.types import Candidate, Result

MOST_SHOWN = 100
"""Products of an answer that are kept; further down nobody looks."""


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """One answer.

    Attributes:
        query_id: its name.
        at: seconds since 1970.
        user: who asked, as the shop calls them; empty where nobody knows.
        strategy: that answered.
        model: what looks were compared by, :func:`embedding_model_id`; other looks' numbers mean something else.
        asked: dimension -> weight that ranked, in standard deviations.
        seen: the query's embedding and signals, and the similarities of what was shown.
        products: ids, the first one first, as the rows of ``seen.places``.
        ranks: at which each was shown, from 1.
    """

    query_id: str
    at: float
    user: str
    strategy: str
    model: str
    asked: Mapping[str, float]
    seen: Evidence
    products: Sequence[str]
    ranks: Sequence[int]


def embedding_model_id(manifest: Manifest) -> str:
    """The model that a generation looks with, and its trained look."""
    return f"{manifest.model} {manifest.look}".strip()


def impression_evidence(
    index: Index, photo: EncodedQuery, found: Iterable[Result], tiers: Iterable[Iterable[Candidate]]
) -> tuple[Evidence, list[Result]] | None:
    """What is to be kept of an answer's query and products; None where no filters ranked any.

    Products that are there since the query is their very photo are left out: nobody weighed them.

    Args:
        found: what was shown, best first.
        tiers: the candidates that it was chosen from.
    """
    query = photo.filtered
    if query is None:
        return None
    scores = {one.product.id: one.scores for tier in tiers for one in tier}
    kept = [one for one in found if not one.same_photo][:MOST_SHOWN]
    if not kept:
        return None
    seen = query.seen or evidence_of(index, query, PhotoConstraint())
    rows = [[scores[one.product.id][name] for name in seen.names] for one in kept]
    similarities: Floats = np.array(rows, np.float32).reshape(len(kept), len(seen.names))
    return Evidence(seen.names, seen.look, seen.signals, standardize(similarities, query.norms, seen.names)), kept

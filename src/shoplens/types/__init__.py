"""The values that the packages exchange: small, frozen, and checked when they are created."""

from shoplens.types.answers import (
    Answer,
    Candidate,
    ClassMatch,
    Facet,
    MatchPoint,
    MatchRegions,
    Reasons,
    Result,
    Verdict,
    View,
)
from shoplens.types.catalogue import MAX_ID_LENGTH, Attributes, Photo, Product, Rejection, Value, group_of
from shoplens.types.progress import Progress
from shoplens.types.queries import MAX_RESULTS, ObjectBox, Query, Region, SoldOut, Steering
from shoplens.types.stage_timer import StageTimer
from shoplens.types.text import fold, normalize_nfc, value_text
from shoplens.types.vectors import (
    ByteMask,
    Embeddings,
    Features,
    FilterScores,
    Mask,
    Pixels,
    SparseRows,
    SparseVector,
    Vectors,
)
from shoplens.types.words import MeaningKind, WordMeaning

__all__ = [
    "MAX_ID_LENGTH",
    "MAX_RESULTS",
    "Answer",
    "Attributes",
    "ByteMask",
    "Candidate",
    "ClassMatch",
    "Embeddings",
    "Facet",
    "Features",
    "FilterScores",
    "Mask",
    "MatchPoint",
    "MatchRegions",
    "MeaningKind",
    "ObjectBox",
    "Photo",
    "Pixels",
    "Product",
    "Progress",
    "Query",
    "Reasons",
    "Region",
    "Rejection",
    "Result",
    "SoldOut",
    "SparseRows",
    "SparseVector",
    "StageTimer",
    "Steering",
    "Value",
    "Vectors",
    "Verdict",
    "View",
    "WordMeaning",
    "fold",
    "group_of",
    "normalize_nfc",
    "value_text",
]

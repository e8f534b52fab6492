"""The values that travel between the packages: small, frozen, checked at birth."""

from shoplens.types.answers import Answer, Candidate, ClassMatch, Facet, Reasons, Result, Verdict
from shoplens.types.catalogue import MAX_ID_LENGTH, Attributes, Photo, Product, Rejection, Value
from shoplens.types.queries import MOST_RESULTS, Query, Region, SoldOut, Steering
from shoplens.types.stage_timer import StageTimer
from shoplens.types.text import compose, fold, text_of
from shoplens.types.vectors import Embeddings, Features, FilterScores, Pixels, SparseRows, SparseVector, Vectors

__all__ = [
    "MAX_ID_LENGTH",
    "MOST_RESULTS",
    "Answer",
    "Attributes",
    "Candidate",
    "ClassMatch",
    "Embeddings",
    "Facet",
    "Features",
    "FilterScores",
    "Photo",
    "Pixels",
    "Product",
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
    "compose",
    "fold",
    "text_of",
]

"""Visual product search: a photo in, the shop's products out, with the reason for each."""

from shoplens.build_run import Summary
from shoplens.embedders import Embedder
from shoplens.errors import (
    ConditionError,
    FeedError,
    InvalidValue,
    ModelError,
    PhotoError,
    Refused,
    ShoplensError,
    StoreError,
)
from shoplens.evaluation.check import CheckOptions
from shoplens.evaluation.results import Evaluation
from shoplens.settings import Settings
from shoplens.shop import Shop
from shoplens.types import Answer, Facet, Product, Reasons, Region, Rejection, Result, Steering

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "CheckOptions",
    "ConditionError",
    "Embedder",
    "Evaluation",
    "Facet",
    "FeedError",
    "InvalidValue",
    "ModelError",
    "PhotoError",
    "Product",
    "Reasons",
    "Refused",
    "Region",
    "Rejection",
    "Result",
    "Settings",
    "Shop",
    "ShoplensError",
    "Steering",
    "StoreError",
    "Summary",
]

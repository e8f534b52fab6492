"""Visual product search: a photo in, the shop's products out, with the reason for each.

The names below are loaded when they are first used, so that a part of the package costs no more than itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoplens.build.run import Summary
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
    from shoplens.evaluation.regression.check import CheckOptions
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
_HOMES = {
    "Answer": "shoplens.types",
    "CheckOptions": "shoplens.evaluation.regression.check",
    "ConditionError": "shoplens.errors",
    "Embedder": "shoplens.embedders",
    "Evaluation": "shoplens.evaluation.results",
    "Facet": "shoplens.types",
    "FeedError": "shoplens.errors",
    "InvalidValue": "shoplens.errors",
    "ModelError": "shoplens.errors",
    "PhotoError": "shoplens.errors",
    "Product": "shoplens.types",
    "Reasons": "shoplens.types",
    "Refused": "shoplens.errors",
    "Region": "shoplens.types",
    "Rejection": "shoplens.types",
    "Result": "shoplens.types",
    "Settings": "shoplens.settings",
    "Shop": "shoplens.shop",
    "ShoplensError": "shoplens.errors",
    "Steering": "shoplens.types",
    "StoreError": "shoplens.errors",
    "Summary": "shoplens.build.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shoplens' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""Conditions on values that the filters predict where the feed gives none."""

from __future__ import annotations

from collections.abc import Mapping

from shoplens.index.conditions import AllOf, AnyOf, Condition, FieldValues, Not, OneOf
from shoplens.types import fold

PREDICTED = "predicted."
PROBABILITY_STEPS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Lower bounds on the probability of a predicted value that a condition can require."""


def predicted_values(predicted: Mapping[str, Mapping[str, float]]) -> dict[str, FieldValues]:
    """Return the fields of the values that the filters predict: one per dimension, named e.g. ``predicted.color``.

    A field holds each class once for every step of :data:`PROBABILITY_STEPS` that its probability reaches:
    ``green@0.5``, ``green@0.6``. A bound on the probability thus becomes an equality, which every index finds fast.

    Args:
        predicted: dimension -> class -> probability.
    """
    return {
        f"{PREDICTED}{name}": FieldValues(
            tuple(
                bounded_class(value, step)
                for value, probability in classes.items()
                for step in PROBABILITY_STEPS
                if probability >= step
            )
        )
        for name, classes in predicted.items()
        if classes
    }


def include_predicted(
    condition: Condition, dimensions: Mapping[str, str], probability: float, kinds: Mapping[str, frozenset[str]]
) -> Condition:
    """Return the condition, extended to products whose values the filters predict where the feed gives none.

    Args:
        condition: a condition on the feed's values.
        dimensions: field -> name of its dimension.
        probability: least probability of a predicted value; rounded up to the next of :data:`PROBABILITY_STEPS`.
        kinds: the fields of the index, see :meth:`~shoplens.index.protocol.Index.field_kinds`.
    """
    match condition:
        case OneOf(field):
            predicted = f"{PREDICTED}{dimensions.get(field, '')}"
            if predicted not in kinds:
                return condition
            step = next((bound for bound in PROBABILITY_STEPS if bound >= probability - 1e-9), PROBABILITY_STEPS[-1])
            classes = tuple(bounded_class(value, step) for value in condition.operands)
            guessed = OneOf(predicted, texts=classes)
            return AnyOf((condition, guessed)) if field in kinds else guessed
        case Not(inner):
            return Not(include_predicted(inner, dimensions, probability, kinds))
        case AllOf(conditions):
            return AllOf(tuple(include_predicted(inner, dimensions, probability, kinds) for inner in conditions))
        case AnyOf(conditions):
            return AnyOf(tuple(include_predicted(inner, dimensions, probability, kinds) for inner in conditions))
        case _:
            return condition


def bounded_class(value: str, step: float) -> str:
    """Return the text by which a field holds a class whose probability is at least ``step``."""
    return f"{fold(value)}@{step:g}"

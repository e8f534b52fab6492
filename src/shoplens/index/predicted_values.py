"""Conditions on values that the filters predict, where the feed is silent."""

from __future__ import annotations

from collections.abc import Mapping

from shoplens.index.conditions import AllOf, AnyOf, Condition, FieldValues, Not, OneOf
from shoplens.types import fold

PREDICTED = "predicted."
LIKELIHOODS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Steps of probability that predicted values can be asked for by."""


def predicted_values(predicted: Mapping[str, Mapping[str, float]]) -> dict[str, FieldValues]:
    """Fields for what the filters predict where the feed is silent: one per dimension, named ``predicted.color``.

    They hold each class once for every step of :data:`LIKELIHOODS` that its probability reaches: ``green@0.5``,
    ``green@0.6``. So a bound on the probability is an equality, which every index is fast at.
    """
    return {
        f"{PREDICTED}{name}": FieldValues(
            tuple(
                likely(value, step)
                for value, probability in classes.items()
                for step in LIKELIHOODS
                if probability >= step
            )
        )
        for name, classes in predicted.items()
        if classes
    }


def with_predicted(
    condition: Condition, dimensions: Mapping[str, str], probability: float, kinds: Mapping[str, frozenset[str]]
) -> Condition:
    """The condition, met also by products whose values the filters predict, where the feed gives none.

    Args:
        condition: on the feed's values.
        dimensions: field -> the dimension it is.
        probability: that a predicted value has at least; rounded up to the next of :data:`LIKELIHOODS`.
        kinds: fields of the index.
    """
    match condition:
        case OneOf(field):
            predicted = f"{PREDICTED}{dimensions.get(field, '')}"
            if predicted not in kinds:
                return condition
            step = next((one for one in LIKELIHOODS if one >= probability - 1e-9), LIKELIHOODS[-1])
            return AnyOf((condition, OneOf(predicted, texts=tuple(likely(value, step) for value in condition.written))))
        case Not(inner):
            return Not(with_predicted(inner, dimensions, probability, kinds))
        case AllOf(several):
            return AllOf(tuple(with_predicted(one, dimensions, probability, kinds) for one in several))
        case AnyOf(several):
            return AnyOf(tuple(with_predicted(one, dimensions, probability, kinds) for one in several))
        case _:
            return condition


def likely(value: str, step: float) -> str:
    """How a class that is at least as probable as ``step`` is written."""
    return f"{fold(value)}@{step:g}"

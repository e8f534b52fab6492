"""Which dimension counts how much: the shop's weights, a profile's, the shopper's, in this order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shoplens.errors import InvalidValue
from shoplens.filters.dimension import PATH
from shoplens.preferences import Preferences, Profile
from shoplens.types import Steering


def resolved(
    fitted: Mapping[str, float], preferences: Preferences, steering: Steering, category: Iterable[str] = ()
) -> dict[str, float]:
    """Weights that sum to 1, of every dimension there is.

    Args:
        fitted: the generation's own, by dimension; their keys are the dimensions there are.
        preferences: the shop's.
        steering: of this search.
        category: nodes of the category tree that the query seems to be in, from the root down.

    Raises:
        InvalidValue: ``unknown-dimension``, ``unknown-profile``; ``no-weight`` where all are zero.

    >>> resolved({"look": 1, "color": 1}, Preferences(), Steering(weights={"color": 3}))
    {'look': 0.25, 'color': 0.75}
    """
    weights = dict(fitted)
    names = {name.casefold(): name for name in fitted}
    for where, given in _given(preferences, steering, category):
        for name, weight in given.items():
            if name.casefold() not in names:
                raise InvalidValue(
                    f"{where} weighs {name!r}, and there is no such dimension.",
                    f"There are: {', '.join(weights)}. See `shoplens dimensions`.",
                    code="unknown-dimension",
                )
            weights[names[name.casefold()]] = weight
    total = sum(weights.values())
    if not total > 0:
        raise InvalidValue("All weights are zero.", "Give one dimension a weight above 0.", code="no-weight")
    return {name: weight / total for name, weight in weights.items()}


def profile_named(preferences: Preferences, name: str) -> Profile:
    """A profile of ``shoplens.toml``; an empty one for no name.

    Raises:
        InvalidValue: ``unknown-profile``.
    """
    if not name:
        return Profile()
    if name not in preferences.profiles:
        there = ", ".join(preferences.profiles) or "none; write [profiles.NAME] with weights in shoplens.toml"
        raise InvalidValue(f"There is no profile {name!r}.", f"There are: {there}.", code="unknown-profile")
    return preferences.profiles[name]


def _given(
    preferences: Preferences, steering: Steering, category: Iterable[str]
) -> list[tuple[str, Mapping[str, float]]]:
    profile = profile_named(preferences, steering.profile)
    nodes = {_folded(node) for node in category}
    own = [weights for path, weights in sorted(profile.by_category.items()) if _folded(path) in nodes]
    return [
        ("shoplens.toml", preferences.weights),
        *((f"The profile {steering.profile!r}", weights) for weights in (profile.weights, *own)),
        ("--weight", steering.weights),
    ]


def _folded(path: str) -> str:
    return PATH.join(step.strip().casefold() for step in path.split(PATH.strip()))

"""The weights of a search: those of the shop, of a profile, and of the shopper; a later one overrides an earlier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import PATH
from shoplens.settings import Preferences, Profile, fold_name
from shoplens.types import Steering


def resolve_weights(
    fitted: Mapping[str, float], preferences: Preferences, steering: Steering, category: Iterable[str] = ()
) -> dict[str, float]:
    """Return the weights of all dimensions, which sum to 1.

    Args:
        fitted: dimension -> weight of the generation, for every dimension.
        preferences: of the shop.
        steering: of this search.
        category: nodes of the category tree that the query is probably in, from the root down.

    Raises:
        InvalidValue: ``unknown-dimension``, ``unknown-profile``; ``no-weight`` where all are zero.

    >>> resolve_weights({"look": 1, "color": 1}, Preferences(), Steering(weights={"color": 3}))
    {'look': 0.25, 'color': 0.75}
    """
    weights = {**fitted, **given_weights(fitted, preferences, steering, category)}
    total = sum(weights.values())
    if not total > 0:
        raise InvalidValue("All weights are zero.", "Give one dimension a weight above 0.", code="no-weight")
    return {name: weight / total for name, weight in weights.items()}


def given_weights(
    names: Iterable[str], preferences: Preferences, steering: Steering, category: Iterable[str] = ()
) -> dict[str, float]:
    """Return the weights that people gave, of the dimensions that they named; a later one overrides an earlier.

    Args:
        names: of all dimensions.

    Raises:
        InvalidValue: ``unknown-dimension``, ``unknown-profile``.

    >>> given_weights(["look", "color"], Preferences(weights={"color": 2}), Steering(weights={"Color": 3}))
    {'color': 3}
    """
    known = _fold_names(tuple(names))
    weights: dict[str, float] = {}
    for source, given in _weight_sources(preferences, steering, category):
        for name, weight in given.items():
            if fold_name(name) not in known:
                raise InvalidValue(
                    f"{source} gives a weight to {name!r}, and there is no such dimension.",
                    f"There are: {', '.join(known.values())}. See `shoplens dimensions`.",
                    code="unknown-dimension",
                )
            weights[known[fold_name(name)]] = weight
    return weights


@lru_cache(64)
def _fold_names(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return folded name -> name of the dimensions of a generation, which every search looks up."""
    return {fold_name(name): name for name in names}


def format_weights(weights: Mapping[str, float]) -> str:
    """Write weights as text, the heaviest first, without those that would be shown as .00.

    >>> format_weights({"look": 0.31, "pattern": 0.46, "cut": 0.001})
    'pattern .46, look .31'
    """
    heaviest = sorted(weights.items(), key=lambda one: -one[1])
    shown = [(name, f"{weight:.2f}".removeprefix("0")) for name, weight in heaviest]
    return ", ".join(f"{name} {weight}" for name, weight in shown if weight != ".00")


def profile_named(preferences: Preferences, name: str) -> Profile:
    """Return a profile of ``shoplens.toml``; an empty one for an empty name.

    Raises:
        InvalidValue: ``unknown-profile``.
    """
    if not name:
        return Profile()
    if name not in preferences.profiles:
        names = ", ".join(preferences.profiles) or "none; write [profiles.NAME] with weights in shoplens.toml"
        raise InvalidValue(f"There is no profile {name!r}.", f"There are: {names}.", code="unknown-profile")
    return preferences.profiles[name]


def _weight_sources(
    preferences: Preferences, steering: Steering, category: Iterable[str]
) -> list[tuple[str, Mapping[str, float]]]:
    profile = profile_named(preferences, steering.profile)
    nodes = {_fold_path(node) for node in category}
    own = [weights for path, weights in sorted(profile.by_category.items()) if _fold_path(path) in nodes]
    return [
        ("shoplens.toml", preferences.weights),
        *((f"The profile {steering.profile!r}", weights) for weights in (profile.weights, *own)),
        ("--weight", steering.weights),
    ]


def _fold_path(path: str) -> str:
    return PATH.join(step.strip().casefold() for step in path.split(PATH.strip()))

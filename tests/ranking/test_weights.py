"""Weights of the generation, of the shop, of a profile and of the shopper; for each dimension the last one wins."""

from __future__ import annotations

from typing import Any

import pytest

from shoplens.errors import InvalidValue
from shoplens.ranking.weights import profile_named, resolve_weights
from shoplens.settings import Preferences, Profile
from shoplens.types import Steering

FITTED = {"look": 1.0, "color": 2.0, "pattern": 1.0}
DARK = Profile({"look": 5.0})
BY_CATEGORY = Profile(
    {"color": 7.0},
    {"Women": {"color": 8.0}, "women > TOPS": {"color": 9.0, "pattern": 0.0}, "Home": {"color": 1.0}},
)
SHOP = Preferences(weights={"look": 3.0}, profiles={"dark": DARK, "sorted": BY_CATEGORY})


def shares(**weights: float) -> Any:
    """Return these weights divided by their sum, for comparison with a tolerance."""
    total = sum(weights.values())
    return pytest.approx({name: weight / total for name, weight in weights.items()})


def test_weights_sum_to_one() -> None:
    weights = resolve_weights(FITTED, Preferences(), Steering())
    assert weights == shares(look=1, color=2, pattern=1)
    assert sum(weights.values()) == pytest.approx(1)


def test_shopper_weights_override_profile_shop_and_fitted_weights() -> None:
    assert resolve_weights(FITTED, SHOP, Steering()) == shares(look=3, color=2, pattern=1)
    assert resolve_weights(FITTED, SHOP, Steering(profile="dark")) == shares(look=5, color=2, pattern=1)
    steering = Steering(profile="dark", weights={"color": 10, "pattern": 0})
    assert resolve_weights(FITTED, SHOP, steering) == shares(look=5, color=10, pattern=0)


@pytest.mark.parametrize(
    ("category", "color", "pattern"),
    [
        ((), 7, 1),
        (("Home",), 1, 1),
        (("WOMEN",), 8, 1),
        (("Women", "Women > Tops"), 9, 0),
        (("Women", "Women > Dresses"), 8, 1),
        (("Men", "Men > Tops"), 7, 1),
    ],
)
def test_the_deepest_category_of_a_profile_wins(category: tuple[str, ...], color: float, pattern: float) -> None:
    weights = resolve_weights(FITTED, SHOP, Steering(profile="sorted"), category)
    assert weights == shares(look=3, color=color, pattern=pattern)


def test_a_profile_applies_only_to_queries_that_name_it() -> None:
    assert resolve_weights(FITTED, SHOP, Steering(), ("Women",)) == shares(look=3, color=2, pattern=1)


@pytest.mark.parametrize(
    ("preferences", "steering", "problem"),
    [
        (Preferences(), Steering(weights={"colour": 1}), "--weight gives a weight to 'colour'"),
        (Preferences(weights={"colour": 1}), Steering(), "shoplens.toml gives a weight to 'colour'"),
        (
            Preferences(profiles={"odd": Profile({"colour": 1})}),
            Steering(profile="odd"),
            "The profile 'odd' gives a weight to 'col",
        ),
    ],
)
def test_the_error_for_an_unknown_dimension_names_the_source_of_its_weight(
    preferences: Preferences, steering: Steering, problem: str
) -> None:
    with pytest.raises(InvalidValue) as error:
        resolve_weights(FITTED, preferences, steering)
    assert error.value.code == "unknown-dimension"
    assert error.value.problem.startswith(problem)
    assert error.value.fix == "There are: look, color, pattern. See `shoplens dimensions`."


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(InvalidValue) as error:
        resolve_weights(FITTED, SHOP, Steering(weights=dict.fromkeys(FITTED, 0)))
    assert error.value.code == "no-weight"
    assert resolve_weights(FITTED, SHOP, Steering(weights={**dict.fromkeys(FITTED, 0), "color": 1e-9}))["color"] == 1


@pytest.mark.parametrize("weight", [-1, -1e-9, float("nan"), float("inf"), True])
def test_a_negative_infinite_nan_or_boolean_weight_is_refused(weight: float) -> None:
    with pytest.raises(InvalidValue) as error:
        Steering(weights={"color": weight})
    assert error.value.code == "bad-weight"
    assert error.value.problem == f"The weight of 'color' is {weight!r}."


def test_profile_named_returns_the_profile_of_that_name() -> None:
    assert profile_named(SHOP, "dark") is DARK
    assert profile_named(SHOP, "") == Profile()
    with pytest.raises(InvalidValue, match="There are: dark, sorted") as error:
        profile_named(SHOP, "Dark")
    assert error.value.code == "unknown-profile"
    with pytest.raises(InvalidValue, match=r"write \[profiles.NAME\]"):
        resolve_weights(FITTED, Preferences(), Steering(profile="dark"))

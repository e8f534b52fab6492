"""Weights: the generation's, the shop's, the profile's, the shopper's; later ones win, name by name."""

from __future__ import annotations

from typing import Any

import pytest

from shoplens.errors import InvalidValue
from shoplens.ranking.weights import profile_named, resolve_weights
from shoplens.settings import Preferences, Profile
from shoplens.types import Steering

FITTED = {"look": 1.0, "color": 2.0, "pattern": 1.0}
NEARLY_BLACK = Profile({"look": 5.0})
BY_CATEGORY = Profile(
    {"color": 7.0},
    {"Women": {"color": 8.0}, "women > TOPS": {"color": 9.0, "pattern": 0.0}, "Home": {"color": 1.0}},
)
SHOP = Preferences(weights={"look": 3.0}, profiles={"dark": NEARLY_BLACK, "sorted": BY_CATEGORY})


def shares(**weights: float) -> Any:
    total = sum(weights.values())
    return pytest.approx({name: weight / total for name, weight in weights.items()})


def test_weights_sum_to_one() -> None:
    found = resolve_weights(FITTED, Preferences(), Steering())
    assert found == shares(look=1, color=2, pattern=1)
    assert sum(found.values()) == pytest.approx(1)


def test_later_ones_win_name_by_name() -> None:
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
def test_a_profile_may_differ_by_category_and_the_deeper_one_wins(
    category: tuple[str, ...], color: float, pattern: float
) -> None:
    found = resolve_weights(FITTED, SHOP, Steering(profile="sorted"), category)
    assert found == shares(look=3, color=color, pattern=pattern)


def test_a_profile_counts_only_where_it_is_asked_for() -> None:
    assert resolve_weights(FITTED, SHOP, Steering(), ("Women",)) == shares(look=3, color=2, pattern=1)


@pytest.mark.parametrize(
    ("preferences", "steering", "told"),
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
def test_a_dimension_that_is_not_there_is_named_with_who_weighs_it(
    preferences: Preferences, steering: Steering, told: str
) -> None:
    with pytest.raises(InvalidValue) as odd:
        resolve_weights(FITTED, preferences, steering)
    assert odd.value.code == "unknown-dimension"
    assert odd.value.problem.startswith(told)
    assert odd.value.fix == "There are: look, color, pattern. See `shoplens dimensions`."


def test_all_zero_is_no_ranking() -> None:
    with pytest.raises(InvalidValue) as odd:
        resolve_weights(FITTED, SHOP, Steering(weights=dict.fromkeys(FITTED, 0)))
    assert odd.value.code == "no-weight"
    assert resolve_weights(FITTED, SHOP, Steering(weights={**dict.fromkeys(FITTED, 0), "color": 1e-9}))["color"] == 1


@pytest.mark.parametrize("weight", [-1, -1e-9, float("nan"), float("inf"), True])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(InvalidValue) as odd:
        Steering(weights={"color": weight})
    assert odd.value.code == "bad-weight"
    assert odd.value.problem == f"The weight of 'color' is {weight!r}."


def test_profiles_are_found_by_name() -> None:
    assert profile_named(SHOP, "dark") is NEARLY_BLACK
    assert profile_named(SHOP, "") == Profile()
    with pytest.raises(InvalidValue, match="There are: dark, sorted") as odd:
        profile_named(SHOP, "Dark")
    assert odd.value.code == "unknown-profile"
    with pytest.raises(InvalidValue, match=r"write \[profiles.NAME\]"):
        resolve_weights(FITTED, Preferences(), Steering(profile="dark"))

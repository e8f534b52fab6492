"""Searches that are steered: weights, profiles, colours, examples, what is not wanted, predicted values, facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import ConditionError, InvalidValue, PhotoError
from shoplens.settings import DimensionRule, DimensionRules, Merchandising, Preferences, Profile, Settings
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Answer, Facet, Steering
from tests.fakes import ColourEmbedder
from tests.patterned_shop import COLORS, PER_KIND, PRODUCTS, asked, made_feed, product_name, tells_color

NAMES = {"look", "shape", "color", "pattern", "category"}
SHOPS = Preferences(
    profiles={
        "same-color": Profile({**dict.fromkeys(NAMES, 0.0), "color": 1.0}),
        "by-category": Profile(
            {**dict.fromkeys(NAMES, 0.0), "color": 1.0}, {"Women > Tops": {"color": 0.0, "pattern": 1.0}}
        ),
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    feed = made_feed(folder)
    made, summary = Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=Settings(threads=2))
    assert (summary.products, summary.rejected) == (PRODUCTS, 0)
    made.close()
    return folder


def opened(store: Path, preferences: Preferences = SHOPS) -> Shop:
    return Shop(store, embedder=ColourEmbedder(), settings=Settings(threads=2, preferences=preferences))


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    with opened(folder / "store") as shop:
        yield shop


def ask(
    shop: Shop, photo: Path | None, k: int = PRODUCTS, where: str | tuple[str, ...] = (), **steering: Any
) -> Answer:
    return shop.search(photo, k, where=where, steering=Steering(**steering))


def only(name: str) -> dict[str, float]:
    """Weights by which one dimension alone counts."""
    return {**dict.fromkeys(NAMES, 0.0), name: 1.0}


def ids(answer: Answer) -> list[str]:
    return [result.product.id for result in answer.results]


def colors(answer: Answer, k: int) -> set[str]:
    return {name.split("-")[0] for name in ids(answer)[:k]}


def patterns(answer: Answer, k: int) -> set[str]:
    return {name.split("-")[1] for name in ids(answer)[:k]}


def adds_up(answer: Answer) -> None:
    assert sum(answer.weights.values()) == pytest.approx(1)
    for result in answer.results:
        assert sum(result.parts.values()) == result.score
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)


# Weights and profiles


def test_every_dimension_of_the_feed_is_weighed(shop: Shop, folder: Path) -> None:
    answer = ask(shop, asked(folder, "red", "striped"))
    assert (answer.strategy, set(answer.weights), len(answer.results)) == ("filters-static", NAMES, PRODUCTS)
    adds_up(answer)
    assert all(set(result.parts) == NAMES for result in answer.results)


def test_weights_move_the_ranking_at_once(shop: Shop, folder: Path) -> None:
    for color in COLORS:
        photo = asked(folder, color, "striped")
        by_color, by_pattern = ask(shop, photo, weights=only("color")), ask(shop, photo, weights=only("pattern"))
        assert colors(by_color, 2 * PER_KIND) == {color}
        assert patterns(by_pattern, 4 * PER_KIND) == {"striped"}
        assert by_color.weights == pytest.approx(only("color"))
        for answer in (by_color, by_pattern):
            adds_up(answer)
        assert all(result.parts["look"] == 0 for result in by_color.results)


def test_a_profile_is_named_and_a_weight_goes_over_it(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "blue", "striped")
    profile = ask(shop, photo, profile="same-color")
    assert ids(profile) == ids(ask(shop, photo, weights=only("color")))
    over = ask(shop, photo, profile="same-color", weights={"color": 0.0, "pattern": 2.0})
    assert ids(over) == ids(ask(shop, photo, weights=only("pattern")))


def test_a_profile_may_count_otherwise_in_a_category(shop: Shop, folder: Path) -> None:
    """Of the product that is started from the feed says the category."""
    top, rug = product_name("green", "striped", 4), product_name("green", "striped", 3)
    for name, counting in ((top, "pattern"), (rug, "color")):
        answer = shop.similar(name, PRODUCTS, steering=Steering(profile="by-category"))
        assert answer.weights == pytest.approx(only(counting))


def test_the_shops_own_weights_are_the_default(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo = asked(folder, "yellow", "plain")
    with opened(tmp_path / "store", Preferences(weights=only("color"))) as shop:
        assert shop.search(photo).weights == pytest.approx(only("color"))
        assert colors(shop.search(photo, 18), 18) == {"yellow"}
        assert ask(shop, photo, weights={"color": 0, "look": 1}).weights == pytest.approx(only("look"))


def test_a_merchandisers_say_is_a_part_of_the_score(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue = asked(folder, "red", "plain"), product_name("blue", "striped", 1)
    with opened(tmp_path / "store", SHOPS) as shop:
        first = ids(shop.search(photo))[0]
    say = Preferences(merchandising=Merchandising(pins=(blue,), buries={first: 1.0}))
    with opened(tmp_path / "store", say) as shop:
        answer = shop.search(photo, PRODUCTS)
        assert ids(answer)[0] == blue and ids(answer)[-1] == first
        assert (answer.results[0].parts["pin"], answer.results[-1].parts["bury"]) == (2.0, -1.0)
        adds_up(answer)


def test_what_is_pinned_may_be_called_by_a_row_or_an_old_id(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    photo, blue, green = (
        asked(folder, "red", "plain"),
        product_name("blue", "striped", 1),
        product_name("green", "plain", 2),
    )
    say = Preferences(merchandising=Merchandising(("SKU-1", "before"), {}, {"SKU-9": 1.0}))
    with opened(tmp_path / "store", say) as shop:
        shop.products.update(blue, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": green})
        answer = shop.search(photo, PRODUCTS)
        assert ids(answer)[:2] == [blue, green]
        assert [one.parts.get("pin") for one in answer.results[:3]] == [3.0, 2.0, None]
        told = {one["entry"]: (one["by"], one["products"]) for one in shop.info()["merchandising"]}
        assert told == {"SKU-1": ("identifier", [blue]), "before": ("old-id", [green]), "SKU-9": ("nothing", [])}
        assert all("[merchandising]" in one["note"] for one in shop.info()["merchandising"])


# Without a photo, and against one


def test_a_color_alone_is_enough(shop: Shop) -> None:
    for name, text in (("blue", "#1e3cc8"), ("red", "red"), ("yellow", "gold")):
        answer = ask(shop, None, color=text)
        assert colors(answer, 2 * PER_KIND) == {name}
        assert answer.weights == pytest.approx(only("color"))
        assert answer.source == text
        adds_up(answer)


def test_a_color_takes_the_place_of_the_photos(shop: Shop, folder: Path) -> None:
    answer = ask(shop, asked(folder, "red", "striped"), color="blue", weights={**only("color"), "pattern": 1.0})
    assert colors(answer, PER_KIND) == {"blue"} and patterns(answer, PER_KIND) == {"striped"}
    adds_up(answer)


def test_the_photo_of_a_product_in_another_color_does_not_find_that_product(shop: Shop, folder: Path) -> None:
    name = product_name("red", "plain", 2)
    answer = ask(shop, folder / f"{name}.png", color="blue", weights=only("color"))
    assert ids(ask(shop, folder / f"{name}.png"))[0] == name
    assert colors(answer, 2 * PER_KIND) == {"blue"}
    assert not any(result.same_photo for result in answer.results)


def test_a_product_finds_those_like_it_and_not_itself(shop: Shop) -> None:
    name = product_name("green", "striped", 4)
    answer = shop.similar(name, PRODUCTS)
    assert name not in ids(answer) and len(ids(answer)) == PRODUCTS - 1
    assert colors(answer, 5) == {"green"} and patterns(answer, 5) == {"striped"}
    assert answer.source == name
    adds_up(answer)
    other = shop.similar(name, PRODUCTS, steering=Steering(weights=only("pattern")))
    assert patterns(other, 4 * PER_KIND - 1) == {"striped"}


def test_a_product_in_another_color(shop: Shop) -> None:
    steering = Steering(color="red", weights={**only("color"), "pattern": 1.0})
    answer = shop.similar(product_name("green", "striped", 4), PRODUCTS, steering=steering)
    assert colors(answer, PER_KIND) == {"red"} and patterns(answer, PER_KIND) == {"striped"}


def test_what_is_not_wanted_takes_its_part_off(shop: Shop, folder: Path) -> None:
    photo, unwanted = asked(folder, "red", "striped"), asked(folder, "red", "plain")
    weights = {**only("color"), "pattern": 1.0}
    plain = ask(shop, photo, weights=weights)
    answer = ask(shop, photo, weights=weights, unlike=unwanted.read_bytes())
    adds_up(answer)
    scores = {result.product.id: result.score for result in plain.results}
    for result in answer.results:
        assert result.parts["not"] <= 0
        assert result.score == pytest.approx(scores[result.product.id] + result.parts["not"], abs=1e-5)
    taken = {result.product.id: -result.parts["not"] for result in answer.results}
    assert max(taken, key=lambda name: taken[name]).startswith("red-plain")
    assert min(taken.values()) >= 0 and max(taken.values()) <= 0.5 + 1e-6
    assert ids(answer) != ids(plain)


# Reasons


def test_reasons_are_given_where_they_are_asked_for(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "green", "striped")
    assert all(result.reasons is None for result in ask(shop, photo).results)
    answer = ask(shop, photo, 10, explain=True)
    for result in answer.results:
        reasons = result.reasons
        assert reasons is not None
        assert reasons.weights == answer.weights
        for name, part in result.parts.items():
            assert part == pytest.approx(answer.weights[name] * reasons.similarities[name])
        assert reasons.ranks_without.keys() == {name for name, weight in answer.weights.items() if weight}
    first = answer.results[0].reasons
    assert first is not None
    assert first.matches["pattern"].name == "striped"
    assert first.matches["color"].name.casefold() == "green"


# Conditions on predicted values


@pytest.mark.parametrize("color", COLORS)
def test_predicted_values_are_taken_where_the_feed_is_silent(shop: Shop, folder: Path, color: str) -> None:
    photo, where = asked(folder, color, "plain"), f"color = {color}"
    told = ask(shop, photo, where=where)
    assert {int(name.rsplit("-", 1)[1]) % 2 for name in ids(told)} == {0}
    assert len(ids(told)) == 2 * sum(map(tells_color, range(PER_KIND)))
    assert all(result.predicted == {} for result in told.results)
    both = ask(shop, photo, where=where, predicted=0.5)
    assert set(ids(told)) < set(ids(both))
    assert colors(both, PRODUCTS) == {color}
    for result in both.results:
        silent = "color" not in result.product.attributes
        assert bool(result.predicted.get("color")) == silent
        if silent:
            assert result.predicted["color"][color.title()] >= 0.5
    sure = ask(shop, photo, where=where, predicted=0.99)
    assert set(ids(told)) <= set(ids(sure)) <= set(ids(both))


def test_what_is_not_so_is_not_predicted_so_either(shop: Shop, folder: Path) -> None:
    answer = ask(shop, asked(folder, "red", "plain"), where="not color = red", predicted=0.5)
    assert "red" not in colors(answer, PRODUCTS)


def test_a_probability_out_of_range_is_refused() -> None:
    for probability in (0.49, 1.0, float("nan")):
        with pytest.raises(InvalidValue, match=r"Choose 0\.50 to 0\.99"):
            Steering(predicted=probability)


# Facets


def facet(answer: Answer, name: str) -> Facet:
    (found,) = [one for one in answer.facets if one.field == name]
    return found


def test_facets_count_relevant_products_and_all(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "red", "striped")
    answer = ask(shop, photo, 3, facets=("color", "pattern"))
    everything = ask(shop, photo)
    for name in ("color", "pattern"):
        found = facet(answer, name)
        assert 0 < found.relevant < PRODUCTS
        near = [one.product for one in everything.results[: found.relevant]]
        counts = Counter(str(value) for product in near for value in product.attributes.get(name, ()))
        every = Counter(str(value) for one in everything.results for value in one.product.attributes.get(name, ()))
        assert dict(found.values) == {value: (counts[value], count) for value, count in every.items()}
        assert list(found.values) == sorted(found.values, key=lambda one: (-counts[one], -every[one], one.casefold()))
    assert facet(answer, "color").complete


def test_a_facet_with_ticks_is_counted_without_them(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "red", "striped")
    free = ask(shop, photo, facets=("color", "pattern"))
    ticked = ask(shop, photo, where=("pattern = striped",), facets=("color", "pattern"))
    assert facet(ticked, "pattern") == facet(free, "pattern")
    assert {value: every for value, (_, every) in facet(ticked, "color").values.items()} == {
        color.title(): sum(map(tells_color, range(PER_KIND))) for color in COLORS
    }


def test_a_field_that_is_not_there_cannot_be_counted(shop: Shop, folder: Path) -> None:
    for name in ("colour", "price"):
        with pytest.raises(ConditionError, match=f"There is no field '{name}' to count") as told:
            ask(shop, asked(folder, "red", "plain"), facets=(name,))
        assert told.value.code == "unknown-field" and "color" in told.value.fix


# What cannot be


@pytest.mark.parametrize(
    ("steering", "code"),
    [
        ({"weights": {"colour": 1}}, "unknown-dimension"),
        ({"weights": {"season": 1}}, "unknown-dimension"),  # all of one class
        ({"weights": dict.fromkeys(NAMES, 0)}, "no-weight"),
        ({"profile": "nothing"}, "unknown-profile"),
        ({"like": "nothing"}, "unknown-product"),
        ({"color": "greenish"}, "unknown-color"),
    ],
)
def test_what_is_not_there_is_an_error_and_nothing_changes(
    shop: Shop, folder: Path, steering: dict[str, Any], code: str
) -> None:
    photo = None if "like" in steering else asked(folder, "red", "plain")
    before = ids(shop.search(asked(folder, "red", "plain")))
    with pytest.raises(InvalidValue) as told:
        ask(shop, photo, **steering)
    assert told.value.code == code
    assert told.value.fix
    assert ids(shop.search(asked(folder, "red", "plain"))) == before


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_an_error(shop: Shop, folder: Path, weight: float) -> None:
    with pytest.raises(InvalidValue, match="The weight of 'color' is") as told:
        ask(shop, asked(folder, "red", "plain"), weights={"color": weight})
    assert told.value.code == "bad-weight"


@pytest.mark.parametrize(
    ("steering", "code"),
    [
        ({"like": product_name("red", "plain", 1)}, "conflicting-query"),
        ({"color": "red", "weights": {"color": 0}}, "color-without-weight"),
    ],
)
def test_settings_that_contradict_each_other_are_an_error(
    shop: Shop, folder: Path, steering: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidValue) as told:
        ask(shop, asked(folder, "blue", "plain"), **steering)
    assert told.value.code == code


def test_a_color_alone_that_does_not_count_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue) as told:
        ask(shop, None, color="red", weights={"color": 0})
    assert told.value.code == "no-weight"


def test_a_region_of_no_photo_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="A region was given without a photo") as told:
        shop.search(None, region=(0, 0, 5, 5), steering=Steering(color="red"))
    assert told.value.code == "region-of-nothing"


def test_a_strategy_that_cannot_be_steered_says_so(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue, match="has one dimension only") as told:
        shop.search(asked(folder, "red", "plain"), strategy="pretrained", steering=Steering(weights={"color": 1}))
    assert told.value.code == "needs-filters"


def test_nothing_to_search_by_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="There is nothing to search by"):
        ask(shop, None)


def test_a_photo_that_is_not_wanted_must_be_a_photo(shop: Shop, folder: Path) -> None:
    with pytest.raises(PhotoError):
        ask(shop, asked(folder, "red", "plain"), unlike=str(folder / "gone.png"))


def test_a_dropped_color_cannot_be_searched_by(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"color": DimensionRule(use=False)})
    with opened(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        shop.training.train_filters()
        assert "color" not in shop.search(asked(folder, "red", "plain")).weights
        with pytest.raises(InvalidValue) as told:
            ask(shop, None, color="red")
        assert told.value.code == "unknown-dimension"
        with pytest.raises(InvalidValue) as weighed:
            ask(shop, asked(folder, "red", "plain"), weights={"color": 1})
        assert weighed.value.code == "unknown-dimension"


def test_rules_that_no_product_meets_change_nothing(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"colour": DimensionRule(use=True)})
    with opened(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        before = ids(shop.search(asked(folder, "red", "plain")))
        live = shop._parts.store.live.name
        with pytest.raises(InvalidValue) as told:
            shop.training.train_filters()
        assert told.value.code == "unknown-dimension"
        assert shop._parts.store.live.name == live
        assert ids(shop.search(asked(folder, "red", "plain"))) == before


# By what a product is called


def test_a_product_is_started_from_by_any_name_of_it(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name, other = product_name("red", "striped", 1), product_name("blue", "plain", 3)
    with opened(tmp_path / "store") as shop:
        expected = shop.similar(name, PRODUCTS)
        shop.products.update(name, identifiers=("SKU-1", "shared"))
        shop.products.update(other, identifiers=("shared", name))
        shop._parts.store.add_renames({"before": name})
        for called in (name, "SKU-1", "before"):
            answer = shop.similar(called, PRODUCTS)
            assert ids(answer) == ids(expected) and name not in ids(answer) and other in ids(answer)
            assert answer.source == name
            found = shop.products.get(called)
            assert found is not None and found.id == name
        for call in (shop.similar, shop.products.get):
            with pytest.raises(InvalidValue, match="'shared' stands for 2 products") as told:
                call("shared")
            assert told.value.code == "ambiguous-product"
        assert shop.products.get("sku-1") is None
        where = {
            "id = SKU-1": {name},
            "id = 'shared'": {name, other},
            "id = before": set(),
            f"id = '{name}'": {name, other},
        }
        for text, products in where.items():
            assert set(ids(ask(shop, None, color="red", where=text))) == products


def test_only_its_own_id_changes_or_removes_a_product(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    name = product_name("red", "striped", 1)
    with opened(tmp_path / "store") as shop:
        shop.products.update(name, identifiers=("SKU-1",))
        shop._parts.store.add_renames({"before": name})
        for called in ("SKU-1", "before"):
            assert shop.products.remove(called) == 0 and called not in shop.products
            with pytest.raises(
                InvalidValue, match=f"'{called}' is not the id of a product, but another name of {name}"
            ) as told:
                shop.products.update(called, price=1.0)
            assert told.value.code == "unknown-product"
        assert name in shop.products and shop.products.remove(name) == 1 and name not in shop.products
        with pytest.raises(InvalidValue, match="There is no product 'SKU-1'"):
            shop.products.update("SKU-1", price=1.0)

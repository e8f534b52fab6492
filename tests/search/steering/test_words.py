"""Words steer a search: wanted classes replace the photo's, unwanted ones are left out, prices are conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop, Steering
from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR
from shoplens.ranking.filter_query import Example
from shoplens.ranking.text_retrieval import has_words
from shoplens.search.text_meanings import FRESH
from shoplens.search.wishes import (
    WISH_WEIGHT,
    apply_wishes,
    collect_wanted_classes,
    find_wished_dimensions,
    wish_weights,
)
from shoplens.types import Product, WordMeaning
from tests.patterned_shop import query_photo
from tests.search.steering.steered_search import check_parts, colors, patterns, product_ids, search


@pytest.mark.parametrize(
    ("text", "color", "pattern"),
    [("striped and red", "red", "striped"), ("rot gestreift", "red", "striped"), ("uni en bleu", "blue", "plain")],
)
def test_words_alone_find_what_they_say(shop: Shop, text: str, color: str, pattern: str) -> None:
    answer = search(shop, None, 9, text=text)
    assert (colors(answer, 9), patterns(answer, 9)) == ({color}, {pattern})
    check_parts(answer)
    assert answer.source == text and [meaning.kind for meaning in answer.words] == ["wanted", "wanted"]
    assert answer.verdict == "uncalibrated" and answer.notes == ()


def test_wanted_classes_replace_those_of_the_photo_and_the_rest_stays(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "red", "striped")
    green = search(shop, photo, 4, text="in green")
    assert (colors(green, 4), patterns(green, 4)) == ({"green"}, {"striped"})
    check_parts(green)
    plain = search(shop, photo, 4, text="einfarbig")
    assert patterns(plain, 4) == {"plain"}
    assert plain.importances["pattern"] == pytest.approx(WISH_WEIGHT / (1 + WISH_WEIGHT), abs=0.01)


def test_unwanted_classes_are_left_out_where_the_feed_or_the_filters_see_them(shop: Shop, folder: Path) -> None:
    answer = search(shop, query_photo(folder, "red", "striped"), text="nicht rot, pas rayé")
    assert len(answer.results) > 20
    assert "red" not in colors(answer, 72) and patterns(answer, 72) == {"plain"}
    (without_words,) = [search(shop, query_photo(folder, "red", "striped"), 3)]
    assert colors(without_words, 3) == {"red"}


def test_prices_are_conditions_and_change_no_score(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "red", "plain")
    answer = search(shop, photo, text="cheaper than 3")
    assert {result.product.price for result in answer.results} == {0, 1, 2}
    assert product_ids(answer) == product_ids(search(shop, photo, where="price < 3"))
    assert answer.weights == search(shop, photo).weights
    alone = search(shop, None, text="zwischen 2 und 3 €")
    assert {result.product.price for result in alone.results} == {2, 3} and len(alone.results) == 16


def test_words_and_a_ticked_condition_that_exclude_each_other_get_a_note(shop: Shop) -> None:
    answer = search(shop, None, text="red", where="color = Blue")
    assert answer.notes == (
        "The words 'red' and the condition color = Blue exclude each other: no product meets both.",
    )
    assert search(shop, None, text="blue", where="color = Blue").notes == ()
    cheap = search(shop, None, text="under 3", where="price > 5")
    assert cheap.results == () and "'under 3' and the condition price > 5 exclude each other" in " ".join(cheap.notes)
    torn = search(shop, None, text="red but not red")
    assert "they exclude it" in torn.notes[0] and "red" not in colors(torn, 72)


def test_what_is_not_understood_is_said_and_the_rest_is_searched(shop: Shop, folder: Path) -> None:
    answer = search(shop, None, 3, text="a flurbel in red")
    assert [(meaning.words, meaning.kind) for meaning in answer.words] == [("flurbel", "unknown"), ("red", "wanted")]
    photo = query_photo(folder, "red", "plain")
    assert product_ids(search(shop, photo, 5, text="flurbel")) == product_ids(search(shop, photo, 5))
    with pytest.raises(InvalidValue, match="is known in this shop") as error:
        search(shop, None, text="flurbel")
    assert error.value.code == "not-understood" and "Red" in error.value.fix


def test_other_words_are_searched_in_the_texts_of_products(shop: Shop, folder: Path) -> None:
    answer = search(shop, None, 4, text="7, striped")
    assert {name.split("-", 1)[1] for name in product_ids(answer)} == {"striped-7"}
    assert [(meaning.words, meaning.kind) for meaning in answer.words] == [("7", "title"), ("striped", "wanted")]
    check_parts(answer)
    with_photo = search(shop, query_photo(folder, "red", "plain"), 8, text="7")
    assert {name.split("-")[2] for name in product_ids(with_photo)} == {"7"} and product_ids(with_photo)[
        0
    ] == "red-plain-7"
    alone = search(shop, None, 8, text="summer 7")
    assert {name.split("-")[2] for name in product_ids(alone)} == {"7"}
    assert alone.words[0].condition == "season = 'summer'"


def test_a_store_without_room_for_words_reads_classes_and_prices_only(shop: Shop) -> None:
    with shop._parts.store.reading() as generation:
        text, names, generation.text, generation.names = generation.text, generation.names, None, None
        answer = search(shop, None, 3, text="7, red, under 5")
        generation.text, generation.names = text, names
    assert [meaning.kind for meaning in answer.words] == ["unknown", "wanted", "condition"]
    assert colors(answer, 3) == {"red"}


def test_words_need_filters_and_no_second_colour(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue) as error:
        shop.search(query_photo(folder, "red", "plain"), strategy="pretrained", steering=_steering("in red"))
    assert error.value.code == "needs-filters"
    with pytest.raises(InvalidValue) as error:
        search(shop, None, text="in red", color="blue")
    assert error.value.code == "conflicting-query"
    with pytest.raises(InvalidValue, match="at most 500"):
        _steering("x" * 501)


def test_a_weight_that_is_given_stays_beside_words(shop: Shop, folder: Path) -> None:
    answer = search(shop, query_photo(folder, "red", "plain"), 5, text="striped", weights={"pattern": 0})
    assert answer.weights["pattern"] == 0 and answer.results


def test_words_with_a_product_to_start_from(shop: Shop) -> None:
    answer = search(shop, None, 3, like="red-striped-0", text="in blue")
    assert (colors(answer, 3), patterns(answer, 3)) == ({"blue"}, {"striped"})


def test_marks_of_wanted_and_unwanted_classes_are_distributions(shop: Shop, folder: Path) -> None:
    with shop._parts.store.reading() as generation:
        filters = generation.require_filters()
        (entry,) = generation.index.entries(["red-striped-0"])
        assert entry.scores is not None
        dense = filters.space.dense_vectors(entry.scores.filter_vectors[:1])[0]
        example = Example(entry.vectors[0], dense, entry.scores.class_vectors[0])
        wanted = WordMeaning("a", 0, 1, "wanted", {"pattern": {"plain": 1.0}, "category": {"Home > Rugs": 1.0}})
        unwanted = WordMeaning("b", 2, 3, "unwanted", {"color": {"Red": 1.0}}, color="red")
        made = apply_wishes(filters, example, [wanted, unwanted])
        row = filters.layout.to_dense([made.marks])[0]
        for block in filters.layout.blocks_of("pattern") + filters.layout.blocks_of("category"):
            assert np.square(row[block.entries]).sum() == pytest.approx(block.share, abs=1e-5)
        assert filters.class_share(made.marks, "pattern", ["plain"]) == pytest.approx(1)
        assert filters.class_share(made.marks, COLOR, ["Red"]) == 0
        assert np.array_equal(made.look, example.look)
        wishes = find_wished_dimensions(filters, example, [wanted, unwanted])
        assert (wishes.wanted, wishes.also, wishes.muted) == (("pattern",), ("category",), ("color",))
        usual = dict.fromkeys(("look", "shape", "color", "pattern", "category"), 0.2)
        weights = wish_weights(filters, usual, wishes, {})
        assert weights["color"] == 0 and weights["pattern"] == pytest.approx(WISH_WEIGHT / (1 + WISH_WEIGHT))
        assert sum(weights.values()) == pytest.approx(1)


def test_names_are_collected_again_after_products_were_written(shop: Shop) -> None:
    search(shop, None, text="red")
    with shop._parts.store.reading() as generation:
        first = generation.names
        search(shop, None, text="blue")
        assert first is not None and generation.names is first
        written, generation.written = generation.written, first.collected + 1e-9
        search(shop, None, text="blue")
        assert generation.names is first, "at most every few seconds"
        generation.names = replace(first, collected=first.collected - FRESH)
        search(shop, None, text="blue")
        second = generation.names
        assert second is not None and second.vocabulary is not first.vocabulary
        generation.written = second.collected - 2 * FRESH
        generation.names = during = replace(second, collected=generation.written + FRESH / 2)
        search(shop, None, text="blue")
        assert generation.names is not during, "what was written last may have come after them"
        generation.written = second.collected - 2 * FRESH
        generation.names = after = replace(second, collected=second.collected - FRESH + 1e-3)
        generation.written -= FRESH
        search(shop, None, text="blue")
        assert generation.names is after
        generation.written = written


def test_two_phrases_of_one_dimension_are_wanted_together() -> None:
    red = WordMeaning("red", 0, 3, "wanted", {"color": {"Red": 1.0}}, color="red")
    blue = WordMeaning("blue", 4, 8, "wanted", {"color": {"Blue": 1.0}}, color="blue")
    assert collect_wanted_classes([red, blue]) == {"color": {"Red": 0.5, "Blue": 0.5}}
    assert collect_wanted_classes([]) == {}


def _steering(text: str) -> Steering:
    return Steering(text=text)


def test_words_of_titles_that_are_not_wanted_leave_out_the_products_that_have_them(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "red", "striped")
    title = search(shop, photo, 1).results[0].product.title
    number = title.rpartition("-")[2]
    answer = search(shop, photo, text=f"not {number}")
    assert [meaning.kind for meaning in answer.words] == ["unwanted"]
    assert answer.words[0].classes == {"text": {number: 1.0}}
    shown = [one.product.title for one in answer.results]
    assert len(shown) > 20 and number not in {name.rpartition("-")[2] for name in shown}
    (unknown,) = search(shop, photo, text="without a flurbel").words
    assert (unknown.kind, unknown.words) == ("unknown", "without a flurbel")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hood", True),
        ("hooded jacket", True),
        ("jacket zip", False),
        ("rain", False),
        ("tr", False),
        ("train", True),
        ("acme", True),
    ],
)
def test_a_text_has_words_that_one_of_it_begins_with(words: str, expected: bool) -> None:
    product = Product("a", "Hooded Training Jacket", ("a.png",), brand="Acme", category=("Rainwear",))
    assert has_words(product, words.split()) == expected

"""A merchandiser's say, by whatever name a product is called."""

from __future__ import annotations

import pytest

from shoplens.index.exact import ExactIndex
from shoplens.ranking.merchandising import (
    MerchandisingNote,
    merchandising_notes,
    resolve_merchandising,
    resolve_names,
)
from shoplens.settings import Merchandising
from tests.fakes import product
from tests.index.test_identifiers import entry


@pytest.fixture
def index() -> ExactIndex:
    index = ExactIndex(2)
    index.upsert(
        [
            entry(product("shirt", "/0.jpg", identifiers=("shirt-S", "shirt-M"))),
            entry(product("hat", "/1.jpg", identifiers=("both",))),
            entry(product("cap", "/2.jpg", identifiers=("both",))),
        ]
    )
    index.renames = lambda: {"bonnet": "hat"}
    return index


def test_every_name_counts_for_its_product(index: ExactIndex) -> None:
    said = Merchandising(("shirt-M", "gone"), {"bonnet": 0.25}, {"cap": 0.5})
    assert resolve_merchandising(index, said) == Merchandising(("shirt",), {"hat": 0.25}, {"cap": 0.5})


def test_what_several_products_share_counts_for_all(index: ExactIndex) -> None:
    assert resolve_merchandising(index, Merchandising(boosts={"both": 0.5})).boosts == {"cap": 0.5, "hat": 0.5}
    assert resolve_merchandising(index, Merchandising(("shirt", "both"))).pins == ("shirt", "cap", "hat")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Merchandising(("shirt-M", "shirt", "shirt-S")), Merchandising(("shirt",))),
        (Merchandising(boosts={"shirt-S": 0.1, "shirt": 0.2}), Merchandising(boosts={"shirt": 0.2})),
        (Merchandising(boosts={"shirt-S": 0.1, "shirt-M": 0.2}), Merchandising(boosts={"shirt": 0.1})),
        (Merchandising(buries={"shirt": 0.1}, boosts={"shirt-S": 0.2}), Merchandising(buries={"shirt": 0.1})),
        (Merchandising(("shirt-S",), buries={"shirt": 0.1}), Merchandising(buries={"shirt": 0.1})),
        (Merchandising(buries={"shirt-M": 0.1}, boosts={"shirt-S": 0.2}), Merchandising(boosts={"shirt": 0.2})),
        (Merchandising(("shirt",), buries={"shirt-M": 0.1}), Merchandising(("shirt",))),
        (Merchandising(("shirt-M",), {"shirt-S": 0.3}), Merchandising(("shirt",), {"shirt": 0.3})),
        (Merchandising(("gone",), {"lost": 0.3}, {"away": 1}), Merchandising()),
    ],
)
def test_two_names_of_one_product_do_not_contradict(said: Merchandising, expected: Merchandising) -> None:
    named = dict.fromkeys(("shirt", "shirt-S", "shirt-M"), ("shirt",))
    assert resolve_names(said, named) == expected


def test_nothing_said_is_nothing_looked_up() -> None:
    said = Merchandising()
    assert resolve_merchandising(ExactIndex(2), said) is said
    assert merchandising_notes(ExactIndex(2), said) == []


def test_entries_that_are_no_ids_are_told(index: ExactIndex) -> None:
    said = Merchandising(("shirt", "shirt-M"), {"bonnet": 0.25, "shirt": 0.1}, {"both": 0.5, "gone": 0.5})
    notes = merchandising_notes(index, said)
    assert notes == [
        MerchandisingNote("shirt-M", ("shirt",), "identifier"),
        MerchandisingNote("bonnet", ("hat",), "old-id"),
        MerchandisingNote("both", ("cap", "hat"), "identifier"),
        MerchandisingNote("gone", (), "nothing"),
    ]
    assert [one.sentence.partition(" names ")[2] for one in notes] == [
        "'shirt-M', which is an identifier of shirt.",
        "'bonnet', which is called hat now.",
        "'both', which is an identifier of cap, hat.",
        "'gone', which stands for no product.",
    ]

"""Merchandising whose entries are ids, identifiers or old ids of products."""

from __future__ import annotations

import pytest

from shoplens.index.exact import ExactIndex
from shoplens.ranking.merchandising.resolution import (
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


def test_identifiers_and_old_ids_resolve_to_their_product(index: ExactIndex) -> None:
    merchandising = Merchandising(("shirt-M", "gone"), {"bonnet": 0.25}, {"cap": 0.5})
    assert resolve_merchandising(index, merchandising) == Merchandising(("shirt",), {"hat": 0.25}, {"cap": 0.5})


def test_an_identifier_of_several_products_resolves_to_all_of_them(index: ExactIndex) -> None:
    assert resolve_merchandising(index, Merchandising(boosts={"both": 0.5})).boosts == {"cap": 0.5, "hat": 0.5}
    assert resolve_merchandising(index, Merchandising(("shirt", "both"))).pins == ("shirt", "cap", "hat")


@pytest.mark.parametrize(
    ("merchandising", "expected"),
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
def test_of_contradicting_entries_of_a_product_the_one_by_its_id_wins(
    merchandising: Merchandising, expected: Merchandising
) -> None:
    products_by_name = dict.fromkeys(("shirt", "shirt-S", "shirt-M"), ("shirt",))
    assert resolve_names(merchandising, products_by_name) == expected


def test_empty_merchandising_is_returned_unchanged_without_notes() -> None:
    merchandising = Merchandising()
    assert resolve_merchandising(ExactIndex(2), merchandising) is merchandising
    assert merchandising_notes(ExactIndex(2), merchandising) == []


def test_entries_that_are_not_ids_have_notes(index: ExactIndex) -> None:
    merchandising = Merchandising(("shirt", "shirt-M"), {"bonnet": 0.25, "shirt": 0.1}, {"both": 0.5, "gone": 0.5})
    notes = merchandising_notes(index, merchandising)
    assert notes == [
        MerchandisingNote("shirt-M", ("shirt",), "identifier"),
        MerchandisingNote("bonnet", ("hat",), "old-id"),
        MerchandisingNote("both", ("cap", "hat"), "identifier"),
        MerchandisingNote("gone", (), "nothing"),
    ]
    assert [note.sentence.partition(" names ")[2] for note in notes] == [
        "'shirt-M', which is an identifier of shirt.",
        "'bonnet', which is called hat now.",
        "'both', which is an identifier of cap, hat.",
        "'gone', which stands for no product: correct the entry or remove it.",
    ]

"""Texts as n-grams: agreement, misread letters, matched words, and the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.reading.ngrams import ngram_keys, ngrams, split_words
from shoplens.reading.product_text import WeightedText, product_texts
from shoplens.reading.text_model import DEFAULT_WEIGHT, NAME, TextModel, TextQuery, fit_text_model, load_text_model
from shoplens.types import Product, SparseRows

TITLES = (
    "Arla Mellanmjölk Eko",
    "Arla Lättmjölk",
    "Oatly Havredryck",
    "Striped cushion with a very long name that goes on and on",
    "Striped cushion",
    "",
)


def texts_of(title: str) -> list[WeightedText]:
    return [WeightedText(title, 1.0)]


@pytest.fixture(scope="module")
def model() -> TextModel:
    return fit_text_model(texts_of(title) for title in TITLES)


def query_for(model: TextModel, text: str) -> TextQuery:
    query = model.query(text)
    assert query is not None
    return query


def agreements(model: TextModel, text: str) -> list[float]:
    query = query_for(model, text)
    return [query.agreement(model.product_vector(texts_of(title))) for title in TITLES]


def test_words_lose_case_accents_and_signs() -> None:
    assert split_words("MJÖLK, 1,5% — Crème-fraîche_no ﬁne ÅÄÖ 牛奶") == [
        *("mjolk", "1", "5", "creme", "fraiche", "no", "fine", "aao", "牛奶")
    ]
    assert split_words(" \n—…!") == []


def test_ngrams_mark_the_edges_of_words() -> None:
    assert list(ngrams("eko")) == ["_ek", "eko", "ko_"]
    assert list(ngrams("a")) == ["_a_"]
    keys = ngram_keys(["eko", "eko"])
    assert (len(keys), keys.dtype) == (3, np.uint32)
    assert (np.diff(keys.astype(np.int64)) > 0).all()


def test_agreement_is_the_geometric_mean_of_cosine_and_containment(model: TextModel) -> None:
    def weights(text: str) -> dict[int, float]:
        counts = [set(ngram_keys(split_words(title)).tolist()) for title in TITLES]
        keys = ngram_keys(split_words(text)).tolist()
        frequency = {key: max(1, sum(key in of_title for of_title in counts)) for key in keys}
        return {key: float(np.log((len(TITLES) + 1) / (frequency[key] + 0.5))) for key in keys}

    query = weights("stripd cushion eko")
    for title, agreement in zip(TITLES, agreements(model, "stripd cushion eko"), strict=True):
        product = weights(title)
        shared = sum(query[key] * product[key] for key in query if key in product)
        lengths = [float(np.linalg.norm([*one.values()])) if one else 1.0 for one in (query, product)]
        cosine, containment = shared / (lengths[0] * lengths[1]), shared / lengths[0] ** 2
        assert agreement == pytest.approx(np.sqrt(cosine * containment), abs=1e-5)


def test_equal_texts_agree_wholly_and_others_not_at_all(model: TextModel) -> None:
    for place, title in enumerate(TITLES[:5]):
        scores = agreements(model, title)
        assert scores[place] == pytest.approx(1, abs=1e-5)
        assert max(scores) == pytest.approx(scores[place], abs=1e-5)
        assert min(scores) >= 0
    assert agreements(model, "zzz") == [0] * 6


def test_a_misread_text_still_finds_its_product(model: TextModel) -> None:
    for text, place in (("MELLANMJOLK", 0), ("mel1anmjölk arIa", 0), ("0atly havredryk", 2), ("CUSHI0N striped", 4)):
        assert int(np.argmax(agreements(model, text))) == place


def test_a_longer_text_of_the_product_counts_less(model: TextModel) -> None:
    scores = agreements(model, "striped cushion")
    assert 0.5 < scores[3] < scores[4]


def test_weights_of_texts_count(model: TextModel) -> None:
    query = query_for(model, "eko")
    strong, weak = (
        query.agreement(model.product_vector([WeightedText("havredryck", 1.0), WeightedText("eko", weight)]))
        for weight in (1.0, 0.5)
    )
    assert strong > weak > 0


def test_words_that_a_product_has_are_named(model: TextModel) -> None:
    vector = model.product_vector(texts_of(TITLES[0]))
    assert query_for(model, "Oatly MELLANMJ0LK arla").find_common_words(vector) == ("mellanmj0lk", "arla")
    assert query_for(model, "zzz").find_common_words(vector) == ()


def test_a_text_without_words_is_no_query(model: TextModel) -> None:
    assert model.query("") is None and model.query(" — !") is None
    assert len(model.product_vector(texts_of("")).indices) == 0
    empty = fit_text_model([])
    assert query_for(empty, "eko").agreement(empty.product_vector(texts_of("eko"))) == pytest.approx(1, abs=1e-5)


def test_the_texts_of_a_product() -> None:
    product = Product(
        "p",
        "Cushion",
        ("/p.jpg",),
        brand="Acme",
        category=("Home", "Textiles"),
        attributes={
            "pattern": ("striped",),
            "size": (45.0,),
            "sale": (True,),
            "link": ("https://x.example/a",),
            "story": ("very " * 20,),
        },
    )
    assert [*product_texts(product)] == [
        ("Cushion", 1.0),
        ("Acme", 1.0),
        ("Home", 0.5),
        ("Textiles", 0.5),
        ("striped", 0.5),
    ]


def test_many_agreements_are_those_of_one_after_the_other(model: TextModel) -> None:
    vectors = [model.product_vector(texts_of(title)) for title in TITLES]
    for text in ("arla mellanmjolk", "striped cushion", "xyz", "oatly"):
        expected = [query_for(model, text).agreement(vector) for vector in vectors]
        assert query_for(model, text).agreements(SparseRows.of(vectors)).tolist() == pytest.approx(expected, abs=1e-6)


def test_the_weight_is_stored_and_older_files_have_the_default(model: TextModel, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(replace(model, weight=0.3).to_bytes())
    loaded = load_text_model(tmp_path)
    assert loaded is not None and loaded.weight == pytest.approx(0.3)
    with np.load(tmp_path / NAME) as stored:
        older = {name: stored[name] for name in stored.files if name != "weight"}
    np.savez(tmp_path / NAME, **older)  # type: ignore[arg-type]
    loaded = load_text_model(tmp_path)
    assert loaded is not None and loaded.weight == DEFAULT_WEIGHT


def test_a_stored_model_gives_the_same_vectors(model: TextModel, tmp_path: Path) -> None:
    assert load_text_model(tmp_path) is None
    (tmp_path / NAME).write_bytes(model.to_bytes())
    stored = load_text_model(tmp_path)
    assert stored is not None and stored.products == 6
    for one in (model, stored):
        vector = query_for(one, "arla eko").vector
        np.testing.assert_array_equal(vector.values, query_for(model, "arla eko").vector.values)


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"\x93NUMPY"])
def test_a_damaged_model_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StoreError) as error:
        load_text_model(tmp_path)
    assert error.value.code == "damaged-filters"

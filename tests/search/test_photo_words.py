"""Words in photos: read once in the catalogue's, in a query's for a limited time, compared, explained, and not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens.build.generations import train_filters
from shoplens.feedback.answer_log import AnswerLog
from shoplens.feedback.log import FeedbackLog
from shoplens.feeds import read_feed
from shoplens.images import PhotoSource
from shoplens.reading.text_reader import PRODUCT, QUERY
from shoplens.search.pipeline import search_encoded
from shoplens.search.query_encoder import QueryEncoder, merge_photos
from shoplens.settings import Settings
from shoplens.store.feature_cache import TEXTS
from shoplens.store.store import Store
from shoplens.types import Answer, Query, Steering
from tests.fakes import ColourEmbedder, builder, feed_of, photo, row
from tests.reading.fake_reader import ColourReader

SETTINGS = Settings(threads=1)
ALIKE = [(200, 10, 10 + number) for number in range(6)]
"""Colours that hardly differ, so that only words tell the products apart."""
BRANDS = ("arla mellanmjolk", "oatly havredryck", "yoggi vanilj", "alpro soya", "bravo apelsin", "")
ASKED = (201, 11, 12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, color in enumerate(ALIKE):
        photo(tmp_path / f"p{number}.png", color)
    photo(tmp_path / "asked.png", ASKED, (14, 10))
    photo(tmp_path / "plain.png", (200, 12, 13), (14, 10))
    feed_of(tmp_path / "feed.jsonl", [row(f"p{number}", title=f"Carton {number}") for number in range(6)])
    return tmp_path


def product_reader() -> ColourReader:
    return ColourReader(dict(zip(ALIKE, BRANDS, strict=True)))


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder / "store", create=True)
    index(store, folder, product_reader())
    yield store
    store.close()


def index(store: Store, folder: Path, reader: ColourReader | None) -> None:
    making = builder(store)
    making.reader = reader
    with read_feed(folder / "feed.jsonl") as feed:
        making.index(feed)


def ask(
    store: Store,
    path: Path,
    reader: ColourReader,
    log: AnswerLog | None = None,
    seconds: float = 5.0,
    **changes: object,
) -> Answer:
    settings = replace(SETTINGS, read_seconds=seconds)
    encoder = QueryEncoder(ColourEmbedder(), PhotoSource(settings), settings, reader)
    return search_encoded(store, Query(str(path), **changes), encoder, log)[0]  # type: ignore[arg-type]


def test_the_words_in_a_photo_find_the_product_that_shows_them(store: Store, folder: Path) -> None:
    for number, words in enumerate(BRANDS[:5]):
        misread = words.replace("a", "4", 1).upper()
        answer = ask(store, folder / "asked.png", ColourReader({ASKED: misread}), steering=Steering(explain=True))
        first = answer.results[0]
        assert first.product.id == f"p{number}"
        assert first.parts["text"] > 0 and sum(answer.weights.values()) == pytest.approx(1)
        assert first.reasons is not None
        assert set(first.reasons.matches["text"].name.split(" · ")) & set(misread.lower().split())
        assert answer.took_ms["ocr"] >= 0


def test_a_photo_without_words_is_ranked_as_without_a_reader(store: Store, folder: Path) -> None:
    read, unread = (ask(store, folder / "plain.png", reader) for reader in (ColourReader({}), None))  # type: ignore[arg-type]
    assert read.results == unread.results
    assert read.weights == unread.weights and "text" not in read.weights


def test_each_photo_of_the_catalogue_is_read_once(store: Store, folder: Path) -> None:
    again, other = product_reader(), ColourReader({}, model="other@1")
    index(store, folder, again)
    assert again.photos == []
    making = builder(store)
    making.reader = again
    train_filters(making)
    assert again.photos == []
    index(store, folder, other)
    assert other.photos == [PRODUCT] * 6
    assert store.live.require_text().shown_share == 0


def test_an_added_product_is_read_too(store: Store, folder: Path) -> None:
    color = (200, 10, 9)
    photo(folder / "new.png", color)
    making = builder(store)
    making.reader = ColourReader({color: "garant filmjolk"})
    with read_feed(feed_of(folder / "more.jsonl", [row("new", title="Carton")])) as feed:
        making.add(feed)
    answer = ask(store, folder / "asked.png", ColourReader({ASKED: "GARANT FILMJOLK"}))
    assert answer.results[0].product.id == "new"


def test_photos_are_not_read_where_the_catalogue_shows_no_words(folder: Path) -> None:
    with_none, unread = (Store(folder / name, create=True) for name in ("none", "unread"))
    index(with_none, folder, ColourReader({}))
    index(unread, folder, None)
    for store, photos in ((with_none, []), (unread, [QUERY])):
        reader = ColourReader({ASKED: "CARTON 4"})
        answer = ask(store, folder / "asked.png", reader)
        assert reader.photos == photos
        assert ("text" in answer.weights) == bool(photos)
        store.close()


def test_a_slow_reader_delays_no_answer_beyond_the_limit(store: Store, folder: Path) -> None:
    answer = ask(store, folder / "asked.png", ColourReader({ASKED: BRANDS[1]}, seconds=3.0), seconds=0.05)
    assert "text" not in answer.weights and answer.took_ms["ocr"] < 1500
    reader = ColourReader({ASKED: BRANDS[1]})
    assert "text" not in ask(store, folder / "asked.png", reader, seconds=0.0).weights and reader.photos == []


def test_another_colour_is_not_searched_by_the_words_of_the_photo(store: Store, folder: Path) -> None:
    answer = ask(store, folder / "asked.png", ColourReader({ASKED: BRANDS[1]}), steering=Steering(color="green"))
    assert "text" not in answer.weights


def test_the_words_of_several_photos_count_together(folder: Path) -> None:
    encoder = QueryEncoder(
        ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS, ColourReader({ASKED: "arla", ALIKE[0]: "eko"})
    )
    store = Store(folder / "store", create=True)
    index(store, folder, None)
    encoded = [
        encoder.encode_photo(str(folder / name), store.live.index, read=True)
        for name in ("asked.png", "plain.png", "p0.png")
    ]
    assert merge_photos(encoded).text == "arla\neko"
    store.close()


def test_what_was_read_in_a_query_is_written_nowhere(store: Store, folder: Path) -> None:
    secret = "zebrawort"
    log = FeedbackLog(folder / "store" / "feedback.sqlite", 90.0)
    answer = ask(store, folder / "asked.png", ColourReader({ASKED: secret}), AnswerLog(log, "someone"))
    assert answer.remembered and answer.weights["text"] > 0
    log.close()
    store.live.index.flush()
    files = [path for path in (folder / "store").rglob("*") if path.is_file()]
    assert {TEXTS, "feedback.sqlite"} <= {path.name for path in files}
    for path in files:
        assert secret.encode() not in path.read_bytes().lower(), path


def test_a_roll_out_without_the_reader_keeps_what_was_read(store: Store, folder: Path) -> None:
    index(store, folder, None)
    answer = ask(store, folder / "asked.png", ColourReader({ASKED: BRANDS[3]}))
    assert answer.results[0].product.id == "p3"

"""Products -> entries: order, look-ahead, and what becomes of photos that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from time import sleep

import numpy as np
import pytest

from shoplens.build.product_encoder import PRODUCTS_IN_FLIGHT, EncodingCaches, Outcome, ProductEncoder
from shoplens.embedders import Embedder
from shoplens.errors import ModelError, PhotoError
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, measure_photo
from shoplens.images import PhotoSource
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.settings import Settings
from shoplens.store.feature_cache import NAME, FeatureFile
from shoplens.types import Photo, Pixels, Product, Rejection, Vectors
from tests.fakes import BLUE, GREEN, RED, ColourEmbedder, FakePhotos, colour_vector, photo, product

URL = "https://shop.example/red.png"
NO_ANSWER = PhotoError("The server does not answer.", "Try again later.", code="photo-unreachable")


Makers = Callable[..., ProductEncoder]


@pytest.fixture
def features(tmp_path: Path) -> Iterator[FeatureFile]:
    """What all makers of a test have seen of photos."""
    file = FeatureFile(tmp_path / "features" / NAME, "colour@1")
    yield file
    file.close()


@pytest.fixture
def maker(features: FeatureFile) -> Makers:
    """Makes makers that know these indexes, the first of which is live."""

    def make(
        embedder: Embedder | None = None, source: PhotoSource | None = None, *indexes: ExactIndex, threads: int = 2
    ) -> ProductEncoder:
        settings = Settings(threads=threads)
        known = EncodingCaches(features, indexes, next(iter(indexes), None))
        return ProductEncoder(embedder or ColourEmbedder(), source or PhotoSource(settings), settings, known)

    return make


def entry_of(outcome: Outcome) -> IndexedProduct:
    assert outcome.entry is not None
    return outcome.entry


def test_an_entry_has_a_vector_per_photo_in_the_products_order(tmp_path: Path, maker: Makers) -> None:
    red, blue = str(photo(tmp_path / "red.png", RED)), str(photo(tmp_path / "blue.png", BLUE, (6, 10)))
    (outcome,) = maker().outcomes([product("both", red, blue)])
    entry = entry_of(outcome)
    np.testing.assert_allclose(entry.vectors, [colour_vector(RED), colour_vector(BLUE)], atol=1e-6)
    assert [(photo.source, photo.width, photo.height) for photo in entry.photos] == [(red, 12, 8), (blue, 6, 10)]
    assert entry.product == product("both", red, blue)
    assert (outcome.rejections, outcome.photos_embedded, outcome.photos_known) == ((), 2, 0)


def test_outcomes_come_in_the_order_of_the_feed(tmp_path: Path, maker: Makers) -> None:
    shuffled = Random(3)

    class Dawdling(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            sleep(shuffled.random() / 100)
            return super().embed(photos)

    items: list[Product | Rejection] = [
        product(f"p{number}", str(photo(tmp_path / f"{number}.png", (number, 0, 0)))) for number in range(40)
    ]
    items[7] = Rejection("missing-id", "There is no id.", "Give one.", row=8)
    outcomes = list(maker(Dawdling(), threads=4).outcomes(items))
    assert [None if one.entry is None else one.entry.product.id for one in outcomes] == [
        None if number == 7 else f"p{number}" for number in range(40)
    ]
    assert outcomes[7] == Outcome(rejections=(items[7],))


def test_nothing_gives_nothing(maker: Makers) -> None:
    assert list(maker().outcomes([])) == []


def test_the_feed_is_read_a_bounded_distance_ahead(tmp_path: Path, maker: Makers) -> None:
    name = str(photo(tmp_path / "red.png", RED))
    read = 0

    def feed() -> Iterator[Product]:
        nonlocal read
        for read in range(1, 501):
            yield product(f"p{read}", name)

    outcomes = maker().outcomes(feed())
    for yielded in range(1, 501):
        next(outcomes)
        assert yielded <= read <= yielded + 2 * PRODUCTS_IN_FLIGHT
    assert next(outcomes, None) is None


def test_an_error_that_is_not_about_a_photo_ends_the_run(tmp_path: Path, maker: Makers) -> None:
    class Broken(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            return np.ones((1, 3), np.float32)

    with pytest.raises(ModelError, match=r"returned \(1, 3\), not \(1, 4\)"):
        list(maker(Broken()).outcomes([product("red", str(photo(tmp_path / "red.png", RED)))]))


def test_a_photo_without_a_direction_is_a_rejection(tmp_path: Path, maker: Makers) -> None:
    class Blind(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            return np.array([[*photo.mean(axis=(0, 1)), 0.0] for photo in photos], np.float32)

    black, red = str(photo(tmp_path / "black.png", (0, 0, 0))), str(photo(tmp_path / "red.png", RED))
    (outcome,) = maker(Blind()).outcomes([product("both", black, red)])
    assert entry_of(outcome).product.photos == (red,)
    assert [(one.kind, one.value) for one in outcome.rejections] == [("photo-no-embedding", black)]


def test_a_bad_photo_is_a_rejection_and_the_product_keeps_its_others(tmp_path: Path, maker: Makers) -> None:
    red, empty, gone = str(photo(tmp_path / "red.png", RED)), tmp_path / "empty.png", str(tmp_path / "gone.png")
    empty.write_bytes(b"")
    (outcome,) = maker().outcomes([product("red", gone, red, str(empty))])
    assert entry_of(outcome).product.photos == (red,)
    assert [(one.kind, one.level, one.product_id, one.field, one.value) for one in outcome.rejections] == [
        ("photo-missing", "rejected", "red", "photos", gone),
        ("photo-empty", "rejected", "red", "photos", str(empty)),
    ]
    assert all(one.reason and one.fix for one in outcome.rejections)


def test_a_product_without_a_usable_photo_is_left_out_and_said(tmp_path: Path, maker: Makers) -> None:
    gone = str(tmp_path / "gone.png")
    (outcome,) = maker().outcomes([product("red", gone)])
    assert outcome.entry is None
    assert [one.kind for one in outcome.rejections] == ["photo-missing", "product-without-usable-photo"]
    assert outcome.rejections[1].value == gone


def test_equal_files_are_embedded_once_even_at_the_same_moment(tmp_path: Path, maker: Makers) -> None:
    names = [str(photo(tmp_path / f"{number}.png", RED)) for number in range(6)]
    embedder = ColourEmbedder(seconds=0.05)
    outcomes = list(maker(embedder, threads=6).outcomes([product(name[-5], name) for name in names]))
    assert embedder.photos == 1
    assert sum(one.photos_embedded for one in outcomes) == 1
    assert sum(one.photos_known for one in outcomes) == 5
    assert [entry_of(one).photos[0].source for one in outcomes] == names
    assert len({entry_of(one).vectors.tobytes() for one in outcomes}) == 1


def test_a_photo_that_fails_does_not_block_those_who_wait_for_it(tmp_path: Path, maker: Makers) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a photo at all")
    outcomes = list(maker(threads=4).outcomes([product(f"p{number}", str(bad)) for number in range(8)]))
    assert [one.rejections[0].kind for one in outcomes] == ["photo-not-an-image"] * 8


def test_a_photo_that_an_index_knows_is_not_embedded(tmp_path: Path, maker: Makers) -> None:
    index, embedder = ExactIndex(4), ColourEmbedder()
    old, copy = str(photo(tmp_path / "old.png", GREEN)), str(photo(tmp_path / "copy.png", GREEN))
    (stored,) = maker().outcomes([product("old", old)])
    index.upsert([entry_of(stored)])
    (outcome,) = maker(embedder, None, index).outcomes([product("new", copy)])
    assert (embedder.photos, outcome.photos_embedded, outcome.photos_known) == (0, 0, 1)
    assert entry_of(outcome).photos[0].source == copy
    np.testing.assert_array_equal(entry_of(outcome).vectors, entry_of(stored).vectors)


def test_a_photo_whose_features_are_unknown_is_looked_at_again(tmp_path: Path, maker: Makers) -> None:
    red, index, embedder = str(photo(tmp_path / "red.png", RED)), ExactIndex(4), ColourEmbedder()
    (stored,) = maker().outcomes([product("red", red)])
    index.upsert([entry_of(stored)])
    settings = Settings(threads=2)
    other = FeatureFile(tmp_path / "other.sqlite", "colour@1")
    (outcome,) = ProductEncoder(embedder, PhotoSource(settings), settings, EncodingCaches(other, [index])).outcomes(
        [product("red", red)]
    )
    assert (embedder.photos, outcome.photos_embedded, outcome.photos_known) == (1, 1, 0)
    assert other.has(entry_of(outcome).photos[0].content_hash)
    other.close()


def test_what_filters_read_is_the_embedding_and_what_is_measured(
    tmp_path: Path, maker: Makers, features: FeatureFile
) -> None:
    (outcome,) = maker().outcomes([product("red", str(photo(tmp_path / "red.png", RED)))])
    (row,) = features.read([entry_of(outcome).photos[0].content_hash]).values()
    assert row.shape == (4 + MEASURED_SIZE,)
    np.testing.assert_allclose(row[:4], colour_vector(RED), atol=1e-3)  # kept in half precision
    np.testing.assert_allclose(row[4:], measure_photo(np.full((8, 12, 3), RED, np.uint8)).to_row(), atol=1e-3)
    assert entry_of(outcome).scores is None


def test_a_url_is_read_through_the_source(tmp_path: Path, maker: Makers) -> None:
    source = FakePhotos({URL: photo(tmp_path / "red.png", RED).read_bytes()})
    (outcome,) = maker(None, source).outcomes([product("red", URL)])
    np.testing.assert_allclose(entry_of(outcome).vectors, [colour_vector(RED)], atol=1e-6)
    assert source.forgotten == []


def test_a_fetched_photo_that_cannot_be_decoded_is_forgotten(tmp_path: Path, maker: Makers) -> None:
    whole = photo(tmp_path / "red.png", RED).read_bytes()
    source = FakePhotos({URL: whole[:40]})
    (outcome,) = maker(None, source).outcomes([product("red", URL)])
    assert (outcome.entry, source.forgotten) == (None, [URL])


def test_a_photo_whose_server_does_not_answer_today_keeps_its_stored_copy(tmp_path: Path, maker: Makers) -> None:
    data, index = photo(tmp_path / "red.png", RED).read_bytes(), ExactIndex(4)
    (before,) = maker(None, FakePhotos({URL: data})).outcomes([product("red", URL)])
    index.upsert([entry_of(before)])
    today = product("red", URL, price=3.0)
    (outcome,) = maker(None, FakePhotos({URL: NO_ANSWER}), index).outcomes([today])
    assert entry_of(outcome).product == today
    assert entry_of(outcome).photos == entry_of(before).photos
    np.testing.assert_array_equal(entry_of(outcome).vectors, entry_of(before).vectors)
    assert [(one.kind, one.level) for one in outcome.rejections] == [("photo-unreachable", "note")]
    assert "The copy of the last run is used." in outcome.rejections[0].reason
    assert (outcome.photos_embedded, outcome.photos_known) == (0, 1)


def test_only_the_products_own_stored_copy_stands_in(tmp_path: Path, maker: Makers) -> None:
    data, index = photo(tmp_path / "red.png", RED).read_bytes(), ExactIndex(4)
    (before,) = maker(None, FakePhotos({URL: data})).outcomes([product("red", URL)])
    index.upsert([entry_of(before)])
    other = "https://shop.example/other.png"
    outcomes = list(
        maker(None, FakePhotos({URL: NO_ANSWER, other: NO_ANSWER}), index).outcomes(
            [product("newcomer", URL), product("red", other)]
        )
    )
    assert [one.entry for one in outcomes] == [None, None]
    assert [one.rejections[0].level for one in outcomes] == ["rejected", "rejected"]


def test_a_local_photo_that_is_gone_stays_as_it_was_stored(tmp_path: Path, maker: Makers) -> None:
    path, index = photo(tmp_path / "red.png", RED), ExactIndex(4)
    (before,) = maker().outcomes([product("red", str(path))])
    index.upsert([entry_of(before)])
    path.unlink()
    (outcome,) = maker(None, None, index).outcomes([product("red", str(path))])
    assert entry_of(outcome).photos == entry_of(before).photos
    assert [(one.kind, one.level) for one in outcome.rejections] == [("photo-missing", "note")]


def test_a_photo_that_many_products_share_is_looked_up_once(tmp_path: Path, maker: Makers) -> None:
    class FacetRequest(ExactIndex):
        asked = 0

        def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
            self.asked += 1
            return super().photo_vectors(content_hashes)

    coming_soon, index = str(photo(tmp_path / "soon.png", RED)), FacetRequest(4)
    products = [product(f"p{number}", coming_soon) for number in range(50)]
    index.upsert([entry_of(outcome) for outcome in maker().outcomes(products)])
    outcomes = list(maker(None, None, index).outcomes(products))
    assert index.asked == 1
    assert sum(outcome.photos_known for outcome in outcomes) == 50

"""The encoder of products into index entries: order, look-ahead, caches, and photos that cannot be used."""

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


MakeEncoder = Callable[..., ProductEncoder]


@pytest.fixture
def features(tmp_path: Path) -> Iterator[FeatureFile]:
    """Open the cache of photo features that all encoders of a test share."""
    file = FeatureFile(tmp_path / "features" / NAME, "colour@1")
    yield file
    file.close()


@pytest.fixture
def make_encoder(features: FeatureFile) -> MakeEncoder:
    """Give a function that makes an encoder, which reuses vectors of these indexes. The first index is live."""

    def make(
        embedder: Embedder | None = None, source: PhotoSource | None = None, *indexes: ExactIndex, threads: int = 2
    ) -> ProductEncoder:
        settings = Settings(threads=threads)
        caches = EncodingCaches(features, indexes, next(iter(indexes), None))
        return ProductEncoder(embedder or ColourEmbedder(), source or PhotoSource(settings), settings, caches)

    return make


def entry_of(outcome: Outcome) -> IndexedProduct:
    """Return the index entry of an outcome that has one."""
    assert outcome.entry is not None
    return outcome.entry


def test_an_entry_has_a_vector_per_photo_in_the_products_order(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    red, blue = str(photo(tmp_path / "red.png", RED)), str(photo(tmp_path / "blue.png", BLUE, (6, 10)))
    (outcome,) = make_encoder().outcomes([product("both", red, blue)])
    entry = entry_of(outcome)
    np.testing.assert_allclose(entry.vectors, [colour_vector(RED), colour_vector(BLUE)], atol=1e-6)
    assert [(photo.source, photo.width, photo.height) for photo in entry.photos] == [(red, 12, 8), (blue, 6, 10)]
    assert entry.product == product("both", red, blue)
    assert (outcome.rejections, outcome.photos_embedded, outcome.photos_known) == ((), 2, 0)


def test_outcomes_come_in_the_order_of_the_feed(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    random = Random(3)

    class SlowEmbedder(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            sleep(random.random() / 100)
            return super().embed(photos)

    items: list[Product | Rejection] = [
        product(f"p{number}", str(photo(tmp_path / f"{number}.png", (number, 0, 0)))) for number in range(40)
    ]
    items[7] = Rejection("missing-id", "There is no id.", "Give one.", row=8)
    outcomes = list(make_encoder(SlowEmbedder(), threads=4).outcomes(items))
    assert [None if outcome.entry is None else outcome.entry.product.id for outcome in outcomes] == [
        None if number == 7 else f"p{number}" for number in range(40)
    ]
    assert outcomes[7] == Outcome(rejections=(items[7],))


def test_a_feed_without_items_has_no_outcomes(make_encoder: MakeEncoder) -> None:
    assert list(make_encoder().outcomes([])) == []


def test_the_feed_is_read_a_bounded_distance_ahead(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    name = str(photo(tmp_path / "red.png", RED))
    products_read = 0

    def feed() -> Iterator[Product]:
        nonlocal products_read
        for products_read in range(1, 501):
            yield product(f"p{products_read}", name)

    outcomes = make_encoder().outcomes(feed())
    for yielded in range(1, 501):
        next(outcomes)
        assert yielded <= products_read <= yielded + 2 * PRODUCTS_IN_FLIGHT
    assert next(outcomes, None) is None


def test_an_error_that_is_not_about_a_photo_ends_the_run(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    class WrongShapeEmbedder(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            return np.ones((1, 3), np.float32)

    with pytest.raises(ModelError, match=r"returned \(1, 3\), not \(1, 4\)"):
        list(make_encoder(WrongShapeEmbedder()).outcomes([product("red", str(photo(tmp_path / "red.png", RED)))]))


def test_a_photo_that_is_embedded_as_zeros_is_rejected(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    class ZeroVectorEmbedder(ColourEmbedder):
        def embed(self, photos: Sequence[Pixels]) -> Vectors:
            return np.array([[*photo.mean(axis=(0, 1)), 0.0] for photo in photos], np.float32)

    black, red = str(photo(tmp_path / "black.png", (0, 0, 0))), str(photo(tmp_path / "red.png", RED))
    (outcome,) = make_encoder(ZeroVectorEmbedder()).outcomes([product("both", black, red)])
    assert entry_of(outcome).product.photos == (red,)
    assert [(rejection.kind, rejection.value) for rejection in outcome.rejections] == [("photo-no-embedding", black)]


def test_an_unusable_photo_is_rejected_and_the_product_keeps_its_other_photos(
    tmp_path: Path, make_encoder: MakeEncoder
) -> None:
    red, empty, missing = str(photo(tmp_path / "red.png", RED)), tmp_path / "empty.png", str(tmp_path / "gone.png")
    empty.write_bytes(b"")
    (outcome,) = make_encoder().outcomes([product("red", missing, red, str(empty))])
    assert entry_of(outcome).product.photos == (red,)
    assert [
        (rejection.kind, rejection.level, rejection.product_id, rejection.field, rejection.value)
        for rejection in outcome.rejections
    ] == [
        ("photo-missing", "rejected", "red", "photos", missing),
        ("photo-empty", "rejected", "red", "photos", str(empty)),
    ]
    assert all(rejection.reason and rejection.fix for rejection in outcome.rejections)


def test_a_product_without_a_usable_photo_is_rejected(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    missing = str(tmp_path / "gone.png")
    (outcome,) = make_encoder().outcomes([product("red", missing)])
    assert outcome.entry is None
    assert [rejection.kind for rejection in outcome.rejections] == ["photo-missing", "product-without-usable-photo"]
    assert outcome.rejections[1].value == missing


def test_equal_files_are_embedded_once_even_by_parallel_threads(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    names = [str(photo(tmp_path / f"{number}.png", RED)) for number in range(6)]
    embedder = ColourEmbedder(seconds=0.05)
    outcomes = list(make_encoder(embedder, threads=6).outcomes([product(name[-5], name) for name in names]))
    assert embedder.photos == 1
    assert sum(outcome.photos_embedded for outcome in outcomes) == 1
    assert sum(outcome.photos_known for outcome in outcomes) == 5
    assert [entry_of(outcome).photos[0].source for outcome in outcomes] == names
    assert len({entry_of(outcome).vectors.tobytes() for outcome in outcomes}) == 1


def test_a_photo_that_fails_does_not_block_threads_that_wait_for_it(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    broken = tmp_path / "bad.png"
    broken.write_bytes(b"not a photo at all")
    outcomes = list(make_encoder(threads=4).outcomes([product(f"p{number}", str(broken)) for number in range(8)]))
    assert [outcome.rejections[0].kind for outcome in outcomes] == ["photo-not-an-image"] * 8


def test_a_photo_whose_content_is_in_an_index_is_not_embedded(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    index, embedder = ExactIndex(4), ColourEmbedder()
    old_photo, copied_photo = str(photo(tmp_path / "old.png", GREEN)), str(photo(tmp_path / "copy.png", GREEN))
    (stored_outcome,) = make_encoder().outcomes([product("old", old_photo)])
    index.upsert([entry_of(stored_outcome)])
    (outcome,) = make_encoder(embedder, None, index).outcomes([product("new", copied_photo)])
    assert (embedder.photos, outcome.photos_embedded, outcome.photos_known) == (0, 0, 1)
    assert entry_of(outcome).photos[0].source == copied_photo
    np.testing.assert_array_equal(entry_of(outcome).vectors, entry_of(stored_outcome).vectors)


def test_a_photo_without_cached_features_is_embedded_again(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    red, index, embedder = str(photo(tmp_path / "red.png", RED)), ExactIndex(4), ColourEmbedder()
    (stored_outcome,) = make_encoder().outcomes([product("red", red)])
    index.upsert([entry_of(stored_outcome)])
    settings = Settings(threads=2)
    other = FeatureFile(tmp_path / "other.sqlite", "colour@1")
    (outcome,) = ProductEncoder(embedder, PhotoSource(settings), settings, EncodingCaches(other, [index])).outcomes(
        [product("red", red)]
    )
    assert (embedder.photos, outcome.photos_embedded, outcome.photos_known) == (1, 1, 0)
    assert other.has(entry_of(outcome).photos[0].content_hash)
    other.close()


def test_features_are_the_embedding_and_the_measurements(
    tmp_path: Path, make_encoder: MakeEncoder, features: FeatureFile
) -> None:
    (outcome,) = make_encoder().outcomes([product("red", str(photo(tmp_path / "red.png", RED)))])
    (row,) = features.read([entry_of(outcome).photos[0].content_hash]).values()
    assert row.shape == (4 + MEASURED_SIZE,)
    np.testing.assert_allclose(row[:4], colour_vector(RED), atol=1e-3)  # The cache has half precision.
    np.testing.assert_allclose(row[4:], measure_photo(np.full((8, 12, 3), RED, np.uint8)).to_row(), atol=1e-3)
    assert entry_of(outcome).scores is None


def test_a_url_is_read_through_the_source(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    source = FakePhotos({URL: photo(tmp_path / "red.png", RED).read_bytes()})
    (outcome,) = make_encoder(None, source).outcomes([product("red", URL)])
    np.testing.assert_allclose(entry_of(outcome).vectors, [colour_vector(RED)], atol=1e-6)
    assert source.forgotten == []


def test_a_fetched_photo_that_cannot_be_decoded_is_forgotten(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    complete_photo = photo(tmp_path / "red.png", RED).read_bytes()
    source = FakePhotos({URL: complete_photo[:40]})
    (outcome,) = make_encoder(None, source).outcomes([product("red", URL)])
    assert (outcome.entry, source.forgotten) == (None, [URL])


def test_a_photo_whose_server_does_not_answer_keeps_its_stored_vector(
    tmp_path: Path, make_encoder: MakeEncoder
) -> None:
    photo_bytes, index = photo(tmp_path / "red.png", RED).read_bytes(), ExactIndex(4)
    (stored_outcome,) = make_encoder(None, FakePhotos({URL: photo_bytes})).outcomes([product("red", URL)])
    index.upsert([entry_of(stored_outcome)])
    changed_product = product("red", URL, price=3.0)
    (outcome,) = make_encoder(None, FakePhotos({URL: NO_ANSWER}), index).outcomes([changed_product])
    assert entry_of(outcome).product == changed_product
    assert entry_of(outcome).photos == entry_of(stored_outcome).photos
    np.testing.assert_array_equal(entry_of(outcome).vectors, entry_of(stored_outcome).vectors)
    assert [(rejection.kind, rejection.level) for rejection in outcome.rejections] == [("photo-unreachable", "note")]
    assert "The copy of the last run is used." in outcome.rejections[0].reason
    assert (outcome.photos_embedded, outcome.photos_known) == (0, 1)


def test_an_unreachable_photo_is_rejected_unless_the_same_product_has_it_stored(
    tmp_path: Path, make_encoder: MakeEncoder
) -> None:
    photo_bytes, index = photo(tmp_path / "red.png", RED).read_bytes(), ExactIndex(4)
    (stored_outcome,) = make_encoder(None, FakePhotos({URL: photo_bytes})).outcomes([product("red", URL)])
    index.upsert([entry_of(stored_outcome)])
    other = "https://shop.example/other.png"
    outcomes = list(
        make_encoder(None, FakePhotos({URL: NO_ANSWER, other: NO_ANSWER}), index).outcomes(
            [product("newcomer", URL), product("red", other)]
        )
    )
    assert [outcome.entry for outcome in outcomes] == [None, None]
    assert [outcome.rejections[0].level for outcome in outcomes] == ["rejected", "rejected"]


def test_a_missing_local_photo_keeps_its_stored_vector(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    path, index = photo(tmp_path / "red.png", RED), ExactIndex(4)
    (stored_outcome,) = make_encoder().outcomes([product("red", str(path))])
    index.upsert([entry_of(stored_outcome)])
    path.unlink()
    (outcome,) = make_encoder(None, None, index).outcomes([product("red", str(path))])
    assert entry_of(outcome).photos == entry_of(stored_outcome).photos
    assert [(rejection.kind, rejection.level) for rejection in outcome.rejections] == [("photo-missing", "note")]


def test_a_photo_that_many_products_share_is_looked_up_once(tmp_path: Path, make_encoder: MakeEncoder) -> None:
    class CountingIndex(ExactIndex):
        calls = 0

        def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
            self.calls += 1
            return super().photo_vectors(content_hashes)

    shared_photo, index = str(photo(tmp_path / "shared.png", RED)), CountingIndex(4)
    products = [product(f"p{number}", shared_photo) for number in range(50)]
    index.upsert([entry_of(outcome) for outcome in make_encoder().outcomes(products)])
    outcomes = list(make_encoder(None, None, index).outcomes(products))
    assert index.calls == 1
    assert sum(outcome.photos_known for outcome in outcomes) == 50

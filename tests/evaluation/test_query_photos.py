"""Query photos are embedded as a search would, once: by content, region and model, across runs that are cut off."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens.errors import ModelError, StoreError
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import (
    AHEAD,
    COMMIT,
    MISSING_PHOTO_FIX,
    QueryPhotos,
    QueryVectors,
    open_query_vectors,
)
from shoplens.images import PhotoSource
from shoplens.images.hashes import content_hash
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.strategies import EncodedQuery
from shoplens.settings import Settings
from shoplens.types import Photo, Pixels, Region, Rejection, Vectors
from tests.fakes import BLUE, GREEN, RED, ColourEmbedder, Stopped, colour_vector, numbered_color, photo, product

SETTINGS = Settings(threads=2)
UNIT = EncodedQuery(np.array([0.6, 0.8], np.float32), ("f" * 32,), "c" * 32)


class Blank:
    """An embedder whose answers have no direction, or the wrong length."""

    model, features, extra_features, min_side = "colour@1", 0, 0, 8

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def embed(self, photos: Iterable[Pixels]) -> Vectors:
        return np.zeros((len(list(photos)), 4), np.float32)


def index_of(*sizes: tuple[int, int]) -> ExactIndex:
    """An index with photos of these sizes."""
    index = ExactIndex(4)
    for number, (width, height) in enumerate(sizes):
        seen = Photo(f"/{number}.png", f"{number:032x}", f"f{number:031x}", width, height)
        index.upsert([IndexedProduct(product(f"p{number}", seen.source), (seen,), np.full((1, 4), 0.5, np.float32))])
    return index


def photos_of(
    embedder: ColourEmbedder | Blank, vectors: QueryVectors | None = None, index: ExactIndex | None = None
) -> QueryPhotos:
    return QueryPhotos(index or index_of(), embedder, PhotoSource(SETTINGS), SETTINGS, vectors)


def asked(path: Path, region: Region | None = None, row: int | None = 7) -> JudgedQuery:
    return JudgedQuery(str(path), {"red": 1.0}, region, frozenset(), row)


def colors(folder: Path, count: int) -> list[JudgedQuery]:
    return [asked(photo(folder / f"{number}.png", numbered_color(number))) for number in range(count)]


def test_each_query_comes_with_its_photo_in_their_order(tmp_path: Path) -> None:
    queries = colors(tmp_path, 2 * AHEAD)
    refused = Rejection("query-incomplete", "no photo", "write one")
    result = list(photos_of(ColourEmbedder()).encode_all([*queries[:40], refused, *queries[40:]]))
    assert result.pop(40) is refused
    for number, item in enumerate(result):
        assert isinstance(item, tuple)
        assert item[0] is queries[number]
        assert np.allclose(item[1].vector, colour_vector(numbered_color(number)), atol=1e-6)
        assert item[1].content_hash == content_hash(Path(queries[number].photo).read_bytes())


def test_queries_are_read_a_bounded_distance_ahead(tmp_path: Path) -> None:
    read: list[int] = []
    queries = colors(tmp_path, 3)

    def endless() -> Iterable[JudgedQuery]:
        while True:
            read.append(1)
            yield queries[len(read) % 3]

    stream = photos_of(ColourEmbedder()).encode_all(endless())
    for _ in range(5):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(read) <= AHEAD + 5


def test_only_the_region_is_embedded(tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 60), BLUE)
    image.paste(GREEN, (60, 20, 90, 50))
    image.save(tmp_path / "street.png")
    (item,) = photos_of(ColourEmbedder()).encode_all([asked(tmp_path / "street.png", Region(62, 22, 26, 26))])
    assert isinstance(item, tuple)
    assert np.allclose(item[1].vector, colour_vector(GREEN), atol=1e-6)
    assert (item[1].pixel_hashes, item[1].content_hash) == ((), "")  # so that it never is the same photo


def test_photos_that_cannot_be_used_are_rejections_with_their_row(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    whole = photo(tmp_path / "red.png", RED, (12, 8))
    queries = [
        asked(tmp_path / "gone.jpg"),
        asked(tmp_path / "gone.jpg", row=None),
        asked(tmp_path / "text.jpg"),
        asked(whole, Region(4, 0, 9, 8)),
    ]
    result = [item for item in photos_of(ColourEmbedder()).encode_all(queries) if isinstance(item, Rejection)]
    assert [(item.kind, item.row, item.field, item.value) for item in result] == [
        ("photo-missing", 7, "photo", str(tmp_path / "gone.jpg")),
        ("photo-missing", None, "photo", str(tmp_path / "gone.jpg")),
        ("photo-not-an-image", 7, "photo", str(tmp_path / "text.jpg")),
        ("query-region", 7, "region", "4,0,9,8"),
    ]
    assert result[0].fix == MISSING_PHOTO_FIX  # the fix is not about the feed
    assert "feed" in result[1].fix
    assert "12 x 8" in result[3].reason


def test_a_photo_without_direction_is_left_out_and_a_wrong_model_is_an_error(tmp_path: Path) -> None:
    query = asked(photo(tmp_path / "red.png", RED))
    (result,) = photos_of(Blank(4)).encode_all([query])
    assert isinstance(result, Rejection) and result.kind == "no-direction"
    with pytest.raises(ModelError, match=r"\(1, 4\).*\(1, 5\)") as caught:
        list(photos_of(Blank(5)).encode_all([query]))
    assert caught.value.code == "bad-model"


def test_known_photos_are_not_embedded_again(tmp_path: Path) -> None:
    queries = colors(tmp_path, 5)
    queries.append(asked(photo(tmp_path / "copy.png", numbered_color(0))))  # the same bytes
    before: list[object] = []
    for model, embedded in (("colour@1", 5), ("colour@1", 0), ("other@1", 5), ("other@1", 0), ("colour@1", 0)):
        embedder = ColourEmbedder(model)
        with open_query_vectors(tmp_path / "folder" / "v.sqlite", model) as vectors:
            photos = photos_of(embedder, vectors)
            result = [item for query in queries for item in photos.encode_all([query])]
        assert embedder.photos == embedded
        values = [(item[1].vector.tobytes(), item[1].pixel_hashes, item[1].content_hash) for item in result]  # type: ignore[index]
        before = before or values  # type: ignore[assignment]
        assert values == before
    assert "" not in [hash for entry in before for hash in entry[1:]]  # type: ignore[index]


def test_a_changed_photo_is_embedded_anew(tmp_path: Path) -> None:
    embedder, query = ColourEmbedder(), asked(photo(tmp_path / "red.png", RED))
    with open_query_vectors(tmp_path / "v.sqlite", embedder.model) as vectors:
        list(photos_of(embedder, vectors).encode_all([query]))
        photo(tmp_path / "red.png", GREEN)
        (item,) = photos_of(embedder, vectors).encode_all([query])
    assert embedder.photos == 2
    assert isinstance(item, tuple) and np.allclose(item[1].vector, colour_vector(GREEN), atol=1e-6)


def test_regions_are_remembered_each_by_itself(tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 60), BLUE)
    image.paste(GREEN, (50, 0, 100, 60))
    image.save(tmp_path / "two.png")
    regions = [None, Region(0, 0, 40, 40), Region(60, 0, 40, 40), Region(60, 0, 40, 41)]
    queries = [asked(tmp_path / "two.png", region) for region in regions]
    for embedded in 4, 0:
        embedder = ColourEmbedder()
        with open_query_vectors(tmp_path / "v.sqlite", embedder.model) as vectors:
            result = [item[1] for item in photos_of(embedder, vectors).encode_all(queries) if isinstance(item, tuple)]
        assert embedder.photos == embedded
        assert np.allclose(result[1].vector, colour_vector(BLUE), atol=1e-6)
        assert np.allclose(result[2].vector, colour_vector(GREEN), atol=1e-6)
        assert [bool(entry.content_hash) for entry in result] == [True, False, False, False]


def test_pixels_are_hashed_as_soon_as_an_equal_photo_is_possible(tmp_path: Path) -> None:
    """A large JPEG is decoded reduced, and its pixels are unknown, until the catalogue has a photo of its size."""
    query = asked(photo(tmp_path / "large.jpg", RED, (640, 480)))
    embedder = ColourEmbedder()
    for index, embedded, hashed in (
        (index_of(), 1, False),
        (index_of((480, 640)), 1, False),
        (index_of((640, 480)), 2, True),
        (index_of(), 2, True),
    ):
        with open_query_vectors(tmp_path / "v.sqlite", embedder.model) as vectors:
            (item,) = photos_of(embedder, vectors, index).encode_all([query])
        assert isinstance(item, tuple)
        assert (embedder.photos, bool(item[1].pixel_hashes)) == (embedded, hashed)


def test_an_interrupted_run_continues_where_it_stopped(tmp_path: Path) -> None:
    queries = colors(tmp_path, 20)
    cut = ColourEmbedder(stop_after=12)
    with pytest.raises(Stopped), open_query_vectors(tmp_path / "v.sqlite", cut.model) as vectors:
        list(photos_of(cut, vectors).encode_all(queries))
    rest = ColourEmbedder()
    with open_query_vectors(tmp_path / "v.sqlite", rest.model) as vectors:
        assert len(list(photos_of(rest, vectors).encode_all(queries))) == 20
    assert (cut.photos, rest.photos) == (12, 8)


def test_vectors_of_a_killed_process_are_kept(tmp_path: Path) -> None:
    vectors = QueryVectors(tmp_path / "v.sqlite", "m")
    for number in range(COMMIT + 1):
        vectors.add(f"{number:032x}", "", UNIT, (3, 4))
    assert vectors.get(f"{COMMIT:032x}", "") is not None
    dead = QueryVectors(tmp_path / "v.sqlite", "m")  # opened without the first being closed: it sees what is on disk
    known = [dead.get(f"{number:032x}", "") for number in range(COMMIT + 1)]
    assert [item is not None for item in known] == [True] * COMMIT + [False]
    assert known[0] is not None
    result, size = known[0]
    assert (result.vector.tolist(), result.pixel_hashes, result.content_hash, size) == (
        UNIT.vector.tolist(),
        UNIT.pixel_hashes,
        "0" * 32,
        (3, 4),
    )


def test_two_runs_can_write_at_the_same_time(tmp_path: Path) -> None:
    with (
        open_query_vectors(tmp_path / "v.sqlite", "m") as first,
        open_query_vectors(tmp_path / "v.sqlite", "m") as second,
    ):
        for number in range(COMMIT + 3):
            first.add(f"{number:032x}", "", UNIT, (1, 1))
            second.add(f"{number:032x}", "1,2,3,4", UNIT, (1, 1))
    with open_query_vectors(tmp_path / "v.sqlite", "m") as vectors:
        for number in range(COMMIT + 3):
            assert vectors.get(f"{number:032x}", "") is not None
            assert vectors.get(f"{number:032x}", "1,2,3,4") is not None


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    path, names = tmp_path / "v.sqlite", [f"{number:032x}" for number in range(40)]
    long = EncodedQuery(np.full(1024, 1 / 32, np.float32))
    with open_query_vectors(path, "m") as vectors:
        for name in names:
            vectors.add(name, "", long, (1, 1))
    whole = path.read_bytes()
    noise = np.random.default_rng(0).bytes(4096)
    pages = [whole[:start] + noise + whole[start + 4096 :] for start in range(0, len(whole), 4096)]
    for damaged in (b"", b"no database", whole[: len(whole) // 2], whole[:100] + b"\xff" * 4000, *pages):
        path.write_bytes(damaged)
        lost = names
        for _ in range(2):  # where it is noticed at the end, by writing, it takes another time
            with open_query_vectors(path, "m") as vectors:
                known = {name: vectors.get(name, "") for name in names}
                lost = [name for name, result in known.items() if result is None]
                assert all(np.array_equal(result[0].vector, long.vector) for result in known.values() if result)
                for name in lost:
                    vectors.add(name, "", long, (1, 1))
        with open_query_vectors(path, "m") as vectors:
            assert all(vectors.get(name, "") for name in names)


def test_a_database_of_another_program_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE vectors (model TEXT)")
    other.close()
    with open_query_vectors(path, "m") as vectors:
        vectors.add("new", "", UNIT, (1, 1))
    with open_query_vectors(path, "m") as vectors:
        assert vectors.get("new", "") is not None


def test_a_path_that_cannot_be_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"v\.sqlite cannot be used.*free space on the disk") as error:
        QueryVectors(tmp_path / "v.sqlite", "m")
    assert error.value.code == "disk"

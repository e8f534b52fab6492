"""The gate on a small store: an unchanged one passes; models, photos and vectors that went wrong make it fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import ModelError, StoreError
from shoplens.evaluation.regression.baseline import Baseline
from shoplens.evaluation.regression.check import DEFAULT_COUNT, CheckOptions, check_regression
from shoplens.images import decode_photo
from shoplens.images.corruptions.corruption import CORRUPTIONS, corrupt
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.strategies import strategy_named
from shoplens.settings import Settings
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Pixels, Vectors
from tests.evaluation.regression.checked_shop import (
    COLORS,
    COMPARE,
    SETTINGS,
    UPDATE,
    Negated,
    bench,
    changed,
    check,
    fallen,
    made_shop,
    quartered,
    recall,
)
from tests.fakes import ColourEmbedder, colour_vector


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Path:
    """A copy of the store, to be changed."""
    copy_tree(folder / "store", tmp_path / "store")
    return tmp_path / "store"


# The baseline


def test_a_baseline_is_kept_in_the_store(folder: Path, store: Path) -> None:
    path = store / "evaluation/baseline.json"
    path.unlink()
    embedder = ColourEmbedder()
    made = check(store, UPDATE, embedder)
    assert made.report is None and made.left_out == {} and made.rejected == ()
    assert made.power is not None and 0 <= made.power <= 1
    assert Baseline.from_json(path.read_bytes()) == made.run
    assert replace(made.run, created="") == replace(
        Baseline.from_json((folder / "store/evaluation/baseline.json").read_bytes()), created=""
    )
    assert (made.run.model, made.run.strategy, made.run.products, made.run.seed) == ("colour@1", "pretrained", 27, 0)
    assert tuple(made.run.ranks) == tuple(CORRUPTIONS)
    assert {one.product_id for one in made.run.queries} == {f"p{number}" for number in range(27)}
    assert {one.category for one in made.run.queries} == {"Men / Tops", "Men / Shoes"}
    assert all(one.photo == str(folder / f"{one.product_id}.png") for one in made.run.queries)
    assert embedder.photos == 27 * len(CORRUPTIONS)
    assert DEFAULT_COUNT == 1000


def test_ranks_are_those_of_the_corrupted_photos(folder: Path) -> None:
    run = Baseline.from_json((folder / "store/evaluation/baseline.json").read_bytes())
    assert {kind: recall(run, kind) for kind in ("clean", "sideways", "jpeg")} == {"clean": 1, "sideways": 1, "jpeg": 1}
    assert recall(run, "dark") < 0.2 < recall(run, "screenshot") < 0.8
    assert {0, 1} < {rank for ranks in run.ranks.values() for rank in ranks} <= set(range(11))


def test_a_rank_counts_the_products_that_come_before(store: Path) -> None:
    """The vectors of all products are those of the next one, so each comes where its next one is as a neighbour."""
    permuted(store, [*range(1, 27), 0])
    run = check(store, UPDATE).run
    catalogue = {f"p{number}": colour_vector(COLORS[(number + 1) % 27]) for number in range(27)}
    for query, rank in zip(run.queries, run.ranks["clean"], strict=True):
        pixels = decode_photo(Path(query.photo).read_bytes(), SETTINGS).pixels
        seen = decode_photo(corrupt(pixels, "clean", 0), SETTINGS, shortest=ColourEmbedder.min_side).pixels
        vector = ColourEmbedder().embed([seen])[0]
        order = sorted(catalogue, key=lambda name: (-float(catalogue[name] @ vector), name))
        place = order.index(query.product_id) + 1
        assert rank == (place if place <= 10 else 0)


# Nothing changed


def test_an_unchanged_system_passes_with_identical_ranks(folder: Path) -> None:
    before = Baseline.from_json((folder / "store/evaluation/baseline.json").read_bytes())
    embedder = ColourEmbedder()
    found = check(folder / "store", COMPARE, embedder, settings=Settings(threads=1))
    assert found.report is not None and found.report.passed and found.report.paired
    assert replace(found.run, created="") == replace(before, created="")
    assert (found.power, found.left_out, found.report.left_out) == (None, {}, ())
    assert embedder.photos == 27 * len(CORRUPTIONS), "nothing is remembered from earlier runs"
    assert all(cell.now == cell.before for cell in found.report.cells)
    assert [cell.name for cell in found.report.cells] == ["all", *CORRUPTIONS, "Men / Shoes", "Men / Tops"]
    assert found.report.lines()[0] == "passed  13 of 13 figures, on the same queries"


def test_a_fresh_sample_is_another_one_and_passes(folder: Path) -> None:
    found, again, other = (check(folder / "store", CheckOptions(fresh=seed, count=20)) for seed in (5, 5, 6))
    assert found.report is not None and found.report.passed and not found.report.paired
    assert (len(found.run.queries), found.run.seed) == (20, 5)
    assert replace(again.run, created="") == replace(found.run, created="")
    assert set(other.run.queries) != set(found.run.queries)
    assert "on a fresh sample" in found.report.lines()[0]


def test_the_baseline_says_what_is_searched_for(store: Path) -> None:
    made = check(store, CheckOptions(make_baseline=True, count=12, seed=7))
    assert (len(made.run.queries), made.run.seed) == (12, 7)
    found = check(store)
    assert replace(found.run, created="") == replace(made.run, created="")


# Faults


class Swapped(ColourEmbedder):
    """Fed with blue for red."""

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        return super().embed([photo[..., ::-1] for photo in photos])


class Turned(ColourEmbedder):
    """On one thread the kinds come in their order: this one sees those with an EXIF tag as if it were not there."""

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        kind = tuple(CORRUPTIONS)[self.photos % len(CORRUPTIONS)]
        return super().embed([np.rot90(photo, 2) if kind == "sideways" else photo for photo in photos])


class Blind(ColourEmbedder):
    """Gives no direction for dark photos, or fails for all of them."""

    def __init__(self, code: str | None) -> None:
        super().__init__()
        self.code = code

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        if self.code is not None:
            raise ModelError("The network is broken.", "Mend it.", code=self.code)
        return super().embed(photos) * np.array([[photo.max() > 128] for photo in photos], np.float32)


def permuted(store: Path, order: Sequence[int]) -> None:
    """Gives product number n the vectors of product number order[n]."""

    def change(index: Index) -> None:
        records = {record.product.id: record for record in index.all_records()}
        hashes = [records[f"p{number}"].photos[0].content_hash for number in range(len(order))]
        vectors = index.photo_vectors(hashes)
        for number, other in enumerate(order):
            record = records[f"p{number}"]
            index.upsert([IndexedProduct(record.product, record.photos, vectors[hashes[other]][1][None])])

    changed(store, change)


@pytest.mark.parametrize("fault", [Swapped(), Negated()])
def test_a_model_that_sees_something_else_makes_it_fail(folder: Path, fault: ColourEmbedder) -> None:
    found = check(folder / "store", COMPARE, fault)
    assert found.report is not None and not found.report.passed
    assert {"all", "clean", "blur", "rotation", "crop", "hand", "jpeg", "sideways"} <= set(fallen(found))
    same = sum(r == b for r, _, b in COLORS) if isinstance(fault, Swapped) else 0
    assert recall(found.run, "clean") == same / 27
    first = found.report.lines()[0]
    assert first.startswith("FELL  ") and ": 100.0 % -> " in first and ", p " in first and first.endswith("27 queries)")
    fresh = check(folder / "store", CheckOptions(fresh=3), fault)
    assert fresh.report is not None and not fresh.report.passed


def test_a_broken_exif_path_makes_it_fail_and_is_named(tmp_path: Path) -> None:
    made_shop(tmp_path, quartered)
    found = check(tmp_path / "store", COMPARE, Turned(), settings=Settings(threads=1))
    assert found.report is not None and not found.report.passed
    assert found.report.lines()[0].startswith("FELL  sideways: 100.0 % -> ")
    assert set(fallen(found)) <= {"sideways", "all", "Men / Tops", "Men / Shoes"}
    assert recall(found.run, "sideways") < 0.2


def test_shuffled_vectors_make_it_fail(store: Path) -> None:
    permuted(store, [*range(13), 26, *range(13, 26)])
    found = check(store)
    assert found.report is not None and not found.report.passed
    assert recall(found.run, "clean") == 13 / 27
    assert "all" in fallen(found)


def test_two_swapped_products_of_27_are_no_proof(store: Path) -> None:
    permuted(store, [1, 0, *range(2, 27)])
    found = check(store)
    assert found.report is not None and found.report.passed
    assert recall(found.run, "clean") == 25 / 27


def test_a_photo_that_a_search_would_refuse_is_not_found(folder: Path) -> None:
    before = check(folder / "store")
    found = check(folder / "store", COMPARE, Blind(None))
    assert found.left_out == {} and len(found.run.queries) == 27
    assert set(found.run.ranks["dark"]) == {0}
    assert found.run.ranks["clean"] != before.run.ranks["clean"]
    assert {new for old, new in zip(before.run.ranks["clean"], found.run.ranks["clean"], strict=True)} == {0, 1}


def test_a_model_that_fails_is_an_error(folder: Path) -> None:
    with bench(folder / "store", Blind("bad-model")) as opened, pytest.raises(ModelError, match="network is broken"):
        check_regression(opened, strategy_named("pretrained"), COMPARE)
    with bench(folder / "store", ColourEmbedder("other@2")) as opened, pytest.raises(StoreError) as told:
        check_regression(opened, strategy_named("pretrained"), COMPARE)
    assert told.value.code == "other-model"

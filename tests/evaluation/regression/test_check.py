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
    change_index,
    check,
    create_shop,
    fallen_cells,
    open_context,
    recall,
    write_quartered_photo,
)
from tests.fakes import ColourEmbedder, colour_vector


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_shop(tmp_path_factory.mktemp("shop"))


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
    baseline_result = check(store, UPDATE, embedder)
    assert baseline_result.report is None and baseline_result.left_out == {} and baseline_result.rejected == ()
    assert baseline_result.power is not None and 0 <= baseline_result.power <= 1
    assert Baseline.from_json(path.read_bytes()) == baseline_result.run
    assert replace(baseline_result.run, created="") == replace(
        Baseline.from_json((folder / "store/evaluation/baseline.json").read_bytes()), created=""
    )
    assert (
        baseline_result.run.model,
        baseline_result.run.strategy,
        baseline_result.run.products,
        baseline_result.run.seed,
    ) == ("colour@1", "pretrained", 27, 0)
    assert tuple(baseline_result.run.ranks) == tuple(CORRUPTIONS)
    assert {item.product_id for item in baseline_result.run.queries} == {f"p{number}" for number in range(27)}
    assert {item.category for item in baseline_result.run.queries} == {"Men / Tops", "Men / Shoes"}
    assert all(item.photo == str(folder / f"{item.product_id}.png") for item in baseline_result.run.queries)
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
    result = check(folder / "store", COMPARE, embedder, settings=Settings(threads=1))
    assert result.report is not None and result.report.passed and result.report.paired
    assert replace(result.run, created="") == replace(before, created="")
    assert (result.power, result.left_out, result.report.left_out) == (None, {}, ())
    assert embedder.photos == 27 * len(CORRUPTIONS), "nothing is remembered from earlier runs"
    assert all(cell.now == cell.before for cell in result.report.cells)
    assert [cell.name for cell in result.report.cells] == ["all", *CORRUPTIONS, "Men / Shoes", "Men / Tops"]
    assert result.report.lines()[0] == "passed  13 of 13 figures, on the same queries"


def test_a_fresh_sample_is_another_one_and_passes(folder: Path) -> None:
    result, again, other = (check(folder / "store", CheckOptions(fresh=seed, count=20)) for seed in (5, 5, 6))
    assert result.report is not None and result.report.passed and not result.report.paired
    assert (len(result.run.queries), result.run.seed) == (20, 5)
    assert replace(again.run, created="") == replace(result.run, created="")
    assert set(other.run.queries) != set(result.run.queries)
    assert "on a fresh sample" in result.report.lines()[0]


def test_a_check_repeats_the_queries_of_the_baseline(store: Path) -> None:
    baseline_result = check(store, CheckOptions(make_baseline=True, count=12, seed=7))
    assert (len(baseline_result.run.queries), baseline_result.run.seed) == (12, 7)
    result = check(store)
    assert replace(result.run, created="") == replace(baseline_result.run, created="")


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

    change_index(store, change)


@pytest.mark.parametrize("fault", [Swapped(), Negated()])
def test_a_changed_model_fails_the_check(folder: Path, fault: ColourEmbedder) -> None:
    result = check(folder / "store", COMPARE, fault)
    assert result.report is not None and not result.report.passed
    assert {"all", "clean", "blur", "rotation", "crop", "hand", "jpeg", "sideways"} <= set(fallen_cells(result))
    same = sum(r == b for r, _, b in COLORS) if isinstance(fault, Swapped) else 0
    assert recall(result.run, "clean") == same / 27
    first = result.report.lines()[0]
    assert first.startswith("FELL  ") and ": 100.0 % -> " in first and ", p " in first and first.endswith("27 queries)")
    fresh = check(folder / "store", CheckOptions(fresh=3), fault)
    assert fresh.report is not None and not fresh.report.passed


def test_ignored_exif_orientation_fails_the_check_and_is_named(tmp_path: Path) -> None:
    create_shop(tmp_path, write_quartered_photo)
    result = check(tmp_path / "store", COMPARE, Turned(), settings=Settings(threads=1))
    assert result.report is not None and not result.report.passed
    assert result.report.lines()[0].startswith("FELL  sideways: 100.0 % -> ")
    assert set(fallen_cells(result)) <= {"sideways", "all", "Men / Tops", "Men / Shoes"}
    assert recall(result.run, "sideways") < 0.2


def test_shuffled_vectors_fail_the_check(store: Path) -> None:
    permuted(store, [*range(13), 26, *range(13, 26)])
    result = check(store)
    assert result.report is not None and not result.report.passed
    assert recall(result.run, "clean") == 13 / 27
    assert "all" in fallen_cells(result)


def test_two_swapped_products_of_27_are_not_significant(store: Path) -> None:
    permuted(store, [1, 0, *range(2, 27)])
    result = check(store)
    assert result.report is not None and result.report.passed
    assert recall(result.run, "clean") == 25 / 27


def test_a_photo_that_a_search_would_refuse_is_not_found(folder: Path) -> None:
    before = check(folder / "store")
    result = check(folder / "store", COMPARE, Blind(None))
    assert result.left_out == {} and len(result.run.queries) == 27
    assert set(result.run.ranks["dark"]) == {0}
    assert result.run.ranks["clean"] != before.run.ranks["clean"]
    assert {new for old, new in zip(before.run.ranks["clean"], result.run.ranks["clean"], strict=True)} == {0, 1}


def test_a_model_that_fails_is_an_error(folder: Path) -> None:
    with (
        open_context(folder / "store", Blind("bad-model")) as context,
        pytest.raises(ModelError, match="network is broken"),
    ):
        check_regression(context, strategy_named("pretrained"), COMPARE)
    with open_context(folder / "store", ColourEmbedder("other@2")) as context, pytest.raises(StoreError) as error:
        check_regression(context, strategy_named("pretrained"), COMPARE)
    assert error.value.code == "other-model"

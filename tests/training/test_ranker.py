"""Tests of a ranker from end to end: it is trained on a shop's own photos, put to use, searched by, and undone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop, Steering
from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import TRAINING_PHOTO
from shoplens.evaluation.results import Estimate, PairedDifference
from shoplens.ranking import filter_retrieval
from shoplens.training.ranker import MAIN_METRIC, RankerOptions, RankerTraining, judge_rankers
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.training.ranker_training.toy_datasets import QUICK
from tests.training.shops import SETTINGS, create_learnable_shop, draw_pattern

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RankerTraining]:
    """Return a folder with a closed shop whose listwise ranker was put to use by force, and the result of the
    training."""
    folder = tmp_path_factory.mktemp("ranked")
    with create_learnable_shop(folder, 40, 3) as shop:
        return folder, shop.training.train_ranker(
            RankerOptions(kind="listwise", force=True, recipes=QUICK), report=folder / "report.html"
        )


@pytest.fixture
def shop(trained: tuple[Path, RankerTraining], tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the trained shop."""
    shutil.copytree(trained[0] / "store", tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


@pytest.fixture
def query_photo(tmp_path: Path) -> Path:
    return draw_pattern(tmp_path / "asked.png", 7, 99)


def test_the_ranker_trains_on_further_photos_and_reports_its_metrics(trained: tuple[Path, RankerTraining]) -> None:
    folder, training = trained
    assert training.selected == "listwise" and training.model.startswith("ranker@")
    assert (training.queries, training.groups) == (80, 20)
    assert set(training.metrics) == {"fitted", "static", "gate", "listwise"}
    assert training.export_difference < 1e-5 and training.clicks is None
    assert sum(training.tuned_weights.values()) == pytest.approx(1, abs=1e-3)
    page = (folder / "report.html").read_text("utf-8")
    assert "Photos with unusual weights" in page and training.reason in page


def test_searches_are_ranked_by_the_trained_network(shop: Shop, query_photo: Path) -> None:
    answer = shop.search(query_photo, 5, steering=Steering(explain=True))
    assert answer.strategy == "filters-dynamic"
    assert sum(answer.importances.values()) == pytest.approx(1) and sum(answer.weights.values()) == pytest.approx(1)
    for result in answer.results:
        assert "context" in result.parts and sum(result.parts.values()) == pytest.approx(result.score)
        assert result.reasons is not None and result.reasons.weights == answer.weights
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert "weigh" in answer.took_ms


def test_a_given_weight_multiplies_the_learned_one_and_zero_stays_zero(shop: Shop, query_photo: Path) -> None:
    plain = shop.search(query_photo, 3).importances
    name = max(plain, key=lambda one: plain[one])
    more = shop.search(query_photo, 3, steering=Steering(weights={name: 3.0})).importances
    none = shop.search(query_photo, 3, steering=Steering(weights={name: 0.0}))
    assert more[name] > plain[name] and none.importances[name] == 0
    assert all(result.parts[name] == 0 for result in none.results)
    alone = {one: 0.0 for one in plain if one != name}
    assert shop.search(query_photo, 3, steering=Steering(weights=alone)).importances[name] == pytest.approx(1)


def test_tuned_weights_keep_the_scale_of_the_fitted_ones(shop: Shop) -> None:
    tuned = {row.name: row.weight for row in shop.dimensions() if row.weight is not None}
    shop.training.undo_ranker()
    fitted = {row.name: row.weight for row in shop.dimensions() if row.weight is not None}
    assert tuned != fitted and sum(tuned.values()) == pytest.approx(sum(fitted.values()), rel=1e-3)


def test_only_the_first_products_are_ranked_listwise(
    shop: Shop, query_photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_retrieval, "LISTWISE_LIMIT", 3)
    parts = [result.parts["context"] for result in shop.search(query_photo, 20).results]
    assert len(parts) == 20 and 0 < sum(part != 0 for part in parts) <= 3


def test_one_product_and_none_can_be_ranked(shop: Shop, query_photo: Path) -> None:
    assert [one.product.id for one in shop.search(query_photo, 3, where="id = p7").results] == ["p7"]
    assert not shop.search(query_photo, 3, where="id = p7 and id = p8").results


def test_similar_products_are_ranked_and_facets_are_counted(shop: Shop) -> None:
    answer = shop.similar("p3", 3)
    assert answer.strategy == "filters-dynamic" and len(answer.results) == 3


def test_an_evaluation_leaves_out_training_photos_of_the_ranker(shop: Shop) -> None:
    evaluation = shop.quality.evaluate(strategy="filters-dynamic")
    assert {one.kind: one.times for one in evaluation.left_out} == {TRAINING_PHOTO: 80}
    assert not shop.quality.evaluate(strategy="filters-static").left_out


def test_a_ranker_can_be_undone_once(shop: Shop, query_photo: Path) -> None:
    tuned = shop.search(query_photo, 3, strategy="filters-static").importances
    shop.training.undo_ranker()
    assert shop.search(query_photo, 3).strategy == "filters-static"
    assert shop.search(query_photo, 3).importances != pytest.approx(tuned)
    with pytest.raises(InvalidValue, match="nothing to undo"):
        shop.training.undo_ranker()
    with pytest.raises(InvalidValue, match="shoplens train ranker"):
        shop.search(query_photo, 3, strategy="filters-dynamic")


def test_new_filters_of_the_same_look_keep_the_ranker(shop: Shop, query_photo: Path, tmp_path: Path) -> None:
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", photo(tmp_path / "new.png", (9, 200, 90)).name)]))
    shop.training.train_filters()
    assert shop.search(query_photo, 3).strategy == "filters-dynamic"


def test_a_damaged_ranker_is_an_error_and_other_strategies_work(shop: Shop, query_photo: Path) -> None:
    with shop._parts.store.reading() as generation:
        file = generation.folder / "ranker.onnx"
    file.write_bytes(b"half a file")
    with pytest.raises(StoreError, match="shoplens train ranker"):
        shop.search(query_photo, 3)
    assert shop.search(query_photo, 3, strategy="pretrained").results


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    with create_learnable_shop(tmp_path, 8, 2) as shop, pytest.raises(InvalidValue, match="--queries"):
        shop.training.train_ranker()


def test_a_network_ranks_only_if_it_is_significantly_better() -> None:
    def change(low: float, high: float, first: float = 0.1) -> dict[str, PairedDifference]:
        middle = (low + high) / 2
        return {
            MAIN_METRIC: PairedDifference(Estimate(middle, low, high), 0.01),
            "recall@1": PairedDifference(Estimate(0.0, first - 0.2, first), 0.5),
        }

    static, better, unclear = change(0.0, 0.02), change(0.01, 0.05), change(-0.01, 0.09)

    def judge(
        gate: dict[str, PairedDifference], static: dict[str, PairedDifference] = static, **options: object
    ) -> tuple[str, str]:
        changes = {"static": static, "gate": gate, "listwise": unclear}
        return judge_rankers(changes, RankerOptions(**options))  # type: ignore[arg-type]

    assert judge(better)[0] == "gate"
    assert judge(unclear)[0] == "static"
    assert judge(unclear, change(-0.3, 0.1))[0] == ""
    assert judge(better, kind="listwise")[0] == "static"
    assert judge(change(0.01, 0.05, first=-0.01))[0] == "static"
    assert judge(unclear, kind="gate", force=True) == (
        "gate",
        "It was forced, and is not significantly better: gate against tuned weights: nDCG@10 +4.0 (-1.0 to +9.0) "
        "points.",
    )

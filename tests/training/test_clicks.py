"""Tests of the path from a remembered search to a ranking that clicks changed, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop, Steering
from shoplens.feedback.events import Event
from shoplens.ranking.ranker import Ranker
from shoplens.settings import Preferences, Settings
from shoplens.store.generation import Generation
from shoplens.training.ranker import RankerOptions
from tests.fakes import ColourEmbedder
from tests.training.ranker_training.toy_datasets import QUICK
from tests.training.shops import create_learnable_shop, draw_pattern

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")
VISITS = 40


@pytest.fixture(scope="module")
def clicked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the store of a shop whose shoppers clicked on the right product wherever it was shown."""
    folder = tmp_path_factory.mktemp("clicked")
    with create_learnable_shop(folder, 40, 3) as shop:
        click_on_answers(shop, folder, range(VISITS))
    return folder


def click_on_answers(shop: Shop, folder: Path, visits: range) -> None:
    """Let shoppers click on the right product where it is shown, else on the first one."""
    for number in visits:
        query_photo = draw_pattern(folder / "asked.png", number % 40, 100 + number)
        answer = shop.search(query_photo, 12, remember=True, user=f"user {number}")
        assert answer.remembered
        shown = [result.product.id for result in answer.results]
        right = f"p{number % 40}"
        shop.feedback.add([Event(answer.query_id, right if right in shown else shown[0], "click", f"user {number}")])


@pytest.fixture
def shop(clicked: Path, tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the clicked shop."""
    shutil.copytree(clicked / "store", tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=Settings(threads=1)) as shop:
        yield shop


def weights(shop: Shop) -> dict[str, float]:
    return {row.name: row.weight for row in shop.dimensions() if row.weight is not None}


def test_clicks_change_weights_after_a_dry_run_and_can_be_undone(shop: Shop, tmp_path: Path) -> None:
    before = weights(shop)
    report = tmp_path / "clicks.html"
    dry = shop.training.train_on_clicks(RankerOptions(force=True, dry_run=True), report=report)
    assert dry.promoted and dry.dry_run and dry.replay is not None and weights(shop) == before
    assert "this was a dry run" in report.read_text("utf-8")
    training = shop.training.train_on_clicks(RankerOptions(force=True), report=report)
    assert training.promoted and training.answers + training.capped == VISITS and training.shoppers == training.answers
    assert 0 < training.weight_change <= 0.15 + 1e-6 and training.known_ndcg is not None
    after = weights(shop)
    assert after != before and sum(after.values()) == pytest.approx(sum(before.values()), rel=1e-2)
    page = report.read_text("utf-8")
    assert "Answers that change most" in page and training.reason in page and "Searches use the new weights." in page
    assert json.loads(report.with_suffix(".json").read_text("utf-8"))["answers"] == training.answers
    shop.training.undo_ranker()
    assert weights(shop) == before


def test_clicks_update_a_trained_ranker(shop: Shop, tmp_path: Path) -> None:
    report = tmp_path / "ranker.html"
    training = shop.training.train_ranker(RankerOptions(kind="gate", force=True, recipes=QUICK), report=report)
    assert training.clicks is not None and training.clicks.answers + training.clicks.capped == VISITS
    assert training.clicks.model.startswith("ranker@") and training.clicks.model != training.model
    with shop._parts.store.reading() as generation:
        assert "clicks" in json.dumps(dict(_load_trained_ranker(generation).card.training_record))
    assert "What shoppers did" in report.read_text("utf-8")
    answer = shop.search(draw_pattern(tmp_path / "asked.png", 3, 7), 5, remember=True)
    assert answer.strategy == "filters-dynamic" and answer.remembered
    again = shop.training.train_on_clicks(RankerOptions(force=True))
    assert not again.promoted and "0 answers are new" in again.reason
    click_on_answers(shop, tmp_path, range(100, 100 + VISITS))
    more = shop.training.train_on_clicks(RankerOptions(force=True))
    assert more.promoted and more.model not in ("", training.clicks.model)
    shop.training.undo_ranker()
    with shop._parts.store.reading() as generation:
        assert _load_trained_ranker(generation).model == training.clicks.model
    undone = shop.training.train_on_clicks(RankerOptions(force=True))
    assert (undone.promoted, undone.answers) == (False, 0), "clicks whose update was undone are not learned again"


def _load_trained_ranker(generation: Generation) -> Ranker:
    from shoplens.store.ranker_file import load_ranker

    ranker = load_ranker(generation)
    assert ranker is not None
    return ranker


def test_searches_that_teach_nothing_are_not_remembered(shop: Shop, tmp_path: Path) -> None:
    before = shop.feedback.counts().impressions
    query_photo = draw_pattern(tmp_path / "asked.png", 3, 7)
    for steering in (Steering(weights={"look": 2}), Steering(color="red"), Steering(unlike=str(query_photo))):
        assert not shop.search(query_photo, 3, remember=True, steering=steering).remembered
    assert not shop.search(query_photo, 3, remember=True, strategy="pretrained").remembered
    assert not shop.search(query_photo, 3, remember=True, where="id = nothing").remembered
    photo = shop.products.get("p3")
    assert photo is not None
    own = shop.search(photo.photos[0], 1, remember=True)
    assert own.results[0].same_photo and not own.remembered
    assert shop.feedback.counts().impressions == before


def test_clicks_do_not_override_weights_of_the_settings(shop: Shop) -> None:
    shop._parts.settings = replace(shop.settings, preferences=Preferences(weights={"color": 0.0}))
    training = shop.training.train_on_clicks(RankerOptions(force=True))
    assert not training.promoted and "[weights]" in training.reason


def test_a_damaged_feedback_log_does_not_prevent_searches(shop: Shop, tmp_path: Path) -> None:
    shop._parts.feedback_log.close()
    shop._parts.feedback_log.path.write_bytes(b"rubbish" * 1000)
    answer = shop.search(draw_pattern(tmp_path / "asked.png", 3, 7), 3, remember=True)
    assert answer.results and "damaged" in answer.notes[0]
    assert not shop.search(tmp_path / "asked.png", 3).notes


def test_the_feedback_log_contains_no_photos(clicked: Path) -> None:
    held = (clicked / "store" / "feedback.sqlite").read_bytes()
    assert b"PNG" not in held and b"JFIF" not in held and str(clicked).encode() not in held


def test_a_backup_includes_the_feedback_log(shop: Shop, tmp_path: Path) -> None:
    shop.backup(tmp_path / "backup")
    Shop.restore(tmp_path / "backup", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=Settings(threads=1)) as other:
        assert other.feedback.counts() == shop.feedback.counts()


def test_settings_say_whether_answers_are_remembered(shop: Shop, tmp_path: Path) -> None:
    query_photo, before = draw_pattern(tmp_path / "asked.png", 3, 7), shop.feedback.counts().impressions
    shop.search(query_photo, 3)
    shop._parts.settings = Settings(threads=1, remember=True)
    shop.search(query_photo, 3)
    shop.search(query_photo, 3, remember=False)
    assert shop.feedback.counts().impressions == before + 1

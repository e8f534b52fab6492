"""Texts of a catalogue stay text on every page about a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shoplens.evaluation.results import Estimate, OmissionCount, PairedDifference, RetrainingCost
from shoplens.training import holdout_test, ranker
from shoplens.training.classifier import ClassifierTraining, Disagreement
from shoplens.training.clicks import ClickTraining
from shoplens.training.holdout_test import HoldoutResult
from shoplens.training.look import LookTraining
from shoplens.training.ranker import RankerTraining, WeightExample
from shoplens.training.ranker_training.replay import ReorderedAnswer, ReplayResult
from shoplens.training.reports.classifier import classifier_page
from shoplens.training.reports.clicks import write_click_report
from shoplens.training.reports.look import look_page
from shoplens.training.reports.ranker import ranker_page
from shoplens.types import Pixels, Product
from tests.page_elements import HOSTILE, PageElements

SHARE = Estimate(0.3, 0.2, 0.4)
CHANGE = PairedDifference(SHARE, 0.5)
LEFT_OUT = (OmissionCount(HOSTILE, 1, HOSTILE, HOSTILE),)
CLICKS = ClickTraining(
    promoted=True,
    reason=HOSTILE,
    answers=9,
    designs=9,
    shoppers=9,
    capped=0,
    weights={HOSTILE: (0.4, 0.6)},
    likelihood=CHANGE,
    ndcg=CHANGE,
    known_ndcg=CHANGE,
    replay=ReplayResult(0.1, 0.5, (0.3, 0.4), [ReorderedAnswer((HOSTILE, HOSTILE), (HOSTILE,))]),
    left_out=LEFT_OUT,
    seconds={HOSTILE: 1.0},
)


def read(source: str) -> Pixels:
    return np.full((8, 8, 3), 128, np.uint8)


def look(folder: Path) -> str:
    metrics = dict.fromkeys(holdout_test.METRICS, SHARE)
    training = LookTraining(
        is_better=True,
        promoted=True,
        reason=HOSTILE,
        results=[HoldoutResult(HOSTILE, 9, 9, False, metrics, metrics, dict.fromkeys(holdout_test.METRICS, CHANGE))],
        warnings=[HOSTILE],
        ended_early=[HOSTILE],
        products=9,
        photos=9,
        shopper_photos=1,
        rows=9,
        step=1,
        seconds={},
        model=HOSTILE,
        left_out=LEFT_OUT,
        options={"positives": HOSTILE, "recipe": {"loss": HOSTILE, "steps": HOSTILE}},
    )
    return look_page(training)


def classifier(folder: Path) -> str:
    training = ClassifierTraining(
        queries=9,
        simulated=False,
        output_metrics={"recall@1": SHARE, HOSTILE: SHARE},
        distance_metrics={"recall@1": SHARE, HOSTILE: SHARE},
        disagreement=SHARE,
        examples=[Disagreement(HOSTILE, "a", "a")],
        products=9,
        photos=9,
        shopper_photos=1,
        rows=9,
        photos_per_product={"median": 1, "least": 1, "single": 1},
        step=1,
        ended_early=[HOSTILE],
        retraining_costs=[RetrainingCost(1, 1.0, 1, 1)],
        seconds={},
        left_out=LEFT_OUT,
        options={"recipe": {"classes_per_batch": HOSTILE}},
    )
    return classifier_page(training, {"a": Product("a", HOSTILE, (HOSTILE,))}, read)


def dynamic_ranker(folder: Path) -> str:
    training = RankerTraining(
        selected="gate",
        reason=HOSTILE,
        queries=9,
        groups=9,
        query_photos=HOSTILE,
        metrics={name: dict.fromkeys(ranker.METRICS, SHARE) for name in ("fitted", "static", "gate")},
        changes={name: dict.fromkeys(ranker.METRICS, CHANGE) for name in ("static", "gate")},
        fitted_weights={HOSTILE: 1.0},
        tuned_weights={HOSTILE: 1.0},
        gate_weights={HOSTILE: (1.0, 0.1)},
        examples=[WeightExample(HOSTILE, {HOSTILE: 1.0}, 1, 2)],
        seconds={HOSTILE: 1.0},
        model=HOSTILE,
        left_out=LEFT_OUT,
        options={HOSTILE: HOSTILE},
        clicks=CLICKS,
    )
    return ranker_page(training, read)


def clicks(folder: Path) -> str:
    write_click_report(folder / "clicks.html", CLICKS)
    return (folder / "clicks.html").read_text("utf-8")


@pytest.mark.parametrize("page", [look, classifier, dynamic_ranker, clicks])
def test_texts_of_a_catalogue_stay_text(page: Callable[[Path], str], tmp_path: Path) -> None:
    elements = PageElements(page(tmp_path))
    assert elements.scripts == 0
    assert elements.unsafe_attributes == []
    assert HOSTILE in elements.text

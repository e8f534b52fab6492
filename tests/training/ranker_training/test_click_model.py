"""Tests of what is learned from clicks, although first results are examined first, and of how far one client gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shoplens.feedback.impressions import Impression
from shoplens.feedback.log import LoggedImpression
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import SIGNALS, RankerFeatures
from shoplens.training.clicks import train_on_click_dataset
from shoplens.training.ranker_training import replay as replay_module
from shoplens.training.ranker_training.click_dataset import ClickDataset, build_click_dataset
from shoplens.training.ranker_training.click_model import (
    MAX_WEIGHT_CHANGE,
    ClickModelOptions,
    fit_click_model,
    limit_update,
    log_likelihoods,
    score_answers,
)
from shoplens.training.ranker_training.click_simulation import SimulatedShoppers
from shoplens.training.ranker_training.cross_validation import FOLDS, binary_ndcg
from shoplens.training.ranker_training.ranker_export import export_ranker, load_ranking_network, static_network
from shoplens.training.ranker_training.ranking_dataset import RankingDataset
from shoplens.training.ranker_training.ranking_networks import RankingNetwork, train_network
from shoplens.training.ranker_training.relevance import SAME
from shoplens.types import Rejection
from tests.training.ranker_training.toy_datasets import NAMES, QUICK, create_toy_dataset

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")
SIZE = 12
BIASED = SimulatedShoppers(examination=1.5, noise_probability=0.1)


def create_color_dataset(queries: int = 400, seed: int = 0) -> RankingDataset:
    """Return queries whose right product is similar in colour alone."""
    rng = np.random.default_rng(seed)
    dataset = create_toy_dataset(queries, seed, signal=False)
    similarities = rng.normal(size=dataset.similarities.shape).astype(np.float32)
    gains = np.zeros_like(dataset.gains)
    all_queries, right = np.arange(queries), rng.integers(0, similarities.shape[1], queries)
    similarities[all_queries, right, 1] += 2.5
    gains[all_queries, right] = SAME
    return replace(dataset, similarities=similarities, gains=gains)


def create_look_network() -> RankingNetwork:
    """Return weights that consist of the look almost alone."""
    return static_network(np.array([1, 0.1, 0.1], np.float32), SIZE)


def simulate_answers(
    dataset: RankingDataset, network: RankingNetwork, count: int, shoppers: SimulatedShoppers = BIASED, seed: int = 0
) -> list[LoggedImpression]:
    rng, seen = np.random.default_rng(seed), list[LoggedImpression]()
    while len(seen) < count:
        seen += shoppers.visit(dataset, network.scores(dataset), rng.integers(0, len(dataset), 100), rng)
    return seen[:count]


def build_answers(seen: list[LoggedImpression]) -> ClickDataset:
    return build_click_dataset(seen, NAMES, "", lambda one: None)


def share(network: RankingNetwork, name: str) -> float:
    weights = np.exp(network.base) / np.exp(network.base).sum()
    return float(weights[NAMES.index(name)])


def test_clicks_teach_weights_and_the_position_bias() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    answers = build_answers(simulate_answers(dataset, start, 600))
    learned = fit_click_model(answers, start, ClickModelOptions())
    assert share(learned.network, "color") > share(start, "color") + 0.3
    assert 1.1 < learned.examination < 1.9
    others = create_color_dataset(seed=1)
    better, before = (binary_ndcg(others, one.scores(others)).mean() for one in (learned.network, start))
    assert better > before + 0.2


def test_without_correction_the_model_learns_the_position() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    answers = build_answers(simulate_answers(dataset, start, 600, replace(BIASED, examination=2.5)))
    found = {
        one: fit_click_model(answers, start, ClickModelOptions(one)).network
        for one in ("position", "propensity", "none")
    }
    assert share(found["none"], "look") > share(found["propensity"], "look") > share(found["position"], "look")


def test_an_update_is_limited_and_the_next_one_continues() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    answers = build_answers(simulate_answers(dataset, start, 600))
    wanted = fit_click_model(answers, start, ClickModelOptions()).network
    once, moved = limit_update(answers, start, wanted)
    assert moved == pytest.approx(MAX_WEIGHT_CHANGE, abs=1e-3)
    assert share(start, "color") < share(once, "color") < share(wanted, "color")
    same, moved = limit_update(answers, start, start)
    assert moved == 0 and same is start


def test_sixty_answers_are_enough_and_twenty_are_reported_as_too_few() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    training, end = train_on_click_dataset(build_answers(simulate_answers(dataset, start, 20)), start, None, 0)
    assert (training.promoted, end is start) == (False, True) and "cannot help yet" in training.reason
    training, end = train_on_click_dataset(build_answers(simulate_answers(dataset, start, 60)), start, None, 0)
    assert training.promoted and "Clicks help" in training.reason
    assert training.weights["color"][1] > training.weights["color"][0]
    assert training.replay is not None and training.replay.changed_first > 0 and training.replay.examples


def test_random_clicks_are_not_promoted() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    blind = replace(dataset, gains=np.zeros_like(dataset.gains))
    answers = build_answers(simulate_answers(blind, start, 150, SimulatedShoppers(noise_probability=0.5)))
    training, _ = train_on_click_dataset(answers, start, None, 0)
    assert not training.promoted and "do not significantly help" in training.reason


def test_an_update_that_worsens_known_photos_is_not_promoted() -> None:
    clicks, start = create_color_dataset(), create_look_network()
    known = create_color_dataset(seed=3)
    swapped = replace(known, similarities=known.similarities[:, :, [1, 0, 2]])  # there it is the look that counts
    training, _ = train_on_click_dataset(build_answers(simulate_answers(clicks, start, 150)), start, swapped, 0)
    assert not training.promoted and "would find it later" in training.reason


def push_product(visit: int, user: str) -> LoggedImpression:
    """Return an answer in which somebody clicks the last of ten products, which is not similar at all."""
    similarities = np.random.default_rng(visit).normal(size=(10, len(NAMES))).astype(np.float32)
    similarities[-1] = (-1, -1, 3)
    seen = RankerFeatures(
        NAMES, np.zeros(SIZE, np.float32), np.zeros((len(NAMES), len(SIGNALS)), np.float32), similarities
    )
    ids = [*(f"{visit}-{n}" for n in range(9)), "pushed"]
    impression = Impression(f"bad {visit}", 1e6 + visit, user, "filters-static", "", {}, seen, ids, range(1, 11))
    return LoggedImpression(impression, {"pushed": frozenset({"click"})}, frozenset({user} - {""}))


def push_behind_decoy(visit: int) -> LoggedImpression:
    """Return the same with a click on the first product, which is another one every time."""
    one = push_product(visit, "")
    return replace(one, events={**one.events, one.impression.products[0]: frozenset({"click"})})


@pytest.mark.parametrize(
    "attack",
    [lambda visit: push_product(visit, "bad"), lambda visit: push_product(visit, ""), push_behind_decoy],
    ids=["one user", "nobody", "behind decoys"],
)
def test_thousands_of_clicks_of_one_client_change_little(
    attack: Callable[[int], LoggedImpression],
) -> None:
    dataset, start = create_color_dataset(), create_look_network()
    honest = simulate_answers(dataset, start, 120)
    poisoned = build_answers([*honest, *(attack(visit) for visit in range(5_000))])
    assert poisoned.capped >= 5_000 - 120
    training, dirty = train_on_click_dataset(poisoned, start, None, 0)
    assert training.weight_change <= MAX_WEIGHT_CHANGE
    assert share(dirty, "pattern") < share(start, "pattern") + 0.08
    assert share(dirty, "color") > share(start, "color") + 0.05


def test_the_weight_of_an_answer_is_at_most_that_of_a_purchase() -> None:
    one = push_product(0, "")
    bought = {product: frozenset({"purchase", "click"}) for product in one.impression.products[1:]}
    assert build_answers([replace(one, events=bought)]).chosen.sum() == pytest.approx(3)


def test_clicks_on_variants_of_a_design_are_capped_together() -> None:
    found = build_click_dataset(
        [push_product(n, "") for n in range(30)], NAMES, "", lambda row: None, lambda product: "one"
    )
    assert (len(found), found.capped, set(found.groups)) == (5, 25, {"one"})


def test_clicks_of_too_few_users_are_not_promoted() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    seen = [
        replace(one, users=frozenset({f"user {n % 5}"})) for n, one in enumerate(simulate_answers(dataset, start, 90))
    ]
    training, _ = train_on_click_dataset(build_answers(seen), start, None, 0)
    assert not training.promoted and "by 5 shoppers" in training.reason


def test_answers_are_replayed_with_weights_of_the_other_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, start = create_color_dataset(), create_look_network()
    answers, learned = build_answers(simulate_answers(dataset, start, 120)), list[set[str]]()
    original = replay_module.fit_click_model

    def spy(subset: ClickDataset, *others: object, **more: object) -> object:
        learned.append(set().union(*subset.designs))
        return original(subset, *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(replay_module, "fit_click_model", spy)
    replay_module.cross_validate_clicks(answers, start)
    assert len(learned) == 3 * FOLDS
    for fold in range(FOLDS):
        assert not any(fold_index(name, FOLDS) == fold for name in learned[3 * fold])


def test_a_wrong_mark_lowers_a_product_and_has_no_position_bias() -> None:
    start = static_network(np.ones(3, np.float32), SIZE)
    seen = []
    for visit in range(60):
        one = push_product(visit, "")
        seen.append(replace(one, events={"pushed": frozenset({"wrong"})}))
    answers = build_click_dataset(seen, NAMES, "", lambda row: None)
    assert len(answers) == 5
    learned = fit_click_model(answers, start, ClickModelOptions())
    assert share(learned.network, "pattern") < share(start, "pattern") - 0.01
    assert np.isfinite(log_likelihoods(answers, learned)).all()


def test_a_purchase_counts_more_than_a_click_and_a_wrong_mark_cancels_a_click() -> None:
    one = push_product(0, "")
    ids = list(one.impression.products)
    events = {
        ids[0]: frozenset({"click"}),
        ids[1]: frozenset({"click", "purchase"}),
        ids[2]: frozenset({"click", "wrong"}),
    }
    answers = build_answers([replace(one, events=events)])
    assert answers.chosen[0, :4].tolist() == pytest.approx([0.75, 2.25, 0, 0]) and answers.wrong[0, :4].tolist() == [
        0,
        0,
        1,
        0,
    ]
    assert answers.groups == (ids[1],)


def test_answers_of_different_lengths_and_dimensions_form_one_dataset() -> None:
    dataset, start = create_color_dataset(), create_look_network()
    seen = simulate_answers(dataset, start, 40)
    first = seen[0]
    evidence = first.impression.ranker_features
    narrow = RankerFeatures(("color", "gone"), evidence.look, evidence.signals[:2], evidence.places[:3, :2])
    products = list(first.impression.products)[:3]
    seen[0] = LoggedImpression(
        replace(first.impression, ranker_features=narrow, products=products, ranks=[1, 2, 3]),
        {products[1]: frozenset({"click"})},
        frozenset(),
    )
    answers = build_answers(seen)
    place = answers.products.index(tuple(products))
    assert answers.shown[place].sum() == 3 and answers.products[place] == tuple(products)
    assert np.array_equal(answers.similarities[place, :3, 1], evidence.places[:3, 0])
    assert not answers.similarities[place, :, [0, 2]].any()
    assert score_answers(start, answers)[place, 3:].max() < -1e8
    assert np.isfinite(fit_click_model(answers, start, ClickModelOptions()).network.base).all()


def test_answers_that_teach_nothing_are_counted_by_reason() -> None:
    one = push_product(0, "")
    other = replace(one, impression=replace(one.impression, model="another"))
    alone = replace(one, impression=replace(one.impression, products=["pushed"], ranks=[1]))
    hated = replace(one, events={product: frozenset({"wrong"}) for product in one.impression.products})
    signal: list[Rejection] = []
    assert len(build_click_dataset([other, alone, hated], NAMES, "", signal.append)) == 0
    assert [row.kind for row in signal] == ["other-model", "one-product", "all-wrong"]


@pytest.mark.parametrize("family", ["gate", "listwise"])
def test_a_ranker_is_read_back_and_continues_to_learn(family: str) -> None:
    from shoplens.ranking.ranker import Ranker, RankerCard

    dataset = create_toy_dataset()
    gate = train_network(dataset, QUICK[1])
    network = gate if family == "gate" else train_network(dataset, QUICK[2], gate)
    back = load_ranking_network(Ranker(export_ranker(network, RankerCard(NAMES, family, SIZE))))  # type: ignore[arg-type]
    assert np.allclose(back.scores(dataset), network.scores(dataset), atol=1e-6)
    answers = build_answers(simulate_answers(create_color_dataset(), back, 100))
    learned = fit_click_model(answers, back, ClickModelOptions())
    assert not np.array_equal(learned.network.gate, back.gate)
    assert np.array_equal(learned.network.inner, back.inner)
    assert score_answers(learned.network, answers).shape == answers.shown.shape

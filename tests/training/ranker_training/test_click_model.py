"""What clicks teach, where first places are seen first; and how far one client gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shoplens.feedback.impressions import Impression
from shoplens.feedback.log import Seen
from shoplens.filters.fitting.crossfit import fold_of
from shoplens.ranking.ranker_features import SIGNALS, RankerFeatures
from shoplens.training.clicks import train_and_test_on_clicks
from shoplens.training.ranker_training import replay as replay_module
from shoplens.training.ranker_training.click_dataset import ClickDataset, build_click_dataset
from shoplens.training.ranker_training.click_model import (
    MAX_WEIGHT_CHANGE,
    ClickModelOptions,
    fit_click_model,
    likelihood,
    limit_update,
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
BIASED = SimulatedShoppers(examination=1.5, noise=0.1)


def by_color(queries: int = 400, seed: int = 0) -> RankingDataset:
    """Queries in which it is the color alone that the right product is like."""
    rng = np.random.default_rng(seed)
    dataset = create_toy_dataset(queries, seed, told=False)
    places = rng.normal(size=dataset.similarities.shape).astype(np.float32)
    gains = np.zeros_like(dataset.gains)
    everyone, right = np.arange(queries), rng.integers(0, places.shape[1], queries)
    places[everyone, right, 1] += 2.5
    gains[everyone, right] = SAME
    return replace(dataset, places=places, gains=gains)


def by_look() -> RankingNetwork:
    """Weights that nearly only know the look."""
    return static_network(np.array([1, 0.1, 0.1], np.float32), SIZE)


def answers(
    dataset: RankingDataset, network: RankingNetwork, many: int, shoppers: SimulatedShoppers = BIASED, seed: int = 0
) -> list[Seen]:
    rng, seen = np.random.default_rng(seed), list[Seen]()
    while len(seen) < many:
        seen += shoppers.visit(dataset, network.scores(dataset), rng.integers(0, len(dataset), 100), rng)
    return seen[:many]


def numbers(seen: list[Seen]) -> ClickDataset:
    return build_click_dataset(seen, NAMES, "", lambda one: None)


def share(network: RankingNetwork, name: str) -> float:
    weights = np.exp(network.base) / np.exp(network.base).sum()
    return float(weights[NAMES.index(name)])


def test_clicks_teach_what_counts_and_how_much_the_place_did() -> None:
    dataset, start = by_color(), by_look()
    clicked = numbers(answers(dataset, start, 600))
    learned = fit_click_model(clicked, start, ClickModelOptions())
    assert share(learned.network, "color") > share(start, "color") + 0.3
    assert 1.1 < learned.examination < 1.9
    others = by_color(seed=1)
    better, before = (binary_ndcg(others, one.scores(others)).mean() for one in (learned.network, start))
    assert better > before + 0.2


def test_without_correction_it_learns_the_place_instead() -> None:
    dataset, start = by_color(), by_look()
    clicked = numbers(answers(dataset, start, 600, replace(BIASED, examination=2.5)))
    found = {
        one: fit_click_model(clicked, start, ClickModelOptions(one)).network
        for one in ("position", "propensity", "none")
    }
    assert share(found["none"], "look") > share(found["propensity"], "look") > share(found["position"], "look")


def test_one_update_moves_so_far_and_the_next_goes_on() -> None:
    dataset, start = by_color(), by_look()
    clicked = numbers(answers(dataset, start, 600))
    wanted = fit_click_model(clicked, start, ClickModelOptions()).network
    once, moved = limit_update(clicked, start, wanted)
    assert moved == pytest.approx(MAX_WEIGHT_CHANGE, abs=1e-3)
    assert share(start, "color") < share(once, "color") < share(wanted, "color")
    same, moved = limit_update(clicked, start, start)
    assert moved == 0 and same is start


def test_some_dozens_help_or_it_says_that_they_cannot_yet() -> None:
    dataset, start = by_color(), by_look()
    training, end = train_and_test_on_clicks(numbers(answers(dataset, start, 20)), start, None, 0)
    assert (training.taken, end is start) == (False, True) and "cannot help yet" in training.why
    training, end = train_and_test_on_clicks(numbers(answers(dataset, start, 60)), start, None, 0)
    assert training.taken and "Clicks help" in training.why
    assert training.weights["color"][1] > training.weights["color"][0]
    assert training.replay is not None and training.replay.first > 0 and training.replay.examples


def test_clicks_at_random_are_not_taken() -> None:
    dataset, start = by_color(), by_look()
    blind = replace(dataset, gains=np.zeros_like(dataset.gains))
    clicked = numbers(answers(blind, start, 150, SimulatedShoppers(noise=0.5)))
    training, _ = train_and_test_on_clicks(clicked, start, None, 0)
    assert not training.taken and "do not surely help" in training.why


def test_photos_whose_product_is_known_may_not_lose() -> None:
    clicks, start = by_color(), by_look()
    known = by_color(seed=3)
    swapped = replace(known, places=known.similarities[:, :, [1, 0, 2]])  # there it is the look that counts
    training, _ = train_and_test_on_clicks(numbers(answers(clicks, start, 150)), start, swapped, 0)
    assert not training.taken and "would be found later" in training.why


def pushed(visit: int, user: str) -> Seen:
    """Somebody clicks the last of ten products, which has no likeness at all."""
    places = np.random.default_rng(visit).normal(size=(10, len(NAMES))).astype(np.float32)
    places[-1] = (-1, -1, 3)
    seen = RankerFeatures(NAMES, np.zeros(SIZE, np.float32), np.zeros((len(NAMES), len(SIGNALS)), np.float32), places)
    ids = [*(f"{visit}-{n}" for n in range(9)), "pushed"]
    impression = Impression(f"bad {visit}", 1e6 + visit, user, "filters-static", "", {}, seen, ids, range(1, 11))
    return Seen(impression, {"pushed": frozenset({"click"})}, frozenset({user} - {""}))


def behind_a_decoy(visit: int) -> Seen:
    """The same, with a click on the first product, which is another one every time."""
    one = pushed(visit, "")
    return replace(one, events={**one.events, one.impression.products[0]: frozenset({"click"})})


@pytest.mark.parametrize(
    "attack",
    [lambda visit: pushed(visit, "bad"), lambda visit: pushed(visit, ""), behind_a_decoy],
    ids=["one user", "nobody", "behind decoys"],
)
def test_thousands_of_clicks_of_one_client_on_one_product_teach_little(attack: Callable[[int], Seen]) -> None:
    dataset, start = by_color(), by_look()
    honest = answers(dataset, start, 120)
    poisoned = numbers([*honest, *(attack(visit) for visit in range(5_000))])
    assert poisoned.muted >= 5_000 - 120
    training, dirty = train_and_test_on_clicks(poisoned, start, None, 0)
    assert training.moved <= MAX_WEIGHT_CHANGE
    assert share(dirty, "pattern") < share(start, "pattern") + 0.08
    assert share(dirty, "color") > share(start, "color") + 0.05


def test_one_answer_says_no_more_than_a_purchase() -> None:
    one = pushed(0, "")
    bought = {product: frozenset({"purchase", "click"}) for product in one.impression.products[1:]}
    assert numbers([replace(one, events=bought)]).chosen.sum() == pytest.approx(3)


def test_variants_are_one_design() -> None:
    found = build_click_dataset([pushed(n, "") for n in range(30)], NAMES, "", lambda row: None, lambda product: "one")
    assert (len(found), found.muted, set(found.groups)) == (5, 25, {"one"})


def test_few_users_say_nothing_however_much_they_click() -> None:
    dataset, start = by_color(), by_look()
    seen = [replace(one, users=frozenset({f"user {n % 5}"})) for n, one in enumerate(answers(dataset, start, 90))]
    training, _ = train_and_test_on_clicks(numbers(seen), start, None, 0)
    assert not training.taken and "by 5 shoppers" in training.why


def test_a_choice_is_judged_by_weights_that_saw_no_choice_of_its_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, start = by_color(), by_look()
    clicked, learned = numbers(answers(dataset, start, 120)), list[set[str]]()
    original = replay_module.fit_click_model

    def spy(subset: ClickDataset, *others: object, **more: object) -> object:
        learned.append(set().union(*subset.designs))
        return original(subset, *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(replay_module, "fit_click_model", spy)
    replay_module.cross_validate_clicks(clicked, start)
    assert len(learned) == 3 * FOLDS
    for fold in range(FOLDS):
        assert not any(fold_of(name, FOLDS) == fold for name in learned[3 * fold])


def test_a_wrong_mark_pushes_down_and_is_no_matter_of_place() -> None:
    start = static_network(np.ones(3, np.float32), SIZE)
    seen = []
    for visit in range(60):
        one = pushed(visit, "")
        seen.append(replace(one, events={"pushed": frozenset({"wrong"})}))
    clicked = build_click_dataset(seen, NAMES, "", lambda row: None)
    assert len(clicked) == 5
    learned = fit_click_model(clicked, start, ClickModelOptions())
    assert share(learned.network, "pattern") < share(start, "pattern") - 0.01
    assert np.isfinite(likelihood(clicked, learned)).all()


def test_bought_counts_for_more_and_a_mark_undoes_a_click() -> None:
    one = pushed(0, "")
    ids = list(one.impression.products)
    events = {
        ids[0]: frozenset({"click"}),
        ids[1]: frozenset({"click", "purchase"}),
        ids[2]: frozenset({"click", "wrong"}),
    }
    clicked = numbers([replace(one, events=events)])
    assert clicked.chosen[0, :4].tolist() == pytest.approx([0.75, 2.25, 0, 0]) and clicked.wrong[0, :4].tolist() == [
        0,
        0,
        1,
        0,
    ]
    assert clicked.groups == (ids[1],)


def test_answers_of_any_length_and_of_other_dimensions_lie_side_by_side() -> None:
    dataset, start = by_color(), by_look()
    seen = answers(dataset, start, 40)
    first = seen[0]
    evidence = first.impression.seen
    narrow = RankerFeatures(("color", "gone"), evidence.look, evidence.signals[:2], evidence.places[:3, :2])
    products = list(first.impression.products)[:3]
    seen[0] = Seen(
        replace(first.impression, seen=narrow, products=products, ranks=[1, 2, 3]),
        {products[1]: frozenset({"click"})},
        frozenset(),
    )
    clicked = numbers(seen)
    place = clicked.products.index(tuple(products))
    assert clicked.shown[place].sum() == 3 and clicked.products[place] == tuple(products)
    assert np.array_equal(clicked.similarities[place, :3, 1], evidence.places[:3, 0])
    assert not clicked.similarities[place, :, [0, 2]].any()
    assert score_answers(start, clicked)[place, 3:].max() < -1e8
    assert np.isfinite(fit_click_model(clicked, start, ClickModelOptions()).network.base).all()


def test_answers_that_teach_nothing_are_told() -> None:
    one = pushed(0, "")
    other = replace(one, impression=replace(one.impression, model="another"))
    alone = replace(one, impression=replace(one.impression, products=["pushed"], ranks=[1]))
    hated = replace(one, events={product: frozenset({"wrong"}) for product in one.impression.products})
    told: list[Rejection] = []
    assert len(build_click_dataset([other, alone, hated], NAMES, "", told.append)) == 0
    assert [row.kind for row in told] == ["other-model", "one-product", "all-wrong"]


@pytest.mark.parametrize("family", ["gate", "listwise"])
def test_a_ranker_is_read_back_and_learns_on(family: str) -> None:
    from shoplens.ranking.ranker import Ranker, RankerCard

    dataset = create_toy_dataset()
    gate = train_network(dataset, QUICK[1])
    network = gate if family == "gate" else train_network(dataset, QUICK[2], gate)
    back = load_ranking_network(Ranker(export_ranker(network, RankerCard(NAMES, family, SIZE))))  # type: ignore[arg-type]
    assert np.allclose(back.scores(dataset), network.scores(dataset), atol=1e-6)
    clicked = numbers(answers(by_color(), back, 100))
    learned = fit_click_model(clicked, back, ClickModelOptions())
    assert not np.array_equal(learned.network.gate, back.gate)
    assert np.array_equal(learned.network.inner, back.inner)
    assert score_answers(learned.network, clicked).shape == clicked.shown.shape

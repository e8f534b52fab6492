"""What clicks teach a ranker, where first places are seen first: simulated shoppers.

    python -m benchmarks.learning.clicks --split dev --folder FOLDER
    python -m benchmarks.learning.clicks --split test --folder FOLDER

800 drawn products, 1,400 phone photos of them (as ``ranking.py --part rendered``), four folds of products by hash:
``dev`` learns from answers to photos of fold 0 and asks those of fold 1, ``test`` of folds 2 and 3. Shoppers look at
rank r with probability r^-η, and click on what they look at with .9 on the right product, .1 on any, and between
them by the root of its graded likeness. Ten products are shown.

- ``curve``: after so many clicks, nDCG@10 of photos of other products. Once as it is served: updates along the way,
  each bounded, and taken only if proved. And by one unbounded update, with the position as a part of the choice, with
  inverse propensities, and without any correction. From fitted weights, and from weights that nearly only know the
  pattern, where what is shown misleads. Means and spread over seeds.
- ``poison``: 200 honest answers, and one client who clicks one product 10,000 times.

Stores are made in FOLDER when they are not there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.learning.metric import bench_of
from benchmarks.learning.ranking import rendered_shop
from benchmarks.tables import machine_line
from shoplens.feedback.impressions import Impression
from shoplens.feedback.log import LoggedImpression
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import Floats, RankerFeatures
from shoplens.training.clicks import train_on_click_dataset
from shoplens.training.ranker_training.click_dataset import ClickDataset, build_click_dataset
from shoplens.training.ranker_training.click_model import ClickModelOptions, fit_click_model
from shoplens.training.ranker_training.click_simulation import SimulatedShoppers
from shoplens.training.ranker_training.cross_validation import binary_ndcg
from shoplens.training.ranker_training.ranker_export import static_network
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, build_ranking_dataset, is_right
from shoplens.training.ranker_training.ranking_networks import RankingNetwork

CLICKS = (20, 50, 200, 1_000)
UPDATES = (20, 50, 100, 200, 400, 600, 800, 1_000)
SEEDS = 5
VISITS = 200
ATTACK = 10_000


def answers(
    shoppers: SimulatedShoppers, dataset: RankingDataset, scores: Floats, many: int, rng: np.random.Generator
) -> list[LoggedImpression]:
    """So many answers with a click."""
    found: list[LoggedImpression] = []
    while len(found) < many:
        found += shoppers.visit(dataset, scores, rng.integers(0, len(dataset), VISITS), rng)
    return found[:many]


def clicked(seen: Iterable[LoggedImpression], dataset: RankingDataset) -> ClickDataset:
    return build_click_dataset(seen, dataset.names, "", lambda one: None)


def ndcg(network: RankingNetwork, dataset: RankingDataset) -> float:
    return float(binary_ndcg(dataset, network.scores(dataset)).mean())


def served(
    shoppers: SimulatedShoppers, start: RankingNetwork, learn: RankingDataset, test: RankingDataset, seed: int
) -> dict[int, tuple[float, int]]:
    """Clicks -> nDCG@10, and updates that were taken up to then: all clicks so far, shown by what ranked then."""
    rng, seen, network, taken, found = np.random.default_rng(seed), list[LoggedImpression](), start, 0, {}
    for many in UPDATES:
        seen += answers(shoppers, learn, network.scores(learn), many - len(seen), rng)
        training, end = train_on_click_dataset(clicked(seen, learn), network, None, seed)
        if training.promoted:
            network, taken = end, taken + 1
        found[many] = ndcg(network, test), taken
    return found


def curve(learn: RankingDataset, test: RankingDataset, starts: dict[str, RankingNetwork]) -> None:
    print("\n| η | from | clicks | as served | taken | by position | by inverse propensity | uncorrected | η found |")
    print("|---|---|---|---|---|---|---|---|---|")
    for examination in (1.0, 2.0):
        shoppers = SimulatedShoppers(examination=examination)
        for name, start in starts.items():
            figure = f"{100 * ndcg(start, test):.1f}"
            print(f"| {examination:g} | {name} | 0 | {figure} | | {figure} | {figure} | {figure} | |", flush=True)
            live = [served(shoppers, start, learn, test, seed) for seed in range(SEEDS)]
            for many in CLICKS:
                cells, etas = [], []
                for correction in ("position", "propensity", "none"):
                    values = []
                    for seed in range(SEEDS):
                        rng = np.random.default_rng(seed)
                        seen = clicked(answers(shoppers, learn, start.scores(learn), many, rng), learn)
                        learned = fit_click_model(seen, start, ClickModelOptions(correction))
                        values.append(ndcg(learned.network, test))
                        if correction == "position":
                            etas.append(learned.examination)
                    cells.append(cell(values))
                taken = np.mean([one[many][1] for one in live])
                row = [cell([one[many][0] for one in live]), f"{taken:.1f}", *cells, f"{np.mean(etas):.2f}"]
                print(f"| {examination:g} | {name} | {many:,} | {' | '.join(row)} |", flush=True)


def cell(values: list[float]) -> str:
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values):.1f}"


def poison(learn: RankingDataset, test: RankingDataset, start: RankingNetwork) -> None:
    """One client, one product, at the last place shown of one photo after the other."""
    honest = answers(SimulatedShoppers(), learn, start.scores(learn), 200, np.random.default_rng(0))
    scores, right = start.scores(learn), is_right(learn)
    orders = np.argsort(-scores, axis=1, kind="stable")[:, :10]

    def attack(visit: int, user: str = "", decoy: bool = False) -> LoggedImpression:
        n = visit % len(learn)
        ids = [learn.groups[n] if right[n, c] else f"{n}-{c}" for c in orders[n].tolist()]
        ids[-1] = "pushed"
        seen = RankerFeatures(learn.names, learn.embeddings[n], learn.signals[n], learn.similarities[n][orders[n]])
        shown = Impression(f"bad {visit}", 1e6 + visit, user, "filters-static", "", {}, seen, ids, range(1, 11))
        clicks = ["pushed", f"decoy {visit}"] if decoy else ["pushed"]
        ids[0] = clicks[-1] if decoy else ids[0]
        return LoggedImpression(shown, dict.fromkeys(clicks, frozenset({"click"})), frozenset({user} - {""}))

    print("\n| answers with a click | answers | learned from | weight change | nDCG@10 if used | verdict |")
    print("|---|---|---|---|---|---|")
    streams = {
        "200 honest": [],
        "and 10,000 by one user, each on another answer": [attack(n, "bad") for n in range(ATTACK)],
        "and 10,000 without a user": [attack(n) for n in range(ATTACK)],
        "and 10,000 with another click on another product each": [attack(n, decoy=True) for n in range(ATTACK)],
    }
    for name, bad in streams.items():
        seen = clicked([*honest, *bad], learn)
        training, end = train_on_click_dataset(seen, start, test, 0)
        cells = [f"{len(honest) + len(bad):,}", f"{len(seen):,}", f"{training.weight_change:.2f}"]
        cells += [f"{100 * ndcg(start, test):.1f} → {100 * ndcg(end, test):.1f}", training.reason]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--part", nargs="+", choices=["curve", "poison"], default=["curve", "poison"])
    options = parser.parse_args()
    folder, store = rendered_shop(options.folder.resolve())
    with bench_of(store) as bench, bench.reading() as generation:
        dataset = build_ranking_dataset(bench, generation, folder / "queries.csv", lambda one: None)
    folds = np.array([fold_index(group, 4) for group in dataset.groups])
    first = 0 if options.split == "dev" else 2
    learn, test = dataset.subset(folds == first), dataset.subset(folds == first + 1)
    misled = np.where(np.array(dataset.names) == "pattern", 1, 0.05).astype(np.float32)
    size = dataset.embeddings.shape[1]
    starts = {"fitted": static_network(dataset.fitted_weights, size), "pattern": static_network(misled, size)}
    print(f"{len(learn)} photos to click by, {len(test)} to ask; {', '.join(dataset.names)}", flush=True)
    started = time.monotonic()
    if "curve" in options.part:
        curve(learn, test, starts)
    if "poison" in options.part:
        poison(learn, test, starts["fitted"])
    print(f"\n{time.monotonic() - started:.0f} s. {machine_line('numpy', 'torch')}")


if __name__ == "__main__":
    main()

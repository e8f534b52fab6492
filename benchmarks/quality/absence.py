"""How well a calibration tells that the product in the photo is not in the catalogue: the area under the ROC curve.

    python -m benchmarks.quality.absence --data ../shared/data --work FOLDER

Grocery ``val.csv``, ``street/whole.csv``, and H&M's other colours (development half, at most ``--most`` queries): every
query counts as it is, and once more without its right products, as in ``shoplens calibrate``. Probabilities are
cross-fitted by product or group (five folds), by the code that calibrates and serves; *before* leaves out what scores
mean among the shop's products. Words in photos are not read. *First*: share of queries whose first result is right;
where a product is not found anyway, its photo looks the same without it, so that an area of half of 1 and this share is
about the most that can be reached.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.stores import hm_queries, store_of
from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.evaluation.calibrate import collect_samples
from shoplens.evaluation.evaluate import QuerySet
from shoplens.evaluation.statistics.calibration import CalibrationSample, cross_fit
from shoplens.ranking.strategies import STRATEGIES
from shoplens.settings import Settings


def area(samples: Sequence[CalibrationSample]) -> float:
    """The probability that an absent product has the higher probability of absence; ties count half."""
    firsts = cross_fit(samples)
    absent, present = (firsts.absent_probability[firsts.is_absent == which][:, None] for which in (True, False))
    return float((absent > present.T).mean() + 0.5 * (absent == present.T).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tasks", nargs="*", default=["grocery", "street", "hm"])
    parser.add_argument("--most", type=int, default=500)
    options = parser.parse_args()
    data, work = options.data.resolve(), options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    print("| queries | n | first | AUC before | AUC |\n|---|---|---|---|---|")
    for name in options.tasks:
        store = store_of(name, data, work)
        queries = data / {"grocery": "grocery/val.csv", "street": "street/whole.csv"}.get(name, "")
        if name == "hm":
            rows = hm_queries(data, work / "hm-development.csv", (0,)).read_text(encoding="utf-8").splitlines()
            queries = work / "hm-some.csv"
            queries.write_text("\n".join([rows[0], *rows[1 :: max(1, len(rows) // options.most)]]) + "\n", "utf-8")
        with Shop(store, settings=Settings(read_text=False)) as shop:
            context = shop._parts.evaluation_context(None)
            samples, _ = collect_samples(context, QuerySet(queries), STRATEGIES["filters-static"])
        first = sum(sample.right[0] for sample in samples) / len(samples)
        before = area([replace(sample, scale=None) for sample in samples])
        print(f"| {name} | {len(samples)} | {100 * first:.1f} | {before:.3f} | {area(samples):.3f} |", flush=True)
    print(machine_line("onnxruntime"))


if __name__ == "__main__":
    main()

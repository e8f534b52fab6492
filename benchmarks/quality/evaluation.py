"""How often the product is found, on the three real catalogues: the tables of ``shoplens evaluate`` in one.

    python -m benchmarks.quality.evaluation --data ../shared/data --work FOLDER --split validation
    python -m benchmarks.quality.evaluation --data ../shared/data --work FOLDER --split test

Grocery: shop photos of ``val.csv`` or ``test.csv`` -> 81 catalogue photos. Luma: ``--held-out``, the 251 further views
-> 417 first photos. H&M: every article of a garment that comes in several colours, itself excluded -> the other
colours among all 5,947 articles; all are right. For validation there is no Luma, and H&M takes the garments whose
SHA-256 is even. The stores are made through ``Shop.index`` and kept in FOLDER; intervals resample designs (1,000 times,
seed 0).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.stores import hm_queries, store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens import Shop
from shoplens.evaluation.results import Evaluation
from shoplens.ranking.strategies import STRATEGIES

METRICS = ("recall@1", "recall@5", "recall@10", "mrr", "map@r", "ndcg@10", "recall@1/category")


def tasks(data: Path, work: Path, split: str) -> dict[str, tuple[str, Path | None]]:
    """Name -> catalogue and file of queries; None for held-out photos."""
    if split == "test":
        return {
            "Grocery test": ("grocery", data / "grocery/test.csv"),
            "Luma, held-out views": ("luma", None),
            "H&M colours": ("hm", hm_queries(data, work / "hm-all.csv")),
        }
    return {
        "Grocery val": ("grocery", data / "grocery/val.csv"),
        "H&M colours, development half": ("hm", hm_queries(data, work / "hm-development.csv", (0,))),
    }


def row(name: str, found: Evaluation) -> str:
    """A line of the table."""
    cells = [
        percent_cell(one.value, one.low, one.high) if (one := found.overall.get(metric)) else "" for metric in METRICS
    ]
    return f"| {name} | {found.strategy} | {found.queries:,} | {found.products:,} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--work", type=Path, default=Path("evaluation-stores"), help="where stores and reports go")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    options = parser.parse_args()
    data, work = options.data.resolve(), options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {}
    lines = [f"| queries | strategy | queries | products | {' | '.join(METRICS)} |", "|---" * (4 + len(METRICS)) + "|"]
    for name, (catalogue, file) in tasks(data, work, options.split).items():
        with Shop(store_of(catalogue, data, work)) as shop:
            for strategy in STRATEGIES:
                report = work / f"{catalogue}-{options.split}-{strategy}.html"
                found = shop.quality.evaluate(file, strategy=strategy, report=report)
                lines.append(row(name, found))
                told[f"{name}, {strategy}"] = found.as_json()["metrics"]
                left_out = ", ".join(f"{one.times} × {one.kind}" for one in found.left_out) or "nothing"
                print(f"{name}, {strategy}: left out: {left_out}; {found.milliseconds}; {report}", flush=True)
    print("\n".join(lines))
    print(f"\n{machine_line('onnxruntime', 'numpy', 'pillow', 'qdrant-edge-py')}")
    (work / f"{options.split}.json").write_text(json.dumps(told, indent=1), "utf-8")


if __name__ == "__main__":
    main()

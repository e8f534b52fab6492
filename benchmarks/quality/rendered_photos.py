"""Phone photos of a drawn catalogue: how many find their product, overall and by what the photo makes hard.

    python -m benchmarks.quality.rendered_photos --products 2000 --queries 600

The catalogue, its photos and the right answers are drawn from the seed; everything goes through ``Shop``. The mean
reciprocal rank counts 1 / rank within the first ten, else 0. A group is one design in its other variants. Intervals
hold 95 % of 1,000 resamples of the queries.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import interval, machine_line, percent_cell
from shoplens import Shop
from shoplens.rendered import RenderedCatalogue, render_catalogue

CUTS = (1, 5, 10)


@dataclass(frozen=True)
class Found:
    """What became of one query: the rank of its product and of the first of its group, None beyond the tenth."""

    photo: str
    kind: str
    deciding: str
    rank: int | None
    group_rank: int | None
    ms: float


def found(shop: Shop, drawn: RenderedCatalogue, strategy: str) -> list[Found]:
    if drawn.queries_file is None:
        raise SystemExit("There are no queries; give --queries 1 or more.")
    with drawn.queries_file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    answers = []
    for row in rows:
        product = shop.products.get(row["product_id"])
        if product is None:
            raise SystemExit(f"{row['product_id']} of {drawn.queries_file} is not in the store.")
        started = time.perf_counter()
        results = shop.search(drawn.queries_file.parent / row["photo"], max(CUTS), strategy=strategy).results
        took = (time.perf_counter() - started) * 1e3
        same = [result.rank for result in results if result.product.id == product.id]
        group = [
            result.rank
            for result in results
            if result.product.id == product.id or (product.group_id and result.product.group_id == product.group_id)
        ]
        ranks = (same[0] if same else None, group[0] if group else None)
        answers.append(Found(row["photo"], row["kind"], row["deciding"], *ranks, took))
    return answers


def figures(answers: Sequence[Found], seed: int) -> dict[str, tuple[float, float, float]]:
    """Name -> mean and its interval: R@1, R@5, R@10, MRR, and R@1 where any product of the group counts."""
    ranks = [answer.rank or np.inf for answer in answers]
    per_query = {f"R@{cut}": [float(rank <= cut) for rank in ranks] for cut in CUTS}
    per_query["MRR"] = [1 / rank for rank in ranks]
    per_query["R@1, group"] = [float(answer.group_rank == 1) for answer in answers]
    photos = [answer.photo for answer in answers]
    return {name: (float(np.mean(values)), *interval(values, photos, seed)) for name, values in per_query.items()}


def table(answers: Sequence[Found], seed: int) -> tuple[str, dict[str, Any]]:
    kinds = sorted({answer.kind for answer in answers})
    rows = {"all": list(answers), **{kind: [one for one in answers if one.kind == kind] for kind in kinds}}
    lines: list[str] = []
    told: dict[str, Any] = {}
    for name, some in rows.items():
        told[name] = figures(some, seed)
        if not lines:
            columns = ["photos", "queries", *told[name]]
            lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
        cells = " | ".join(percent_cell(*figure) for figure in told[name].values())
        lines.append(f"| {name} | {len(some)} | {cells} |")
    return "\n".join(lines), told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategies", nargs="+", default=["filters-static", "pretrained"], metavar="NAME")
    parser.add_argument("--keep", type=Path, help="draw into this folder and leave it there, to look at")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "shop"
        started = time.perf_counter()
        drawn = render_catalogue(
            folder, options.products, seed=options.seed, views=options.views, queries=options.queries
        )
        drawn_at = time.perf_counter()
        print(f"{drawn.photos + drawn.queries} pictures drawn.", file=sys.stderr, flush=True)
        shop, summary = Shop.index(drawn.feed, Path(temporary) / "store")
        indexed = time.perf_counter() - drawn_at
        with shop:
            answers = {name: found(shop, drawn, name) for name in options.strategies}
            model = shop.info()["model"]
    tables = {name: table(answers[name], options.seed) for name in answers}
    print(f"{summary.products} products, {summary.photos} photos; figures in percent (95 % interval).")
    for name, (text, _) in tables.items():
        median = float(np.median([answer.ms for answer in answers[name]]))
        print(f"\n`{name}`, a query {median:.0f} ms (median):\n\n{text}")
    print(f"\nDrawing {drawn_at - started:.0f} s, indexing {indexed:.0f} s.")
    print(f"Seed {options.seed}, model {model}. {machine_line('onnxruntime', 'numpy', 'pillow', 'qdrant-edge-py')}")
    if options.json:
        ranks = {name: [[one.photo, one.rank, one.group_rank] for one in answers[name]] for name in answers}
        told = {name: figures for name, (_, figures) in tables.items()}
        options.json.write_text(json.dumps({"figures": told, "ranks": ranks}, indent=1), "utf-8")


if __name__ == "__main__":
    main()

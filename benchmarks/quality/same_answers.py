"""Whether two versions of the code answer the same: answers to a fixed set of queries, recorded and compared.

    python -m benchmarks.quality.same_answers record FOLDER before.jsonl      # one version: draws, indexes, asks
    python -m benchmarks.quality.same_answers record FOLDER after.jsonl       # the other, on the store that is there
    python -m benchmarks.quality.same_answers record OTHER after-built.jsonl  # or on a store of its own
    python -m benchmarks.quality.same_answers compare before.jsonl after.jsonl

A drawn shop of 300 products, seed 7, and 60 phone photos of them; every photo is asked plainly, by each strategy that
needs no training, with conditions, limits, weights, a colour, facets and reasons, and every tenth product is started
from. Scores and parts must agree to the last digit.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shoplens import Answer, Shop, Steering
from shoplens.rendered import render_catalogue

PRODUCTS, QUERIES, SEED = 300, 60, 7
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "pretrained": {"strategy": "pretrained"},
    "filters-static": {"strategy": "filters-static", "k": 30},
    "condition": {"where": "price < 60 and not color = red"},
    "per-group": {"per_group": 1, "k": 25},
    "sold-out": {"sold_out": "last"},
    "hidden": {"sold_out": "hide", "where": ("price > 20",)},
    "weights": {"steering": Steering(weights={"color": 5, "look": 1})},
    "colour": {"steering": Steering(color="navy")},
    "facets": {"steering": Steering(facets=("color", "category"), explain=True)},
    "predicted": {"where": "color = blue", "steering": Steering(predicted=0.6)},
}


def answers(folder: Path) -> Iterator[tuple[str, Answer]]:
    """Name of a query, and the answer to it."""
    drawn = render_catalogue(folder / "shop", PRODUCTS, seed=SEED, queries=QUERIES)
    store = folder / "store"
    assert drawn.queries_file is not None, "phone photos were asked for"
    shop = Shop(store) if store.exists() else Shop.index(drawn.feed, store)[0]
    with shop, drawn.queries_file.open(encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            photo = drawn.queries_file.parent / row["photo"]
            for name, how in WAYS.items():
                yield f"{number} {name}", shop.search(photo, **how)
            yield f"{number} region", shop.search(photo, region=(10, 10, 120, 120))
            if number % 10 == 0:
                yield f"{number} like", shop.search(steering=Steering(like=row["product_id"]))


def told(answer: Answer) -> dict[str, Any]:
    """What of an answer must be the same."""
    return {
        "strategy": answer.strategy,
        "verdict": answer.verdict,
        "weights": dict(answer.weights),
        "notes": list(answer.notes),
        "facets": [[one.field, {value: list(count) for value, count in one.values.items()}] for one in answer.facets],
        "results": [
            [one.rank, one.product.id, one.score, Path(one.photo).name, dict(one.parts), one.match_probability]
            for one in answer.results
        ],
    }


def record(folder: Path, file: Path) -> None:
    """Write the answers, one per line."""
    with file.open("w", encoding="utf-8") as lines:
        for name, answer in answers(folder):
            lines.write(json.dumps([name, told(answer)], sort_keys=True) + "\n")


def differences(before: Path, after: Path) -> list[str]:
    """Names of the queries that are answered otherwise, or by one version only."""
    first, second = (dict(map(json.loads, path.read_text("utf-8").splitlines())) for path in (before, after))
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    used = parser.parse_args()
    if used.what == "record":
        record(used.first, used.second)
        return
    differing = differences(used.first, used.second)
    count = len(used.first.read_text("utf-8").splitlines())
    print(f"{count} answers, {len(differing)} differ.", *differing[:20], sep="\n")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()

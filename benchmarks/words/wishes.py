"""How often a search by words gives what they ask for, on Luma and H&M.

    python -m benchmarks.words.wishes --data ../shared/data --work FOLDER [--wishes FILE] [--misses] [--photos-only]

A row of the table is a wish as a shopper would write it, alone or with a photo, and a predicate over products: a
condition (``must``), and words one of which is in the title, or none after ``!`` (``title``). ``first``: the first
product meets it; ``five``: at least three of the first five do. ``--photos-only`` says how often the photo alone meets
it, without its words. The stores are made through ``Shop.index`` and kept in FOLDER.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line
from shoplens import Shop, Steering
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import field_values, matches
from shoplens.types import Answer, Product, fold

Row = dict[str, str]
NEEDED = 3
"""Products among the first five that meet the predicate."""


def meets(product: Product, row: Row) -> bool:
    """Whether a product is what the wish asks for."""
    words = [fold(word) for word in row["title"].removeprefix("!").split("|") if word]
    in_title = not words or any(word in fold(product.title) for word in words) != row["title"].startswith("!")
    return in_title and (not row["must"] or matches(parse_condition(row["must"]), field_values(product)))


def is_right(answer: Answer, row: Row) -> bool:
    """Whether an answer gives what the wish asks for."""
    met = [meets(result.product, row) for result in answer.results]
    return bool(met) and met[0] if row["at"] == "first" else sum(met) >= NEEDED


def counts(rows: Iterable[tuple[Row, bool]], key: str) -> str:
    """Return right answers of all, by the values of a column."""
    by_value: dict[str, list[bool]] = {}
    for row, right in rows:
        by_value.setdefault("photo" if key == "photo" and row[key] else row[key] or "alone", []).append(right)
    return " | ".join(f"{value}: {sum(found)} of {len(found)}" for value, found in by_value.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--wishes", type=Path, default=Path(__file__).with_name("wishes.csv"))
    parser.add_argument("--misses", action="store_true", help="print what the wrong answers are")
    parser.add_argument("--photos-only", action="store_true", help="leave the words out, for comparison")
    given = parser.parse_args()
    with given.wishes.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["photo"] or not given.photos_only]
    found: list[tuple[Row, bool]] = []
    reading: list[float] = []
    for store in sorted({row["store"] for row in rows}):
        with Shop(store_of(store, given.data, given.work)) as shop:
            for row in (row for row in rows if row["store"] == store):
                photo = given.data / row["photo"] if row["photo"] else None
                answer = shop.search(photo, 5, steering=Steering(text="" if given.photos_only else row["text"]))
                found.append((row, is_right(answer, row)))
                reading.append(answer.took_ms.get("read", 0.0))
                if given.misses and not found[-1][1]:
                    print(row["language"], row["store"], row["photo"], repr(row["text"]), row["must"], row["title"])
                    for result in answer.results:
                        product = result.product
                        print("   ", meets(product, row), product.title, product.category, product.attributes)
                    for meaning in answer.words:
                        print("     ", meaning.words, "->", meaning.kind, dict(meaning.classes), meaning.condition)
    print(f"{sum(right for _, right in found)} of {len(found)} wishes are answered; reading: {median(reading):.1f} ms")
    for key in ("language", "photo", "kind", "store"):
        print(f"{key}: {counts(found, key)}")
    print(machine_line("numpy"))


if __name__ == "__main__":
    main()

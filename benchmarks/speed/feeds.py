"""Reading feeds: rows per second and peak memory, for made feeds of several formats.

    python -m benchmarks.speed.feeds --rows 200000

Every feed is read in a process of its own; what is measured is ``Feed.prepare()``, which reads all rows and makes the
products, and going through them once more. The Merchant feed has four sizes of every design, far apart from each other.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SIZES = ("S", "M", "L", "XL")


def jsonl(rows: int) -> Iterator[str]:
    """A product per row."""
    for n in range(rows):
        product = {"id": f"p{n}", "title": f"Product {n}", "photos": [f"https://shop.example/{n}.jpg"], "price": n % 90}
        yield json.dumps({**product, "attributes": {"color": f"color {n % 11}", "material": f"cloth {n % 7}"}}) + "\n"


def merchant(rows: int) -> Iterator[str]:
    """A product per four rows, which stand far apart."""
    yield "id\ttitle\tdescription\timage_link\titem_group_id\tsize\tcolor\tprice\tavailability\n"
    designs = rows // len(SIZES)
    for size in SIZES:
        for n in range(designs):
            photo = f"https://shop.example/{n}.jpg"
            title = f"Shirt {n} - {size}\tA shirt of cloth {n % 7}\t{photo}\tg{n}\t{size}\tcolor {n % 11}"
            yield f"s{n}-{size}\t{title}\t{n % 90}.50 EUR\tin stock\n"


def xml(rows: int) -> Iterator[str]:
    """A product per item."""
    yield '<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
    for n in range(rows):
        photo = f"<g:image_link>https://shop.example/{n}.jpg?a=1&amp;b=2</g:image_link>"
        yield f"<item><g:id>p{n}</g:id><g:title>Cup {n}</g:title>{photo}<g:price>{n % 90} EUR</g:price></item>\n"
    yield "</channel></rss>\n"


def shopify(rows: int) -> Iterator[str]:
    """A product per four rows: two colours with images, in two sizes."""
    yield "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,"
    yield "Image Src,Variant Image\n"
    for n in range(rows // 4):
        for place, (color, size) in enumerate((c, s) for c in ("Red", "Blue") for s in ("S", "M")):
            names = (f"Shirt {n}", "Color", "Size") if place == 0 else ("", "", "")
            photo = f"https://shop.example/{n}-{color}.jpg"
            yield f"shirt-{n},{names[0]},{names[1]},{color},{names[2]},{size},{n}-{place},20,{photo},{photo}\n"


FEEDS: dict[str, Callable[[int], Iterator[str]]] = {
    "jsonl": jsonl,
    "merchant": merchant,
    "merchant-xml": xml,
    "shopify": shopify,
}


def measure(path: Path) -> None:
    """Read a feed, and print what that took as JSON."""
    from shoplens.feeds import read_feed

    def memory() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with read_feed(path) as feed:
        before, started = memory(), time.perf_counter()
        feed.prepare()
        took = time.perf_counter() - started
        started = time.perf_counter()
        products = sum(1 for _ in feed)
        again = time.perf_counter() - started
        figures = {"rows": feed.counts.rows, "products": products, "seconds": took, "again": again}
        print(json.dumps({**figures, "before": before, "peak": memory()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        measure(options.read)
        return
    print("| feed | rows | products | peak memory, before → after | rows/s | going through again |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, made in FEEDS.items():
            path = Path(folder) / name
            with path.open("w", encoding="utf-8") as file:
                file.writelines(made(options.rows))
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.speed.feeds", "--read", str(path)],
                capture_output=True,
                text=True,
                check=True,
            )
            one = json.loads(told.stdout)
            print(
                f"| {name} | {one['rows']:,} | {one['products']:,} | {one['before']:.0f} → {one['peak']:.0f} MB | "
                f"{one['rows'] / one['seconds']:,.0f} | {one['again']:.1f} s |"
            )


if __name__ == "__main__":
    main()

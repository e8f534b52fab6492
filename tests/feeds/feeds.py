"""Functions to write small feeds for tests and to read them with checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoplens.feeds import FeedCounts, read_feed
from shoplens.types import Product, Rejection


@dataclass(frozen=True)
class FeedResult:
    """The format, products, rejections and counts of a feed that was read and checked."""

    format: str
    products: list[Product]
    rejections: list[Rejection]
    counts: FeedCounts

    @property
    def kinds(self) -> list[str]:
        return [rejection.kind for rejection in self.rejections]

    def only(self, kind: str) -> Rejection:
        """Return the only rejection of a kind."""
        (only,) = [rejection for rejection in self.rejections if rejection.kind == kind]
        return only


def read_checked(path: Path, **options: Any) -> FeedResult:
    """Read a feed and check what holds for every feed: the counts add up, and a second iteration gives the same."""
    with read_feed(path, **options) as feed:
        items = list(feed)
        assert items == list(feed)
        products = [item for item in items if isinstance(item, Product)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        counts = feed.counts
        assert list(feed.product_ids()) == [product_json.id for product_json in products]
        assert len({product_json.id for product_json in products}) == feed.count == counts.products == len(products)
        assert counts.rows == counts.used + counts.skipped + counts.rejected
        assert counts.rejections == sum(rejection.level == "rejected" for rejection in rejections)
        assert counts.notes == len(rejections) - counts.rejections
        return FeedResult(feed.format, products, rejections, counts)


def write_file(path: Path, content: str | bytes) -> Path:
    """Write a file and return its path; text is written as UTF-8 with its line ends."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_jsonl(path: Path, *objects: Any) -> Path:
    """Write a JSON Lines feed and return its path."""
    return write_file(path, "".join(json.dumps(content) + "\n" for content in objects))


def product_json(name: str = "A", **fields: Any) -> dict[str, Any]:
    """Return a valid product in the project's own JSON format."""
    return {"id": name, "title": f"Title {name}", "photos": [f"{name}.jpg"], **fields}

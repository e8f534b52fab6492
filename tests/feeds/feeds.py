"""Small feeds for tests, and what comes out of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shoplens.feeds import FeedCounts, read_feed
from shoplens.types import Product, Rejection


@dataclass(frozen=True)
class Outcome:
    """Everything a feed gave, after the checks that hold for every feed."""

    format: str
    products: list[Product]
    rejections: list[Rejection]
    counts: FeedCounts

    @property
    def kinds(self) -> list[str]:
        return [rejection.kind for rejection in self.rejections]

    def the(self, kind: str) -> Rejection:
        """The only rejection of a kind."""
        (found,) = [rejection for rejection in self.rejections if rejection.kind == kind]
        return found


def outcome(path: Path, **options: Any) -> Outcome:
    """Read a feed and check what every feed must keep: the numbers add up, and a second look shows the same."""
    with read_feed(path, **options) as feed:
        items = list(feed)
        assert items == list(feed)
        products = [item for item in items if isinstance(item, Product)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        counts = feed.counts
        assert list(feed.product_ids()) == [product.id for product in products]
        assert len({product.id for product in products}) == feed.count == counts.products == len(products)
        assert counts.rows == counts.used + counts.skipped + counts.rejected
        assert counts.rejections == sum(rejection.level == "rejected" for rejection in rejections)
        assert counts.notes == len(rejections) - counts.rejections
        return Outcome(feed.format, products, rejections, counts)


def written(path: Path, content: str | bytes) -> Path:
    """The path of a new file; text is written as UTF-8 with its line ends kept."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(path: Path, *objects: Any) -> Path:
    """A JSON Lines feed."""
    return written(path, "".join(json.dumps(one) + "\n" for one in objects))


def product(name: str = "A", **fields: Any) -> dict[str, Any]:
    """A product that nothing is wrong with, as JSON Lines has it."""
    return {"id": name, "title": f"Title {name}", "photos": [f"{name}.jpg"], **fields}

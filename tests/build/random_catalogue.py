"""Small catalogues of every odd shape, the same for the same number: what a feed may say, however strange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shoplens.settings import DimensionRule, DimensionRules, FeedKind
from tests.fakes import feed_of

Rows = list[dict[str, Any]]
Value = str | float | bool
COUNTS = (1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24)
PICTURES = 8
LONG = "very " * 60 + "long"
NAMES = (
    *("color", "shape", "look", "design", "price", "id", "brand", "category", "group_id", "in_stock", "title"),
    *("pin", "not", "and", "context", "predicted.color", "attributes.shape", "attributes.price", "Price", "LOOK"),
    *("a.b", "a > b", "x = y", '"quoted"', "it's", "[b]", "{0}", "%s", "back\\slash", "a,b", "😀", "שם", "اسم"),
    *("gr\u00f6\u00dfe", "gro\u0308\u00dfe", "ß", "SS", "İ", "ſhape", "n" * 128),
)
PLAIN = ("a.b", "a > b", "x = y", '"quoted"', "it's", "[b]", "{0}", "%s", "a,b", "😀", "שם")
"""Those that a rule may name."""
VALUES = (
    *("price", "look", "color", "shape", "id", "a", "A", "a > b", "> b", "a >", ">", "'", '"', "[red]", "{x}", "\\"),
    *("ß", "SS", "ss", "ẞ", "\u00e9", "e\u0301", "İ", "ı", "ﬁ", "😀", "👩‍👩‍👧", "ירוק", "أخضر", "٣", LONG, " ", ""),
    *("true", "null", "0", "-1", "1e5", "a,b", "a;b", "x@0.5", "a\nb", True, False, 3, 2.5, 1e15),
)
LINKS = ("https://shop.example/a.html", "//cdn.example/x.jpg", "www.shop.example", "media/m/h/mh01.jpg")
CODES = ("4006381333931", "978-3-16-148410-0", "123e4567-e89b-12d3-a456-426614174000", "ES009453/19", "MH01-XS-12")
STEPS = ("Clothing", "T-shirts", "a > b", "b", ">", "ß", "SS", "É", "😀", "חולצות", "look", LONG, "x.y", "it's")


def pictures(folder: Path) -> list[str]:
    """Names of photos that are all that the catalogues show: of one colour, with an edge, black, white, and a copy."""
    random = np.random.default_rng(5)
    names = [f"photo{number}.png" for number in range(PICTURES)]
    for number, name in enumerate(names):
        pixels = np.full((8, 8, 3), random.integers(256, size=3), np.uint8)
        if number % 3 == 1:
            pixels[2:6, 2 : 4 + number % 3] = random.integers(256, size=3)
        if number in (2, 3):
            pixels[:] = 0 if number == 2 else 255
        Image.fromarray(pixels).save(folder / name)
    (folder / "copy.png").write_bytes((folder / names[0]).read_bytes())
    return [*names, "copy.png"]


def says_something(said: Value | list[Value]) -> bool:
    """Whether a rule can be about what a product says: a value, and a step of a path."""
    return any(str(one).strip("> ") for one in (said if isinstance(said, list) else [said]))


class RandomCatalogue:
    """A feed, and what ``shoplens.toml`` says of its dimensions.

    Args:
        number: of the catalogue.
        photos: names of those there are.
    """

    def __init__(self, number: int, photos: Sequence[str]) -> None:
        self._random = np.random.default_rng(number)
        self._photos = photos
        self._count = self._one(COUNTS)
        self.ids = [self._one(("p{}", "SKU-{}", "{}", "ß{}", "a > {}")).format(n) for n in range(self._count)]
        self.rows: Rows = [{"id": name, "title": name} for name in self.ids]
        for fill in (self._add_photos, self._add_groups, self._add_categories, self._add_attributes):
            fill()
        self.rules = self._rules()

    def feed(self, path: Path) -> Path:
        """The path of the feed."""
        return feed_of(path, self.rows)

    def changed(self, path: Path) -> Path:
        """The path of the same feed with a change: another product, other words, or other photos."""
        rows = [dict(row) for row in self.rows]
        row = rows[int(self._random.integers(len(rows)))]
        kind = int(self._random.integers(4))
        if kind == 0:
            rows.append({"id": "new", "photos": [self._one(self._photos)], "attributes": {"color": "new"}})
        elif kind == 1:
            row["attributes"] = {self._one(NAMES): self._one(VALUES)}
        elif kind == 2:
            row["category"] = [self._one(STEPS), self._one(STEPS)]
        else:
            row["photos"] = [self._one(self._photos)]
        return feed_of(path, rows)

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._random.integers(len(choices)))]

    def _often(self, share: float) -> bool:
        return bool(self._random.random() < share)

    def _add_photos(self) -> None:
        kind = self._one(("one for all", "few", "any", "several", "missing"))
        only = self._one(self._photos)
        for number, row in enumerate(self.rows):
            row["photos"] = {
                "one for all": [only],
                "few": [self._photos[number % 2]],
                "any": [self._one(self._photos)],
                "several": [self._one(self._photos) for _ in range(3)],
                "missing": [self._one((only, "missing.png")) if number else only],
            }[kind]

    def _add_groups(self) -> None:
        kind = self._one(("none", "one", "pairs", "long"))
        for number, row in enumerate(self.rows):
            group = {"none": "", "one": "g", "pairs": f"g{number // 2}", "long": f"{LONG}{number // 3}"}[kind]
            if group:
                row["group_id"] = group

    def _add_categories(self) -> None:
        kind = self._one(("none", "chain", "chain", "ends anywhere", "fork", "any", "roots", "text"))
        chain = [self._one(STEPS) for _ in range(int(self._random.integers(1, 5)))]
        for number, row in enumerate(self.rows):
            if kind == "none" or self._often(0.1):
                continue
            row["category"] = {
                "chain": chain,
                "ends anywhere": chain[: int(self._random.integers(len(chain) + 1))],
                "fork": [*chain, "left" if number % 2 else "right"],
                "any": [self._one(STEPS) for _ in range(int(self._random.integers(1, 4)))],
                "roots": [self._one(("A", "B"))],
                "text": " > ".join(chain),
            }[kind]
            if self._often(0.1):
                row["category"] = ["Kitchen", "Mugs"]

    def _add_attributes(self) -> None:
        if self._often(0.3):
            for row in self.rows:
                row["brand"] = self._one(("ß", "SS", "Acme", ""))
        for _ in range(int(self._random.integers(4))):
            name, told = self._one(NAMES), self._teller()
            missing = self._one((0.0, 0.0, 0.3, 0.8))
            for number, row in enumerate(self.rows):
                if not self._often(missing):
                    row.setdefault("attributes", {})[name] = told(number)

    def _teller(self) -> Callable[[int], Value | list[Value]]:
        """What products say in an attribute, by their number."""
        a, b, c = (self._one(VALUES) for _ in range(3))
        several = [self._one(VALUES) for _ in range(4)]
        return self._one(
            (
                lambda number: a,
                lambda number: (a, b)[number % 2],
                lambda number: self._one((a, b, c)),
                lambda number: f"{a}{number}",
                lambda number: [a, b],
                lambda number: [a, b] if number % 4 else c,
                lambda number: [b, c] if number % 40 == 7 else a,
                lambda number: [one for one in several if self._often(0.5)],
                lambda number: self._one(VALUES),
                lambda number: [self._one(self.ids), self._one(self.ids[:3])],
                lambda number: self._one(LINKS),
                lambda number: self._one(CODES),
                lambda number: number % 3,
            )
        )

    def _rules(self) -> DimensionRules:
        least = self._one((2, 2, 2, 3, 5))
        most = self._one((200, 200, 3))
        told = (pair for row in self.rows for pair in row.get("attributes", {}).items())
        free = [name for name, said in told if name in PLAIN and says_something(said)]
        if not free or self._often(0.5):
            return DimensionRules(least, most)
        kind: FeedKind | None = self._one((None, "single", "multi", "tree"))
        merge: Mapping[str, tuple[str, ...]] = self._one(({}, {"A": ("a", "é")}))
        rule = DimensionRule(use=self._one((True, None)), kind=kind, merge=merge)
        return DimensionRules(least, most, {free[0]: rule})

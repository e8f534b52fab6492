"""Small random catalogues with every unusual value that a feed can have; the same number gives the same catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shoplens.settings import DimensionRule, DimensionRules, FeedKind
from tests.fakes import feed_of

FeedRows = list[dict[str, Any]]
Value = str | float | bool
PRODUCT_COUNTS = (1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24)
PHOTO_COUNT = 8
LONG = "very " * 60 + "long"
NAMES = (
    *("color", "shape", "look", "design", "price", "id", "brand", "category", "group_id", "in_stock", "title"),
    *("pin", "not", "and", "context", "predicted.color", "attributes.shape", "attributes.price", "Price", "LOOK"),
    *("a.b", "a > b", "x = y", '"quoted"', "it's", "[b]", "{0}", "%s", "back\\slash", "a,b", "😀", "שם", "اسم"),
    *("gr\u00f6\u00dfe", "gro\u0308\u00dfe", "ß", "SS", "İ", "ſhape", "n" * 128),
)
RULE_NAMES = ("a.b", "a > b", "x = y", '"quoted"', "it's", "[b]", "{0}", "%s", "a,b", "😀", "שם")
"""Those of the names of attributes that a rule can be about."""
VALUES = (
    *("price", "look", "color", "shape", "id", "a", "A", "a > b", "> b", "a >", ">", "'", '"', "[red]", "{x}", "\\"),
    *("ß", "SS", "ss", "ẞ", "\u00e9", "e\u0301", "İ", "ı", "ﬁ", "😀", "👩‍👩‍👧", "ירוק", "أخضر", "٣", LONG, " ", ""),
    *("true", "null", "0", "-1", "1e5", "a,b", "a;b", "x@0.5", "a\nb", True, False, 3, 2.5, 1e15),
)
LINKS = ("https://shop.example/a.html", "//cdn.example/x.jpg", "www.shop.example", "media/m/h/mh01.jpg")
CODES = ("4006381333931", "978-3-16-148410-0", "123e4567-e89b-12d3-a456-426614174000", "ES009453/19", "MH01-XS-12")
STEPS = ("Clothing", "T-shirts", "a > b", "b", ">", "ß", "SS", "É", "😀", "חולצות", "look", LONG, "x.y", "it's")
"""Steps of category paths."""


def write_photos(folder: Path) -> list[str]:
    """Write the photos of all catalogues, and return their file names.

    There are photos of one colour, photos with a rectangle in another colour, a black one, a white one, and a copy.
    """
    random = np.random.default_rng(5)
    names = [f"photo{number}.png" for number in range(PHOTO_COUNT)]
    for number, name in enumerate(names):
        pixels = np.full((8, 8, 3), random.integers(256, size=3), np.uint8)
        if number % 3 == 1:
            pixels[2:6, 2 : 4 + number % 3] = random.integers(256, size=3)
        if number in (2, 3):
            pixels[:] = 0 if number == 2 else 255
        Image.fromarray(pixels).save(folder / name)
    (folder / "copy.png").write_bytes((folder / names[0]).read_bytes())
    return [*names, "copy.png"]


def can_have_rule(value: Value | list[Value]) -> bool:
    """Return whether a value of an attribute has text that can be a class, or a step of a category path."""
    return any(str(text).strip("> ") for text in (value if isinstance(value, list) else [value]))


class RandomCatalogue:
    """The rows of a random feed, and the rules that ``shoplens.toml`` has for its dimensions.

    Args:
        number: of the catalogue, the seed of all its random draws.
        photos: file names of the photos that exist.
    """

    def __init__(self, number: int, photos: Sequence[str]) -> None:
        self._random = np.random.default_rng(number)
        self._photos = photos
        count = self._choose(PRODUCT_COUNTS)
        self.ids = [self._choose(("p{}", "SKU-{}", "{}", "ß{}", "a > {}")).format(n) for n in range(count)]
        self.rows: FeedRows = [{"id": product_id, "title": product_id} for product_id in self.ids]
        for fill in (self._add_photos, self._add_groups, self._add_categories, self._add_attributes):
            fill()
        self.rules = self._make_rules()

    def write_feed(self, path: Path) -> Path:
        """Write the feed, and return its path."""
        return feed_of(path, self.rows)

    def write_changed_feed(self, path: Path) -> Path:
        """Write the feed with a change, and return its path.

        Either there is one more product, or one product has another attribute, another category or another photo.
        """
        rows = [dict(row) for row in self.rows]
        row = rows[int(self._random.integers(len(rows)))]
        kind = int(self._random.integers(4))
        if kind == 0:
            rows.append({"id": "new", "photos": [self._choose(self._photos)], "attributes": {"color": "new"}})
        elif kind == 1:
            row["attributes"] = {self._choose(NAMES): self._choose(VALUES)}
        elif kind == 2:
            row["category"] = [self._choose(STEPS), self._choose(STEPS)]
        else:
            row["photos"] = [self._choose(self._photos)]
        return feed_of(path, rows)

    def _choose(self, choices: Sequence[Any]) -> Any:
        """Draw one of the choices."""
        return choices[int(self._random.integers(len(choices)))]

    def _draw_bool(self, probability: float) -> bool:
        """Draw true with this probability."""
        return bool(self._random.random() < probability)

    def _add_photos(self) -> None:
        kind = self._choose(("one for all", "few", "any", "several", "missing"))
        default_photo = self._choose(self._photos)
        for number, row in enumerate(self.rows):
            row["photos"] = {
                "one for all": [default_photo],
                "few": [self._photos[number % 2]],
                "any": [self._choose(self._photos)],
                "several": [self._choose(self._photos) for _ in range(3)],
                "missing": [self._choose((default_photo, "missing.png")) if number else default_photo],
            }[kind]

    def _add_groups(self) -> None:
        kind = self._choose(("none", "one", "pairs", "long"))
        for number, row in enumerate(self.rows):
            group = {"none": "", "one": "g", "pairs": f"g{number // 2}", "long": f"{LONG}{number // 3}"}[kind]
            if group:
                row["group_id"] = group

    def _add_categories(self) -> None:
        kind = self._choose(("none", "chain", "chain", "ends anywhere", "fork", "any", "roots", "text"))
        chain = [self._choose(STEPS) for _ in range(int(self._random.integers(1, 5)))]
        for number, row in enumerate(self.rows):
            if kind == "none" or self._draw_bool(0.1):
                continue
            row["category"] = {
                "chain": chain,
                "ends anywhere": chain[: int(self._random.integers(len(chain) + 1))],
                "fork": [*chain, "left" if number % 2 else "right"],
                "any": [self._choose(STEPS) for _ in range(int(self._random.integers(1, 4)))],
                "roots": [self._choose(("A", "B"))],
                "text": " > ".join(chain),
            }[kind]
            if self._draw_bool(0.1):
                row["category"] = ["Kitchen", "Mugs"]

    def _add_attributes(self) -> None:
        if self._draw_bool(0.3):
            for row in self.rows:
                row["brand"] = self._choose(("ß", "SS", "Acme", ""))
        for _ in range(int(self._random.integers(4))):
            name, value_of = self._choose(NAMES), self._choose_attribute_values()
            missing_share = self._choose((0.0, 0.0, 0.3, 0.8))
            for number, row in enumerate(self.rows):
                if not self._draw_bool(missing_share):
                    row.setdefault("attributes", {})[name] = value_of(number)

    def _choose_attribute_values(self) -> Callable[[int], Value | list[Value]]:
        """Draw a function from the number of a product to its value of one attribute."""
        a, b, c = (self._choose(VALUES) for _ in range(3))
        subset_values = [self._choose(VALUES) for _ in range(4)]
        return self._choose(
            (
                lambda number: a,
                lambda number: (a, b)[number % 2],
                lambda number: self._choose((a, b, c)),
                lambda number: f"{a}{number}",
                lambda number: [a, b],
                lambda number: [a, b] if number % 4 else c,
                lambda number: [b, c] if number % 40 == 7 else a,
                lambda number: [value for value in subset_values if self._draw_bool(0.5)],
                lambda number: self._choose(VALUES),
                lambda number: [self._choose(self.ids), self._choose(self.ids[:3])],
                lambda number: self._choose(LINKS),
                lambda number: self._choose(CODES),
                lambda number: number % 3,
            )
        )

    def _make_rules(self) -> DimensionRules:
        """Draw the limits of dimensions, and sometimes a rule for one attribute of the feed."""
        min_products = self._choose((2, 2, 2, 3, 5))
        max_classes = self._choose((200, 200, 3))
        attributes = (pair for row in self.rows for pair in row.get("attributes", {}).items())
        rule_names = [name for name, value in attributes if name in RULE_NAMES and can_have_rule(value)]
        if not rule_names or self._draw_bool(0.5):
            return DimensionRules(min_products, max_classes)
        kind: FeedKind | None = self._choose((None, "single", "multi", "tree"))
        merge: Mapping[str, tuple[str, ...]] = self._choose(({}, {"A": ("a", "é")}))
        rule = DimensionRule(use=self._choose((True, None)), kind=kind, merge=merge)
        return DimensionRules(min_products, max_classes, {rule_names[0]: rule})

"""Every product is another one, the same whatever the size of the catalogue, and can be drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from shoplens.errors import InvalidValue
from shoplens.images.drawing.paths import polyline
from shoplens.rendered import COLORS, MATERIALS, PATTERNS, SHAPES, ProductSpec, spec_of, specs
from shoplens.rendered.specs import MOST_PRODUCTS
from shoplens.rendered.words import title

MANY = 20_000


def appearance(spec: ProductSpec) -> tuple[str, ...]:
    """What tells a product from every other one of its catalogue."""
    return (spec.shape, spec.cut, spec.material, spec.pattern, spec.scale, spec.direction, spec.accent, spec.color)


def test_no_two_of_many_products_look_the_same() -> None:
    assert len({appearance(spec) for spec in specs(MANY)}) == MANY


def test_the_last_product_exists_and_the_one_after_is_refused() -> None:
    assert spec_of(MOST_PRODUCTS).number == MOST_PRODUCTS
    with pytest.raises(InvalidValue, match=r"Product number is 100001\. Choose 1 to 100,000\."):
        spec_of(MOST_PRODUCTS + 1)


def test_another_seed_gives_another_shop() -> None:
    assert [appearance(spec) for spec in specs(50, seed=1)] != [appearance(spec) for spec in specs(50, seed=2)]


def test_products_of_a_group_differ_in_color_only() -> None:
    groups: dict[int, list[ProductSpec]] = defaultdict(list)
    for spec in specs(500):
        groups[spec.group].append(spec)
    assert max(map(len, groups.values())) == 5
    for members in groups.values():
        assert len({replace(spec, color="red", number=1) for spec in members}) == 1
        assert len({spec.color for spec in members}) == len(members)


def test_a_small_shop_has_every_shape_color_and_pattern() -> None:
    shop = list(specs(400))
    assert {spec.shape for spec in shop} == set(SHAPES)
    assert {spec.color for spec in shop} == set(COLORS)
    counts = Counter(spec.pattern for spec in shop)
    assert set(counts) == set(PATTERNS)
    assert counts.most_common(1)[0][0] == "solid"


def test_the_second_color_is_never_the_first() -> None:
    assert all(spec.color != spec.accent for spec in specs(2000))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cut_shows_both_colors_and_has_paths_that_can_be_read(shape: str) -> None:
    for parts in SHAPES[shape].cuts.values():
        assert {"main", "accent"} <= {part.paint for part in parts}
        for part in parts:
            assert len(polyline(part.path, part.mirrored)) >= 2
            assert all(len(polyline(fold)) >= 2 for fold in part.folds)
            assert not part.texture or part.texture in MATERIALS


@pytest.mark.parametrize(
    ("field", "value"),
    [("shape", "anvil"), ("color", "octarine"), ("pattern", "paisley"), ("material", "ceramic"), ("scale", "")],
)
def test_a_product_that_cannot_be_drawn_is_refused(field: str, value: str) -> None:
    hoodie = ProductSpec("hoodie", "green", "stars", "knit", "cream", "pullover", "medium")
    with pytest.raises(InvalidValue, match=rf"A product's {field} is '{value}'\. Choose of "):
        replace(hoodie, **{field: value})  # type: ignore[arg-type]


def test_the_title_describes_the_visible_attributes() -> None:
    assert title(ProductSpec("hoodie", "green", "stars", "knit", "cream", "pullover", "medium")) == (
        "Starry green hoodie in knit"
    )

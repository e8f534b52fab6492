"""Which entry means what, and distributions as marks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.model.class_layout import ClassLayout, is_compared
from shoplens.filters.photo_features.palette import ANCHOR_NAMES, ANCHORS

PATTERN = Dimension("pattern", "single", "pattern", ("plain", "starry", "striped"), (5, 5, 5))
MATERIAL = Dimension("material", "multi", "material", ("wool", "silk", "linen"), (5, 5, 5))
COLOR = Dimension("color", "single", "color", ("red", "blue"), (5, 5), measured=True)
PALETTE = Dimension("color", "measured", measured=True)
TREE = Dimension("category", "tree", "category", ("A", "B", "A > x", "A > y", "A > z"), (9, 5, 3, 3, 3))
OTHERS = (Dimension("look", "embedding"), Dimension("design", "design"), Dimension("shape", "measured", measured=True))


def dense(layout: ClassLayout, read: object, known: dict[str, tuple[str, ...]] | None = None) -> np.ndarray:
    """Squares of the marks."""
    marks = layout.marks(np.array(read, np.float32), known or {})
    assert (np.diff(marks.indices.astype(int)) > 0).all()
    row = np.zeros(layout.size)
    row[marks.indices] = marks.values.astype(np.float64) ** 2
    return row


def test_blocks_lie_one_after_the_other() -> None:
    layout = ClassLayout.of((*OTHERS, COLOR, PATTERN, TREE))
    found = [(b.dimension, b.kind, b.classes[:5], b.start, b.share) for b in layout.blocks]
    assert found == [
        ("color", "single", ("red", "blue"), 0, 0.5),
        ("color", "palette", ANCHOR_NAMES[:5], 2, 0.5),
        ("pattern", "single", ("plain", "starry", "striped"), 2 + ANCHORS, 1.0),
        ("category", "tree", ("A", "B"), 5 + ANCHORS, 0.5),
        ("category", "tree", ("B", "A > x", "A > y", "A > z"), 7 + ANCHORS, 0.5),
    ]
    assert layout.size == 11 + ANCHORS
    assert layout.names == ("color", "pattern", "category")
    assert layout.dimension_of.tolist() == [0] * (2 + ANCHORS) + [1] * 3 + [2] * 6
    assert layout.learned.tolist() == [0, 1, *range(2 + ANCHORS, 11 + ANCHORS)]


def test_a_palette_alone_has_the_whole_share() -> None:
    layout = ClassLayout.of((*OTHERS, PALETTE))
    assert [(b.kind, b.share, len(b.classes)) for b in layout.blocks] == [("palette", 1.0, ANCHORS)]
    assert layout.learned.tolist() == []


def test_without_distributions_there_is_no_entry() -> None:
    layout = ClassLayout.of(OTHERS)
    assert (layout.size, layout.names, layout.blocks_of("look")) == (0, (), ())
    assert not len(layout.marks(np.zeros(0, np.float32), {}).indices)


@pytest.mark.parametrize(
    ("dimension", "compared"),
    [
        *((one, True) for one in (*OTHERS, PATTERN, MATERIAL, COLOR, PALETTE, TREE)),
        (Dimension("x", "tree", "x", ("A", "A > B"), (2, 2)), False),
        (Dimension("x", "tree", "x", ("A", "A > B", "A > C"), (4, 2, 2)), True),
        (Dimension("x", "single", "x"), False),
        (Dimension("x", "multi", "x"), False),
        (Dimension("color", "tree", "color", ("A", "A > B"), (2, 2), measured=True), True),
    ],
    ids=str,
)
def test_what_has_neither_entries_nor_unit_vectors_cannot_be_compared(dimension: Dimension, compared: bool) -> None:
    assert is_compared(dimension) is compared


def test_marks_are_square_roots_of_what_was_read() -> None:
    layout = ClassLayout.of((PATTERN,))
    marks = layout.marks(np.array([0.64, 0.36, 0], np.float32), {})
    assert marks.indices.tolist() == [0, 1]
    assert marks.values.tolist() == pytest.approx([0.8, 0.6])


def test_what_the_feed_says_counts_more_than_what_was_read() -> None:
    layout = ClassLayout.of((PATTERN, MATERIAL))
    read = [0.9, 0.05, 0.05, 0.8, 0.4, 0.4]
    assert dense(layout, read, {"pattern": ("starry",)}) == pytest.approx([0, 1, 0, 0.5, 0.25, 0.25])
    assert dense(layout, read, {"material": ("silk", "linen")}) == pytest.approx([0.9, 0.05, 0.05, 0, 0.5, 0.5])


def test_a_value_that_is_no_class_is_as_good_as_none() -> None:
    layout = ClassLayout.of((PATTERN,))
    assert dense(layout, [0.5, 0.3, 0.2], {"pattern": ("checked",)}) == pytest.approx([0.5, 0.3, 0.2])


def test_small_probabilities_are_dropped_and_the_rest_made_to_sum_to_one() -> None:
    layout = ClassLayout.of((PATTERN,))
    assert dense(layout, [0.6, 0.395, 0.005]) == pytest.approx([0.6 / 0.995, 0.395 / 0.995, 0])
    many = Dimension("size", "single", "size", tuple(map(str, range(200))), (5,) * 200)
    assert dense(ClassLayout.of((many,)), [1 / 200] * 200).sum() == pytest.approx(1)


def test_color_is_half_the_classes_and_half_the_palette() -> None:
    layout = ClassLayout.of((COLOR,))
    palette = np.zeros(ANCHORS)
    palette[[3, 7]] = 0.25, 0.75
    found = dense(layout, [0.9, 0.1, *palette], {"color": ("blue",)})
    assert found[:2] == pytest.approx([0, 0.5])
    assert found[[5, 9]] == pytest.approx([0.125, 0.375])
    assert found.sum() == pytest.approx(1)


def test_an_unmeasured_palette_has_no_marks() -> None:
    assert dense(ClassLayout.of((PALETTE,)), [0] * ANCHORS).sum() == 0


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), [0.7, 0.3, 0.3, 0.4, 0.2, 0.1]),
        (("A",), [1, 0, 0, 4 / 7, 2 / 7, 1 / 7]),
        (("A > y", "A"), [1, 0, 0, 0, 1, 0]),
        (("B",), [0, 1, 1, 0, 0, 0]),
    ],
    ids=["nothing", "ends above", "leaf", "leaf above"],
)
def test_a_tree_is_known_as_far_as_the_feed_goes(known: tuple[str, ...], expected: list[float]) -> None:
    layout = ClassLayout.of((TREE,))
    found = dense(layout, [0.7, 0.3, 0.3, 0.4, 0.2, 0.1], {"category": known})
    assert found == pytest.approx(np.array(expected) / 2)


def test_below_a_known_node_that_the_photo_denies_all_are_alike() -> None:
    found = dense(ClassLayout.of((TREE,)), [0, 1, 1, 0, 0, 0], {"category": ("A",)})
    assert found == pytest.approx(np.array([1, 0, 0, 1 / 3, 1 / 3, 1 / 3]) / 2)


def test_the_dot_product_is_the_bhattacharyya_coefficient_averaged_over_blocks() -> None:
    layout = ClassLayout.of((TREE,))
    one, two = np.array([0.7, 0.3, 0.3, 0.4, 0.2, 0.1]), np.array([0.2, 0.8, 0.8, 0.05, 0.05, 0.1])
    left, right = (np.sqrt(dense(layout, read)) for read in (one, two))
    expected = sum(math.sqrt(p * q) for p, q in zip(one, two, strict=True)) / 2
    assert left @ right == pytest.approx(expected, abs=1e-6)
    assert left @ left == pytest.approx(1)

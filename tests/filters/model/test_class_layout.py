"""Trees of classes, and which entry of the marks stands for which class."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.fitting.crossfit import FOLDS, CrossFitData
from shoplens.filters.fitting.lda import fit_tree_heads
from shoplens.filters.model.class_layout import ClassLayout, ClassTree, is_comparable, is_within, node_depth
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, ANCHOR_NAMES

NODES = ("A", "B", "A > x", "A > y", "A > x > 1", "A > x > 2")


def test_levels_hold_their_nodes_and_the_leaves_above() -> None:
    tree = ClassTree.from_nodes(NODES)
    assert tree.levels == (("A", "B"), ("B", "A > x", "A > y"), ("B", "A > y", "A > x > 1", "A > x > 2"))
    assert tree.leaves == ("B", "A > y", "A > x > 1", "A > x > 2")
    assert tree.size == 9


def test_levels_of_one_node_are_left_out() -> None:
    assert ClassTree.from_nodes(["A", "A > x", "A > y"]).levels == (("A > x", "A > y"),)
    assert ClassTree.from_nodes(["A"]).levels == ()
    assert ClassTree.from_nodes([]).size == 0


@pytest.mark.parametrize(
    ("known", "places"),
    [
        ((), [None, None, None]),
        (("A",), [0, None, None]),
        (("A > x", "A"), [0, 1, None]),
        (("A", "A > x", "A > x > 2"), [0, 1, 3]),
        (("A", "A > y"), [0, 2, 1]),
        (("B",), [1, 0, 0]),
        (("C",), [None, None, None]),
    ],
)
def test_a_product_has_a_place_in_every_level_that_it_reaches(known: tuple[str, ...], places: list[int | None]) -> None:
    assert ClassTree.from_nodes(NODES).level_positions(known) == places


def test_probabilities_are_the_product_of_the_levels_over_all_leaves() -> None:
    tree = ClassTree(*(getattr(ClassTree.from_nodes(NODES), name) for name in ("levels", "leaves")), temperature=0.7)
    random = np.random.default_rng(0)
    logits = random.standard_normal((5, tree.size)).astype(np.float32)
    floor = np.concatenate([np.full(len(level), 0.1 / len(level)) for level in tree.levels]).astype(np.float32)
    result = tree.probabilities(logits, floor)
    ends = np.cumsum([0, *(len(level) for level in tree.levels)])
    for row, data in zip(result, logits, strict=True):
        levels = []
        for number, level in enumerate(tree.levels):
            raised = np.exp(data[ends[number] : ends[number + 1]])
            levels.append(dict(zip(level, 0.9 * raised / raised.sum() + 0.1 / len(level), strict=True)))
        products = {}
        for leaf in tree.leaves:
            p = 1.0
            for level in levels:
                p *= next(value for node, value in level.items() if is_within(leaf, node))
            products[leaf] = p**0.7
        total = sum(products.values())
        nodes = itertools.chain.from_iterable(tree.levels)
        expected = [sum(p for leaf, p in products.items() if is_within(leaf, node)) / total for node in nodes]
        assert np.allclose(row, expected, atol=1e-5)


def test_every_level_sums_to_one_and_no_node_is_likelier_than_the_one_above() -> None:
    tree = ClassTree.from_nodes(NODES)
    logits = 3 * np.random.default_rng(1).standard_normal((20, tree.size)).astype(np.float32)
    result = tree.probabilities(logits, np.zeros(tree.size, np.float32))
    assert np.allclose(np.stack([result[:, :2], result[:, 2:4]]).sum(), result[:, :4].sum())
    assert np.allclose(result[:, :2].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(result[:, 2:5].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(result[:, 5:].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(result[:, 0], result[:, 3] + result[:, 4], atol=1e-5)
    assert np.allclose(result[:, 3], result[:, 7] + result[:, 8], atol=1e-5)


def products(count: int, seed: int = 0) -> tuple[CrossFitData, list[tuple[str, ...]]]:
    """Photos of leaves; every fourth product is only known to be an A, where it is one."""
    random = np.random.default_rng(seed)
    tree = ClassTree.from_nodes(NODES)
    ends = random.integers(len(tree.leaves), size=count)
    x = np.eye(len(tree.leaves))[ends] + 0.5 * random.standard_normal((count, len(tree.leaves)))
    known = []
    for number, end in enumerate(ends):
        leaf = tree.leaves[end]
        path = tuple(node for node in NODES if is_within(leaf, node))
        known.append(path[:1] if number % 4 == 0 and node_depth(leaf) > 1 else path)
    return CrossFitData.from_photos(x.astype(np.float32), random.integers(FOLDS, size=count)), known


def test_a_tree_is_learned_from_products_that_end_anywhere() -> None:
    rows, known = products(600)
    tree, heads = fit_tree_heads(rows, ClassTree.from_nodes(NODES), known)
    leaves = tree.leaf_probabilities(heads.logits(rows.x, rows.folds), heads.floor)
    ends = [max(names, key=node_depth) for names in known]
    probabilities, true_classes = tree.end_probabilities(ends, leaves)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    hits = probabilities.argmax(axis=1) == true_classes
    assert hits.mean() > 0.75
    assert probabilities.max(axis=1).mean() == pytest.approx(hits.mean(), abs=0.05)


def test_a_product_that_ends_above_the_leaves_gets_their_summed_probability() -> None:
    tree = ClassTree.from_nodes(NODES)
    leaves = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]], np.float32)
    result, true_classes = tree.end_probabilities(["A > x", "B"], leaves)
    assert np.allclose(result, [[0.1, 0.2, 0, 0, 0.7], [0.1, 0.2, 0.3, 0.4, 0]])
    assert true_classes.tolist() == [4, 0]


@pytest.mark.parametrize("known", [[], [()], [("B",)], [(), ("A",), ("A", "A > y")]], ids=str)
def test_few_products_are_accepted(known: list[tuple[str, ...]]) -> None:
    x = np.ones((len(known), 3), np.float32)
    tree, heads = fit_tree_heads(
        CrossFitData.from_photos(x, np.zeros(len(known), np.int64)), ClassTree.from_nodes(NODES), known
    )
    result = tree.probabilities(heads.logits(x), heads.floor)
    assert result.shape == (len(known), tree.size)
    assert np.isfinite(result).all()


PATTERN = Dimension("pattern", "single", "pattern", ("plain", "starry", "striped"), (5, 5, 5))
MATERIAL = Dimension("material", "multi", "material", ("wool", "silk", "linen"), (5, 5, 5))
COLOR = Dimension("color", "single", "color", ("red", "blue"), (5, 5), is_measured=True)
PALETTE = Dimension("color", "measured", is_measured=True)
TREE = Dimension("category", "tree", "category", ("A", "B", "A > x", "A > y", "A > z"), (9, 5, 3, 3, 3))
OTHERS = (
    Dimension("look", "embedding"),
    Dimension("design", "design"),
    Dimension("shape", "measured", is_measured=True),
)


def dense(layout: ClassLayout, read: object, known: dict[str, tuple[str, ...]] | None = None) -> np.ndarray:
    """Squares of the marks."""
    marks = layout.class_vector(np.array(read, np.float32), known or {})
    assert (np.diff(marks.indices.astype(int)) > 0).all()
    row = np.zeros(layout.size)
    row[marks.indices] = marks.values.astype(np.float64) ** 2
    return row


def test_blocks_lie_one_after_the_other() -> None:
    layout = ClassLayout.from_dimensions((*OTHERS, COLOR, PATTERN, TREE))
    result = [(b.dimension, b.kind, b.classes[:5], b.start, b.share) for b in layout.blocks]
    assert result == [
        ("color", "single", ("red", "blue"), 0, 0.5),
        ("color", "palette", ANCHOR_NAMES[:5], 2, 0.5),
        ("pattern", "single", ("plain", "starry", "striped"), 2 + ANCHOR_COUNT, 1.0),
        ("category", "tree", ("A", "B"), 5 + ANCHOR_COUNT, 0.5),
        ("category", "tree", ("B", "A > x", "A > y", "A > z"), 7 + ANCHOR_COUNT, 0.5),
    ]
    assert layout.size == 11 + ANCHOR_COUNT
    assert layout.dimension_names == ("color", "pattern", "category")
    assert layout.entry_dimensions.tolist() == [0] * (2 + ANCHOR_COUNT) + [1] * 3 + [2] * 6
    assert layout.predicted_entries.tolist() == [0, 1, *range(2 + ANCHOR_COUNT, 11 + ANCHOR_COUNT)]


def test_a_palette_without_color_classes_has_the_whole_share() -> None:
    layout = ClassLayout.from_dimensions((*OTHERS, PALETTE))
    assert [(b.kind, b.share, len(b.classes)) for b in layout.blocks] == [("palette", 1.0, ANCHOR_COUNT)]
    assert layout.predicted_entries.tolist() == []


def test_photos_without_a_feed_have_the_same_vectors_beside_a_photo_with_one() -> None:
    layout = ClassLayout.from_dimensions((*OTHERS, COLOR, PATTERN, MATERIAL, TREE))
    predicted = np.random.default_rng(0).dirichlet(np.full(layout.size, 0.1), 6).astype(np.float32)
    alone = layout.class_vectors(predicted, [{}] * 6)
    beside = layout.class_vectors(predicted, [{}] * 5 + [{"pattern": ("plain",)}])
    for one, other in zip(alone[:5], beside[:5], strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_allclose(one.values, other.values, atol=1e-6)


def test_without_distributions_there_is_no_entry() -> None:
    layout = ClassLayout.from_dimensions(OTHERS)
    assert (layout.size, layout.dimension_names, layout.blocks_of("look")) == (0, (), ())
    assert not len(layout.class_vector(np.zeros(0, np.float32), {}).indices)


@pytest.mark.parametrize(
    ("dimension", "compared"),
    [
        *((item, True) for item in (*OTHERS, PATTERN, MATERIAL, COLOR, PALETTE, TREE)),
        (Dimension("x", "tree", "x", ("A", "A > B"), (2, 2)), False),
        (Dimension("x", "tree", "x", ("A", "A > B", "A > C"), (4, 2, 2)), True),
        (Dimension("x", "single", "x"), False),
        (Dimension("x", "multi", "x"), False),
        (Dimension("color", "tree", "color", ("A", "A > B"), (2, 2), is_measured=True), True),
    ],
    ids=str,
)
def test_what_has_neither_entries_nor_unit_vectors_cannot_be_compared(dimension: Dimension, compared: bool) -> None:
    assert is_comparable(dimension) is compared


def test_class_vectors_are_square_roots_of_probabilities() -> None:
    layout = ClassLayout.from_dimensions((PATTERN,))
    marks = layout.class_vector(np.array([0.64, 0.36, 0], np.float32), {})
    assert marks.indices.tolist() == [0, 1]
    assert marks.values.tolist() == pytest.approx([0.8, 0.6])


def test_values_of_the_feed_replace_predicted_ones() -> None:
    layout = ClassLayout.from_dimensions((PATTERN, MATERIAL))
    read = [0.9, 0.05, 0.05, 0.8, 0.4, 0.4]
    assert dense(layout, read, {"pattern": ("starry",)}) == pytest.approx([0, 1, 0, 0.5, 0.25, 0.25])
    assert dense(layout, read, {"material": ("silk", "linen")}) == pytest.approx([0.9, 0.05, 0.05, 0, 0.5, 0.5])


def test_a_value_that_is_no_class_is_as_good_as_none() -> None:
    layout = ClassLayout.from_dimensions((PATTERN,))
    assert dense(layout, [0.5, 0.3, 0.2], {"pattern": ("checked",)}) == pytest.approx([0.5, 0.3, 0.2])


def test_small_probabilities_are_dropped_and_the_rest_made_to_sum_to_one() -> None:
    layout = ClassLayout.from_dimensions((PATTERN,))
    assert dense(layout, [0.6, 0.395, 0.005]) == pytest.approx([0.6 / 0.995, 0.395 / 0.995, 0])
    many = Dimension("size", "single", "size", tuple(map(str, range(200))), (5,) * 200)
    assert dense(ClassLayout.from_dimensions((many,)), [1 / 200] * 200).sum() == pytest.approx(1)


def test_color_is_half_the_classes_and_half_the_palette() -> None:
    layout = ClassLayout.from_dimensions((COLOR,))
    palette = np.zeros(ANCHOR_COUNT)
    palette[[3, 7]] = 0.25, 0.75
    result = dense(layout, [0.9, 0.1, *palette], {"color": ("blue",)})
    assert result[:2] == pytest.approx([0, 0.5])
    assert result[[5, 9]] == pytest.approx([0.125, 0.375])
    assert result.sum() == pytest.approx(1)


def test_a_palette_that_was_not_measured_has_no_entries() -> None:
    assert dense(ClassLayout.from_dimensions((PALETTE,)), [0] * ANCHOR_COUNT).sum() == 0


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
def test_known_levels_of_a_tree_replace_predicted_ones(known: tuple[str, ...], expected: list[float]) -> None:
    layout = ClassLayout.from_dimensions((TREE,))
    result = dense(layout, [0.7, 0.3, 0.3, 0.4, 0.2, 0.1], {"category": known})
    assert result == pytest.approx(np.array(expected) / 2)


def test_below_a_known_node_of_probability_zero_classes_are_uniform() -> None:
    result = dense(ClassLayout.from_dimensions((TREE,)), [0, 1, 1, 0, 0, 0], {"category": ("A",)})
    assert result == pytest.approx(np.array([1, 0, 0, 1 / 3, 1 / 3, 1 / 3]) / 2)


def test_the_dot_product_is_the_bhattacharyya_coefficient_averaged_over_blocks() -> None:
    layout = ClassLayout.from_dimensions((TREE,))
    item, two = np.array([0.7, 0.3, 0.3, 0.4, 0.2, 0.1]), np.array([0.2, 0.8, 0.8, 0.05, 0.05, 0.1])
    left, right = (np.sqrt(dense(layout, read)) for read in (item, two))
    expected = sum(math.sqrt(p * q) for p, q in zip(item, two, strict=True)) / 2
    assert left @ right == pytest.approx(expected, abs=1e-6)
    assert left @ left == pytest.approx(1)

"""Trees: levels, paths, and the product of their experts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from shoplens.filters.fitting.crossfit import FOLDS, Rows
from shoplens.filters.model.tree import Tree, depth_of, is_below, tree_heads

NODES = ("A", "B", "A > x", "A > y", "A > x > 1", "A > x > 2")


def test_levels_hold_their_nodes_and_the_leaves_above() -> None:
    tree = Tree.of(NODES)
    assert tree.levels == (("A", "B"), ("B", "A > x", "A > y"), ("B", "A > y", "A > x > 1", "A > x > 2"))
    assert tree.leaves == ("B", "A > y", "A > x > 1", "A > x > 2")
    assert tree.size == 9


def test_levels_of_one_node_are_left_out() -> None:
    assert Tree.of(["A", "A > x", "A > y"]).levels == (("A > x", "A > y"),)
    assert Tree.of(["A"]).levels == ()
    assert Tree.of([]).size == 0


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
    assert Tree.of(NODES).places(known) == places


def test_probabilities_are_the_product_of_the_levels_over_all_leaves() -> None:
    tree = Tree(*(getattr(Tree.of(NODES), name) for name in ("levels", "leaves")), temperature=0.7)
    random = np.random.default_rng(0)
    logits = random.standard_normal((5, tree.size)).astype(np.float32)
    floor = np.concatenate([np.full(len(level), 0.1 / len(level)) for level in tree.levels]).astype(np.float32)
    found = tree.probabilities(logits, floor)
    ends = np.cumsum([0, *(len(level) for level in tree.levels)])
    for row, given in zip(found, logits, strict=True):
        levels = []
        for number, level in enumerate(tree.levels):
            raised = np.exp(given[ends[number] : ends[number + 1]])
            levels.append(dict(zip(level, 0.9 * raised / raised.sum() + 0.1 / len(level), strict=True)))
        products = {}
        for leaf in tree.leaves:
            p = 1.0
            for level in levels:
                p *= next(value for node, value in level.items() if is_below(leaf, node))
            products[leaf] = p**0.7
        total = sum(products.values())
        nodes = itertools.chain.from_iterable(tree.levels)
        expected = [sum(p for leaf, p in products.items() if is_below(leaf, node)) / total for node in nodes]
        assert np.allclose(row, expected, atol=1e-5)


def test_every_level_sums_to_one_and_no_node_is_likelier_than_the_one_above() -> None:
    tree = Tree.of(NODES)
    logits = 3 * np.random.default_rng(1).standard_normal((20, tree.size)).astype(np.float32)
    found = tree.probabilities(logits, np.zeros(tree.size, np.float32))
    assert np.allclose(np.stack([found[:, :2], found[:, 2:4]]).sum(), found[:, :4].sum())
    assert np.allclose(found[:, :2].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(found[:, 2:5].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(found[:, 5:].sum(axis=1), 1, atol=1e-5)
    assert np.allclose(found[:, 0], found[:, 3] + found[:, 4], atol=1e-5)
    assert np.allclose(found[:, 3], found[:, 7] + found[:, 8], atol=1e-5)


def products(count: int, seed: int = 0) -> tuple[Rows, list[tuple[str, ...]]]:
    """Photos of leaves; every fourth product is only known to be an A, where it is one."""
    random = np.random.default_rng(seed)
    tree = Tree.of(NODES)
    ends = random.integers(len(tree.leaves), size=count)
    x = np.eye(len(tree.leaves))[ends] + 0.5 * random.standard_normal((count, len(tree.leaves)))
    known = []
    for number, end in enumerate(ends):
        leaf = tree.leaves[end]
        path = tuple(node for node in NODES if is_below(leaf, node))
        known.append(path[:1] if number % 4 == 0 and depth_of(leaf) > 1 else path)
    return Rows.of(x.astype(np.float32), random.integers(FOLDS, size=count)), known


def test_a_tree_is_learned_from_products_that_end_anywhere() -> None:
    rows, known = products(600)
    tree, heads = tree_heads(rows, Tree.of(NODES), known)
    leaves = tree.leaf_probabilities(heads.logits(rows.x, rows.folds), heads.floor)
    ends = [max(names, key=depth_of) for names in known]
    probabilities, right = tree.among_ends(ends, leaves)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    hits = probabilities.argmax(axis=1) == right
    assert hits.mean() > 0.75
    assert probabilities.max(axis=1).mean() == pytest.approx(hits.mean(), abs=0.05)


def test_an_end_above_leaves_stands_for_them() -> None:
    tree = Tree.of(NODES)
    leaves = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]], np.float32)
    found, right = tree.among_ends(["A > x", "B"], leaves)
    assert np.allclose(found, [[0.1, 0.2, 0, 0, 0.7], [0.1, 0.2, 0.3, 0.4, 0]])
    assert right.tolist() == [4, 0]


@pytest.mark.parametrize("known", [[], [()], [("B",)], [(), ("A",), ("A", "A > y")]], ids=str)
def test_few_products_are_no_error(known: list[tuple[str, ...]]) -> None:
    x = np.ones((len(known), 3), np.float32)
    tree, heads = tree_heads(Rows.of(x, np.zeros(len(known), np.int64)), Tree.of(NODES), known)
    found = tree.probabilities(heads.logits(x), heads.floor)
    assert found.shape == (len(known), tree.size)
    assert np.isfinite(found).all()

"""What a shopper's words ask for -> the query for all filters, and the condition that products meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from shoplens.filters.dimensions.dimension import CAPTION, COLOR, DESIGN, LOOK, OBJECT, PATH, TEXT
from shoplens.filters.model.caption import CaptionModel
from shoplens.filters.model.class_layout import ClassBlock, is_within
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, TINT_SHARE
from shoplens.filters.photo_features.color_histogram import parse_palette
from shoplens.filters.photo_features.pixels import Floats
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import AllOf, Condition, Not, OneOf
from shoplens.index.predicted_values import PREDICTED, include_predicted
from shoplens.ranking.filter_query import Example
from shoplens.ranking.text_retrieval import products_with_words
from shoplens.store.generation import Generation
from shoplens.types import SparseVector, Steering, WordMeaning
from shoplens.words.vocabulary import combine_classes

WISH_WEIGHT = 3.0
"""Weight of a dimension in which words want classes, relative to all those together in which they want none."""
_AVOIDED_FROM = 0.5
"""Probability from which a predicted class counts as unwanted, where the feed gives no value."""
_ANYWHERE = 0.02
"""Share of the wanted nodes of a tree that is spread over all of them, whatever the photo shows."""
_LOOKS = (LOOK, OBJECT, DESIGN)
"""Dimensions that see everything in a photo, so that they speak of what words change, too."""
_MOSTLY = 0.5
"""Share of what a photo shows in a dimension from which on it shows mostly unwanted classes."""
Classes = Mapping[str, float]


class WishedDimensions(NamedTuple):
    """The dimensions of a query's words.

    Attributes:
        wanted: of wanted classes, for each phrase the one that says most.
        also: others in which the same phrases name classes.
        muted: in which the photo shows mostly what is not wanted.
    """

    wanted: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()


def collect_wanted_classes(meanings: Sequence[WordMeaning]) -> dict[str, dict[str, float]]:
    """Return dimension -> class -> share of all wanted classes; a colour without classes has an empty entry."""
    wanted: dict[str, dict[str, float]] = {}
    for meaning in meanings:
        if meaning.kind != "wanted":
            continue
        for dimension, classes in meaning.classes.items():
            before = wanted.get(dimension)
            wanted[dimension] = combine_classes(before, classes) if before else dict(classes)
        if meaning.color:
            wanted.setdefault(COLOR, {})
    return wanted


def wishes_steer(steering: Steering) -> bool:
    """Whether words change the scores, and not only the condition."""
    return any(meaning.kind in ("wanted", "unwanted", "title", "caption") for meaning in steering.meanings)


def wish_condition(generation: Generation, steering: Steering) -> Condition | None:
    """Return the condition that the words make: prices and values, and no unwanted classes; None for none."""
    parts: list[Condition] = [parse_condition(one.condition) for one in steering.meanings if one.condition]
    for meaning in steering.meanings:
        if meaning.kind == "unwanted":
            parts += _exclusions(generation, meaning)
    return None if not parts else parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _exclusions(generation: Generation, meaning: WordMeaning) -> Iterator[Condition]:
    dimensions = generation.require_filters().dimensions
    kinds = generation.index.field_kinds()
    names = {one.field: one.name for one in dimensions if one.field}
    for dimension in dimensions:
        classes = meaning.classes.get(dimension.name)
        if classes and {dimension.field, f"{PREDICTED}{dimension.name}"} & kinds.keys():
            condition = OneOf(dimension.field, texts=last_steps(classes))
            yield Not(include_predicted(condition, names, _AVOIDED_FROM, kinds))
    if generation.text is None:
        return
    for words in meaning.classes.get(TEXT, {}):
        if ids := products_with_words(generation.index, generation.text, words):
            yield Not(OneOf("id", texts=ids))


def last_steps(classes: Iterable[str]) -> tuple[str, ...]:
    """Return the values that a field holds for these classes: of paths the last steps."""
    return tuple(dict.fromkeys(name.rsplit(PATH, 1)[-1] for name in classes))


def apply_wishes(filters: Filters, example: Example, meanings: Sequence[WordMeaning]) -> Example:
    """Replace what the example shows in the dimensions in which words want classes by these, and take out the unwanted
    classes."""
    marks = np.zeros(filters.layout.size, np.float32)
    marks[example.marks.indices] = example.marks.values
    dense = example.dense.copy()
    for meaning in meanings:
        for dimension, classes in meaning.classes.items() if meaning.kind == "unwanted" else ():
            if dimension == TEXT:
                continue
            if dimension == COLOR and filters.class_share(example.marks, dimension, classes) >= _MOSTLY:
                dense[DENSE_PARTS[COLOR]] = 0
            _remove(marks, filters.layout.blocks_of(dimension), classes)
    wanted = collect_wanted_classes(meanings)
    for dimension, classes in wanted.items():
        blocks = filters.layout.blocks_of(dimension)
        if dimension == COLOR:
            dense[DENSE_PARTS[COLOR]] = 0
            colors = [one.color for one in meanings if one.kind == "wanted" and one.color]
            _write_colors(marks, blocks, classes, colors)
        elif dimension in filters.models.trees:
            _write_tree(filters, marks, dimension, classes)
        else:
            for block in blocks:
                _write(marks, block, [classes.get(name, 0.0) for name in block.classes])
    there = np.flatnonzero(marks)
    return replace(example, dense=dense, marks=SparseVector(there.astype(np.uint32), marks[there]))


def build_unwanted_color(filters: Filters, example: Example, meanings: Sequence[WordMeaning]) -> Example | None:
    """Return a negative example of the unwanted colours that are no class of the shop; None where there are none."""
    colors = [one.color for one in meanings if one.kind == "unwanted" and one.color and COLOR not in one.classes]
    palettes = [block for block in filters.layout.blocks_of(COLOR) if block.kind == "palette"]
    if not colors or not palettes:
        return None
    marks = np.zeros(filters.layout.size, np.float32)
    _write_colors(marks, palettes, {}, colors)
    there = np.flatnonzero(marks)
    vector = SparseVector(there.astype(np.uint32), marks[there])
    return Example(np.zeros_like(example.look), np.zeros_like(example.dense), vector)


def wish_weights(
    filters: Filters,
    weights: Mapping[str, float],
    wishes: WishedDimensions,
    given: Mapping[str, float],
    caption: float = 0.0,
) -> dict[str, float]:
    """Return the weights of a search with words.

    A dimension of wanted classes counts :data:`WISH_WEIGHT` times as much as all others together, and one in which the
    photo shows mostly what is not wanted does not count. The kind of thing, a tree, counts at least as much as
    the looks, which speak of all that the words change, too. ``caption`` counts in proportion to the heaviest dimension
    of the words.

    Args:
        weights: dimension -> weight, which sum to 1.
        given: weights of this search, which stay.
        caption: weight of ``caption`` for a weight of 1 of what the words want; 0 where it does not count.
    """
    own = weights.get(CAPTION, 0.0)
    weights = {name: weight for name, weight in weights.items() if name != CAPTION}
    result = {name: 0.0 if name in wishes.muted and name not in given else weight for name, weight in weights.items()}
    looks = sum(result.get(name, 0.0) for name in _LOOKS)
    for name in filters.models.trees:
        if name not in given:
            result[name] = max(result[name], looks)
    rest = sum(weight for name, weight in result.items() if name not in wishes.wanted) or 1.0
    for name in wishes.wanted:
        if name not in given:
            result[name] = max(result[name], WISH_WEIGHT * rest)
    if caption:
        heaviest = max((result[name] for name in wishes.wanted), default=WISH_WEIGHT * rest)
        result[CAPTION] = own if CAPTION in given else caption * heaviest
    result = result if any(result.values()) else {**weights}
    total = sum(result.values())
    return {name: weight / total for name, weight in result.items()}


def caption_share(model: CaptionModel, steering: Steering, *, has_example: bool) -> float:
    """Return the weight of ``caption`` for a weight of 1 of what the words want otherwise.

    It is the one that was chosen beside the comparison of words with words. Beside a photo, words that no product has
    are wishes that nothing else compares, so that they count as any other wish.

    Args:
        has_example: whether there is a photo, or a product that the search starts from.
    """
    is_alone = any(one.kind == "caption" for one in steering.meanings)
    return 1.0 if has_example and is_alone else min(model.weight, 1.0)


def find_wished_dimensions(filters: Filters, example: Example, meanings: Sequence[WordMeaning]) -> WishedDimensions:
    """Return the dimensions whose weights words change."""
    named = [[*one.classes] or [COLOR] for one in meanings if one.kind == "wanted"]
    named += [[TEXT] for one in meanings if one.kind == "title"]
    shown = [
        (dimension, filters.class_share(example.marks, dimension, one.classes[dimension]))
        for one in meanings
        if one.kind == "unwanted"
        for dimension in one.classes
        if dimension != TEXT
    ]
    wanted = tuple(dict.fromkeys(names[0] for names in named))
    also = tuple(dict.fromkeys(name for names in named for name in names[1:] if name not in wanted))
    muted = [name for name, share in shown if share >= _MOSTLY and name not in wanted]
    return WishedDimensions(wanted, also, tuple(dict.fromkeys(muted)))


def _write(marks: Floats, block: ClassBlock, probabilities: Sequence[float]) -> None:
    marks[block.entries] = np.sqrt(block.share * np.array(probabilities, np.float32))


def _write_colors(marks: Floats, blocks: Sequence[ClassBlock], classes: Classes, colors: Sequence[str]) -> None:
    """Write wanted colours into the classes, or, where no class has their names, into the palette; either then is the
    whole dimension, without the tint."""
    for block in blocks:
        marks[block.entries] = 0
        if block.kind == "palette" and not classes:
            shares = sum((parse_palette(color) for color in colors), np.float32(0)) / np.float32(len(colors))
        elif block.kind != "palette" and classes:
            shares = np.array([classes.get(name, 0.0) for name in block.classes], np.float32)
        else:
            continue
        marks[block.entries] = np.sqrt(shares / block.share) / (1 - TINT_SHARE)


def _write_tree(filters: Filters, marks: Floats, dimension: str, classes: Classes) -> None:
    """Write the wanted nodes of a tree. Of several leaves below them, those that the example shows count more, and
    those of the same name elsewhere: a jacket of men, in words for women, is a jacket of women."""
    tree, blocks = filters.models.trees[dimension], filters.layout.blocks_of(dimension)
    last = blocks[-1]
    shown = dict(zip(last.classes, (np.square(marks[last.entries]) / last.share).tolist(), strict=True))
    by_step: dict[str, float] = {}
    for name, probability in shown.items():
        step = name.rsplit(PATH, 1)[-1]
        by_step[step] = by_step.get(step, 0.0) + probability
    leaves = np.zeros(len(tree.leaves), np.float32)
    for node, share in classes.items():
        below = [n for n, leaf in enumerate(tree.leaves) if is_within(leaf, node)]
        parts = [by_step.get(tree.leaves[n].rsplit(PATH, 1)[-1], 0.0) + _ANYWHERE for n in below]
        leaves[below] += share * np.array(parts, np.float32) / max(sum(parts), _ANYWHERE)
    nodes = tree.membership @ (leaves / max(float(leaves.sum()), 1e-9))
    start = blocks[0].start
    for block in blocks:
        _write(marks, block, nodes[block.start - start : block.entries.stop - start].tolist())


def _remove(marks: Floats, blocks: Sequence[ClassBlock], classes: Classes) -> None:
    """Take classes, and what lies within them, out of what the example shows."""
    for block in blocks:
        part = np.square(marks[block.entries])
        before = part.sum()
        part[[n for n, name in enumerate(block.classes) if any(is_within(name, one) for one in classes)]] = 0
        if part.any():
            part *= before / part.sum()
        marks[block.entries] = np.sqrt(part)

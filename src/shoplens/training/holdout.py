"""Does it help? Photos that were held out, asked before and after, on products that were learned and on new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.evaluation.results import Estimate, Paired
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.training.data.samples import Samples, Use, uses
from shoplens.types import Vectors

Ints = npt.NDArray[np.int64]
METRICS = ("recall@1", "recall@5", "mrr")
FIRST = METRICS[0]
KNOWN, NEW = "known products", "new products"
LEAST_ASKED = 30
"""Real photos to ask from which on no made ones are asked beside them."""
_AT_ONCE = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Photos to ask, and the products among which they are sought.

    Attributes:
        rows: int64 (q,), of the samples.
        classes: int64 (q,), what is right for each.
        own: int64 (q,), the place in the gallery that does not count, the query's own product; -1 for none.
        clusters: the group of each; they are resampled as a whole.
        gallery: int64 (g,), rows of the samples: the first photo of every product.
        gallery_classes: int64 (g,).
        made: whether the photos are made ones.
    """

    rows: Ints
    classes: Ints
    own: Ints
    clusters: tuple[str, ...]
    gallery: Ints
    gallery_classes: Ints
    made: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def seen(self) -> Ints:
        """int64: all rows that take part."""
        return np.unique(np.concatenate([self.rows, self.gallery]))


@dataclass(frozen=True, slots=True)
class Measured:
    """One part of the proof.

    Attributes:
        name: :data:`KNOWN` or :data:`NEW`.
        queries, clusters: how many photos of how many groups were asked.
        made: whether they are made ones, since there were too few real ones.
        before, after: metric -> figure.
        change: metric -> after less before, on the same photos.
    """

    name: str
    queries: int
    clusters: int
    made: bool
    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]
    change: Mapping[str, Paired]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Who learns and who is asked, while it is proved that training helps.

    Attributes:
        learned: bool (m,), rows that are learned from.
        watched: questions that say when to stop.
        asked: questions that say whether it helped, by the name of their part.
    """

    learned: npt.NDArray[np.bool_]
    watched: Sequence[Questions]
    asked: Mapping[str, Questions]


def plan(samples: Samples, same: str, *, new: bool = True) -> Plan:
    """The plan for these samples; the same in every run.

    Args:
        new: whether designs are held out as new products; without it something of all products is learned.
    """
    use = np.array(uses(samples.photos, by_group=same == "group", new=new))
    questions = {one: _questions(samples, use, one, same) for one in Use if one != Use.LEARN}
    learned = (use == Use.LEARN)[samples.owners]
    if any(questions[one].made for one in (Use.ASK, Use.WATCH)):
        learned &= ~_are_last(samples)
    asked = {NEW: questions[Use.NEW], KNOWN: questions[Use.ASK]}
    return Plan(
        learned,
        [one for one in (questions[Use.WATCH], questions[Use.WATCH_NEW]) if len(one)],
        {name: one for name, one in asked.items() if len(one)},
    )


def _questions(samples: Samples, use: npt.NDArray[np.str_], wanted: Use, same: str) -> Questions:
    """What is asked of photos of one use.

    Where photos of a product have to lie together: its further photos and shoppers' ones, or, where these are fewer
    than :data:`LEAST_ASKED`, made phone photos of its first one. Where those of a group have to: the first photos of
    products that have others of their group.
    """
    first = np.array([photo.first for photo in samples.photos], bool)
    if same == "group":
        return _of(samples, np.flatnonzero((use == wanted) & first), same)
    real = _of(samples, np.flatnonzero((use == wanted) & ~first), same)
    if len(real) >= LEAST_ASKED:
        return real
    if wanted in (Use.NEW, Use.WATCH_NEW):
        return _of(samples, np.flatnonzero((use == wanted) & first), same, made=True)
    half = np.array([int(photo.name[:8], 16) % 2 == (wanted == Use.ASK) for photo in samples.photos], bool)
    return _of(samples, np.flatnonzero((use == Use.LEARN) & first & half), same, made=True)


def _of(samples: Samples, photos: Ints, same: str, *, made: bool = False) -> Questions:
    """Questions by these photos, of those that have an answer."""
    gallery = np.flatnonzero([photo.first for photo in samples.photos])
    _, classes = np.unique(np.array(samples.classes(same), object), return_inverse=True)
    places = np.full(len(samples.photos), -1, np.int64)
    places[gallery] = np.arange(len(gallery))
    own = places[photos] if same == "group" else np.full(len(photos), -1, np.int64)
    answers = np.bincount(classes[gallery], minlength=int(classes.max(initial=0)) + 1)[classes[photos]] - (own >= 0)
    photos, own = photos[answers > 0], own[answers > 0]
    return Questions(
        _last_rows(samples)[photos] if made else samples.plain[photos],
        classes[photos],
        own,
        tuple(samples.photos[n].group for n in photos.tolist()),
        samples.plain[gallery],
        classes[gallery],
        made,
    )


def _last_rows(samples: Samples) -> Ints:
    """int64 (n,), the row of the last time that each photo was taken again."""
    order = np.argsort(samples.views, kind="stable")
    found = np.zeros(len(samples.photos), np.int64)
    found[samples.owners[order]] = order
    return found


def _are_last(samples: Samples) -> npt.NDArray[np.bool_]:
    """bool (m,): rows that are the last view of a product's first photo."""
    found = np.zeros(len(samples.rows), bool)
    found[_last_rows(samples)[[photo.first for photo in samples.photos]]] = True
    return found & (samples.views > 0)


def ranks(asked: Questions, vectors: Vectors) -> Ints:
    """int64 (q,), the rank of the first right product by these vectors; of equals the right one comes last.

    Args:
        vectors: float32 (m, d), of all rows of the samples; those that take part count.
    """
    found = np.empty(len(asked), np.int64)
    gallery = vectors[asked.gallery]
    for start in range(0, len(asked), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        scores = vectors[asked.rows[part]] @ gallery.T
        own = asked.own[part]
        scores[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        right = (asked.gallery_classes == asked.classes[part, None]) & np.isfinite(scores)
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        found[part] = 1 + ((scores >= best) & ~right & np.isfinite(scores)).sum(axis=1)
    return found


def compare_ranks(name: str, asked: Questions, before: Ints, after: Ints, seed: int) -> Measured:
    """Figures of two ways to answer the same questions, by the ranks that they gave."""
    values = {metric: (_values(metric, before), _values(metric, after)) for metric in METRICS}
    return Measured(
        name,
        len(asked),
        len(set(asked.clusters)),
        asked.made,
        {metric: estimate(one, asked.clusters, seed) for metric, (one, _) in values.items()},
        {metric: estimate(other, asked.clusters, seed) for metric, (_, other) in values.items()},
        {metric: paired_difference(other, one, asked.clusters, seed) for metric, (one, other) in values.items()},
    )


def verdict(parts: Sequence[Measured]) -> tuple[bool, str]:
    """Whether the trained extractor is better, and why or why not, in words.

    It is, when the right product comes first more often, surely (the interval is above zero) on new or on known
    products, and is surely worse on neither.
    """
    worse = [part for part in parts if part.change[FIRST].difference.high < 0]
    better = [part for part in parts if part.change[FIRST].difference.low > 0]
    if worse:
        part = worse[0]
        forgot = " It learned this shop's products and forgot how to tell others apart." if part.name == NEW else ""
        return False, f"It got worse: {_change_text(part)}.{forgot}"
    if better:
        return True, f"It is better: {'; '.join(_change_text(part) for part in better)}."
    if not parts:
        return False, "Nothing could be asked: there are too few products."
    return False, f"It is not surely better: {'; '.join(map(_change_text, parts))}."


def _change_text(part: Measured) -> str:
    change = part.change[FIRST].difference
    return (
        f"of {part.name}, {100 * part.after[FIRST].value:.1f} % come first instead of "
        f"{100 * part.before[FIRST].value:.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f} points)"
    )


def _values(metric: str, ranks: Ints) -> npt.NDArray[np.float64]:
    if metric == "mrr":
        return 1.0 / ranks
    return (ranks <= int(metric.split("@")[1])).astype(np.float64)

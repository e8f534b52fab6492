"""``wrong-value`` and ``missing-value``: the feed against the photos."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from shoplens.evaluation.doctor.contradictions import Contradiction, additions, contradiction, leaf_of
from shoplens.evaluation.doctor.customs import Customs
from shoplens.evaluation.doctor.findings import MOST_PHOTOS, Finding, Kind, Shown, summarize_product
from shoplens.evaluation.doctor.opinions import Opinion
from shoplens.evaluation.doctor.wording import count, p
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.types import Product

_BESIDE = 2
"""Photos of a product that stand beside those it is compared with."""


class Values(NamedTuple):
    """Findings, and how many products no features are known of."""

    findings: list[Finding]
    passed_over: int


class _Typical(NamedTuple):
    probability: float
    product: Product


class _Typicals:
    """Of each class the product that looks most like it, among those of which the feed says so too."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str], _Typical] = {}

    def add(self, product: Product, dimension: str, name: str, probability: float) -> None:
        before = self._best.get((dimension, name))
        if before is None or (-probability, product.id) < (-before.probability, before.product.id):
            self._best[dimension, name] = _Typical(probability, product)

    def of(self, dimension: Dimension, name: str) -> tuple[Shown, ...]:
        """The product, to be compared with; none where there is none."""
        best = self._best.get((dimension.name, name))
        role = f"called {leaf_of(name, dimension)}"
        return () if best is None else (summarize_product(best.product, role=role),)


def value_findings(opinions: Iterable[Opinion], dimensions: Collection[Dimension], kinds: Collection[Kind]) -> Values:
    """Both kinds in one pass.

    Only dimensions that the photos are known to show (``seen``) are looked at.
    """
    wrong: list[tuple[Opinion, Dimension, Contradiction]] = []
    missing: list[tuple[Opinion, Dimension, str, float]] = []
    customs, typicals, passed_over = Customs(), _Typicals(), 0
    for opinion in opinions:
        customs.add(opinion.product, opinion.silent)
        if opinion.read is None:
            passed_over += 1
            continue
        for dimension in dimensions:
            read, known = opinion.read[dimension.name], opinion.known.get(dimension.name, ())
            for name in known:
                typicals.add(opinion.product, dimension.name, name, read.get(name, 0.0))
            if "wrong-value" in kinds and (found := contradiction(dimension, known, read)):
                wrong.append((opinion, dimension, found))
            if "missing-value" in kinds:
                added = additions(dimension, known, dimension.name in opinion.silent, read)
                missing += [(opinion, dimension, name, probability) for name, probability in added.items()]
    findings = [_wrong(*one, typicals) for one in wrong]
    findings += [_missing(*one) for one in missing if customs.expects(one[0].product, one[1].name)]
    return Values(findings, passed_over)


def _wrong(opinion: Opinion, dimension: Dimension, found: Contradiction, typicals: _Typicals) -> Finding:
    product = opinion.product
    told = found.feed if found.feed in dimension.classes else opinion.known[dimension.name][0]  # one of several
    feed, seen = leaf_of(found.feed, dimension), leaf_of(found.seen, dimension)
    several = len(product.photos) > 1
    photos = f"the {count(len(product.photos), 'photo')} say" if several else "the photo says"
    compared = (*typicals.of(dimension, told), *typicals.of(dimension, found.seen))
    return Finding(
        "wrong-value",
        (product.id,),
        f"{dimension.name}: the feed says {feed} ({p(found.p_feed)}), {photos} {seen} ({p(found.p_seen)}).",
        f"Correct {dimension.field or dimension.name} in the feed, or the photo{'s' if several else ''}.",
        (*_photos(product, _BESIDE), *compared),
        dimension.name,
        feed,
        seen,
        found.p_seen,
        found.strength,
    )


def _missing(opinion: Opinion, dimension: Dimension, name: str, probability: float) -> Finding:
    product, seen = opinion.product, leaf_of(name, dimension)
    known = ", ".join(leaf_of(one, dimension) for one in opinion.known.get(dimension.name, ()))
    feed = f"the feed says {known} only" if known else "the feed says nothing"
    hint = "It is a hint; look before you add it to" if known else "Add it to"
    return Finding(
        "missing-value",
        (product.id,),
        f"{dimension.name}: {feed}, the photo{'s show' if len(product.photos) > 1 else ' shows'} {seen} "
        f"({p(probability)}).",
        f"{hint} {dimension.field or dimension.name} in the feed.",
        tuple(_photos(product, MOST_PHOTOS)),
        dimension.name,
        known,
        seen,
        probability,
        probability,
    )


def _photos(product: Product, most: int) -> Iterator[Shown]:
    for photo in product.photos[:most]:
        yield Shown(product.id, product.title, photo, "this product")

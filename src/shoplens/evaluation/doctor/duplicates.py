"""``near-duplicates``: different products that look nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shoplens.evaluation.doctor.findings import MOST_PHOTOS, Finding, Shown, summarize_product
from shoplens.evaluation.doctor.neighbours import Twin
from shoplens.evaluation.doctor.wording import format_names
from shoplens.types import Photo, Product


def near_duplicates(twins: Iterable[Twin]) -> Iterator[Finding]:
    """One finding per set of products that hang together by pairs.

    Variants of one group that differ in anything the feed says are no duplicates: embeddings are nearly blind to
    colour, so the red and the blue of one shirt look nearly the same.
    """
    pairs = [twin for twin in twins if not _variants(twin)]
    for together in _sets(pairs):
        yield _finding(together)


def _variants(twin: Twin) -> bool:
    same_group = bool(twin.one.group_id) and twin.one.group_id == twin.other.group_id
    return same_group and bool(_differences([twin.one, twin.other]))


def _sets(pairs: Sequence[Twin]) -> Iterator[list[Twin]]:
    """Connected pairs, each set once (union by following to the first one met)."""
    leader: dict[str, str] = {}

    def first(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for pair in pairs:
        leader[first(pair.one.id)] = first(pair.other.id)
    together: dict[str, list[Twin]] = {}
    for pair in pairs:
        together.setdefault(first(pair.one.id), []).append(pair)
    yield from together.values()


def _finding(pairs: list[Twin]) -> Finding:
    pairs = sorted(pairs, key=lambda pair: (-pair.cosine, pair.one.id, pair.other.id))
    products: dict[str, tuple[Product, Photo]] = {}
    for pair in pairs:
        products.setdefault(pair.one.id, (pair.one, pair.one_photo))
        products.setdefault(pair.other.id, (pair.other, pair.other_photo))
    differences = _differences([product for product, _ in products.values()])
    told = (
        f"The feed tells them apart by {format_names(differences)}."
        if differences
        else "The feed says the same of them."
    )
    pictures: tuple[Shown, ...] = tuple(summarize_product(*one) for one in list(products.values())[:MOST_PHOTOS])
    return Finding(
        "near-duplicates",
        tuple(sorted(products)),
        f"{len(products)} products look nearly the same (cosine {pairs[0].cosine:.3f}). {told}",
        "If they are one product, remove all but one; if variants, give them one group; else, photos that differ.",
        pictures,
        feed=", ".join(differences),
        seen="nearly the same photo",
        strength=pairs[0].cosine,
    )


def _differences(products: Sequence[Product]) -> list[str]:
    """Names of what the feed says differently of them."""
    names = {name for product in products for name in product.attributes}
    found = [name for name in sorted(names) if len({product.attributes.get(name) for product in products}) > 1]
    categories, brands = len({one.category for one in products}), len({one.brand for one in products})
    return ["category"] * (categories > 1) + ["brand"] * (brands > 1) + found

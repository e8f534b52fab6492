"""Finds ``near-duplicates``: different products with photos that look nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shoplens.evaluation.doctor.finding_text import format_names
from shoplens.evaluation.doctor.findings import MAX_PHOTOS, Finding, FindingPhoto, summarize_product
from shoplens.evaluation.doctor.neighbours import SimilarPair
from shoplens.types import Photo, Product


def find_near_duplicates(pairs: Iterable[SimilarPair]) -> Iterator[Finding]:
    """Yield one finding per set of products that are connected by similar pairs.

    Variants of one group that differ in any value of the feed are no duplicates: embeddings are nearly blind to colour,
    so the red and the blue variant of one shirt look nearly the same.
    """
    duplicates = [pair for pair in pairs if not _is_variant_pair(pair)]
    for connected in _connected_sets(duplicates):
        yield _finding(connected)


def _is_variant_pair(pair: SimilarPair) -> bool:
    same_group = bool(pair.first.group_id) and pair.first.group_id == pair.second.group_id
    return same_group and bool(_differences([pair.first, pair.second]))


def _connected_sets(pairs: Sequence[SimilarPair]) -> Iterator[list[SimilarPair]]:
    """Yield the connected components of the graph of pairs, by a disjoint-set forest with path halving."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    for pair in pairs:
        parents[root(pair.first.id)] = root(pair.second.id)
    components: dict[str, list[SimilarPair]] = {}
    for pair in pairs:
        components.setdefault(root(pair.first.id), []).append(pair)
    yield from components.values()


def _finding(pairs: list[SimilarPair]) -> Finding:
    pairs = sorted(pairs, key=lambda pair: (-pair.cosine, pair.first.id, pair.second.id))
    products: dict[str, tuple[Product, Photo]] = {}
    for pair in pairs:
        products.setdefault(pair.first.id, (pair.first, pair.first_photo))
        products.setdefault(pair.second.id, (pair.second, pair.second_photo))
    differences = _differences([product for product, _ in products.values()])
    comparison = (
        f"In the feed they differ in {format_names(differences)}."
        if differences
        else "The feed gives the same values for them."
    )
    shown = list(products.values())[:MAX_PHOTOS]
    photos: tuple[FindingPhoto, ...] = tuple(summarize_product(product, photo) for product, photo in shown)
    return Finding(
        "near-duplicates",
        tuple(sorted(products)),
        f"{len(products)} products look nearly the same (cosine {pairs[0].cosine:.3f}). {comparison}",
        "If they are the same product, remove all but one. If they are variants, give them one group. Otherwise, give "
        "them photos that differ.",
        photos,
        feed_value=", ".join(differences),
        photo_value="nearly the same photo",
        strength=pairs[0].cosine,
    )


def _differences(products: Sequence[Product]) -> list[str]:
    """Return the names of the fields in which the products differ."""
    names = {name for product in products for name in product.attributes}
    attributes = [name for name in sorted(names) if len({product.attributes.get(name) for product in products}) > 1]
    categories = {product.category for product in products}
    brands = {product.brand for product in products}
    return ["category"] * (len(categories) > 1) + ["brand"] * (len(brands) > 1) + attributes

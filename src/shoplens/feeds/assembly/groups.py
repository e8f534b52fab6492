"""Rows that share a ``group_id``: which of them are one product.

They are if they differ only in size, or if their photos are all the same. A photo that other groups show, too, is a
placeholder, which tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Sequence

from shoplens.feeds.assembly.clusters import Candidate, cluster, merge_rows, photos_key, unsold
from shoplens.feeds.assembly.sizes import BOUND_TO_SIZES, is_size, sizes_in, title_without, without_each
from shoplens.feeds.rows import RawProduct
from shoplens.feeds.staging import Member


def join_group(
    members: Sequence[Member], is_placeholder: Callable[[str], bool], known_ids: Container[str] = ()
) -> Iterator[Candidate]:
    """The products of one group.

    A product has the id of its first row, or else of the first one whose id is among ``known_ids``, so that it keeps
    its id when the rows are sorted otherwise.
    """
    sold = [member for member in members if member.product.sold]
    for member in members:
        if not member.product.sold:
            yield unsold(member.product.id, [member.number])
    for rows in cluster(sold, _keys(sold, is_placeholder)):
        yield Candidate(_merge_members(rows, known_ids), [row.number for row in rows])


def _merge_members(rows: Sequence[Member], known_ids: Container[str]) -> RawProduct:
    products = [row.product for row in rows]
    merged = merge_rows(products)
    sizes = [value for product in products for value in sizes_in(product.attributes)]
    if len(products) == 1:
        return _with_title(merged, title_without(merged.title, sizes, anywhere=False))
    title = title_without(merged.title, dict.fromkeys([*sizes_in(products[0].attributes), *_apart(products)]))
    ids = [product.id for product in products]
    kept = next((name for name in ids if name in known_ids), ids[0])
    merged = _with_title(merged, title)
    merged.id = kept
    merged.identifiers = [name for name in dict.fromkeys([*ids, *merged.identifiers]) if name != kept]
    return merged


def _with_title(product: RawProduct, title: str) -> RawProduct:
    product.title = title
    return product


def _apart(products: Sequence[RawProduct]) -> Iterator[str]:
    """Values of the first row that other rows of the same product do not have."""
    for name, values in products[0].attributes.items():
        if any(product.attributes.get(name) != values for product in products):
            yield from map(str, values)


def _keys(members: Sequence[Member], is_placeholder: Callable[[str], bool]) -> Callable[[Member], list[Hashable]]:
    """What two rows must share to be one product."""
    if len(members) == 1:
        return lambda member: []
    sizes = {member.number: sizes_in(member.product.attributes) for member in members}
    same: dict[Hashable, list[int]] = {}
    for member in members:
        for way, text in enumerate(_contents(member.product, sizes[member.number])):
            same.setdefault((way, text), []).append(member.number)
    shared: dict[int, list[Hashable]] = {member.number: [] for member in members}
    for content, numbers in same.items():
        if len({sizes[number] for number in numbers}) == len(numbers):
            for number in numbers:
                shared[number].append(content)

    def keys(member: Member) -> list[Hashable]:
        photos = photos_key(member.product, is_placeholder)
        return [*shared[member.number], photos] if photos else shared[member.number]

    return keys


def _contents(product: RawProduct, sizes: tuple[str, ...]) -> list[str]:
    """What a row says but for its size, and for what goes with a size, by each way to leave the size out of a text."""
    attributes = sorted(
        (name, values)
        for name, values in product.attributes.items()
        if not is_size(name) and name.casefold() not in BOUND_TO_SIZES
    )
    rest = repr((product.brand, product.category, attributes))
    titles = (*without_each(product.title, sizes), title_without(product.title, sizes))
    every, last, first = without_each(product.description, sizes)
    return [repr((title, text, rest)) for title, text in zip(titles, (every, last, first, every), strict=True)]

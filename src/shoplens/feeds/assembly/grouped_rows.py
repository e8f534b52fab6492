"""Joining of the rows that share a ``group_id``.

Rows are one product if they differ only in size, or if their photos are all the same. A photo that other groups have,
too, is a placeholder and is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterator, Sequence

from shoplens.feeds.assembly.row_merging import Candidate, cluster, merge_rows, not_sold_candidate, photos_key
from shoplens.feeds.assembly.size_words import SIZE_DEPENDENT, is_size, remove_from_title, remove_values, size_values
from shoplens.feeds.rows import RawProduct
from shoplens.feeds.staging import Member


def join_group(
    members: Sequence[Member], is_placeholder: Callable[[str], bool], known_ids: Container[str] = ()
) -> Iterator[Candidate]:
    """Yield the products of one group, and the notes about its rows.

    A product has the id of its first row whose id is among ``known_ids``, else of its first row. So it keeps its id
    when the rows are sorted differently.
    """
    sold = [member for member in members if member.product.sold]
    for member in members:
        if not member.product.sold:
            yield not_sold_candidate(member.product.id, [member.number])
    for rows in cluster(sold, _keys(sold, is_placeholder)):
        yield Candidate(_merge_members(rows, known_ids), [row.number for row in rows])


def _merge_members(rows: Sequence[Member], known_ids: Container[str]) -> RawProduct:
    products = [row.product for row in rows]
    merged = merge_rows(products)
    sizes = [value for product in products for value in size_values(product.attributes)]
    if len(products) == 1:
        return _with_title(merged, remove_from_title(merged.title, sizes, anywhere=False))
    variant_values = dict.fromkeys([*size_values(products[0].attributes), *_values_of_first_row_only(products)])
    title = remove_from_title(merged.title, variant_values)
    ids = [product.id for product in products]
    product_id = next((name for name in ids if name in known_ids), ids[0])
    merged = _with_title(merged, title)
    merged.id = product_id
    merged.identifiers = [name for name in dict.fromkeys([*ids, *merged.identifiers]) if name != product_id]
    return merged


def _with_title(product: RawProduct, title: str) -> RawProduct:
    product.title = title
    return product


def _values_of_first_row_only(products: Sequence[RawProduct]) -> Iterator[str]:
    """Yield the values of the first row that other rows of the same product do not have."""
    for name, values in products[0].attributes.items():
        if any(product.attributes.get(name) != values for product in products):
            yield from map(str, values)


def _keys(members: Sequence[Member], is_placeholder: Callable[[str], bool]) -> Callable[[Member], list[Hashable]]:
    """Return a function that gives the keys of a row; rows with a common key are one product."""
    if len(members) == 1:
        return lambda member: []
    sizes = {member.number: size_values(member.product.attributes) for member in members}
    numbers_by_content: dict[Hashable, list[int]] = {}
    for member in members:
        for variation, text in enumerate(_contents_without_size(member.product, sizes[member.number])):
            numbers_by_content.setdefault((variation, text), []).append(member.number)
    shared: dict[int, list[Hashable]] = {member.number: [] for member in members}
    for content, numbers in numbers_by_content.items():
        if len({sizes[number] for number in numbers}) == len(numbers):
            for number in numbers:
                shared[number].append(content)

    def keys(member: Member) -> list[Hashable]:
        photos = photos_key(member.product, is_placeholder)
        return [*shared[member.number], photos] if photos else shared[member.number]

    return keys


def _contents_without_size(product: RawProduct, sizes: tuple[str, ...]) -> list[str]:
    """Return the contents of a row without its size and the attributes that depend on it.

    There are four of them, one for each way to remove the size from title and description.
    """
    attributes = sorted(
        (name, values)
        for name, values in product.attributes.items()
        if not is_size(name) and name.casefold() not in SIZE_DEPENDENT
    )
    rest = repr((product.brand, product.category, attributes))
    titles = (*remove_values(product.title, sizes), remove_from_title(product.title, sizes))
    every, last, first = remove_values(product.description, sizes)
    return [repr((title, text, rest)) for title, text in zip(titles, (every, last, first, every), strict=True)]

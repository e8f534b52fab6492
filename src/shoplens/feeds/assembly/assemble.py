"""Assembly of products from staged rows: repeated ids are rejected, rows are joined, and products are checked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from shoplens.feeds.assembly.attribute_names import AttributeNames
from shoplens.feeds.assembly.grouped_rows import join_group
from shoplens.feeds.assembly.row_merging import Candidate
from shoplens.feeds.assembly.validation import duplicate_id, validate
from shoplens.feeds.assembly.variants import FamilyRules, join_family
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import Role
from shoplens.feeds.staging import RowGroup, RowStatus, StagingTable
from shoplens.types import Product, Rejection

NumberedItem = tuple[int, Product | Rejection]
"""A product or a rejection, after the number of the row in whose place it stands."""


@dataclass(frozen=True, slots=True)
class AssemblyRules:
    """How a feed's rows become products.

    Attributes:
        paths: resolves references to photos.
        id_field: name of the column that holds a row's id.
        family: how variants of a family are treated.
        known_ids: ids that products keep where one of their rows has them.
    """

    paths: PhotoPaths
    id_field: str = "id"
    family: FamilyRules = field(default_factory=FamilyRules)
    known_ids: Container[str] = ()


def assemble(staging: StagingTable, rules: AssemblyRules) -> Iterator[NumberedItem]:
    """Yield the products and rejections of all staged rows, and set the status of each row in the staging table."""
    for row, product_id, first in staging.remove_repeated_rows():
        staging.set_status([row], RowStatus.REJECTED)
        yield row, duplicate_id(row, rules.id_field, product_id, f"row {first}")
    names = AttributeNames(staging)
    for group in staging.row_groups():
        parents = [member.number for member in group.members if member.role == Role.PARENT]
        for candidate in _join_rows(staging, group, rules):
            status = RowStatus.SKIPPED
            for item in _check_candidate(staging, candidate, group, rules):
                if isinstance(item, Product):
                    status = RowStatus.USED
                elif item.level == "rejected" and status == RowStatus.SKIPPED:
                    status = RowStatus.REJECTED
                row = item.row if isinstance(item, Rejection) and item.row is not None else candidate.first
                yield from ((row, limited) for limited in names.limit(item, row))
            staging.set_status(candidate.numbers, status)
            if status == RowStatus.USED:
                staging.set_status(parents, status)
        for number in parents:
            yield from ((number, note) for note in _missing_variants(staging, group.family, number, rules.id_field))


def _join_rows(staging: StagingTable, group: RowGroup, rules: AssemblyRules) -> Iterable[Candidate]:
    if group.family:
        return join_family(group.family, group.members, rules.family, staging.is_placeholder)
    return join_group(group.members, staging.is_placeholder, rules.known_ids)


def _check_candidate(
    staging: StagingTable, candidate: Candidate, group: RowGroup, rules: AssemblyRules
) -> Iterator[Product | Rejection]:
    """Yield the notes of a candidate, and its product if that is valid and its id is free."""
    yield from candidate.notes
    product = candidate.product
    if product is None:
        return
    if group.family and (staging.is_standalone_id(product.id) or not staging.claim_id(product.id)):
        yield duplicate_id(candidate.first, rules.id_field, product.id, "another product")
        return
    yield from validate(product, candidate.first, rules.paths)


def _missing_variants(staging: StagingTable, parent_id: str, number: int, id_field: str) -> Iterator[Rejection]:
    """Yield a note if the feed lacks some of the variants that a parent names."""
    children = list(staging.children(parent_id))
    missing = [child for child, is_in_feed in children if not is_in_feed]
    if missing and len(missing) < len(children):
        yield Rejection(
            kind="variant-missing",
            level="note",
            row=number,
            product_id=parent_id,
            field=id_field,
            value=", ".join(missing),
            reason=f"{len(missing)} of its {len(children)} variants are not in the feed.",
            fix="Export them, too, or remove them from the product.",
        )

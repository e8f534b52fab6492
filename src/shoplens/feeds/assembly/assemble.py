"""From staged rows to products: repeats out, rows joined, words inherited, everything checked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from shoplens.feeds.assembly.attribute_names import AttributeNames
from shoplens.feeds.assembly.clusters import Candidate
from shoplens.feeds.assembly.families import FamilyRules, join_family
from shoplens.feeds.assembly.groups import join_group
from shoplens.feeds.assembly.validation import validate
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import Role
from shoplens.feeds.staging import RowStatus, StagedRows, StagingTable
from shoplens.types import Product, Rejection

Outcome = tuple[int, Product | Rejection]
"""The row in whose place it stands, and a product or what is wrong."""


@dataclass(frozen=True, slots=True)
class AssemblyRules:
    """How a feed's rows become products.

    Attributes:
        paths: where local photos are.
        id_field: the column of a row's id.
        family: how variants of a family are treated.
        known_ids: ids that products should keep, where a row still has them.
    """

    paths: PhotoPaths
    id_field: str = "id"
    family: FamilyRules = field(default_factory=FamilyRules)
    known_ids: Container[str] = ()


def assemble(staging: StagingTable, rules: AssemblyRules) -> Iterator[Outcome]:
    """Products and rejections of all staged rows; the table learns what became of each row."""
    for row, product_id, first in staging.take_repeats():
        staging.settle([row], RowStatus.REJECTED)
        yield row, _repeat(row, rules.id_field, product_id, f"row {first}")
    names = AttributeNames(staging)
    for rows in staging.rows_together():
        parents = [member.number for member in rows.members if member.role == Role.PARENT]
        for candidate in _candidates(staging, rows, rules):
            status = RowStatus.SKIPPED
            for item in _items(staging, candidate, rows, rules):
                if isinstance(item, Product):
                    status = RowStatus.USED
                elif item.level == "rejected" and status == RowStatus.SKIPPED:
                    status = RowStatus.REJECTED
                row = item.row if isinstance(item, Rejection) and item.row is not None else candidate.first
                yield from ((row, one) for one in names.limit(item, row))
            staging.settle(candidate.numbers, status)
            if status == RowStatus.USED:
                staging.settle(parents, status)
        for number in parents:
            yield from ((number, note) for note in _missing(staging, rows.family, number, rules.id_field))


def _candidates(staging: StagingTable, rows: StagedRows, rules: AssemblyRules) -> Iterable[Candidate]:
    if rows.family:
        return join_family(rows.family, rows.members, rules.family, staging.is_placeholder)
    return join_group(rows.members, staging.is_placeholder, rules.known_ids)


def _items(
    staging: StagingTable, candidate: Candidate, rows: StagedRows, rules: AssemblyRules
) -> Iterator[Product | Rejection]:
    yield from candidate.notes
    product = candidate.product
    if product is None:
        return
    if rows.family and (staging.is_of_a_row_alone(product.id) or not staging.claims(product.id)):
        yield _repeat(candidate.first, rules.id_field, product.id, "another product's")
        return
    yield from validate(product, candidate.first, rules.paths)


def _missing(staging: StagingTable, parent_id: str, number: int, id_field: str) -> Iterator[Rejection]:
    """What is to be told of variants that a parent names and the feed lacks."""
    children = list(staging.children(parent_id))
    missing = [child for child, is_there in children if not is_there]
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


def _repeat(row: int, id_field: str, product_id: str, whose: str) -> Rejection:
    return Rejection(
        kind="duplicate-id",
        row=row,
        product_id=product_id,
        field=id_field,
        value=product_id,
        reason=f"The id repeats {whose}; the first one is kept.",
        fix="Give every product an id of its own.",
    )

"""From spooled rows to products: repeats out, rows folded, parents' words inherited, everything checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shoplens.feeds.attribute_names import AttributeNames
from shoplens.feeds.validation import validate
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import RawProduct
from shoplens.feeds.staging import RowStatus, Group, StagingTable
from shoplens.types import Product, Rejection

Outcome = tuple[int, Product | Rejection]
"""The row in whose place it stands, and a product or what is wrong."""


def assemble(spool: StagingTable, paths: PhotoPaths, id_field: str) -> Iterator[Outcome]:
    """Products and rejections of all spooled rows; the spool learns which rows became part of a product."""
    for row, product_id, first in spool.take_repeats():
        spool.settle([row], RowStatus.REJECTED)
        yield row, _repeat(row, id_field, product_id, f"row {first}")
    names = AttributeNames(spool)
    for group in spool.groups():
        fate = RowStatus.REJECTED
        for item in _grouped(spool, group, paths, id_field):
            fate = RowStatus.USED if isinstance(item, Product) else RowStatus.SKIPPED if item.kind == "not-sold" else fate
            yield from ((group.first, one) for one in names.limited(item, group.first))
        spool.settle((number for number, _ in group.members), fate)
        spool.settle([] if group.parent is None else [group.parent], fate)
    for number, parent in spool.parents():
        yield from ((number, item) for item in _parent_notes(spool, number, parent, id_field))


def _grouped(spool: StagingTable, group: Group, paths: PhotoPaths, id_field: str) -> Iterator[Product | Rejection]:
    parent = spool.draft(group.parent) if group.parent is not None else None
    sold = [draft for _, draft in group.members if draft.sold]
    if not sold or (parent and not parent.sold):
        yield _not_sold(group)
        return
    draft = folded(sold)
    if parent:
        draft = inherited(draft, parent, group.variant)
        if not spool.claims(draft.id):
            yield _repeat(group.first, id_field, draft.id, "another product's")
            return
    yield from validate(draft, group.first, paths)


def folded(drafts: Sequence[RawProduct]) -> RawProduct:
    """One draft of the rows of one product: the first row's words, all photos, all values of every attribute, the
    lowest price; in stock if any row is."""
    if len(drafts) == 1:
        return drafts[0]
    first = replace(drafts[0], photos=dict(drafts[0].photos), attributes=dict(drafts[0].attributes))
    for draft in drafts[1:]:
        for photo, field in draft.photos.items():
            first.photos.setdefault(photo, field)
        for name, values in draft.attributes.items():
            known = first.attributes.get(name, [])
            first.attributes[name] = [*known, *(value for value in values if value not in known)]
        if draft.price is not None and (first.price is None or draft.price < first.price):
            first.price, first.currency = draft.price, draft.currency
    stocks = {draft.in_stock for draft in drafts}
    first.in_stock = True if True in stocks else (None if stocks == {None} else False)
    return first


def inherited(draft: RawProduct, parent: RawProduct, variant: str) -> RawProduct:
    """The product of one variant: the parent's title and words, its own attributes before the parent's, and its own
    photos only, unless no variant tells it from the parent."""
    return replace(
        draft,
        id=f"{parent.id}-{variant}" if variant else parent.id,
        title=parent.title or draft.title,
        photos=draft.photos if variant else {**parent.photos, **draft.photos},
        description=parent.description or draft.description,
        url=parent.url,
        price=parent.price if draft.price is None else draft.price,
        currency=draft.currency or parent.currency,
        brand=parent.brand or draft.brand,
        category=parent.category or draft.category,
        attributes={**parent.attributes, **draft.attributes},
        group_id=parent.id,
    )


def _parent_notes(spool: StagingTable, number: int, parent: RawProduct, id_field: str) -> Iterator[Rejection]:
    children = list(spool.children(parent.id))
    present = [draft for _, draft in children if draft]
    missing = [child for child, draft in children if not draft]
    if not present:
        spool.settle([number], RowStatus.REJECTED)
        yield Rejection(
            kind="parent-without-variants",
            row=number,
            product_id=parent.id,
            field=id_field,
            value=parent.id,
            reason="None of the rows that this product consists of is in the feed.",
            fix="Export its variants, too.",
        )
        return
    if missing:
        yield Rejection(
            kind="variant-missing",
            level="note",
            row=number,
            product_id=parent.id,
            field=id_field,
            value=", ".join(missing),
            reason=f"{len(missing)} of its {len(children)} variants are not in the feed.",
            fix="Export them, too, or remove them from the product.",
        )
    shown = {photo for draft in present for photo in draft.photos}
    if spool.is_product(parent.id):
        return
    for photo, field in parent.photos.items():
        if photo not in shown:
            yield _not_shown(number, parent.id, field, photo)


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


def _not_sold(group: Group) -> Rejection:
    draft = group.members[0][1]
    return Rejection(
        kind="not-sold",
        level="note",
        row=group.first,
        product_id=draft.id,
        reason="The shop has switched this product off.",
        fix="Enable it in the shop, or leave it.",
    )


def _not_shown(row: int, product_id: str, field: str, photo: str) -> Rejection:
    return Rejection(
        kind="photo-colour-not-sold",
        level="note",
        row=row,
        product_id=product_id,
        field=field,
        value=photo,
        reason="Only the parent names this photo: it shows a colour that is not sold.",
        fix="Give the photo to the variants that it shows, or remove it.",
    )

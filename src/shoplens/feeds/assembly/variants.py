"""Joining of families, which are products of the shop with their variants, into the products that a search returns.

Variants that differ only in size, and variants whose photos are all the same, are one product. Every other variant is
a product with an id such as ``FAMILY-Black``, and the family is its group. Where photos do not tell variants apart, the
family is one product with all photos and values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shoplens.feeds.assembly.row_merging import Candidate, cluster, merge_rows, not_sold_candidate, photos_key
from shoplens.feeds.assembly.size_words import is_size
from shoplens.feeds.rows import RawProduct, Role
from shoplens.feeds.staging import Member
from shoplens.types import Rejection

PLACEHOLDER_OPTIONS = frozenset({"default title", "default"})
"""Option values, in lower case, that shop systems write for a product without options."""


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """How a shop system treats the variants of a product.

    Attributes:
        galleries: whether every variant has a gallery of its own (Magento), so that a variant with photos is a product.
            Otherwise a variant has at most one image (Shopify, WooCommerce), and variants are separate products only
            where two or more of them have different images.
        labelled: whether the label of a variant is added to its title.
        own_columns: columns with the variant's own photos, where a variant's row also names photos of the whole family;
            empty where all photos of a variant's row are its own.
    """

    galleries: bool = False
    labelled: bool = True
    own_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Family:
    """The rows of a family by their roles.

    Attributes:
        shared: the values of the whole family, and its photos.
        variants: the rows of variants that are sold, with named options and with their own photos only.
        others: the rows that are not variants.
        photo_rows: photo -> number of the first row that names it.
        rules: how the shop system treats variants.
    """

    shared: RawProduct
    variants: list[Member]
    others: list[Member]
    photo_rows: Mapping[str, int]
    rules: FamilyRules

    def product_id(self, label: str) -> str:
        """Return the id of the product with this label."""
        return f"{self.shared.id}-{label}" if label else self.shared.id


def join_family(
    name: str, members: Sequence[Member], rules: FamilyRules, is_placeholder: Callable[[str], bool]
) -> Iterator[Candidate]:
    """Yield the products of one family, and the notes about its rows.

    Ids are made of the family's name and the options, and never depend on the order of the rows.
    """
    shared = _shared_values(name, members, rules)
    names = _option_names(members)
    variants = [_prepare_variant(member, names, rules) for member in members if member.role == Role.VARIANT]
    sold = [member for member in variants if member.product.sold]
    if not shared.sold or (variants and not sold):
        yield not_sold_candidate(members[0].product.id or name, [member.number for member in members])
        return
    if not variants and rules.galleries:
        yield Candidate(None, [member.number for member in members], [_parent_without_variants(name, members[0])])
        return
    for member in variants:
        if not member.product.sold:
            yield not_sold_candidate(member.product.id or name, [member.number])
    others = [member for member in members if member.role != Role.VARIANT]
    family = _Family(shared, sold, others, _photo_rows(members), rules)
    clusters = cluster(sold, _keys(is_placeholder))
    with_photos = [rows for rows in clusters if any(row.product.photos for row in rows)]
    has_label = any(map(variant_label, sold))
    if len(with_photos) >= 2 or (rules.galleries and with_photos and has_label):
        yield from _split_family(family, clusters)
    else:
        yield _merge_family(family)


def variant_label(variant: Member) -> str:
    """Return the option values of a variant without its size, e.g. ``Black-Wool``."""
    values = (value for name, value in variant.options if not is_size(name))
    return "-".join(value for value in values if value and value.casefold() not in PLACEHOLDER_OPTIONS)


def _keys(is_placeholder: Callable[[str], bool]) -> Callable[[Member], Iterable[Hashable]]:
    def keys(member: Member) -> Iterator[Hashable]:
        yield variant_label(member)
        if photos := photos_key(member.product, is_placeholder):
            yield photos

    return keys


def _merge_family(family: _Family) -> Candidate:
    """Return the family as one product, with the photos and values of all variants."""
    rows = [member.product for member in family.variants]
    product = _inherit(merge_rows(rows), family.shared) if rows else replace(family.shared)
    product.photos = {**family.shared.photos, **{photo: name for row in rows for photo, name in row.photos.items()}}
    product.id = family.shared.id
    product.group_id = family.shared.id if family.rules.galleries and rows else ""
    labels = {family.product_id(variant_label(member)) for member in family.variants}
    product.identifiers = _identifiers([*family.shared.identifiers, *sorted(labels)], rows)
    return Candidate(product, sorted(member.number for member in (*family.variants, *family.others)))


def _split_family(family: _Family, clusters: Sequence[Sequence[Member]]) -> Iterator[Candidate]:
    """Yield a product for each cluster of variants that has a photo, and a rejection for each other cluster."""
    all_labels = {variant_label(member) for member in family.variants}
    for rows in clusters:
        products = [row.product for row in rows]
        labels = sorted({variant_label(row) for row in rows}, key=lambda label: (label.casefold(), label))
        label = "" if len(labels) == len(all_labels) > 1 else labels[0]
        numbers = [row.number for row in rows]
        merged = merge_rows(products)
        if not merged.photos:
            yield Candidate(None, numbers, [_variant_without_photo(family, rows[0], label)])
            continue
        product = _inherit(merged, family.shared)
        product.id, product.group_id = family.product_id(label), family.shared.id
        if label and family.rules.labelled and (family.shared.title or not product.title):
            product.title = f"{product.title} - {label}" if product.title else label
        product.identifiers = _identifiers(map(family.product_id, filter(None, labels)), products)
        yield Candidate(product, numbers)
    yield from _explain_other_rows(family)


def _explain_other_rows(family: _Family) -> Iterator[Candidate]:
    """Yield the notes about rows that are not variants and about photos of no variant, where variants are products."""
    variant_photos = {photo for member in family.variants for photo in member.product.photos}
    other_photos = {photo for member in family.others for photo in member.product.photos}
    for member in family.others:
        photos = member.product.photos.items()
        notes = [
            _photo_of_no_variant(family, member.number, photo, column)
            for photo, column in photos
            if photo not in variant_photos
        ]
        if member.role == Role.PHOTO and not notes:
            notes = [_photo_row(family, member)]
        yield Candidate(None, [member.number], notes)
    for photo, column in family.shared.photos.items():
        if photo not in variant_photos and photo not in other_photos:
            note = _photo_of_no_variant(family, family.photo_rows[photo], photo, column)
            yield Candidate(None, [], [note])


def _inherit(product: RawProduct, shared: RawProduct) -> RawProduct:
    """Return a product of some variants with the family's texts, and with its own attributes before the family's."""
    own = {name.casefold() for name in product.attributes}
    inherited = {name: values for name, values in shared.attributes.items() if name.casefold() not in own}
    return replace(
        product,
        title=shared.title or product.title,
        description=shared.description or product.description,
        url=shared.url or product.url,
        price=shared.price if product.price is None else product.price,
        currency=product.currency or shared.currency,
        brand=shared.brand or product.brand,
        category=shared.category or product.category,
        attributes={**inherited, **product.attributes},
    )


def _identifiers(product_ids: Iterable[str], rows: Iterable[RawProduct]) -> list[str]:
    """Return the given ids, and the ids, SKUs and GTINs of the rows, without repeats."""
    row_identifiers = (name for row in rows for name in (row.id, *row.identifiers))
    return list(dict.fromkeys(name for name in (*product_ids, *row_identifiers) if name))


def _shared_values(name: str, members: Sequence[Member], rules: FamilyRules) -> RawProduct:
    """Return the values of the whole family: its parent's, else of each field the first one among its rows."""
    parent = next((member.product for member in members if member.role == Role.PARENT), None)
    if parent is not None:
        return replace(parent, id=name)
    rows = [member.product for member in members]
    shared = merge_rows([replace(row, price=None, in_stock=None, identifiers=[]) for row in rows])
    titled = [row for row in rows if row.title]
    shared.id, shared.title = name, titled[0].title if titled and rules.own_columns else ""
    shared.url = next((row.url for row in rows if row.url), "")
    shared.sold = all(row.sold for row in titled or rows)
    if not rules.own_columns:
        shared.photos = {
            photo: column
            for member in members
            if member.role != Role.VARIANT
            for photo, column in member.product.photos.items()
        }
    return shared


def _photo_rows(members: Iterable[Member]) -> dict[str, int]:
    """Return the number of the first row that names each photo."""
    rows: dict[str, int] = {}
    for member in members:
        for photo in member.product.photos:
            rows.setdefault(photo, member.number)
    return rows


def _option_names(members: Iterable[Member]) -> dict[int, str]:
    """Return the first name of the option in each place, for rows that leave the name out."""
    names: dict[int, str] = {}
    for member in members:
        for place, (name, _) in enumerate(member.options):
            if name:
                names.setdefault(place, name)
    return names


def _prepare_variant(member: Member, names: Mapping[int, str], rules: FamilyRules) -> Member:
    """Return a variant with named options, which are also attributes, and with its own photos only."""
    options = [(name or names.get(place, ""), value) for place, (name, value) in enumerate(member.options)]
    product = member.product
    attributes = dict(product.attributes)
    known = {name.casefold() for name in attributes}
    for name, value in options:
        if name and value and value.casefold() not in PLACEHOLDER_OPTIONS and name.casefold() not in known:
            attributes[name.lower()] = [value]
    photos = product.photos
    if rules.own_columns:
        photos = {photo: column for photo, column in photos.items() if column in rules.own_columns}
    return member._replace(options=options, product=replace(product, attributes=attributes, photos=photos))


def _parent_without_variants(name: str, parent: Member) -> Rejection:
    return Rejection(
        kind="parent-without-variants",
        row=parent.number,
        product_id=name,
        field="sku",
        value=name,
        reason="The feed has none of this product's variants.",
        fix="Export its variants, too.",
    )


def _variant_without_photo(family: _Family, variant: Member, label: str) -> Rejection:
    return Rejection(
        kind="variant-without-photo",
        row=variant.number,
        product_id=family.product_id(label),
        value=label or variant.product.id,
        reason="Other variants of this product have photos of their own, but this one has none.",
        fix="Give this variant a photo in the shop.",
    )


def _photo_of_no_variant(family: _Family, row: int, photo: str, column: str) -> Rejection:
    return Rejection(
        kind="photo-of-no-variant",
        level="note",
        row=row,
        product_id=family.shared.id,
        field=column,
        value=photo,
        reason="No variant names this photo, so it is unknown which variant it shows; the photo is left out.",
        fix="Assign the photo to the variants that it shows if it should be found.",
    )


def _photo_row(family: _Family, member: Member) -> Rejection:
    photo = next(iter(member.product.photos), "")
    return Rejection(
        kind="photo-row",
        level="note",
        row=member.number,
        product_id=family.shared.id,
        field=member.product.photos.get(photo, ""),
        value=photo,
        reason="The row repeats a photo of a variant, or names no photo.",
        fix="Nothing has to be done.",
    )

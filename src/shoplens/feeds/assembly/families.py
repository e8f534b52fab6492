"""Families: products of the shop with their variants, and which products of a search they become.

Variants that differ only in size, and variants whose photos are all the same, are one product; every other variant is
a product of the group that the family is, called ``FAMILY-Black``. Where no photos tell variants apart, the family is
one product with all photos and values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shoplens.feeds.assembly.clusters import Candidate, cluster, merge_rows, photos_key, unsold
from shoplens.feeds.assembly.sizes import is_size
from shoplens.feeds.rows import RawProduct, Role
from shoplens.feeds.staging import Member
from shoplens.types import Rejection

NO_OPTION = frozenset({"default title", "default"})
"""Values that shop systems write where a product has no options."""


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """How a shop system treats the variants of a product.

    Attributes:
        galleries: whether every variant has a gallery of its own (Magento), so that one with photos is a product by
            itself. Else a variant has at most one image (Shopify, WooCommerce), and variants are told apart only where
            two or more of them have different ones.
        labelled: whether titles name the variant.
        own_columns: columns of a variant's own photos, where its row names photos of the whole family, too; empty
            where all photos of a variant's row are its own.
    """

    galleries: bool = False
    labelled: bool = True
    own_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Family:
    """A family, taken apart.

    Attributes:
        words: what is said of the whole; its photos are those of the whole.
        variants: those that are sold, with named options and their own photos only.
        others: the rows that are no variants.
    """

    words: RawProduct
    variants: list[Member]
    others: list[Member]
    rules: FamilyRules

    def product_id(self, label: str) -> str:
        """Id of the product with this label."""
        return f"{self.words.id}-{label}" if label else self.words.id


def join_family(
    name: str, members: Sequence[Member], rules: FamilyRules, is_placeholder: Callable[[str], bool]
) -> Iterator[Candidate]:
    """The products of one family, and what is to be told of it.

    Ids come from the family's name and the options, never from the order of the rows.
    """
    words = _words(name, members, rules)
    names = _option_names(members)
    variants = [_as_variant(member, names, rules) for member in members if member.role == Role.VARIANT]
    sold = [member for member in variants if member.product.sold]
    if not words.sold or (variants and not sold):
        yield unsold(members[0].product.id or name, [member.number for member in members])
        return
    if not variants and rules.galleries:
        yield Candidate(None, [member.number for member in members], [_without_variants(name, members[0])])
        return
    for member in variants:
        if not member.product.sold:
            yield unsold(member.product.id or name, [member.number])
    family = _Family(words, sold, [member for member in members if member.role != Role.VARIANT], rules)
    clusters = cluster(sold, _keys(is_placeholder))
    shown = [rows for rows in clusters if any(row.product.photos for row in rows)]
    if len(shown) >= 2 or (rules.galleries and shown and {label_of(member) for member in sold} != {""}):
        yield from _apart(family, clusters)
    else:
        yield _whole(family)


def label_of(variant: Member) -> str:
    """What tells a variant from the others but for its size, e.g. ``Black-Wool``."""
    values = (value for name, value in variant.options if not is_size(name))
    return "-".join(value for value in values if value and value.casefold() not in NO_OPTION)


def _keys(is_placeholder: Callable[[str], bool]) -> Callable[[Member], Iterable[Hashable]]:
    def keys(member: Member) -> Iterator[Hashable]:
        yield label_of(member)
        if photos := photos_key(member.product, is_placeholder):
            yield photos

    return keys


def _whole(family: _Family) -> Candidate:
    """The family as one product, with the photos and values of all."""
    rows = [member.product for member in family.variants]
    product = _inherit(merge_rows(rows), family.words) if rows else replace(family.words)
    product.photos = {**family.words.photos, **{photo: name for row in rows for photo, name in row.photos.items()}}
    product.id = family.words.id
    product.group_id = family.words.id if family.rules.galleries and rows else ""
    labels = {family.product_id(label_of(member)) for member in family.variants}
    product.identifiers = _identifiers([*family.words.identifiers, *sorted(labels)], rows)
    return Candidate(product, sorted(member.number for member in (*family.variants, *family.others)))


def _apart(family: _Family, clusters: Sequence[Sequence[Member]]) -> Iterator[Candidate]:
    """A product for each cluster of variants that has a photo; the others are told of."""
    every = {label_of(member) for member in family.variants}
    for rows in clusters:
        products = [row.product for row in rows]
        labels = sorted({label_of(row) for row in rows}, key=lambda label: (label.casefold(), label))
        label = "" if len(labels) == len(every) > 1 else labels[0]
        numbers = [row.number for row in rows]
        merged = merge_rows(products)
        if not merged.photos:
            yield Candidate(None, numbers, [_without_photo(family, rows[0], label)])
            continue
        product = _inherit(merged, family.words)
        product.id, product.group_id = family.product_id(label), family.words.id
        if label and family.rules.labelled and (family.words.title or not product.title):
            product.title = f"{product.title} - {label}" if product.title else label
        product.identifiers = _identifiers(map(family.product_id, filter(None, labels)), products)
        yield Candidate(product, numbers)
    yield from _others(family)


def _others(family: _Family) -> Iterator[Candidate]:
    """Rows that are no variants, of a family whose variants are products, and photos that belong to no variant."""
    shown = {photo for member in family.variants for photo in member.product.photos}
    named = {photo for member in family.others for photo in member.product.photos}
    for member in family.others:
        photos = member.product.photos
        notes = [_of_no_variant(family, member, photo) for photo in photos if photo not in shown]
        if member.role == Role.PHOTO and not notes:
            notes = [_photo_row(family, member)]
        yield Candidate(None, [member.number], notes)
    for photo, column in family.words.photos.items():
        if photo not in shown and photo not in named:
            yield Candidate(None, [], [_of_no_variant(family, family.variants[0], photo, column)])


def _inherit(product: RawProduct, words: RawProduct) -> RawProduct:
    """The product of some variants: the family's words, and its own attributes before the family's."""
    own = {name.casefold() for name in product.attributes}
    inherited = {name: values for name, values in words.attributes.items() if name.casefold() not in own}
    return replace(
        product,
        title=words.title or product.title,
        description=words.description or product.description,
        url=words.url or product.url,
        price=words.price if product.price is None else product.price,
        currency=product.currency or words.currency,
        brand=words.brand or product.brand,
        category=words.category or product.category,
        attributes={**inherited, **product.attributes},
    )


def _identifiers(own: Iterable[str], rows: Iterable[RawProduct]) -> list[str]:
    """Ids of the variants, and ids, SKUs and GTINs of the rows."""
    of_rows = (name for row in rows for name in (row.id, *row.identifiers))
    return list(dict.fromkeys(name for name in (*own, *of_rows) if name))


def _words(name: str, members: Sequence[Member], rules: FamilyRules) -> RawProduct:
    """What a family's rows say of the whole: its parent, or the first of its rows to say each thing."""
    parent = next((member.product for member in members if member.role == Role.PARENT), None)
    if parent is not None:
        return replace(parent, id=name)
    rows = [member.product for member in members]
    words = merge_rows([replace(row, price=None, in_stock=None, identifiers=[]) for row in rows])
    titled = [row for row in rows if row.title]
    words.id, words.title = name, titled[0].title if titled and rules.own_columns else ""
    words.url = next((row.url for row in rows if row.url), "")
    words.sold = all(row.sold for row in titled or rows)
    if not rules.own_columns:
        words.photos = {
            photo: column
            for member in members
            if member.role != Role.VARIANT
            for photo, column in member.product.photos.items()
        }
    return words


def _option_names(members: Iterable[Member]) -> dict[int, str]:
    """The first name of the options in each place, for rows that leave it out."""
    names: dict[int, str] = {}
    for member in members:
        for place, (name, _) in enumerate(member.options):
            if name:
                names.setdefault(place, name)
    return names


def _as_variant(member: Member, names: Mapping[int, str], rules: FamilyRules) -> Member:
    """A variant with named options that are among its attributes, and with its own photos only."""
    options = [(name or names.get(place, ""), value) for place, (name, value) in enumerate(member.options)]
    product = member.product
    attributes = dict(product.attributes)
    known = {name.casefold() for name in attributes}
    for name, value in options:
        if name and value and value.casefold() not in NO_OPTION and name.casefold() not in known:
            attributes[name.lower()] = [value]
    photos = product.photos
    if rules.own_columns:
        photos = {photo: column for photo, column in photos.items() if column in rules.own_columns}
    return member._replace(options=options, product=replace(product, attributes=attributes, photos=photos))


def _without_variants(name: str, parent: Member) -> Rejection:
    return Rejection(
        kind="parent-without-variants",
        row=parent.number,
        product_id=name,
        field="sku",
        value=name,
        reason="None of the rows that this product consists of is in the feed.",
        fix="Export its variants, too.",
    )


def _without_photo(family: _Family, variant: Member, label: str) -> Rejection:
    name = family.product_id(label)
    return Rejection(
        kind="variant-without-photo",
        row=variant.number,
        product_id=name,
        value=label or variant.product.id,
        reason="Other variants of this product have photos of their own, and this one has none to show it by.",
        fix="Give this variant a photo in the shop.",
    )


def _of_no_variant(family: _Family, member: Member, photo: str, column: str = "") -> Rejection:
    return Rejection(
        kind="photo-of-no-variant",
        level="note",
        row=member.number,
        product_id=family.words.id,
        field=column or member.product.photos.get(photo, ""),
        value=photo,
        reason="No variant names this photo, so nothing says which of them it shows; it is left out.",
        fix="Give the photo to the variants that it shows, or leave it.",
    )


def _photo_row(family: _Family, member: Member) -> Rejection:
    photo = next(iter(member.product.photos), "")
    return Rejection(
        kind="photo-row",
        level="note",
        row=member.number,
        product_id=family.words.id,
        field=member.product.photos.get(photo, ""),
        value=photo,
        reason="The row repeats a photo of a variant, or names none.",
        fix="Nothing has to be done.",
    )

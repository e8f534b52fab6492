"""A shop's products, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from shoplens.build.product_changes import PutResult, put_products, update_product
from shoplens.errors import InvalidValue
from shoplens.images import decode_photo
from shoplens.index.condition_parser import parse_conditions
from shoplens.index.identifiers import find_product
from shoplens.index.qdrant.points import is_photo_hash
from shoplens.search.storefront.catalogue_facets import CatalogueFacets, count_catalogue
from shoplens.search.storefront.description import Storefront, describe_storefront
from shoplens.search.storefront.variants import Variant, find_variants
from shoplens.shop.parts import ShopParts
from shoplens.types import Pixels, Product
from shoplens.words.concepts import load_concepts


class ShopProducts:
    """The products of an open shop."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def put(self, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
        """Add products, or replace those with the same id.

        Args:
            products: rows of the project's own feed format, ``docs/feeds.md``.

        Returns:
            What became of each, in their order.
        """
        return self._parts.store.write(lambda: put_products(self._parts.builder(), products))

    def update(self, product_id: str, **changes: Any) -> Product:
        """Change a product's price, stock, title, attributes, …; no photo is looked at again.

        Raises:
            InvalidValue: ``unknown-product``, or a value is one that no product can have; ``fixed-field``, its id, its
                photos, or what no product has was to be changed.

        >>> shop.products.update("MH01-Black", price=45.0, in_stock=True)  # doctest: +SKIP
        """
        changeable = [one.name for one in fields(Product) if one.name not in ("id", "photos")]
        if fixed := [name for name in changes if name not in changeable]:
            raise InvalidValue(
                f"{fixed[0]!r} of a product cannot be changed.",
                f"Change {', '.join(changeable)}; `put` replaces a product with other photos.",
                code="fixed-field",
            )
        return self._parts.store.write(
            lambda: update_product(self._parts.builder(), product_id, lambda product: replace(product, **changes))
        )

    def remove(self, ids: Iterable[str]) -> int:
        """Remove products by their own ids; unknown ids are ignored. Return how many products were removed."""
        names = [ids] if isinstance(ids, str) else list(ids)
        return self._parts.store.write(lambda: self._parts.store.live.index.remove(names))

    def get(self, product_id: str) -> Product | None:
        """Return the record of a product, or None where there is none.

        Args:
            product_id: its id, an identifier of a row that it is made of, or an id that it had before.

        Raises:
            InvalidValue: ``ambiguous-product``, several products share the identifier.
        """
        try:
            with self._parts.store.reading() as generation:
                return find_product(generation.index, product_id).product
        except InvalidValue as problem:
            if problem.code != "unknown-product":
                raise
            return None

    def __contains__(self, product_id: str) -> bool:
        """Whether a product has this very id."""
        with self._parts.store.reading() as generation:
            return bool(generation.index.records([product_id]))

    def photo_hashes(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return, for each product that exists, where each of its photos lies -> hash of the photo's content."""
        with self._parts.store.reading() as generation:
            records = generation.index.records(ids)
        return {one.product.id: {photo.source: photo.content_hash for photo in one.photos} for one in records}

    def photo(self, content_hash: str, shortest: int | None = None) -> Pixels:
        """Return a product's photo by the hash of its content, decoded, RGB uint8 of shape (height, width, 3).

        Args:
            shortest: pixels that the shorter side must keep; a larger photo may be reduced.

        Raises:
            InvalidValue: ``unknown-photo``.
            PhotoError: it cannot be read any more.
        """
        with self._parts.store.reading() as generation:
            hits = generation.index.products_with_photo(content_hash) if is_photo_hash(content_hash) else []
        sources = [hit.photo.source for hit in hits if hit.photo.content_hash == content_hash]
        if not sources:
            raise InvalidValue(
                f"There is no photo {content_hash[:64]!r}.", "Take the address from an answer.", code="unknown-photo"
            )
        return decode_photo(
            self._parts.known_photos.bytes_of(sources[0]), self._parts.settings, shortest=shortest
        ).pixels

    def count_values(
        self, fields: Iterable[str] = (), where: str | Iterable[str] = (), limit: int = 20
    ) -> CatalogueFacets:
        """Count products by value, by path of a tree such as the category's, and by price.

        Args:
            fields: all text fields where none is named.
            where: conditions that the products meet.
            limit: values per field.

        Raises:
            ConditionError: ``unknown-field``, or a condition makes no sense.
        """
        texts = (where,) if isinstance(where, str) else tuple(where)
        with self._parts.store.reading() as generation:
            return count_catalogue(generation, fields, parse_conditions(texts), limit)

    def describe_storefront(self) -> Storefront:
        """Describe what a search page shows before a search: fields to filter by, sample products, prices."""
        with self._parts.store.reading() as generation:
            return describe_storefront(generation, load_concepts(self._parts.settings.synonyms))

    def variants(self, groups: Iterable[str]) -> dict[str, list[Variant]]:
        """Return the products of these groups with their colours: group id -> at most 12 variants, by id."""
        with self._parts.store.reading() as generation:
            return find_variants(generation.index, groups, load_concepts(self._parts.settings.synonyms))

    def ids(self) -> Iterator[str]:
        """Yield the ids of all products, in no particular order."""
        with self._parts.store.reading() as generation:
            yield from generation.index.ids()

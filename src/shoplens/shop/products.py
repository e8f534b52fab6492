"""A shop's products, one by one: the part of :class:`~shoplens.shop.shop.Shop` that a service of its own needs most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shoplens.build.builder import Builder
from shoplens.build.product_changes import PutResult, put_products, update_product
from shoplens.build.run import Progress
from shoplens.errors import InvalidValue
from shoplens.images import PhotoSource, decode_photo
from shoplens.index.condition_parser import parse_all
from shoplens.index.identifiers import product_named
from shoplens.index.qdrant.payload import is_photo_hash
from shoplens.search.facets import count_values
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.types import Pixels, Product


class Products:
    """Of a store that is open."""

    settings: Settings
    _store: Store
    _judged_photos: PhotoSource

    def put(self, products: Sequence[Mapping[str, Any]]) -> list[PutResult]:
        """Add products, or replace those with the same id, each with what became of it; rows of the project's own feed
        format, docs/feeds.md."""
        return put_products(self._builder(None), products)

    def change(self, product_id: str, **changes: Any) -> Product:
        """Change a product's price, stock, title, attributes, …, without a look at any photo; raises InvalidValue
        ``unknown-product``, or for a value that no product can have.

        >>> shop.change("MH01-Black", price=45.0, in_stock=True)  # doctest: +SKIP
        """
        return update_product(self._builder(None), product_id, lambda product: replace(product, **changes))

    def remove(self, ids: Iterable[str]) -> int:
        """Remove products, by their own ids alone; unknown ids are passed over. Returns how many went."""
        with self._store.writing():
            return self._store.live.index.remove([ids] if isinstance(ids, str) else ids)

    def product(self, product_id: str) -> Product | None:
        """The record of a product, or None, by its id, an identifier of a row that it is made of, or an id that it had
        before.

        Raises:
            InvalidValue: ``ambiguous-product``, several products share the identifier.
        """
        try:
            with self._store.reading() as generation:
                return product_named(generation.index, product_id).product
        except InvalidValue as problem:
            if problem.code != "unknown-product":
                raise
            return None

    def has(self, product_id: str) -> bool:
        """Whether a product has this very id."""
        with self._store.reading() as generation:
            return bool(generation.index.records([product_id]))

    def photo_hashes(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Product -> where each of its photos is -> the hash of its content, of those products that exist."""
        with self._store.reading() as generation:
            records = generation.index.records(ids)
        return {one.product.id: {photo.source: photo.content_hash for photo in one.photos} for one in records}

    def product_photo(self, content_hash: str, shortest: int | None = None) -> Pixels:
        """A product's photo by the hash of its content, decoded, reduced where ``shortest`` allows it.

        Raises:
            InvalidValue: ``unknown-photo``.
            PhotoError: it cannot be had any more.
        """
        with self._store.reading() as generation:
            hits = generation.index.with_photo(content_hash) if is_photo_hash(content_hash) else []
        sources = [hit.photo.source for hit in hits if hit.photo.content_hash == content_hash]
        if not sources:
            raise InvalidValue(
                f"There is no photo {content_hash[:64]!r}.", "Take the address from an answer.", code="unknown-photo"
            )
        return decode_photo(self._judged_photos.bytes_of(sources[0]), self.settings, shortest=shortest).pixels

    def facets(
        self, fields: Iterable[str] = (), where: str | Iterable[str] = (), limit: int = 20
    ) -> dict[str, dict[str, int]]:
        """Field -> value -> how many products hold it, most first; of all text fields where none is named.

        Raises:
            ConditionError: ``unknown-field``, or a condition makes no sense.
        """
        texts = (where,) if isinstance(where, str) else tuple(where)
        with self._store.reading() as generation:
            return count_values(generation.index, fields, parse_all(texts), limit)

    def ids(self) -> Iterator[str]:
        """Ids of all products, in no particular order."""
        with self._store.reading() as generation:
            yield from generation.index.ids()

    def _builder(self, progress: Progress | None) -> Builder:
        raise NotImplementedError

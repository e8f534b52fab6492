"""Products that are made of H&M's articles, as many as one likes, with classes, prices and fields for conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.filter_scores import Catalogue, Floats, Seen, seen
from shoplens.filters.dimensions.dimension import PATH
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS
from shoplens.index.protocol import IndexedProduct
from shoplens.types import FilterScores, Photo, Product, SparseVector

BLOCK = 10_000
CLASSES_CHANGED, MOST_MOVED, QUERY_MOVED, NOISE = 0.15, 0.5, 0.3, 0.3
SHARES = (("half", 0.5), ("quarter", 0.25), ("twentieth", 0.05), ("rare", 0.005))
SIZES = ("S", "M", "L", "XL")
CONDITIONS = {
    "50 %": "share = half",
    "25 %": "share = quarter",
    "5 %": "share = twentieth",
    "0.5 %": "share = rare",
    "two fields, 12.5 %": "share = half and size = M",
    "two fields, 1.25 %": "share = twentieth and size = M",
    "prices, 30 %": "price >= 20 and price < 50",
    "prices, 2 %": "price >= 40 and price < 42",
}
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Real:
    """Filters, the articles that products are made of, and those that are asked for, each as the filters see it."""

    filters: Filters
    articles: Seen
    asked: Seen


def real(catalogue: Catalogue, queries: int, seed: int) -> Real:
    filters = fit_to_photos(catalogue.training(), catalogue.dimensions, catalogue.model)
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(catalogue.first))
    rows, held = np.sort(drawn[queries:]), np.sort(drawn[:queries])
    articles = seen(
        filters, catalogue.vectors[rows], catalogue.features[rows], [catalogue.known[n] for n in rows.tolist()]
    )
    described = filters.predict(catalogue.features[held], [catalogue.groups[n] for n in held])
    marks = filters.layout.to_dense(filters.class_vectors(described.probabilities, [{}] * queries))
    asked = Seen(catalogue.vectors[held], described.dense, marks)
    generator = np.random.default_rng([seed, 1])
    towards = articles[generator.integers(0, len(rows), queries)]
    return Real(filters, articles, _moved(asked, towards, QUERY_MOVED, generator))


def _moved(photos: Seen, towards: Seen, most: float, generator: np.random.Generator) -> Seen:
    """Vectors on the way to others, with noise, of length 1 again; marks stay."""
    share = generator.uniform(0, most, (len(photos.look), 1)).astype(np.float32)
    dense = np.zeros_like(photos.dense)
    for part in DENSE_PARTS.values():
        dense[:, part] = _between(photos.dense[:, part], towards.dense[:, part], share, generator)
    return Seen(_between(photos.look, towards.look, share, generator), dense, photos.marks)


def _between(here: Floats, there: Floats, share: Floats, generator: np.random.Generator) -> Floats:
    noise = generator.standard_normal(here.shape, dtype=np.float32) * np.float32(NOISE / np.sqrt(here.shape[1]))
    result = (1 - share) * here + share * there + noise
    length: Floats = np.linalg.norm(result, axis=1, keepdims=True)
    return np.asarray(result / np.maximum(length, 1e-9), np.float32)


@dataclass(frozen=True, eq=False)
class Block:
    """Products one after the other, as the filters see them, and what conditions look at.

    Attributes:
        first: number of the first product.
        seen: of all of them.
        chance: float64 (n,) in [0, 1]; a product has the shares of :data:`SHARES` that are larger.
        size: intp (n,), which of :data:`SIZES` it has.
        price: float64 (n,), in [0, 100].
    """

    first: int
    seen: Seen
    chance: Numbers
    size: npt.NDArray[np.intp]
    price: Numbers

    def attributes(self, row: int) -> dict[str, tuple[str, ...]]:
        return {
            "share": tuple(name for name, share in SHARES if self.chance[row] < share),
            "size": (SIZES[self.size[row]],),
        }

    def meets(self, condition: str) -> Flags:
        """Which products meet one of :data:`CONDITIONS`, by another way than the index."""
        parts = {f"share = {name}": self.chance < share for name, share in SHARES}
        parts |= {f"size = {name}": self.size == number for number, name in enumerate(SIZES)}
        parts |= {f"price >= {price}": self.price >= price for price in (20, 40)}
        parts |= {f"price < {price}": self.price < price for price in (42, 50)}
        met: Flags = np.all([parts[part] for part in CONDITIONS[condition].split(" and ")], axis=0)
        return met


def made(source: Real, count: int, seed: int) -> Iterator[Block]:
    """Blocks of products; the same whenever they are made."""
    layout, size = source.filters.layout, len(source.articles.look)
    by_article = np.random.default_rng([seed, 3]).random(size)
    for start in range(0, count, BLOCK):
        generator = np.random.default_rng([seed, 2, start])
        length = min(BLOCK, count - start)
        articles = generator.integers(0, size, length)
        one, other = source.articles[articles], source.articles[generator.integers(0, size, length)]
        moved = _moved(one, other, MOST_MOVED, generator)
        changed = generator.random((length, len(layout.dimension_names))) < CLASSES_CHANGED
        marks = np.where(changed[:, layout.entry_dimensions], other.marks, one.marks)
        chance = np.where(generator.random(length) < 0.5, by_article[articles], generator.random(length))
        sizes, prices = generator.integers(0, len(SIZES), length), np.round(generator.uniform(0, 100, length), 2)
        yield Block(start, Seen(moved.look, moved.dense, marks), chance, sizes, prices)


def sparse(row: Floats) -> SparseVector:
    there = np.flatnonzero(row)
    return SparseVector(there.astype(np.uint32), row[there])


def entry_of(made_block: Block, row: int, filters: Filters) -> IndexedProduct:
    """A product whose feed says what its marks do."""
    number, one = made_block.first + row, made_block.seen[row : row + 1]
    source = f"/photos/{number}.jpg"
    photo = Photo(source, f"{number:032x}", f"{number:031x}f", 800, 1000)
    said: dict[str, tuple[str, ...]] = {}
    for dimension in filters.dimensions:
        for block in filters.layout.blocks_of(dimension.name) if dimension.field else ():
            held = one.marks[0, block.entries]
            if block.kind != "palette" and held.any():
                said[dimension.field] = tuple(block.classes[int(held.argmax())].split(PATH))  # of a tree the deepest
    category, price = said.pop("category", ()), float(made_block.price[row])
    said |= made_block.attributes(row)
    product = Product(f"p{number}", f"Product {number}", (source,), price=price, category=category, attributes=said)
    marks = (sparse(one.marks[0]),)
    return IndexedProduct(
        product, (photo,), one.look, FilterScores(filters.space.filter_vectors(one.dense, marks), marks)
    )

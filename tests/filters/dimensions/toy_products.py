"""Products, and rules for their dimensions, in as few words as a test needs."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.filters.dimensions.derivation import Dimensions
from shoplens.settings import DimensionRule, DimensionRules
from shoplens.types import Attributes, Product, Value

PHOTO_DIMENSIONS = ["look", "shape", "color"]


def product(
    number: int, attributes: Attributes | None = None, category: Sequence[str] = (), group: str = "", brand: str = ""
) -> Product:
    return Product(
        f"p{number}",
        "A product",
        (f"/{number}.jpg",),
        category=tuple(category),
        attributes=attributes or {},
        group_id=group,
        brand=brand,
    )


def products_with_values(name: str, *values: Value | tuple[Value, ...]) -> list[Product]:
    """A product per value, or per tuple of values."""
    return [product(n, {name: item if isinstance(item, tuple) else (item,)}) for n, item in enumerate(values)]


def rules_for(name: str, rule: DimensionRule, min_products: int = 5, max_classes: int = 200) -> DimensionRules:
    return DimensionRules(min_products, max_classes, {name: rule})


def dimension_names(dimensions: Dimensions) -> list[str]:
    return [item.name for item in dimensions.used]


def tree_products(*paths: tuple[str, int]) -> list[Product]:
    paths_of_products = [path for path, count in paths for _ in range(count)]
    return [product(n, category=[step for step in path.split("/") if step]) for n, path in enumerate(paths_of_products)]

"""Products and their groups."""

from __future__ import annotations

from shoplens.types import Product, group_of


def test_the_group_of_a_product_is_its_group_id_or_else_its_own_id() -> None:
    black, green = (Product(name, name, ("/p.jpg",), group_id="MH01") for name in ("MH01-Black", "MH01-Green"))
    alone = Product("MH02", "MH02", ("/p.jpg",))
    assert [group_of(one) for one in (black, green, alone)] == ["MH01", "MH01", "MH02"]

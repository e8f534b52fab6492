"""The facade of the library: one open store, and everything that can be done with it."""

from shoplens.shop.shop import Shop

__all__ = ["Shop"]

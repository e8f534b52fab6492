"""A small shop, drawn: products of known shape, colour, pattern and material, and phone photos of them."""

from shoplens.images.drawing.colors import COLORS
from shoplens.images.drawing.materials import MATERIALS
from shoplens.images.drawing.patterns import PATTERNS
from shoplens.rendered.catalogue import RenderedCatalogue, render_catalogue
from shoplens.rendered.phone import KINDS, phone_photo
from shoplens.rendered.specs import ProductSpec, spec_of, specs
from shoplens.rendered.studio import VIEWS, product_photo
from shoplens.rendered.things.shapes import SHAPES

__all__ = [
    "COLORS",
    "KINDS",
    "MATERIALS",
    "PATTERNS",
    "SHAPES",
    "VIEWS",
    "ProductSpec",
    "RenderedCatalogue",
    "phone_photo",
    "product_photo",
    "render_catalogue",
    "spec_of",
    "specs",
]

"""A small shop, drawn: products of known shape, colour, pattern and material, and phone photos of them."""

from shoplens.rendered.catalogue import RenderedCatalogue, render_catalogue
from shoplens.rendered.photography.phone import KINDS, phone_photo
from shoplens.rendered.photography.studio import VIEWS, product_photo
from shoplens.rendered.specs import ProductSpec, spec_of, specs
from shoplens.rendered.surfaces.colors import COLORS
from shoplens.rendered.surfaces.materials import MATERIALS
from shoplens.rendered.surfaces.patterns import PATTERNS
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

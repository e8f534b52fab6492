"""Every shape that the shop sells."""

from __future__ import annotations

from shoplens.rendered.accessories import ACCESSORIES
from shoplens.rendered.garments import GARMENTS
from shoplens.rendered.homeware import HOMEWARE
from shoplens.rendered.parts import Shape
from shoplens.rendered.shoes_and_bags import SHOES_AND_BAGS

SHAPES: dict[str, Shape] = {**GARMENTS, **SHOES_AND_BAGS, **ACCESSORIES, **HOMEWARE}

"""Every shape that the shop sells."""

from __future__ import annotations

from shoplens.rendered.things.accessories import ACCESSORIES
from shoplens.rendered.things.garments import GARMENTS
from shoplens.rendered.things.homeware import HOMEWARE
from shoplens.rendered.things.shape import Shape
from shoplens.rendered.things.shoes_and_bags import SHOES_AND_BAGS

SHAPES: dict[str, Shape] = {**GARMENTS, **SHOES_AND_BAGS, **ACCESSORIES, **HOMEWARE}

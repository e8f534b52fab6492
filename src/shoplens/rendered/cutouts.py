"""Drawn products without a background."""

from __future__ import annotations

import numpy as np

from shoplens.images.drawing.colors import dye
from shoplens.images.drawing.drawing import Cutout, Look, Pose, draw_parts
from shoplens.images.drawing.patterns import ANGLES, SCALES
from shoplens.rendered.specs import ProductSpec
from shoplens.rendered.things.shapes import SHAPES


def look_of(spec: ProductSpec) -> Look:
    """How this product looks: the print of its design, the dye lot of its own."""
    design = np.random.default_rng([spec.seed, 21, spec.group])
    own = np.random.default_rng([spec.seed, 22, spec.number])
    across, along = design.random(2) * 40
    return Look(
        main=dye(spec.color, own),
        accent=dye(spec.accent, design),
        material=spec.material,
        pattern=spec.pattern,
        repeat=SCALES.get(spec.scale, 10.0) * SHAPES[spec.shape].print_scale,
        angle=ANGLES.get(spec.direction, 0.0),
        shift=(float(across), float(along)),
        folds=int(own.integers(2**31)),
    )


def draw_cutout(spec: ProductSpec, pose: Pose, size: int) -> Cutout:
    """Draw the product in this pose, in a square of ``size`` pixels."""
    return draw_parts(SHAPES[spec.shape].cuts[spec.cut], look_of(spec), pose, size)

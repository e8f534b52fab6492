"""A small shop whose photos are numbers: what each column means is known, so what filters must find is, too."""

from __future__ import annotations

import numpy as np

from shoplens.filters.dimensions.dimension import PATH, Dimension
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, FINE_SIZE, parse_palette
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, OUTLINE_SIZE

BACKBONE = 40
COLORS = ("red", "green", "blue")
PATTERNS = ("plain", "starry")
MATERIALS = ("wool", "silk", "linen")
NODES = ("tops", "home", f"tops{PATH}hoodie", f"tops{PATH}shirt")

DIMENSIONS = (
    Dimension("look", "embedding"),
    Dimension("design", "design"),
    Dimension("shape", "measured", is_measured=True),
    Dimension("color", "single", "color", COLORS, (60, 60, 60), is_measured=True),
    Dimension("pattern", "single", "pattern", PATTERNS, (90, 90)),
    Dimension("material", "multi", "material", MATERIALS, (90, 90, 90)),
    Dimension("category", "tree", "category", NODES, (120, 60, 60, 60)),
)
WITHOUT_FEED = (*DIMENSIONS[:3], Dimension("color", "measured", is_measured=True))


OUTLINES = np.random.default_rng(7).standard_normal((16, OUTLINE_SIZE))


def toy_photos(groups: int = 60, noise: float = 0.3, seed: int = 0) -> LabeledPhotos:
    """``groups`` designs in three colours each, the first of them with a second view.

    Columns of the backbone: 0-2 the colour, 3 the pattern, 4-6 the materials, 7-9 the end of the category, 10-25 the
    design, the others nothing. The outline is the design's, the palette the colour's.
    """
    random = np.random.default_rng(seed)
    rows, names, first, known, vectors = [], [], [], [], []
    for group in range(groups):
        design = random.standard_normal(16)
        outline = np.clip(0.5 + 0.1 * design @ OUTLINES, 0, 1)
        pattern, end = int(random.integers(2)), int(random.integers(3))
        materials = np.flatnonzero(random.random(3) < 0.5)
        path = (NODES[1],) if end == 0 else (NODES[0], NODES[1 + end])
        for number, color in enumerate(COLORS):
            for view in range(2 if number == 0 else 1):
                row = np.zeros(BACKBONE + MEASURED_SIZE)
                row[number] = 1
                row[3] = pattern
                row[4 + materials] = 1
                row[7 + end] = 1
                row[10:26] = design
                row[:BACKBONE] += noise * random.standard_normal(BACKBONE)
                row[BACKBONE + number * 50 : BACKBONE + number * 50 + 50] = 0.14
                row[BACKBONE : BACKBONE + FINE_SIZE] += 0.01 * random.random(FINE_SIZE)
                row[BACKBONE + FINE_SIZE : -ANCHOR_COUNT] = outline + 0.1 * random.random(OUTLINE_SIZE)
                row[-ANCHOR_COUNT:] = parse_palette(color)
                rows.append(row)
                vector = random.standard_normal(8)
                vectors.append(vector / np.linalg.norm(vector))
                names.append(f"g{group}")
                first.append(view == 0)
                classes = {"color": (color,), "pattern": (PATTERNS[pattern],), "category": path}
                if len(materials):
                    classes["material"] = tuple(MATERIALS[place] for place in materials)
                known.append(classes)
    return LabeledPhotos(
        np.array(vectors, np.float32).reshape(len(rows), 8),
        np.array(rows, np.float32).reshape(len(rows), BACKBONE + MEASURED_SIZE),
        BACKBONE,
        tuple(names),
        np.array(first, np.bool_),
        known,
    )

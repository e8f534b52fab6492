"""Things that lie about when people take photos: drawn like products, but not for sale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from shoplens.images.drawing.colors import COLORS, Lab
from shoplens.images.drawing.drawing import Look, Pose, draw_parts, to_rgba
from shoplens.images.drawing.parts import Part, cord, line


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing.

    Attributes:
        parts: back to front.
        size: side in drawing units, of the 100 x 100 it is drawn in.
        mains, accents: colours it may have.
        material: of :data:`~shoplens.images.drawing.materials.MATERIALS`.
        stands: on a table, rather than lying flat.
    """

    parts: tuple[Part, ...]
    size: float
    mains: tuple[Lab, ...]
    accents: tuple[Lab, ...]
    material: str
    stands: bool = False


_ANY = tuple(COLORS.values())
_DULL: tuple[Lab, ...] = ((30, 0, -2), (88, 1, 6), (62, 4, 14), (45, -3, -10), (70, -6, 4))
_LEAF: tuple[Lab, ...] = ((42, -24, 24), (36, -18, 20), (55, -26, 34))
_POT: tuple[Lab, ...] = ((54, 28, 32), (88, 0, 4), (40, 0, -3))


def _leaf(x: float, y: float, paint: str = "main") -> Part:
    return Part(
        f"M50 72 Q{(50 + x) / 2 - 9} {(72 + y) / 2 - 6} {x} {y} Q{(50 + x) / 2 + 10} {(72 + y) / 2 + 2} 50 72 Z",
        "main" if paint == "main" else "trim",
        "soft",
        4,
        folds=(f"M50 72 L{x} {y}",),
        shadow=0.4,
    )


_POTTED = (
    *(
        _leaf(x, y, paint)
        for x, y, paint in (
            (18, 40, "trim"),
            (84, 38, "trim"),
            (32, 12, "main"),
            (70, 10, "main"),
            (50, 2, "trim"),
            (22, 62, "main"),
            (80, 60, "main"),
        )
    ),
    Part("M32 66 L68 66 L63 96 Q50 99 37 96 Z", "accent", "round", shadow=0.5),
    Part("M30 62 Q50 65 70 62 L70 69 Q50 72 30 69 Z", "accent", "round", shadow=0.3),
)
_LINES = tuple(line(f"M30 {y} L{70 if y % 3 else 60} {y}", "ink", 0.7) for y in range(24, 84, 7))

PROPS: dict[str, Prop] = {
    "cup": Prop(
        (
            Part("E 50 50 44 44", "accent", "soft", 8),
            Part("E 50 50 34 34", "accent", "soft", 4, shadow=0.2),
            cord("M70 42 C96 34 96 66 70 58", "main", 7),
            Part("E 50 50 26 26", "main", "soft", 4),
            Part("E 50 50 21 21", "wood", "flat", 2, shadow=0.0, texture="rubber"),
        ),
        42,
        _ANY,
        ((93, 0, 4), (60, 0, -2)),
        "ceramic",
    ),
    "phone": Prop(
        (
            Part(
                "M30 4 L70 4 Q77 4 77 11 L77 89 Q77 96 70 96 L30 96 Q23 96 23 89 L23 11 Q23 4 30 4 Z", "main", "flat", 2
            ),
            Part(
                "M31 8 L69 8 Q73 8 73 12 L73 88 Q73 92 69 92 L31 92 Q27 92 27 88 L27 12 Q27 8 31 8 Z",
                "ink",
                "flat",
                0.5,
                shadow=0,
                texture="enamel",
            ),
        ),
        46,
        _DULL,
        _ANY,
        "metal",
    ),
    "pencil": Prop(
        (
            Part("M8 46 L78 46 L78 54 L8 54 Z", "main", "soft", 3),
            Part("M78 46 L92 50 L78 54 Z", "paper", "soft", 2),
            Part("M88 48.8 L92 50 L88 51.2 Z", "ink", "soft", 1),
            Part("M4 46 L12 46 L12 54 L4 54 Z", "accent", "soft", 3),
        ),
        52,
        _ANY,
        ((70, 30, 8), (80, 0, 2)),
        "enamel",
    ),
    "letter": Prop((Part("M20 8 L80 8 L80 92 L20 92 Z", "paper", "flat", 0.6), *_LINES), 62, _DULL, _ANY, "paper"),
    "book": Prop(
        (
            Part("M22 10 L80 10 L80 92 L22 92 Z", "paper", "flat", 1),
            Part("M20 8 L78 8 L78 90 L20 90 Z", "main", "flat", 1.6),
            Part("M20 8 L28 8 L28 90 L20 90 Z", "trim", "flat", 1, shadow=0.1),
            Part("M36 22 L70 22 L70 34 L36 34 Z", "accent", "flat", 0.6, shadow=0.1),
            Part("E 53 60 12 12", "accent", "flat", 0.6, shadow=0.1),
        ),
        60,
        _ANY,
        ((93, 0, 4), (80, 4, 60)),
        "paper",
    ),
    "plate": Prop(
        (Part("E 50 50 46 46", "main", "soft", 9), Part("E 50 50 31 31", "main", "soft", 3, shadow=0.25)),
        56,
        ((93, 0, 4), (80, -4, -8), (60, 0, -2)),
        _ANY,
        "ceramic",
    ),
    "glasses": Prop(
        (
            *(
                Part(
                    f"M{x} 44 C{x} 28 {x + 32} 28 {x + 32} 44 C{x + 32} 66 {x} 66 {x} 44", "main", "tube", 2, stroke=4.5
                )
                for x in (12, 56)
            ),
            cord("M44 42 Q50 37 56 42", "main", 4),
            cord("M12 42 C4 30 20 12 40 14", "main", 3.4),
            cord("M88 42 C96 30 82 12 62 16", "main", 3.4),
        ),
        46,
        ((20, 4, 6), (36, 16, 25), (25, 0, -3)),
        _ANY,
        "enamel",
    ),
    "leaves": Prop(
        (_leaf(12, 20), _leaf(50, 4, "trim"), _leaf(88, 22), cord("M50 66 Q52 86 48 98", "main", 3)),
        48,
        _LEAF,
        _LEAF,
        "jersey",
    ),
    "apple": Prop(
        (
            cord("M51 24 Q52 12 58 8", "wood", 3.4),
            Part(
                "M50 24 C34 12 12 22 14 50 C16 78 36 94 50 88 C64 94 84 78 86 50 C88 22 66 12 50 24 Z",
                "main",
                "soft",
                26,
                texture="ceramic",
            ),
            Part("M56 18 Q68 4 82 12 Q72 24 56 18 Z", "accent", "soft", 3),
        ),
        27,
        ((46, 58, 36), (64, -22, 52), (78, 2, 60)),
        _LEAF,
        "ceramic",
        True,
    ),
    "plant": Prop(_POTTED, 92, _LEAF, _POT, "ceramic", True),
    "bottle": Prop(
        (
            Part("M50 4 L44 4 L44 24 C44 34 34 36 34 48 L34 92 Q36 97 50 97", "main", "round", mirrored=True),
            Part("M34.5 56 Q50 59 65.5 56 L65.5 80 Q50 83 34.5 80 Z", "paper", "round", shadow=0),
            Part("M43 3 Q50 1 57 3 L57 13 Q50 15 43 13 Z", "accent", "round"),
        ),
        92,
        ((28, -14, 12), (34, 10, 18), (70, -8, -4)),
        ((30, 40, 20), (78, 4, 50)),
        "ceramic",
        True,
    ),
    "books": Prop(
        (
            Part("M12 20 L30 20 L30 96 L12 96 Z", "main", "flat", 4),
            Part("M31 12 L46 12 L46 96 L31 96 Z", "accent", "flat", 4),
            Part("M47 24 L66 24 L66 96 L47 96 Z", "trim", "flat", 4),
            Part("M67 15 L80 16 L80 96 L67 96 Z", "paper", "flat", 4),
            *(
                line(f"M{x} {y} L{z} {y}", "paper", 1.6)
                for x, y, z in ((14, 30, 28), (33, 24, 44), (50, 36, 63), (33, 80, 44))
            ),
        ),
        74,
        _ANY,
        _ANY,
        "paper",
        True,
    ),
    "candle": Prop(
        (
            Part("M34 40 Q50 43 66 40 L66 94 Q50 98 34 94 Z", "main", "round"),
            Part("E 50 40 16 3.6", "glow", "flat", 0.5, shadow=0),
            cord("M50 40 Q51 35 50 31", "ink", 1.4),
        ),
        40,
        ((93, 0, 6), (70, 24, 10), (60, -8, 6)),
        _ANY,
        "jersey",
        True,
    ),
}
"""Everything that clutters a scene; ``stands`` says in which sort of scene."""


def draw_prop(name: str, rng: np.random.Generator, pixels: int) -> Image.Image:
    """Draw a thing of :data:`PROPS`, cut out: RGBA, ``pixels`` x ``pixels``."""
    prop = PROPS[name]
    main, accent = (choices[int(rng.integers(len(choices)))] for choices in (prop.mains, prop.accents))
    look = Look(main, accent, prop.material, folds=int(rng.integers(2**31)))
    return to_rgba(draw_parts(prop.parts, look, Pose(0.98), pixels))

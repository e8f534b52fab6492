"""Shoes and bags."""

from __future__ import annotations

from shoplens.images.drawing.parts import Part, cord, line, seam
from shoplens.rendered.things.shape import Shape

_SOLE = (
    Part(
        "M7 73 C7 69.5 9 68.5 13 68.5 L90 67.5 Q94 68.5 93.5 74 C92.5 79 90 80.5 86 80.5 L16 81.5 Q8 81 7 73 Z",
        "rubber",
        "soft",
        3.0,
    ),
    line("M8 76 Q12 77 18 77 L88 76 Q92 75.5 93 74", "accent", 1.2),
)
_TOE = Part("M10.5 70.5 C9.5 62 14 57.5 23 55 Q31 60 31 70 Z", "rubber", "soft", 3.5)
_LACES = tuple(
    Part(f"M{x} {y} Q{x + 4.5} {y - 1.2} {x + 8.6} {y + 2.6}", "thread", "tube", 0.8, stroke=1.6, shadow=0.5)
    for x, y in ((30.5, 51.8), (35, 48.2), (39, 44.4), (42.6, 40.6))
)
_LOW_UPPER = (
    "M11 70.5 C10 62 15 57.5 24 54.5 C34 50.5 40 44 45.5 36.5 C49 32.5 53 33 55.5 36.5 "
    "C60 43.5 70 43 76.5 35 C80 31.5 85 32.5 87 37 C89.5 45 91.5 58 91 69 Z"
)
_HIGH_UPPER = "M11 70.5 C10 62 15 57.5 24 54.5 C34 50.5 40 43 45.5 34 L52 17 Q68 13.5 85.5 15.5 C87 30 91.5 52 91 69 Z"

SNEAKER = Shape(
    {
        "low-top": (
            Part("M52 36 Q66 30 84 33 Q80 45 66 44 Q57 43 52 36 Z", "dark", "flat", 1.0),
            Part(_LOW_UPPER, puff=7, folds=("M33 53 Q38 58 38 64", "M40 48 Q46 54 46 60")),
            Part(
                "M82.5 33.5 Q86 33 87.2 37.5 C89.6 45 91.3 57 91 68 L82 68.5 C84.5 56 84 44 82.5 33.5 Z",
                "accent",
                "soft",
                2.5,
            ),
            Part("M50 64 C58 60 66 55 72 46 L77 46 C73 57 66 64 57 68 Z", "accent", "soft", 1.5, shadow=0.2),
            seam("M45.5 39 C50 52 44 62 40 68"),
            *_LACES,
            _TOE,
            *_SOLE,
        ),
        "high-top": (
            Part("M52 17 Q68 10.5 85.5 15.5 Q70 20 52 17 Z", "dark", "flat", 0.6),
            Part(_HIGH_UPPER, puff=7, folds=("M33 53 Q38 58 38 64", "M58 40 Q68 45 80 40", "M60 33 Q70 37 82 32")),
            Part(
                "M81 15 Q84 15 85.5 15.5 C87 30 91.3 52 91 68 L82.5 68.5 C84.5 50 82 30 81 15 Z", "accent", "soft", 2.5
            ),
            Part("E 68 44 6.6 6.6", "accent", "soft", 1.6, shadow=0.2),
            seam("M50 24 C54 44 46 60 40 68"),
            *_LACES,
            *(
                Part(f"M{x} {y} Q{x + 4} {y - 0.6} {x + 7.6} {y + 1.6}", "thread", "tube", 0.8, stroke=1.6, shadow=0.5)
                for x, y in ((45, 35.5), (47.6, 30), (49.6, 24.4))
            ),
            _TOE,
            *_SOLE,
        ),
    },
    ("canvas", "leather", "suede"),
    ("Shoes", "Sneakers"),
    (39, 129),
    print_scale=0.62,
    nouns={"high-top": "high-top sneaker"},
)

_RINGS = tuple(Part(f"E {x} 38 2.2 2.6", "steel", "soft", 1.0) for x in (34, 66))
HANDBAG = Shape(
    {
        "tote": (
            cord("M37 40 C37 2 63 2 63 40", "trim", 2.6),
            Part("M19 34 Q50 31 81 34 L81 38 L19 38 Z", "dark", "flat", 0.8),
            Part(
                "M19 35 Q50 37.5 81 35 L86.5 88 Q50 94 13.5 88 Z",
                puff=9,
                folds=("M22 44 Q26 60 20 84", "M78 44 Q74 60 80 84", "M44 70 Q52 76 60 72"),
            ),
            Part("M19 35 Q50 37.5 81 35 L81.6 40.5 Q50 43 18.4 40.5 Z", "accent", "soft", 1.8, shadow=0.25),
            cord("M34 42 C34 7 66 7 66 42", "accent", 2.8),
            *(
                Part(f"M{x - 2.4} 40 L{x + 2.4} 40 L{x + 2} 49 L{x} 51 L{x - 2} 49 Z", "accent", "soft", 1.2)
                for x in (34, 66)
            ),
        ),
        "satchel": (
            cord("M36 34 C36 13 64 13 64 34", "accent", 3.4),
            Part("M16 36 Q50 32 84 36 L88 82 Q87 88 80 88.5 L20 88.5 Q13 88 12 82 Z", puff=8),
            Part("M16 35 Q50 31 84 35 L86.4 58 C76 68 60 70 50 70 C40 70 24 68 13.6 58 Z", puff=5, shadow=0.55),
            seam("M15.6 57.4 C26 66 40 68 50 68 C60 68 74 66 84.4 57.4"),
            Part("M45.5 60 L54.5 60 L54.5 76 Q50 79 45.5 76 Z", "accent", "soft", 1.5),
            Part("M47.4 66 L52.6 66 L52.6 71.5 L47.4 71.5 Z", "steel", "soft", 1.0),
            *_RINGS,
        ),
        "bucket": (
            cord("M27 36 C22 -4 78 -4 73 36", "accent", 2.4),
            Part("E 50 34 25 6", "dark", "flat", 0.8),
            Part(
                "M25 34 Q50 46 75 34 L79 82 Q78 91 50 91.5 Q22 91 21 82 Z",
                puff=10,
                folds=("M32 42 Q34 52 31 64", "M44 46 Q43 56 45 66", "M57 46 Q58 56 55 66", "M68 42 Q66 52 69 64"),
            ),
            Part("M22 76 Q50 83 78 76 L79 83 Q78 91 50 91.5 Q22 91 21 83 Z", "accent", "soft", 2.5, shadow=0.15),
            cord("M26 44 Q50 56 74 44", "accent", 1.5),
            cord("M47 50 C44 58 46 62 44 68", "accent", 1.3),
            cord("M51 50 C53 58 51 62 53.5 67", "accent", 1.3),
        ),
    },
    ("leather", "canvas", "suede"),
    ("Bags", "Handbags"),
    (35, 189),
    nouns={"tote": "tote bag", "satchel": "satchel", "bucket": "bucket bag"},
)

_PACK = "M50 13 C33 13 27 22 26 38 C23 58 22.5 76 25.5 88 Q38 92.5 50 92.5"
_PACK_STRAPS = (
    cord("M30 34 C17 44 15 70 21 86", "trim", 4.0, twin=True),
    cord("M43 15 C42 4 58 4 57 15", "accent", 2.8),
)
BACKPACK = Shape(
    {
        "classic": (
            *_PACK_STRAPS,
            Part(_PACK, mirrored=True, puff=11, folds=("M30 46 Q34 50 33 58", "M70 46 Q66 50 67 58")),
            Part("M31 58 Q50 54 69 58 L70.5 84 Q50 89 29.5 84 Z", puff=4, shadow=0.5),
            line("M31.5 62.5 Q50 58.5 68.5 62.5", "steel", 1.2),
            cord("M65 62 L66.5 69", "accent", 1.3),
            line("M29 40 C31 22 40 17.5 50 17.5 C60 17.5 69 22 71 40", "accent", 1.5),
            Part("M44 36 L56 36 L56 44 L44 44 Z", "accent", "soft", 1.0, shadow=0.2),
        ),
        "flap-top": (
            *_PACK_STRAPS,
            Part(_PACK, mirrored=True, puff=11),
            Part("M31 62 Q50 60 69 62 L70 85 Q50 89 30 85 Z", puff=4, shadow=0.4),
            Part("M50 12 C33 12 26 20 24.5 40 L26 53 Q38 58 50 58", mirrored=True, puff=7, shadow=0.6),
            *(
                Part(f"M{x - 2.2} 42 L{x + 2.2} 42 L{x + 2.2} 70 L{x} 72.5 L{x - 2.2} 70 Z", "accent", "soft", 1.2)
                for x in (39, 61)
            ),
            *(Part(f"M{x - 3} 60 L{x + 3} 60 L{x + 3} 65 L{x - 3} 65 Z", "steel", "soft", 1.0) for x in (39, 61)),
        ),
    },
    ("canvas", "nylon", "leather"),
    ("Bags", "Backpacks"),
    (35, 129),
    nouns={"flap-top": "flap backpack"},
)

SHOES_AND_BAGS: dict[str, Shape] = {"sneaker": SNEAKER, "handbag": HANDBAG, "backpack": BACKPACK}

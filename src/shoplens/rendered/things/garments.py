"""Clothes, drawn lying flat or hanging."""

from __future__ import annotations

from shoplens.images.drawing.parts import Part, cord, line, seam
from shoplens.rendered.things.shape import Shape

_TEE_BODY = "M50 20 C43.5 19.5 40.5 16 39.5 11.5 L30.5 14.5 C32 24 31.5 32 31 40 C30.5 58 30.5 72 29 88.5 Q40 91 50 91"
_TEE_FOLDS = ("M32 40 C37 46 38 58 35 76", "M31 36 Q38 38 44 47", "M69 38 C63 46 64 60 66 80", "M45 70 Q50 76 58 74")
_CREW = (
    Part("M40 12 Q50 9 60 12 C58 19 42 19 40 12 Z", "dark", "flat", 1.0),
    cord("M39.6 12.3 Q50 8.6 60.4 12.3", "accent", 2.2),
)
_CREW_FRONT = Part("M39.7 11.8 C41.5 21.5 58.5 21.5 60.3 11.8", "accent", "tube", 1.2, stroke=2.6, texture="ribbing")
_TEE_SLEEVE = Part(
    "M33.5 13.4 C26 15.5 21 19 18 25 L7.5 43 Q12.5 49 20.5 50.5 L32 37 C33 30 34 22 33.5 13.4 Z",
    twin=True,
    puff=5.0,
    folds=("M30 35 Q24 36 18 42", "M31 30 Q25 28 20 31"),
)
_LONG_SLEEVE = Part(
    "M33.5 13.4 C26 15.5 21.5 19 19.5 27 L9 80 Q13.5 83.5 19 82.5 L32.5 41 C33 32 34 22 33.5 13.4 Z",
    twin=True,
    puff=5.0,
    folds=("M30 36 Q23 40 19 48", "M24 52 Q20 53 15.5 57", "M21 62 Q19 66 13 66"),
)
_LONG_CUFF = Part(
    "M9.4 78.5 L8.6 83.8 Q13 87 18 86 L19.6 81 Q14 82 9.4 78.5 Z", "accent", "soft", 1.6, twin=True, texture="ribbing"
)
_TEE_HEM = (seam("M29.3 86.4 Q40 89 50 89 Q60 89 70.7 86.4"), seam("M9.2 40.8 Q14 46.5 22.2 48.4", twin=True))
_V_BODY = "M50 30 L46 24 L39.5 11.5 L30.5 14.5 C32 24 31.5 32 31 40 C30.5 58 30.5 72 29 88.5 Q40 91 50 91"

T_SHIRT = Shape(
    {
        "crew neck": (
            *_CREW,
            _TEE_SLEEVE,
            Part(_TEE_BODY, mirrored=True, puff=7, folds=_TEE_FOLDS),
            _CREW_FRONT,
            *_TEE_HEM,
        ),
        "V-neck": (
            Part("M40 12 Q50 9 60 12 L50 29 Z", "dark", "flat", 1.0),
            cord("M39.6 12.3 Q50 8.6 60.4 12.3", "accent", 2.2),
            _TEE_SLEEVE,
            Part(_V_BODY, mirrored=True, puff=7, folds=_TEE_FOLDS),
            Part(
                "M39.7 11.8 L46.5 24.5 L50 30 L53.5 24.5 L60.3 11.8",
                "accent",
                "tube",
                1.2,
                stroke=2.4,
                texture="ribbing",
            ),
            *_TEE_HEM,
        ),
        "long-sleeved": (
            *_CREW,
            _LONG_SLEEVE,
            Part(_TEE_BODY, mirrored=True, puff=7, folds=_TEE_FOLDS),
            _CREW_FRONT,
            _LONG_CUFF,
            _TEE_HEM[0],
        ),
    },
    ("cotton", "jersey", "linen"),
    ("Clothing", "Tops", "T-shirts"),
    (12, 39),
    nouns={"long-sleeved": "long-sleeved t-shirt", "V-neck": "V-neck t-shirt"},
)

_HOODIE_BODY = "M50 27.5 C43 26.5 38 22 36 17 L29 19.5 C29 40 28.5 65 27 86 Q38 88.5 50 88.5"
_HOODIE_SLEEVE = Part(
    "M32.5 18 C25 20 20.5 25 18.5 33 L8 79 Q13 84 19.5 83 L31 46 C32 36 33 26 32.5 18 Z",
    twin=True,
    puff=6.0,
    folds=("M29 42 Q22 46 17 54", "M23 56 Q18 58 14 64", "M20 68 Q16 72 11 72"),
)
_HOODIE_TOP = (
    Part(
        "M50 3.5 C38 3.5 32.5 9 32 18 C36 26 44 29 50 29",
        mirrored=True,
        puff=6,
        folds=("M36 10 Q34 17 39 23", "M64 10 Q66 17 61 23"),
    ),
    Part("M50 8 C42.5 8 39 12.5 39 18 C41 23 46 25.5 50 25.5", "accent", "soft", 2.5, mirrored=True),
    Part("M50 13 C45 13 42.5 15.5 42 19 C43.5 22.5 47 24.5 50 24.5", "dark", "flat", 1.2, mirrored=True),
)
_RIBS = (
    Part(
        "M8.3 77.5 L7.4 85.5 Q12 89.5 18 88.5 L19.8 82 Q13 82.5 8.3 77.5 Z",
        "plain",
        "soft",
        2.0,
        twin=True,
        texture="ribbing",
    ),
    Part("M27 84.5 L27.8 92 Q50 94.5 72.2 92 L73 84.5 Q50 88.5 27 84.5 Z", "plain", "soft", 2.2, texture="ribbing"),
)
_STRINGS = (
    cord("M44 24.5 C43 31 44.5 37 43.5 44", "accent", 1.3),
    cord("M56 24.5 C57 31 55.5 36 56.2 41", "accent", 1.3),
)
_HOODIE_FOLDS = ("M30 44 Q38 47 44 56", "M70 44 Q63 48 58 55", "M32 60 Q34 72 31 82", "M69 62 Q66 72 68 82")
_POCKET = Part("M38.5 62 L61.5 62 L69 77 L67.8 84.5 Q50 86.5 32.2 84.5 L31 77 Z", puff=2.6, shadow=0.45)

HOODIE = Shape(
    {
        "pullover": (
            _HOODIE_SLEEVE,
            Part(_HOODIE_BODY, mirrored=True, puff=8, folds=_HOODIE_FOLDS),
            *_HOODIE_TOP,
            _POCKET,
            seam("M39 63.4 L61 63.4"),
            seam("M37.6 64.5 L32.2 77", twin=True),
            *_RIBS,
            *_STRINGS,
        ),
        "zipped": (
            _HOODIE_SLEEVE,
            Part(_HOODIE_BODY, mirrored=True, puff=8, folds=_HOODIE_FOLDS),
            *_HOODIE_TOP,
            Part("M32 66 L46.5 62 L46.5 83.5 L31.5 83.5 Z", puff=2.0, twin=True, shadow=0.4),
            Part("M47.9 27.5 L52.1 27.5 L52.1 92 L47.9 92 Z", "accent", "flat", 0.8),
            *_RIBS,
            line("M50 28 L50 92.5", "steel", 1.4),
            Part("M49.2 33 L50.8 33 L51.2 38 L48.8 38 Z", "steel", "flat", 0.6),
            *_STRINGS,
        ),
    },
    ("cotton", "knit", "wool", "velvet"),
    ("Clothing", "Tops", "Hoodies"),
    (34, 89),
    nouns={"zipped": "zip hoodie"},
)

_DRESS_FOLDS = (
    "M43 50 C40 62 35 78 33 93",
    "M48 50 C47 66 45 80 43 95",
    "M53 50 C55 66 57 80 58 95",
    "M57 50 C60 62 64 78 67 92",
)
_SKIRT_PART = "M38.6 43 L61.4 43 C65 60 72 78 76.5 91.5 Q63 96 50 96 Q37 96 23.5 91.5 C28 78 35 60 38.6 43 Z"
_BELT = Part("M38 41.6 Q50 43.6 62 41.6 L62.2 45.4 Q50 47.6 37.8 45.4 Z", "accent", "soft", 1.4)
_BODICE = "M50 19.5 C44.5 18.5 41.5 14 41 8 L35.5 8.8 C36 17 33.5 22 34.8 29 C36.5 35 38.8 39 38.5 44 L50 45.5"
_SLIP_BODICE = "M50 24 Q42 24 36.5 19 L34.5 27 C36 34 38.8 39 38.5 44 L50 45.5"
_DRESS_INSIDE = Part("M41 8.5 Q50 11 59 8.5 C58 18 54 19.5 50 19.8 C46 19.5 42 18 41 8.5 Z", "dark", "flat", 1.0)
_NECKLINE = Part("M41 8.2 C42 15.5 45 19.3 50 19.8 C55 19.3 58 15.5 59 8.2", "accent", "tube", 0.8, stroke=1.5)

DRESS = Shape(
    {
        "A-line": (
            _DRESS_INSIDE,
            Part(_SKIRT_PART, puff=9, folds=_DRESS_FOLDS),
            Part(_BODICE, mirrored=True, puff=6, folds=("M36 27 Q42 32 43 42", "M64 27 Q58 32 57 42")),
            _NECKLINE,
            _BELT,
        ),
        "slip": (
            cord("M37.2 20 C38 12 43 8 46 6.5", "accent", 1.3, twin=True),
            Part("M36.5 19.5 Q50 22 63.5 19.5 L60 27 L40 27 Z", "dark", "flat", 1.0),
            Part(_SKIRT_PART, puff=9, folds=_DRESS_FOLDS),
            Part(_SLIP_BODICE, mirrored=True, puff=6, folds=("M37 30 Q44 33 46 42", "M63 30 Q57 33 55 42")),
            Part("M36.3 19.2 Q42 24.3 50 24.3 Q58 24.3 63.7 19.2", "accent", "tube", 0.7, stroke=1.4),
        ),
        "sleeved": (
            _DRESS_INSIDE,
            Part(
                "M36 8.8 C27 10 22 17 19.5 27 L15 47 Q20 51.5 26 50 L35 29 C37 22 37 15 36 8.8 Z",
                twin=True,
                puff=5,
                folds=("M32 28 Q26 31 21 38", "M30 20 Q25 20 22 25"),
            ),
            Part("M15.2 45.5 Q20 50.5 26.2 48.6 L25.5 52.5 Q19 54 14.3 49.5 Z", "accent", "soft", 1.2, twin=True),
            Part(_SKIRT_PART, puff=9, folds=_DRESS_FOLDS),
            Part(_BODICE, mirrored=True, puff=6, folds=("M36 27 Q42 32 43 42", "M64 27 Q58 32 57 42")),
            _NECKLINE,
            line("M38.3 43.6 Q50 45.6 61.7 43.6", "trim", 0.7),
        ),
    },
    ("silk", "cotton", "linen", "velvet"),
    ("Clothing", "Dresses"),
    (39, 149),
    nouns={"slip": "slip dress"},
)

_PLEATS = tuple(f"M{50 + k * 3.4} 26 C{50 + k * 4.4} 45 {50 + k * 5.6} 65 {50 + k * 6.6} 86" for k in range(-3, 4))
_WAIST = Part("M35.6 16.5 Q50 18.5 64.4 16.5 L65 22.6 Q50 24.8 35 22.6 Z", "accent", "soft", 1.8)

SKIRT = Shape(
    {
        "pleated": (
            Part("M50 20 L36 20 C32.5 40 26 66 20.5 83 Q35 89.5 50 89.5", mirrored=True, puff=8, folds=_PLEATS),
            _WAIST,
        ),
        "pencil": (
            Part(
                "M50 20 L36 20 C31.5 30 30.5 40 31 52 C31.5 66 33 78 34 89 Q42 91 50 91",
                mirrored=True,
                puff=9,
                folds=("M33 44 Q40 46 47 43", "M56 82 L55 91"),
            ),
            _WAIST,
            seam("M34.4 87.4 Q50 91 65.6 87.4"),
        ),
    },
    ("wool", "cotton", "denim", "leather", "corduroy"),
    ("Clothing", "Skirts"),
    (29, 99),
    nouns={"pleated": "pleated skirt", "pencil": "pencil skirt"},
)

_KNEES = (
    "M34 54 Q39 57 44 55",
    "M35 60 Q40 61 45 59",
    "M36 34 Q42 37 47 34",
    "M66 54 Q61 57 56 55",
    "M65 60 Q60 61 55 59",
    "M64 34 Q58 37 53 34",
)
_WAISTBAND = (
    Part("M34.2 6 Q50 8 65.8 6 L66.4 12 Q50 14 33.6 12 Z", "plain", "soft", 1.6),
    Part("M39 5.6 L41 5.8 L41 14 L39 13.8 Z", "accent", "soft", 0.8, twin=True),
    Part("E 50 10 1.5 1.5", "steel", "soft", 1.0),
    line("M50 13.5 L50 34", "trim", 0.6),
    seam("M52.6 13.5 C53 22 52 28 50.3 31"),
    seam("M33 21 Q38.5 21 41.2 13.6", twin=True),
)


def _trousers(hem_left: float, hem_right: float, knee: float, hem: float) -> tuple[Part, ...]:
    leg = (
        f"M50 9 L33.8 9 C31.5 20 {knee - 2} 40 {knee} 60 L{hem_left} {hem} Q{(hem_left + hem_right) / 2} {hem + 1.5} "
        f"{hem_right} {hem} L49 42 Q49.4 37 50.5 34 Z"
    )
    turn_up = f"M{hem_left} {hem - 3.6} L{hem_left} {hem} L{hem_right} {hem} L{hem_right} {hem - 3.6} Z"
    return (Part(leg, twin=True, puff=6.5, folds=_KNEES), Part(turn_up, "accent", "soft", 1.2, twin=True), *_WAISTBAND)


TROUSERS = Shape(
    {
        "straight": _trousers(30.5, 45.0, 30.5, 94.0),
        "wide-leg": _trousers(20.0, 45.5, 26.5, 94.0),
        "cropped": _trousers(33.0, 45.0, 31.5, 82.0),
    },
    ("denim", "cotton", "corduroy", "linen"),
    ("Clothing", "Trousers"),
    (39, 119),
    nouns={"wide-leg": "wide-leg trousers", "cropped": "cropped trousers"},
)

GARMENTS: dict[str, Shape] = {
    "t-shirt": T_SHIRT,
    "hoodie": HOODIE,
    "dress": DRESS,
    "skirt": SKIRT,
    "trousers": TROUSERS,
}

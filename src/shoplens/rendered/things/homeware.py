"""Things for a kitchen, a table and a room."""

from __future__ import annotations

from shoplens.images.drawing.parts import Part, cord, line
from shoplens.rendered.things.shape import Shape

_MUG_RIM = (
    Part("E 47 25 24.6 5.4", "accent", "flat", 0.8, shadow=0.0),
    Part("E 47 25.2 22.6 4.4", "dark", "flat", 0.6, shadow=0.0),
)
_MUG_HANDLE = cord("M68 38 C88 32 91 70 67 68", "accent", 6.0)

MUG = Shape(
    {
        "straight": (
            _MUG_HANDLE,
            Part("M22.4 25 L24 79 Q24.5 87 47 87.5 Q69.5 87 70 79 L71.6 25 Z", form="round"),
            *_MUG_RIM,
        ),
        "rounded": (
            cord("M70 42 C90 38 90 68 68 68", "accent", 5.6),
            Part("M22.4 25 C18 45 19 72 32 84 Q38 88 47 88 Q56 88 62 84 C75 72 76 45 71.6 25 Z", form="round"),
            *_MUG_RIM,
        ),
        "tapered": (
            cord("M68 36 L84 36 Q87 36 86 40 L82 62 Q81 65 78 65 L65 65", "accent", 5.0),
            Part("M22.4 25 L31 82 Q32 87.5 47 88 Q62 87.5 63 82 L71.6 25 Z", form="round"),
            *_MUG_RIM,
        ),
    },
    ("ceramic", "stoneware", "enamel"),
    ("Home", "Kitchen", "Mugs"),
    (8, 29),
    stands=True,
    print_scale=0.95,
)

_TEAPOT_LID = (
    Part("M36 33 Q50 24 64 33 Q50 38 36 33 Z", "plain", "round"),
    Part("E 50 25 4.2 4.2", "accent", "round"),
)
_SPOUT = Part("M70 56 C80 54 80 40 89 36 L93.5 39.5 C87 46 88 66 70 72 Z", "plain", "soft", 4.5)

TEAPOT = Shape(
    {
        "round": (
            cord("M26 46 C6 38 4 74 27 70", "accent", 4.8),
            _SPOUT,
            Part(
                "M36 33 C20 38 15 60 26 78 Q34 85.5 50 85.5 Q66 85.5 74 78 C85 60 80 38 64 33 Q50 38 36 33 Z",
                form="round",
            ),
            *_TEAPOT_LID,
        ),
        "tall": (
            cord("M31 38 C9 34 8 74 28 72", "accent", 4.6),
            Part("M69 62 C80 58 78 36 87 30 L91.5 33 C86 42 88 70 70 76 Z", "plain", "soft", 4.5),
            Part("M37 33 C32 46 28 62 27 78 Q28 87 50 87 Q72 87 73 78 C72 62 68 46 63 33 Q50 38 37 33 Z", form="round"),
            *_TEAPOT_LID,
        ),
        "bail-handled": (
            cord("M29 42 C20 4 80 4 71 42", "accent", 3.2),
            _SPOUT,
            Part("M36 36 C14 40 14 66 27 78 Q34 84 50 84 Q66 84 73 78 C86 66 86 40 64 36 Q50 40 36 36 Z", form="round"),
            Part("M36 36 Q50 27 64 36 Q50 41 36 36 Z", "plain", "round"),
            Part("E 50 28.5 3.4 3.4", "accent", "round"),
        ),
    },
    ("ceramic", "stoneware", "enamel"),
    ("Home", "Kitchen", "Teapots"),
    (24, 79),
    stands=True,
    nouns={"tall": "tall teapot"},
)


def _vase(outline: str, mouth: float, top: float, band: str) -> tuple[Part, ...]:
    return (
        Part(outline, mirrored=True, form="round"),
        Part(band, "accent", "round", shadow=0.0),
        Part(f"E 50 {top} {mouth} {mouth * 0.22:.2f}", "accent", "flat", 0.6, shadow=0.0),
        Part(f"E 50 {top + 0.2} {mouth - 1.6:.2f} {mouth * 0.15:.2f}", "dark", "flat", 0.5, shadow=0.0),
    )


VASE = Shape(
    {
        "bottle": _vase(
            "M50 8 L43 8 C44 20 44 28 41 36 C31 45 27 56 27 67 C27 80 34 90 40 92 Q45 93 50 93",
            7,
            8.4,
            "M43.6 27 Q50 29 56.4 27 L57 30.5 Q50 32.5 43 30.5 Z",
        ),
        "amphora": _vase(
            "M50 12 L36 12 C38 18 38 21 33 26 C22 36 22 54 31 72 C35 80 37 88 37 92 Q43 94 50 94",
            14,
            12.4,
            "M36.5 86 Q50 89.5 63.5 86 L63 92 Q50 95 37 92 Z",
        ),
        "cylinder": _vase(
            "M50 14 L31 14 L32.5 88 Q33 92.5 50 93",
            19,
            14.6,
            "M32.3 78 Q50 82.5 67.7 78 L67.6 82 Q50 86.5 32.4 82 Z",
        ),
    },
    ("ceramic", "stoneware", "metal"),
    ("Home", "Decoration", "Vases"),
    (16, 95),
    stands=True,
    nouns={"amphora": "amphora vase"},
)

_LAMP_FOOT = (
    Part("M48.9 50 L51.1 50 L51.1 86 L48.9 86 Z", "steel", "round"),
    Part("M36 91 Q36 86 50 85.5 Q64 86 64 91 Q64 94 50 94 Q36 94 36 91 Z", "accent", "round"),
)
_LAMP_BODY = Part(
    "M46 52 C47 58 36 64 36 76 C36 86 42 92 46 93 L54 93 C58 92 64 86 64 76 C64 64 53 58 54 52 Z",
    "accent",
    "round",
    texture="ceramic",
)

LAMP = Shape(
    {
        "cone shade": (
            *_LAMP_FOOT,
            Part("M37 12 Q50 14 63 12 L79 50 Q50 57 21 50 Z", form="round"),
            Part("M37 12 Q50 14.5 63 12 Q50 9.5 37 12 Z", "glow", "flat", 0.4, shadow=0),
        ),
        "drum shade": (
            _LAMP_BODY,
            Part("M26 16 Q50 19.5 74 16 L75.5 47 Q50 52.5 24.5 47 Z", form="round"),
            Part("M26 16 Q50 19.5 74 16 Q50 12.5 26 16 Z", "glow", "flat", 0.4, shadow=0),
        ),
        "dome shade": (
            *_LAMP_FOOT,
            Part("M47 13 Q50 11 53 13 C72 16 82 32 82 49 Q50 55 18 49 C18 32 28 16 47 13 Z", form="round"),
            Part("E 50 11.5 2.4 2.4", "steel", "round"),
        ),
    },
    ("linen", "paper", "metal"),
    ("Home", "Lighting", "Table lamps"),
    (29, 139),
    stands=True,
    nouns={"cone shade": "table lamp", "drum shade": "drum lamp", "dome shade": "dome lamp"},
)

_SQUARE_PIPING = "M13 15 Q50 21.5 87 15 Q80.5 50 87 85 Q50 78.5 13 85 Q19.5 50 13 15"
CUSHION = Shape(
    {
        "square": (
            Part(
                f"{_SQUARE_PIPING} Z",
                puff=26,
                folds=("M14 16 Q24 24 30 34", "M86 16 Q76 24 70 34", "M14 84 Q24 76 30 66", "M86 84 Q76 76 70 66"),
            ),
            cord(_SQUARE_PIPING, "accent", 1.6),
        ),
        "round": (
            Part(
                "E 50 50 38 37",
                puff=24,
                folds=(
                    "M50 50 L28 26",
                    "M50 50 L74 30",
                    "M50 50 L22 56",
                    "M50 50 L78 60",
                    "M50 50 L40 80",
                    "M50 50 L62 78",
                    "M50 50 L50 18",
                ),
            ),
            cord("M88 50 C88 99.5 12 99.5 12 50 C12 0.5 88 0.5 88 50", "accent", 1.8),
            Part("E 50 50 3.6 3.4", "accent", "soft", 3.0, shadow=0.6),
        ),
        "lumbar": (
            Part(
                "M8 31 Q50 34 92 31 Q89 50 92 71 Q50 68 8 71 Q11 50 8 31 Z",
                puff=19,
                folds=("M9 32 Q18 38 22 44", "M91 32 Q82 38 78 44", "M9 70 Q18 64 22 58", "M91 70 Q82 64 78 58"),
            ),
            *(
                cord(f"M{x} {y} L{x + d} {y + e}", "accent", 1.5)
                for x, y, d, e in ((8, 31, -3, -5), (92, 31, 3, -5), (8, 71, -3, 5), (92, 71, 3, 5))
            ),
            Part("M20 32.2 L26 32.6 L26 69.4 L20 69.8 Z", "accent", "soft", 2.0, shadow=0.1),
            Part("M74 32.6 L80 32.2 L80 69.8 L74 69.4 Z", "accent", "soft", 2.0, shadow=0.1),
        ),
    },
    ("cotton", "linen", "velvet", "knit"),
    ("Home", "Textiles", "Cushions"),
    (15, 59),
    print_scale=1.1,
    nouns={"round": "round cushion", "lumbar": "lumbar cushion"},
)

_COVER = "M22 9 L75 9 Q78 9 78 12 L78 88 Q78 91 75 91 L22 91 Z"
_PAGES = Part("M24 11 L79.4 11 Q80.4 11 80.4 13 L80.4 90 Q80.4 92.6 78 92.6 L24 92.6 Z", "paper", "flat", 0.8)
NOTEBOOK = Shape(
    {
        "elastic-band": (
            _PAGES,
            cord("M58 90 L58.6 98", "accent", 1.3),
            Part(_COVER, form="flat", puff=1.6),
            line("M28.6 9.4 L28.6 90.6", "trim", 0.8),
            Part("M69.6 8.6 L72.6 8.6 L72.6 91.4 L69.6 91.4 Z", "accent", "soft", 1.2, shadow=0.5),
        ),
        "spiral": (
            _PAGES,
            Part(_COVER, form="flat", puff=1.6),
            Part("M38 22 L66 22 L66 36 L38 36 Z", "accent", "flat", 0.5, shadow=0.15),
            *(
                Part(f"M26 {y} C17 {y - 3} 17 {y + 2} 25 {y + 1.6}", "steel", "tube", 0.5, stroke=1.1)
                for y in range(14, 90, 5)
            ),
        ),
        "hardback": (
            _PAGES,
            Part(_COVER, form="flat", puff=1.6),
            Part("M22 9 L33 9 L33 91 L22 91 Z", "accent", "flat", 1.0, shadow=0.1, texture="canvas"),
            *(
                Part(p, "accent", "flat", 0.8, shadow=0.1, texture="canvas")
                for p in ("M66 9 L75 9 Q78 9 78 12 L78 21 Z", "M78 79 L78 88 Q78 91 75 91 L66 91 Z")
            ),
        ),
    },
    ("paper", "leather", "linen"),
    ("Stationery", "Notebooks"),
    (6, 35),
    print_scale=0.95,
    nouns={"spiral": "spiral notebook", "hardback": "hardback notebook"},
)

_LEGS = (
    Part("M24 82 L29 82 L26 95 L23 95 Z", "wood", "round"),
    Part("M71 82 L76 82 L77 95 L74 95 Z", "wood", "round"),
)
ARMCHAIR = Shape(
    {
        "tub": (
            *_LEGS,
            Part(
                "M24 62 C20 30 28 17 50 17 C72 17 80 30 76 62 Z",
                puff=10,
                folds=("M40 22 Q38 40 40 56", "M60 22 Q62 40 60 56"),
            ),
            Part("M28 58 Q50 53 72 58 L73 71 Q50 75 27 71 Z", puff=6, shadow=0.6),
            Part("M24 68 Q50 72 76 68 L76 84 Q50 86 24 84 Z", puff=3),
            Part("M13 48 Q13 41 20 41 Q28 41 28 49 L28.5 84 Q20 87 15 84 Z", puff=5, twin=True, shadow=0.5),
            Part("M36 40 Q50 37 64 40 L65 57 Q50 60 35 57 Z", "accent", "soft", 6, shadow=0.5),
        ),
        "wingback": (
            *_LEGS,
            Part(
                "M27 64 L25 16 Q25 7 34 7 Q50 4.5 66 7 Q75 7 75 16 L73 64 Z",
                puff=9,
                folds=("M38 14 L38 56", "M50 13 L50 56", "M62 14 L62 56"),
            ),
            Part("M25 14 C18 16 18 34 20 46 L28 50 Q30 30 25 14 Z", puff=4, twin=True, shadow=0.4),
            Part("M28 60 Q50 55 72 60 L73 72 Q50 76 27 72 Z", "accent", puff=6, shadow=0.6),
            Part("M25 69.5 Q50 73.5 75 69.5 L75 84 Q50 86 25 84 Z", puff=3),
            Part("M14 52 Q14 45 21 45 Q29 46 29 53 L29 84 Q21 86.5 16 84 Z", puff=5, twin=True, shadow=0.5),
        ),
    },
    ("velvet", "linen", "leather", "wool"),
    ("Home", "Furniture", "Armchairs"),
    (190, 780),
    stands=True,
    print_scale=0.7,
    nouns={"wingback": "wingback armchair"},
)

HOMEWARE: dict[str, Shape] = {
    "mug": MUG,
    "teapot": TEAPOT,
    "vase": VASE,
    "lamp": LAMP,
    "cushion": CUSHION,
    "notebook": NOTEBOOK,
    "armchair": ARMCHAIR,
}

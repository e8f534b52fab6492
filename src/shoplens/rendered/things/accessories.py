"""Hats, scarves, socks, umbrellas and watches."""

from __future__ import annotations

from shoplens.images.drawing.parts import Part, cord, line, seam
from shoplens.rendered.things.shape import Shape

_CROWN = "M17 63 C14 36 31 20 52 20 C73 20 84 38 83 62 Q50 68 17 63 Z"
CAP = Shape(
    {
        "baseball": (
            Part(_CROWN, puff=13, folds=("M52 20 C42 30 37 45 36 65", "M52 20 C64 30 70 45 70 64")),
            line("M52 20.5 C42 30 37 45 36 65", "trim", 0.6),
            line("M52 20.5 C64 30 70 45 70 64", "trim", 0.6),
            *(Part(f"E {x} {y} 1.1 1.3", "dark", "flat", 0.4, shadow=0) for x, y in ((32, 40), (54, 37), (72, 42))),
            Part(
                "M17 60 C8 63 0.5 70 3 77 C14 74.5 34 71.5 55 71.5 Q63 70 66 65.6 Q40 67.5 17 60 Z",
                "accent",
                "soft",
                3.0,
                shadow=0.4,
            ),
            seam("M7 73.6 C18 71 36 69 56 69"),
            Part("E 52 19.6 3 1.9", "accent", "soft", 1.6),
        ),
        "flat cap": (
            Part(
                "M10 64 C12 46 32 34 58 32 C80 31 93 42 91 62 Q70 70 52 69 Q28 70 10 64 Z",
                puff=13,
                folds=("M34 40 Q30 52 32 64", "M70 36 Q76 50 74 64"),
            ),
            Part("M7 66 C10 58 22 57 40 62 Q48 65 54 69.5 C36 76 14 75 7 66 Z", "accent", "soft", 3.0, shadow=0.5),
            seam("M40 37 C34 46 34 56 38 62"),
            Part("E 58 32.6 2.6 1.5", "accent", "soft", 1.4),
        ),
    },
    ("cotton", "wool", "denim", "corduroy"),
    ("Accessories", "Hats", "Caps"),
    (14, 45),
    print_scale=0.8,
    nouns={"baseball": "baseball cap", "flat cap": "flat cap"},
)

_DOME = "M16 68 C14 36 30 20 50 20 C70 20 86 36 84 68 Z"
_DOME_FOLDS = ("M50 20 C40 30 34 46 32 66", "M50 20 C60 30 66 46 68 66", "M50 20 L50 66")
_CUFF = Part("M13.5 64 Q50 58 86.5 64 L86.5 82 Q50 89 13.5 82 Z", "accent", "soft", 5.0, shadow=0.5, texture="ribbing")
BEANIE = Shape(
    {
        "cuffed": (Part(_DOME, puff=15, folds=_DOME_FOLDS), _CUFF),
        "bobble": (
            Part("E 50 17 11 10.5", "accent", "soft", 9, texture="wool"),
            Part(_DOME, puff=15, folds=_DOME_FOLDS),
            _CUFF,
        ),
        "slouchy": (
            Part(
                "M17 70 C14 44 24 18 46 14 C66 10 92 22 86 42 C84 52 83 60 83 70 Z",
                puff=14,
                folds=("M24 40 Q44 30 64 34", "M70 24 Q78 34 76 50", "M30 56 Q50 48 72 54"),
            ),
            Part("M14.5 66 Q50 61 85.5 66 L85 78 Q50 84 15 78 Z", "accent", "soft", 4.0, shadow=0.4, texture="ribbing"),
        ),
    },
    ("knit", "wool", "cotton"),
    ("Accessories", "Hats", "Beanies"),
    (12, 39),
    print_scale=0.8,
    nouns={"bobble": "bobble hat", "slouchy": "slouchy beanie"},
)


def _fringe(left: float, right: float, top: float, lean: float) -> tuple[Part, ...]:
    count = int((right - left) / 2.4)
    xs = [left + 1.2 + (right - left - 2.4) * k / (count - 1) for k in range(count)]
    return tuple(
        cord(f"M{x:.2f} {top} Q{x + lean:.2f} {top + 4} {x + lean * 0.5:.2f} {top + 7.5}", "accent", 1.2) for x in xs
    )


SCARF = Shape(
    {
        "looped": (
            Part("M50 10 C30 10 22 18 24 28 C30 40 42 44 50 44", "trim", "soft", 7, mirrored=True),
            *_fringe(52.5, 70, 84, 1.0),
            Part(
                "M52 34 L68 32 C70 50 69 66 70.5 85 L52 85.5 C53 66 50 50 52 34 Z",
                puff=6,
                folds=("M58 40 Q59 60 58 84", "M64 40 Q65 60 65 84"),
            ),
            *_fringe(29, 48, 91, -0.8),
            Part(
                "M34 34 L51 38 C51 56 49 74 48.5 92 L28.5 92 C31 74 33 54 34 34 Z",
                puff=6,
                folds=("M41 42 Q39 64 36 90", "M46 42 Q45 64 43 90"),
                shadow=0.5,
            ),
            Part(
                "M24 24 C26 38 40 47 52 47 C64 47 76 38 76 24 C70 33 60 36 50 36 C40 36 30 33 24 24 Z",
                puff=6,
                folds=("M28 32 Q42 43 54 42", "M48 40 Q64 40 72 31"),
                shadow=0.55,
            ),
        ),
        "folded": (
            *_fringe(25, 75, 83, 0.6),
            Part("M26 14 L74 14 L75 84 L25 84 Z", puff=7, folds=("M36 16 Q35 50 36 82", "M64 16 Q65 50 63 82")),
            Part("M22 12 Q50 7 78 12 L78.5 48 Q50 53 21.5 48 Z", puff=7, shadow=0.6, folds=("M30 20 Q48 24 70 19",)),
            line("M22.5 44.6 Q50 49.4 77.5 44.6", "accent", 1.6),
        ),
    },
    ("wool", "silk", "knit", "linen"),
    ("Accessories", "Scarves"),
    (16, 79),
    nouns={"folded": "stole"},
)

_SOCK = "M30 10 L50 10 C50 26 49 40 50 52 C54 60 68 66 74 74 C78 82 72 89 62 88 C50 86 36 76 31 62 C29 48 30 30 30 10 Z"


def _sock(dx: float, dy: float, top: float) -> tuple[Part, ...]:
    def at(path: str) -> str:
        out, x = [], True
        for token in path.split():
            head = token[0] if token[0].isalpha() else ""
            if token[len(head) :]:
                out.append(f"{head}{float(token[len(head) :]) + (dx if x else dy):.2f}")
                x = not x
            else:
                out.append(head)
        return " ".join(out)

    heel = "M31.2 61 C33 56 40 52 46 57 C47 66 44 72 40.5 74.5 C36 71 33 67 31.2 61 Z"
    toe = "M64 67.5 C68 68.5 72 71 74 74 C78 82 72 89 62 88 C58 82 60 72 64 67.5 Z"
    cuff = f"M29.4 {top} Q40 {top + 2} 50.6 {top} L50.4 {top + 9} Q40 {top + 11} 29.6 {top + 9} Z"
    leg = _SOCK.replace("M30 10 L50 10", f"M30 {top} L50 {top}").replace("30 30 30 10 Z", f"30 {top + 14} 30 {top} Z")
    leg = leg.replace("C50 26 49 40 50 52", f"C50 {top + 10} 49 44 50 52")
    return (
        Part(at(leg), puff=6, folds=tuple(at(f) for f in ("M33 48 Q40 52 47 49", "M34 56 Q40 57 46 56"))),
        *(Part(at(p), "accent", "soft", 2.4, shadow=0.08) for p in (heel, toe)),
        Part(at(cuff), "accent", "soft", 2.0, shadow=0.2, texture="ribbing"),
    )


SOCKS = Shape(
    {
        "crew": (*_sock(-10, 0, 14), *_sock(12, 3, 14)),
        "ankle": (*_sock(-10, -8, 36), *_sock(12, -4, 36)),
        "knee-high": (*_sock(-12, 0, 3), *_sock(13, 6, 3)),
    },
    ("cotton", "wool", "knit"),
    ("Clothing", "Socks"),
    (5, 19),
    print_scale=0.62,
    nouns={"ankle": "ankle socks", "knee-high": "knee-high socks", "crew": "socks"},
)

_CANOPY_RIBS = ("M50 10 C36 18 26 34 22 51", "M50 10 C64 18 74 34 78 51", "M50 10 L50 51")
_UMBRELLA_TOP = (cord("M50 4 L50 12", "steel", 1.4),)
_J_HANDLE = (
    Part("M50 40 L50 82", "steel", "tube", 0.8, stroke=1.6),
    cord("M50 76 L50 86 C50 97 37 97 37 87", "accent", 3.4),
)
UMBRELLA = Shape(
    {
        "classic": (
            *_UMBRELLA_TOP,
            *_J_HANDLE,
            Part(
                "M50 10 C28 10 9 26 7 53 Q15 45.5 22 51.5 Q36 43 50 51.5",
                mirrored=True,
                puff=14,
                folds=_CANOPY_RIBS,
                shadow=0.6,
            ),
        ),
        "dome": (
            *_UMBRELLA_TOP,
            *_J_HANDLE,
            Part(
                "M13 64 C9 30 28 10 50 10 C72 10 91 30 87 64 Q80 57 72 62 Q61 55 50 62 Q39 55 28 62 Q20 57 13 64 Z",
                puff=15,
                folds=("M50 10 C36 20 29 42 28 62", "M50 10 C64 20 71 42 72 62", "M50 10 L50 62"),
                shadow=0.6,
            ),
        ),
        "folded": (
            cord("M50 3 L50 12", "steel", 1.4),
            cord("M50 78 L50 88 C50 98 38 98 38 89", "accent", 3.4),
            Part(
                "M50 9 C46 22 42 40 41.5 56 C41.5 66 45 74 47.5 79 L52.5 79 C55 74 58.5 66 58.5 56 C58 40 54 22 50 9 Z",
                puff=6,
                folds=("M49 14 C46 36 44 56 48 78", "M51 14 C54 36 56 56 51 78"),
            ),
            Part("M41.3 55 Q50 60 58.7 55 L58.5 59.5 Q50 64.5 41.5 59.5 Z", "accent", "soft", 1.4),
        ),
    },
    ("nylon", "canvas"),
    ("Accessories", "Umbrellas"),
    (15, 69),
    print_scale=0.95,
    nouns={"dome": "dome umbrella", "folded": "stick umbrella"},
)

_STRAP = (
    Part("M40.5 4 Q50 2.5 59.5 4 L60.5 36 L39.5 36 Z", puff=3.5),
    Part("M39.5 64 L60.5 64 L59.5 95 Q50 98 40.5 95 Z", puff=3.5),
    *(Part(f"E 50 {y} 1 1.3", "dark", "flat", 0.3, shadow=0) for y in (82, 87, 92)),
    seam("M42.2 6 L41.6 34", twin=True),
    seam("M41.6 66 L42.2 93", twin=True),
)
_TICKS = tuple(
    line(f"M{50 + 15.5 * x:.2f} {50 + 15.5 * y:.2f} L{50 + 18 * x:.2f} {50 + 18 * y:.2f}", "mark", 0.9)
    for x, y in (
        (0, -1),
        (0.5, -0.866),
        (0.866, -0.5),
        (1, 0),
        (0.866, 0.5),
        (0.5, 0.866),
        (0, 1),
        (-0.5, 0.866),
        (-0.866, 0.5),
        (-1, 0),
        (-0.866, -0.5),
        (-0.5, -0.866),
    )
)
_HANDS = (
    line("M50 50 L42.5 43.5", "mark", 1.7),
    line("M50 50 L61 40.5", "mark", 1.2),
    Part("E 50 50 1.5 1.5", "steel", "soft", 1.0),
)
WATCH = Shape(
    {
        "round": (
            *_STRAP,
            Part("M72 48 L76.5 48 L76.5 52.4 L72 52.4 Z", "steel", "soft", 1.0),
            Part("E 50 50 23.5 23.5", "steel", "soft", 3.2, shadow=0.5),
            Part("E 50 50 19.6 19.6", "accent", "flat", 0.8, shadow=0.0, texture="paper"),
            *_TICKS,
            *_HANDS,
        ),
        "square": (
            *_STRAP,
            Part("M71 48 L75 48 L75 52.4 L71 52.4 Z", "steel", "soft", 1.0),
            Part(
                "M31 28 L69 28 Q72 28 72 31 L72 69 Q72 72 69 72 L31 72 Q28 72 28 69 L28 31 Q28 28 31 28 Z",
                "steel",
                "soft",
                3.0,
                shadow=0.5,
            ),
            Part("M32.4 31.5 L67.6 31.5 L67.6 68.5 L32.4 68.5 Z", "accent", "flat", 0.8, shadow=0.0, texture="paper"),
            *_TICKS[::3],
            *_HANDS,
        ),
    },
    ("leather", "canvas", "suede"),
    ("Accessories", "Watches"),
    (49, 259),
    print_scale=0.42,
    nouns={"square": "square watch"},
)

ACCESSORIES: dict[str, Shape] = {
    "cap": CAP,
    "beanie": BEANIE,
    "scarf": SCARF,
    "socks": SOCKS,
    "umbrella": UMBRELLA,
    "watch": WATCH,
}

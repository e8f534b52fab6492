"""Options that steer a search, for every command that searches; and what they say, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from shoplens.errors import InvalidValue
from shoplens.preferences import MAX_WEIGHT, fold_name
from shoplens.ranking.strategies import STRATEGIES

Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="NAME=NUMBER",
        help="How much a dimension counts, e.g. color=3; 0 leaves it out. Once for each. See `shoplens dimensions`.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Use the weights of this name in shoplens.toml.", show_default=False)
]
Explain = Annotated[bool, typer.Option("--explain", help="Show what each score is made of, and what would move it.")]
Facets = Annotated[
    list[str] | None,
    typer.Option(
        "--facet", metavar="FIELD", help="Count the values of this field. May be repeated.", show_default=False
    ),
]
Predicted = Annotated[
    float | None,
    typer.Option(
        "--min-probability",
        metavar="P",
        help="Let --where also take values that the filters predict with this probability or more, .5 to .99, "
        "where the feed is silent.",
        show_default=False,
    ),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color", help="Look for this colour: '#2e7d32', or a name. Alone or with a photo.", show_default=False
    ),
]
Unlike = Annotated[
    str | None,
    typer.Option("--negative", metavar="PHOTO", help="Rank down what is like this photo.", show_default=False),
]
BestStrategy = Annotated[
    str,
    typer.Option(
        "--strategy",
        help=f"How to answer: {', '.join(STRATEGIES)}. \\[default: the best that the store is ready for]",
        show_default=False,
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Condition, e.g. 'color = green and price < 40'. Several must all hold.", show_default=False),
]
PerGroup = Annotated[int | None, typer.Option(help="Most variants of one design in the answer.", show_default=False)]
SoldOut = Annotated[str, typer.Option(help="Products out of stock: show, hide or last.")]
K = Annotated[int, typer.Option("-k", help="How many products.")]
_SOLD_OUT = ("show", "hide", "last")


def weights(given: Sequence[str] | None) -> dict[str, float]:
    """Dimension -> weight, from texts ``name=number``. A name may hold ``=``, the number cannot.

    Raises:
        InvalidValue: ``bad-weight``: another form, no number of 0 to a million, or a dimension that is named twice.

    >>> weights(["color=3", "attributes.shape = .5"])
    {'color': 3.0, 'attributes.shape': 0.5}
    """
    found: dict[str, float] = {}
    for text in given or ():
        name, equals, number = (part.strip() for part in text.rpartition("="))
        if not (equals and name):
            raise _bad_weight(f"--weight is {text!r}.", "Write NAME=NUMBER, e.g. --weight color=3.")
        weight = _number(number)
        if not 0 <= weight <= MAX_WEIGHT:
            fix = f"Give a number of 0 to {MAX_WEIGHT:,.0f}, e.g. {name}=3; 0 leaves the dimension out."
            raise _bad_weight(f"--weight gives {name!r} {number or 'nothing'}.", fix)
        if any(fold_name(name) == fold_name(other) for other in found):
            raise _bad_weight(f"--weight names {name!r} twice.", "Name each dimension once.")
        found[name] = weight
    return found


def text(option: str, value: str | None) -> str:
    """What was given, or nothing.

    Raises:
        InvalidValue: an option that was given, and holds nothing.
    """
    if value is not None and not value.strip():
        raise InvalidValue(f"{option} is empty.", f"Give {option} something to hold, or leave it out.")
    return value or ""


def check_narrowing(where: Sequence[str] | None, sold_out: str, predicted: float | None) -> None:
    """Refuse what would be dropped in silence.

    Raises:
        InvalidValue: no such way with sold-out products; ``no-condition``, ``--min-probability`` without
            ``--where``.
    """
    if sold_out not in _SOLD_OUT:
        raise InvalidValue(f"--sold-out is {sold_out!r}.", f"Choose one of: {', '.join(_SOLD_OUT)}.")
    if predicted is not None and not where:
        raise InvalidValue(
            "--min-probability widens conditions, and there is none.",
            "Give --where, e.g. --where 'color = green', or leave --min-probability out.",
            code="no-condition",
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _bad_weight(problem: str, fix: str) -> InvalidValue:
    return InvalidValue(problem, fix, code="bad-weight")

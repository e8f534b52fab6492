"""Options that steer a search, for every command that searches, and the Steering that they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, get_args

import typer

from shoplens import types
from shoplens.cli.options import choice_option, flag
from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import STRATEGIES
from shoplens.settings import MAX_WEIGHT, fold_name
from shoplens.types import Steering

Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="NAME=NUMBER",
        help="Weight of a dimension, such as color=3; 0 ignores the dimension. Repeat the option for several "
        "dimensions. `shoplens dimensions` lists them.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="Use the weights of this profile of shoplens.toml.", show_default=False
    ),
]
Explain = Annotated[bool, flag("--explain", "Show the parts of each score, and the rank without each dimension.")]
Facets = Annotated[
    list[str] | None,
    typer.Option(
        "--facet",
        metavar="FIELD",
        help="Count how many products have each value of this field. Repeat the option for several fields.",
        show_default=False,
    ),
]
Predicted = Annotated[
    float | None,
    typer.Option(
        "--min-probability",
        metavar="P",
        help="Where the feed gives no value, let --where use a value that the filters predict with at least this "
        "probability, from 0.5 to 0.99. \\[default: predictions are not used]",
        show_default=False,
    ),
]
Color = Annotated[
    str | None,
    typer.Option(
        "--color",
        metavar="COLOUR",
        help="Search for this colour, such as '#2e7d32' or green, instead of the colours of the photo or product.",
        show_default=False,
    ),
]
Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="WORDS",
        help="Say in words what to search for, alone or with a photo, in English, German or French: 'in red', 'not "
        "striped', 'for children under 40'.",
        show_default=False,
    ),
]
Unlike = Annotated[
    str | None,
    typer.Option(
        "--negative",
        metavar="PHOTO",
        help="Give a lower score to products that are like this photo: a file or an address.",
        show_default=False,
    ),
]
BestStrategy = Annotated[
    str | None,
    choice_option(
        "--strategy",
        STRATEGIES,
        "Strategy that answers.",
        default="the best one that the store is ready for",
        code="unknown-strategy",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Show only products that meet this condition, such as 'color = green and price < 40'. Repeat the option "
        "for several conditions; all of them must hold.",
        show_default=False,
    ),
]
PerGroup = Annotated[
    int | None,
    typer.Option(
        "--per-group",
        metavar="N",
        help="Show at most this many variants of one design. \\[default: no limit]",
        show_default=False,
    ),
]
SoldOut = Annotated[
    types.SoldOut, choice_option("--sold-out", get_args(types.SoldOut), "Where to show products that are sold out.")
]
K = Annotated[int, typer.Option("-k", metavar="N", help="Number of products to show.")]


def build_steering(
    like: str | None = None,
    *,
    where: Sequence[str] | None,
    weight: Sequence[str] | None,
    profile: str | None,
    color: str | None,
    text: str | None,
    unlike: str | None,
    facet: Sequence[str] | None,
    predicted: float | None,
    explain: bool,
) -> Steering:
    """Return the steering that a command's options make, one argument for each option.

    Args:
        like: id of the product to start from.

    Raises:
        InvalidValue: an option is empty, ``bad-weight``, or ``no-condition``: ``--min-probability`` without
            ``--where``.
    """
    if predicted is not None and not where:
        raise InvalidValue(
            "--min-probability is given without --where, so there is no condition that could use predictions.",
            "Give --where, such as --where 'color = green', or leave --min-probability out.",
            code="no-condition",
        )
    return Steering(
        weights=parse_weights(weight),
        profile=_require_text("--profile", profile),
        like=_require_text("The id of the product", like),
        color=_require_text("--color", color),
        text=_require_text("--text", text),
        unlike=unlike,
        facets=tuple(dict.fromkeys(facet or ())),
        predicted=predicted,
        explain=explain,
    )


def parse_weights(texts: Sequence[str] | None) -> dict[str, float]:
    """Return dimension -> weight, from texts ``name=number``. A name may hold ``=``, the number cannot.

    Raises:
        InvalidValue: ``bad-weight``: another form, no number of 0 to a million, or a dimension that is named twice.

    >>> parse_weights(["color=3", "attributes.shape = .5"])
    {'color': 3.0, 'attributes.shape': 0.5}
    """
    weights: dict[str, float] = {}
    for text in texts or ():
        name, equals, number = (part.strip() for part in text.rpartition("="))
        if not (equals and name):
            raise _bad_weight(f"--weight is {text!r}.", "Write NAME=NUMBER, such as --weight color=3.")
        weight = _parse_number(number)
        if not 0 <= weight <= MAX_WEIGHT:
            fix = f"Give a number from 0 to {MAX_WEIGHT:,.0f}, such as {name}=3; 0 ignores the dimension."
            raise _bad_weight(f"--weight gives {name!r} the weight {number!r}.", fix)
        if any(fold_name(name) == fold_name(other) for other in weights):
            raise _bad_weight(f"--weight names {name!r} twice.", "Name each dimension once.")
        weights[name] = weight
    return weights


def _require_text(option: str, value: str | None) -> str:
    """Return the value, or an empty text where the option was not given.

    Raises:
        InvalidValue: the option was given an empty value.
    """
    if value is not None and not value.strip():
        raise InvalidValue(f"{option} is empty.", f"Give {option} a value, or leave it out.")
    return value or ""


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _bad_weight(problem: str, fix: str) -> InvalidValue:
    return InvalidValue(problem, fix, code="bad-weight")

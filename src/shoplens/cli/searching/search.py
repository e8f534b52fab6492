"""shoplens search"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.output import people
from shoplens.cli.searching import steering
from shoplens.cli.searching.answer import show
from shoplens.errors import InvalidValue
from shoplens.types import Region, Steering


def run(
    photo: Annotated[str | None, typer.Argument(help="Photo: a file or an http(s) URL.", show_default=False)] = None,
    store: options.Store = None,
    k: steering.K = 10,
    where: steering.Where = None,
    region: Annotated[
        str | None, typer.Option(help="Search for this part of the photo: X,Y,W,H in pixels.", show_default=False)
    ] = None,
    per_group: steering.PerGroup = None,
    sold_out: steering.SoldOut = "show",
    like: Annotated[
        str | None, typer.Option(help="Start from this product instead of a photo.", show_default=False)
    ] = None,
    color: steering.Color = None,
    unlike: steering.Unlike = None,
    weight: steering.Weights = None,
    profile: steering.Profile = None,
    explain: steering.Explain = False,
    facet: steering.Facets = None,
    predicted: steering.Predicted = None,
    strategy: steering.BestStrategy = "",
    precision: Annotated[
        float | None,
        typer.Option(help="Share of `exact` and of `not in this catalogue` that must be right. \\[default: 0.95]"),
    ] = None,
    remember: Annotated[
        bool | None,
        typer.Option(
            "--remember/--no-remember",
            help="Keep what is shown, never the photo, for `shoplens feedback`.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[str, typer.Option("--user", help="Who asks, to be able to forget them.", show_default=False)] = "",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find the products in a photo, like a product, or of a colour; most alike first."""
    steering.check_narrowing(where, sold_out, predicted)
    _check_example(photo, like, region)
    steered = Steering(
        weights=steering.weights(weight),
        profile=steering.text("--profile", profile),
        like=steering.text("--like", like),
        color=steering.text("--color", color),
        unlike=unlike,
        facets=tuple(dict.fromkeys(facet or ())),
        predicted=predicted,
        explain=explain,
    )
    settings = options.settings(store, model, allow_private)
    if user and not (settings.remember if remember is None else remember):
        raise InvalidValue(
            "--user is given, and the answer is not to be remembered.", "Add --remember.", code="not-kept"
        )
    with open_shop(settings) as shop:
        answer = shop.search(
            photo,
            k,
            where=where or (),
            region=Region.parse(region) if region else None,
            per_group=per_group,
            sold_out=sold_out,  # type: ignore[arg-type]  # checked above
            strategy=strategy,
            precision=precision,
            steering=steered,
            remember=remember,
            user=user,
        )
    show(answer, steered, json=json)
    if answer.remembered and not json:
        people.print(f"[dim]query {answer.query_id}[/]")


def _check_example(photo: str | None, like: str | None, region: str | None) -> None:
    """Refuse what one search cannot start from.

    Raises:
        InvalidValue: ``conflicting-query``, ``region-of-nothing``.
    """
    if photo is not None and like is not None:
        raise InvalidValue(
            f"Both the photo {photo} and --like {like} are given.",
            "Give one of them: a search starts from a photo or from a product.",
            code="conflicting-query",
        )
    if photo is None and region is not None:
        raise InvalidValue(
            "--region is a part of a photo, and there is none.",
            "Give a photo, or leave --region out.",
            code="region-of-nothing",
        )

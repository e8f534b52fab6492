"""shoplens search"""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.output import console
from shoplens.cli.searching import steering
from shoplens.cli.searching.answer import print_answer
from shoplens.cli.searching.pictures import write_pictures
from shoplens.cli.store_access import open_shop
from shoplens.errors import InvalidValue
from shoplens.types import Region


def run(
    photo: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHOTO ...",
            help="Photo to search with: a file, or an http or https address; several photos of one thing are ranked "
            "together. Without it, give --like, --color or --text.",
            show_default=False,
        ),
    ] = None,
    store: options.Store = None,
    k: steering.K = 10,
    where: steering.Where = None,
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="X,Y,W,H",
            help="Search with this part of the photo only: its left and upper edge, width and height in pixels.",
            show_default=False,
        ),
    ] = None,
    per_group: steering.PerGroup = None,
    sold_out: steering.SoldOut = "show",
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="ID",
            help="Search for products like this one, instead of with a photo.",
            show_default=False,
        ),
    ] = None,
    text: steering.Text = None,
    color: steering.Color = None,
    unlike: steering.Unlike = None,
    weight: steering.Weights = None,
    profile: steering.Profile = None,
    explain: steering.Explain = False,
    facet: steering.Facets = None,
    predicted: steering.Predicted = None,
    strategy: steering.BestStrategy = None,
    precision: Annotated[
        float | None,
        typer.Option(
            "--precision",
            metavar="P",
            help="Share of the verdicts `exact` and `not in this catalogue` that must be right, from 0.5 to 0.99. "
            "\\[default: 0.95]",
            show_default=False,
        ),
    ] = None,
    objects: Annotated[
        bool,
        options.flag("--objects", "Search for each thing in the photo by itself, too; the answer names their boxes."),
    ] = False,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="FILE",
            help="Write a picture of the things that were found in the photo: everything else is faded.",
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions",
            metavar="FILE",
            help="Write a picture of the places that the photo and that of the first result have in common.",
            show_default=False,
        ),
    ] = None,
    remember: Annotated[
        bool | None,
        options.flag(
            "--remember/--no-remember",
            "Keep the products that are shown, but never the photo, so that `shoplens feedback` can refer to them. "
            "\\[default: the setting remember]",
            panel="Feedback",
        ),
    ] = None,
    user: Annotated[
        str,
        typer.Option(
            "--user",
            metavar="NAME",
            help="Name of the shopper, by which `shoplens feedback forget` finds the answer. It needs --remember.",
            show_default=False,
            rich_help_panel="Feedback",
        ),
    ] = "",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find the products in a photo, products like another one, of a colour, or in words. The most similar come first.

    Example: shoplens search hall.jpg -k 5 --where 'price < 40'
    """
    _check_query(photo, like, region)
    steered = steering.build_steering(
        like,
        where=where,
        weight=weight,
        profile=profile,
        color=color,
        text=text,
        unlike=unlike,
        facet=facet,
        predicted=predicted,
        explain=explain,
    )
    settings = options.read_settings(store, model, allow_private)
    if user and not (settings.remember if remember is None else remember):
        raise InvalidValue(
            "--user is given, but the answer is not remembered.",
            "Add --remember, or leave --user out.",
            code="not-kept",
        )
    with open_shop(settings) as shop:
        answer = shop.search(
            photo or None,
            k,
            where=where or (),
            region=Region.parse(region) if region else None,
            per_group=per_group,
            sold_out=sold_out,
            strategy=strategy or "",
            precision=precision,
            steering=steered,
            remember=remember,
            user=user,
            objects=objects,
        )
        draw = partial(write_pictures, shop, answer, photo or [], mask, regions)
        if json:  # an error is the only object that is printed
            draw()
        print_answer(answer, steered, json=json)
        if answer.remembered and not json:
            console.print(f"[dim]query {answer.query_id}[/]")
        if not json:
            draw()


def _check_query(photos: list[str] | None, like: str | None, region: str | None) -> None:
    """Refuse options that contradict each other.

    Raises:
        InvalidValue: ``conflicting-query``, ``region-of-nothing``.
    """
    if photos and like is not None:
        raise InvalidValue(
            f"Both the photo {photos[0]} and --like {like} are given.",
            "Give one of them: a search starts from a photo or from a product.",
            code="conflicting-query",
        )
    if not photos and region is not None:
        raise InvalidValue(
            "--region is given without a photo.", "Give a photo, or leave --region out.", code="region-of-nothing"
        )

"""shoplens similar"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.opened import open_shop
from shoplens.cli.searching import steering
from shoplens.cli.searching.answer import show
from shoplens.types import Steering


def run(
    product_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a product of the store.", show_default=False)],
    store: options.Store = None,
    k: steering.K = 10,
    where: steering.Where = None,
    per_group: steering.PerGroup = None,
    sold_out: steering.SoldOut = "show",
    color: steering.Color = None,
    unlike: steering.Unlike = None,
    weight: steering.Weights = None,
    profile: steering.Profile = None,
    explain: steering.Explain = False,
    facet: steering.Facets = None,
    predicted: steering.Predicted = None,
    strategy: steering.BestStrategy = "",
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find the products that are like one of the store, most alike first; itself is left out."""
    steering.check_narrowing(where, sold_out, predicted)
    steered = Steering(
        weights=steering.weights(weight),
        profile=steering.text("--profile", profile),
        like=steering.text("ID", product_id),
        color=steering.text("--color", color),
        unlike=unlike,
        facets=tuple(dict.fromkeys(facet or ())),
        predicted=predicted,
        explain=explain,
    )
    with open_shop(options.settings(store, model, allow_private)) as shop:
        answer = shop.search(
            None,
            k,
            where=where or (),
            per_group=per_group,
            sold_out=sold_out,  # type: ignore[arg-type]  # checked above
            strategy=strategy,
            steering=steered,
        )
    show(answer, steered, json=json)

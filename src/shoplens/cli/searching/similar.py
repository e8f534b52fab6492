"""shoplens similar"""

from typing import Annotated

import typer

from shoplens.cli import options
from shoplens.cli.searching import steering
from shoplens.cli.searching.answer import print_answer
from shoplens.cli.store_access import open_shop


def run(
    product_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id, SKU or GTIN of a product of the store.", show_default=False)
    ],
    store: options.Store = None,
    k: steering.K = 10,
    where: steering.Where = None,
    per_group: steering.PerGroup = None,
    sold_out: steering.SoldOut = "show",
    text: steering.Text = None,
    color: steering.Color = None,
    unlike: steering.Unlike = None,
    weight: steering.Weights = None,
    profile: steering.Profile = None,
    explain: steering.Explain = False,
    facet: steering.Facets = None,
    predicted: steering.Predicted = None,
    strategy: steering.BestStrategy = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find the products that are like a product of the store. The most similar come first; the product is left out.

    Example: shoplens similar MH01-Black --weight color=0
    """
    steered = steering.build_steering(
        product_id,
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
    with open_shop(options.read_settings(store, model, allow_private)) as shop:
        answer = shop.search(
            None,
            k,
            where=where or (),
            per_group=per_group,
            sold_out=sold_out,
            strategy=strategy or "",
            steering=steered,
        )
    print_answer(answer, steered, json=json)

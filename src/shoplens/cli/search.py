"""shoplens search"""

import dataclasses
from typing import Annotated, Any

import typer
from rich.table import Table

from shoplens.cli import options
from shoplens.cli.output import people, plain, print_json, print_table
from shoplens.errors import InvalidValue
from shoplens.ranking.judging import VERDICTS, verdict_words
from shoplens.ranking.strategies import DEFAULT
from shoplens.shop import Shop
from shoplens.types import Answer, Product, Region, Result

SOLD_OUT = ("show", "hide", "last")


def run(
    photo: Annotated[str, typer.Argument(help="Photo: a file or an http(s) URL.", show_default=False)],
    store: options.Store = None,
    k: Annotated[int, typer.Option("-k", help="How many products.")] = 10,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Condition, e.g. 'color = green and price < 40'. Several must all hold.", show_default=False),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Search for this part of the photo: X,Y,W,H in pixels.", show_default=False)
    ] = None,
    per_group: Annotated[
        int | None, typer.Option(help="Most variants of one design in the answer.", show_default=False)
    ] = None,
    sold_out: Annotated[str, typer.Option(help="Products out of stock: show, hide or last.")] = "show",
    strategy: options.Strategy = DEFAULT,
    precision: Annotated[
        float | None,
        typer.Option(help="Share of `exact` and of `not in this catalogue` that must be right. [default: 0.95]"),
    ] = None,
    model: options.Model = None,
    allow_private: options.AllowPrivate = None,
    json: options.Json = False,
) -> None:
    """Find the products in a photo, most alike first."""
    if sold_out not in SOLD_OUT:
        raise InvalidValue(f"--sold-out is {sold_out!r}.", f"Choose one of: {', '.join(SOLD_OUT)}.")
    with Shop(settings=options.settings(store, model, allow_private)) as shop:
        answer = shop.search(
            photo,
            k,
            where=where or (),
            region=Region.parsed(region) if region else None,
            per_group=per_group,
            sold_out=sold_out,  # type: ignore[arg-type]  # checked above
            strategy=strategy,
            precision=precision,
        )
    if json:
        print_json(as_json(answer))
    else:
        print_table(result_table(answer))
    if answer.results and not json:
        people.print(f"[bold]{verdict_words(answer.verdict)}[/]: {plain(VERDICTS[answer.verdict])}")
    for note in answer.notes:
        people.print(plain(note))
    if not json:
        people.print(f"[dim]{plain(answer.strategy)} · {answer.took_ms['total']:.0f} ms[/]")


def as_json(answer: Answer) -> dict[str, Any]:
    """The documented JSON object of an answer."""
    return {
        "query_id": answer.query_id,
        "query": {
            "source": answer.source,
            "region": dataclasses.astuple(answer.region) if answer.region else None,
            "model": answer.model,
        },
        "strategy": {"used": answer.strategy, "fallback_from": answer.fallback},
        "verdict": answer.verdict,
        "absent_probability": answer.absent_probability,
        "results": [_row(result) for result in answer.results],
        "notes": list(answer.notes),
        "took_ms": dict(answer.took_ms),
    }


def _row(result: Result) -> dict[str, Any]:
    product = {
        field.name: getattr(result.product, field.name)
        for field in dataclasses.fields(Product)
        if field.name not in ("id", "title")
    }
    return {
        "rank": result.rank,
        "product_id": result.product.id,
        "title": result.product.title,
        "score": result.score,
        "photo": result.photo,
        "same_photo": result.same_photo,
        "match_probability": result.match_probability,
        "parts": dict(result.parts),
        **product,
    }


def result_table(answer: Answer) -> Table:
    """A row per product."""
    table = Table("", "score", "product", "title", "match", "price", "attributes", box=None, pad_edge=False)
    for result in answer.results:
        product = result.product
        shown = [
            ", ".join(map(str, product.attributes[name]))
            for name in ("color", "pattern", "material")
            if name in product.attributes
        ]
        price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
        mark = " [green]same photo[/]" if result.same_photo else ""
        table.add_row(
            str(result.rank),
            f"{result.score:.3f}",
            plain(product.id),
            plain(product.title) + mark,
            "" if result.match_probability is None else f"{result.match_probability:.0%}",
            plain(price),
            plain(" · ".join(shown)),
        )
    return table

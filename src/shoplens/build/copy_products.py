"""Copies the products of one generation into another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoplens.build.filter_scoring import load_scorer
from shoplens.build.product_encoder import EncodingCaches
from shoplens.build.run import BATCH, Run, write_entries
from shoplens.store.generation import Generation
from shoplens.types.iteration import batches

if TYPE_CHECKING:
    from shoplens.build.builder import Builder


def copy_products(
    builder: Builder, live: Generation, generation: Generation, run: Run, ids: Sequence[str] | None = None
) -> None:
    """Write the live generation's products, or those with these ids, into another generation.

    What is there already as it should be is left alone; what an interrupted build left is removed. Vectors are taken
    over where both are of one encoding.
    """
    products = live.index.count() if ids is None else len(ids)
    scorer = load_scorer(generation)
    same = [live.index] if live.manifest.encoding == generation.manifest.encoding else []
    caches = EncodingCaches(
        run.features, [generation.index, *same], next(iter(same), None), scorer, generation.look, builder.reader
    )
    encoder = builder.product_encoder(generation, caches)
    records = live.index.all_records() if ids is None else live.index.records(ids)
    items = (record.product for record in records)
    copied = set[str]()
    for batch in batches(encoder.outcomes(items), BATCH):
        for outcome in batch:
            run.summary.count(outcome)
            for rejection in outcome.rejections:
                run.report.add(rejection)
        run.features.flush()
        entries = [outcome.entry for outcome in batch if outcome.entry is not None]
        write_entries(generation.index, entries, run.summary, scorer)
        copied.update(entry.product.id for entry in entries)
        builder.progress("Reading the products", len(copied), products)
    generation.index.remove(set(generation.index.ids() if ids is None else ids) - copied)


def copy_written_products(builder: Builder, live: Generation, generation: Generation, run: Run) -> None:
    """Copy the products that other processes wrote to the live generation while this one was built; then switch.

    Only a store on a server has other writers. What they write after this call waits for the switch.
    """
    if ids := builder.store.layout.close_write_log():
        copy_products(builder, live, generation, run, ids)

"""A training from end to end: proved, reported, and taken if it is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shoplens.build import Builder
from shoplens.evaluation.evaluate import Bench
from shoplens.training.look import LookOptions, LookTraining, forget_checkpoints, proved_look
from shoplens.training.report import write_look_report


def trained_look(bench: Bench, builder: Builder, options: LookOptions, page: Path | None = None) -> LookTraining:
    """Train a look; if it is better (or forced), a new generation of its vectors takes over in one step.

    Until then nothing that answers searches is changed, and products may be added and removed: the new generation
    holds what there is when it is filled.

    Args:
        bench: of the store that is read.
        builder: of the same store.
        page: HTML file to write, with a JSON file beside it.

    Raises:
        InvalidValue, StoreError: as :func:`~shoplens.training.look.proved_look`.
    """
    proved = proved_look(bench, options)
    training = proved.training
    if proved.look is not None:
        builder.take_look(proved.look)
        training = replace(training, taken=True, model=proved.look.model)
    forget_checkpoints(bench.store.folder)
    if page is not None:
        bench.progress("Drawing the maps", 0, 0)
        with bench.reading() as generation:
            write_look_report(page, proved, training, generation.index, bench.small_picture)
    return training

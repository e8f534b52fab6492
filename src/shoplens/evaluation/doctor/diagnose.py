"""The doctor on one screen: a store -> findings of every kind that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from shoplens.build.filter_scoring import scorer_of
from shoplens.build.photo_features import feature_model
from shoplens.evaluation.doctor.duplicates import near_duplicates
from shoplens.evaluation.doctor.findings import Diagnosis, Finding, Kind, kinds_named, sort_findings
from shoplens.evaluation.doctor.hubs import hub_findings
from shoplens.evaluation.doctor.neighbours import Draw, neighbourhood
from shoplens.evaluation.doctor.opinions import opinions, visible_dimensions
from shoplens.evaluation.doctor.shared_photos import shared_photos
from shoplens.evaluation.doctor.unusable import without_usable_photo
from shoplens.evaluation.doctor.values import value_findings
from shoplens.evaluation.doctor.wording import count
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.generation import Generation

VALUES: tuple[Kind, ...] = ("wrong-value", "missing-value")
NEIGHBOURS: tuple[Kind, ...] = ("near-duplicates", "never-found", "always-found")


class _Part(NamedTuple):
    """Findings of some kinds, and what could not be looked at."""

    findings: list[Finding]
    notes: list[str]


def diagnose(bench: EvaluationContext, kinds: Iterable[str] = (), seed: int = 0) -> Diagnosis:
    """Everything of these kinds that is to be found in the live generation; nothing is changed.

    Args:
        kinds: names of :data:`~shoplens.evaluation.doctor.findings.KINDS`; all where none is named.
        seed: of the draw of photos that are asked for their neighbours.

    Raises:
        InvalidValue: ``unknown-kind``.
        StoreError: ``other-model``, ``unfinished-store``, ``damaged-filters``.
    """
    wanted = kinds_named(kinds)
    with bench.reading() as generation:
        parts = list(_parts(bench, generation, wanted, Draw(seed=seed)))
        return Diagnosis(
            sort_findings(finding for part in parts for finding in part.findings),
            wanted,
            generation.index.count(),
            generation.manifest.model,
            tuple(note for part in parts for note in part.notes),
        )


def _parts(bench: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...], draw: Draw) -> Iterator[_Part]:
    index = generation.index
    if not set(VALUES).isdisjoint(kinds):
        yield _values(bench, generation, kinds)
    if not set(NEIGHBOURS).isdisjoint(kinds):
        yield _neighbours(bench, generation, kinds, draw)
    if "shared-photo" in kinds:
        bench.progress("Looking for shared photos", 0, 0)
        yield _Part(list(shared_photos(index)), [])
    if "no-usable-photo" in kinds:
        yield _Part(list(without_usable_photo(bench.store.folder / "reports", index)), [])


def _values(bench: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...]) -> _Part:
    scorer = scorer_of(generation)
    if scorer is None:
        told = "This store has no filters, so values were not compared with photos: shoplens train filters."
        return _Part([], [told])
    dimensions = visible_dimensions(scorer)
    if not dimensions:
        return _Part([], ["The photos show none of the feed's dimensions, so no values were compared with them."])
    with closing(
        FeatureFile(bench.store.folder / FEATURES, feature_model(generation.embedder_for(bench.embedder)))
    ) as features:
        read = opinions(generation.index, scorer, features, bench.progress)
        found = value_findings(read, dimensions, kinds)
    notes = [f"Values were compared in {', '.join(one.name for one in dimensions)}."]
    if found.passed_over:
        notes.append(
            f"{count(found.passed_over, 'product')} without features of photos passed over: shoplens train filters."
        )
    return _Part(found.findings, notes)


def _neighbours(bench: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...], draw: Draw) -> _Part:
    twins = "near-duplicates" in kinds
    if not twins:
        draw = Draw(draw.queries, 0, draw.seed)
    around = neighbourhood(generation.index, draw, bench.progress)
    findings = list(near_duplicates(around.twins)) if twins else []
    notes: list[str] = []
    if twins and around.asked < around.photos:
        notes.append(f"Near duplicates were looked for from {around.asked:,} of {around.photos:,} photos.")
    if set(kinds) & {"never-found", "always-found"}:
        hubs = hub_findings(generation.index, around, kinds)
        findings, notes = findings + hubs.findings, notes + hubs.notes
    return _Part(findings, notes)

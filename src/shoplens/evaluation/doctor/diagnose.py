"""Runs the doctor: searches a store for the problems of every requested kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from shoplens.build.filter_scoring import load_scorer
from shoplens.build.photo_features import feature_model
from shoplens.evaluation.doctor.duplicates import find_near_duplicates
from shoplens.evaluation.doctor.finding_text import format_count
from shoplens.evaluation.doctor.findings import Diagnosis, Finding, Kind, select_kinds, sort_findings
from shoplens.evaluation.doctor.hubs import find_hubs
from shoplens.evaluation.doctor.neighbours import SampleOptions, find_neighbours
from shoplens.evaluation.doctor.predictions import predict_products, visible_dimensions
from shoplens.evaluation.doctor.shared_photos import find_shared_photos
from shoplens.evaluation.doctor.unusable_photos import find_products_without_photo
from shoplens.evaluation.doctor.values import find_value_errors
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.generation import Generation

VALUES: tuple[Kind, ...] = ("wrong-value", "missing-value")
NEIGHBOURS: tuple[Kind, ...] = ("near-duplicates", "never-found", "always-found")


class _PartialDiagnosis(NamedTuple):
    """Findings of some kinds, and notes on what could not be examined."""

    findings: list[Finding]
    notes: list[str]


def diagnose(context: EvaluationContext, kinds: Iterable[str] = (), seed: int = 0) -> Diagnosis:
    """Find all problems of these kinds in the live generation; the store is not changed.

    Args:
        kinds: names of :data:`~shoplens.evaluation.doctor.findings.KINDS`; all kinds where none is named.
        seed: seed of the sample of photos whose neighbours are looked up.

    Raises:
        InvalidValue: ``unknown-kind``.
        StoreError: ``other-model``, ``unfinished-store``, ``damaged-filters``.
    """
    selected = select_kinds(kinds)
    with context.reading() as generation:
        parts = list(_diagnose_parts(context, generation, selected, SampleOptions(seed=seed)))
        return Diagnosis(
            sort_findings(finding for part in parts for finding in part.findings),
            selected,
            generation.index.count(),
            generation.manifest.model,
            tuple(note for part in parts for note in part.notes),
        )


def _diagnose_parts(
    context: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...], sample: SampleOptions
) -> Iterator[_PartialDiagnosis]:
    index = generation.index
    if not set(VALUES).isdisjoint(kinds):
        yield _diagnose_values(context, generation, kinds)
    if not set(NEIGHBOURS).isdisjoint(kinds):
        yield _diagnose_neighbours(context, generation, kinds, sample)
    if "shared-photo" in kinds:
        context.progress("Looking for shared photos", 0, 0)
        yield _PartialDiagnosis(list(find_shared_photos(index)), [])
    if "no-usable-photo" in kinds:
        yield _PartialDiagnosis(list(find_products_without_photo(context.store.folder / "reports", index)), [])


def _diagnose_values(context: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...]) -> _PartialDiagnosis:
    scorer = load_scorer(generation)
    if scorer is None:
        note = "This store has no filters, so values were not compared with photos. Run `shoplens train filters`."
        return _PartialDiagnosis([], [note])
    dimensions = visible_dimensions(scorer)
    if not dimensions:
        note = "The photos show none of the feed's dimensions, so no values were compared with them."
        return _PartialDiagnosis([], [note])
    with closing(
        FeatureFile(context.store.folder / FEATURES, feature_model(generation.embedder_for(context.embedder)))
    ) as features:
        predictions = predict_products(generation.index, scorer, features, context.progress)
        result = find_value_errors(predictions, dimensions, kinds)
    notes = [f"Values were compared in {', '.join(dimension.name for dimension in dimensions)}."]
    if result.products_without_features:
        notes.append(
            f"The values of {format_count(result.products_without_features, 'product')} were not compared, because "
            "the features of the photos are not stored. Run `shoplens train filters`."
        )
    return _PartialDiagnosis(result.findings, notes)


def _diagnose_neighbours(
    context: EvaluationContext, generation: Generation, kinds: tuple[Kind, ...], sample: SampleOptions
) -> _PartialDiagnosis:
    with_duplicates = "near-duplicates" in kinds
    if not with_duplicates:
        sample = replace(sample, lookups=0)
    neighbours = find_neighbours(generation.index, sample, context.progress)
    findings = list(find_near_duplicates(neighbours.similar_pairs)) if with_duplicates else []
    notes: list[str] = []
    if with_duplicates and neighbours.lookups < neighbours.photos:
        notes.append(f"Near duplicates were searched for {neighbours.lookups:,} of the {neighbours.photos:,} photos.")
    if set(kinds) & {"never-found", "always-found"}:
        hubs = find_hubs(generation.index, neighbours, kinds)
        findings, notes = findings + hubs.findings, notes + hubs.notes
    return _PartialDiagnosis(findings, notes)

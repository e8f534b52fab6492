"""The whole query path: photo (+ region) -> embedding -> candidates -> ranked results."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from shoplens.build import check_model
from shoplens.candidates import candidates, results
from shoplens.embedders import Embedder, embedded
from shoplens.images import PhotoSource, Picture, decoded, photo_size
from shoplens.index.conditions import Condition, leaves, parsed_all
from shoplens.index.entry import Index
from shoplens.index.store import Store
from shoplens.ranking.judging import judged
from shoplens.ranking.match import REFERENCE, Calibration, claims_anything
from shoplens.ranking.stored_calibration import calibration_of
from shoplens.ranking.strategies import QueryPhoto, Strategy, strategy_named
from shoplens.settings import Settings
from shoplens.types import Answer, Query, Result


def search(store: Store, query: Query, embedder: Embedder, source: PhotoSource, settings: Settings) -> Answer:
    """Products for a photo, best first.

    Raises:
        PhotoError: the photo cannot be used.
        ConditionError: ``where`` names an unknown field or makes no sense.
        StoreError: the store was made by another model, or was never finished.
        InvalidValue: the region lies outside the photo, or there is no such strategy.
    """
    with store.reading() as generation:
        check_model(generation, embedder)
        strategy = strategy_named(query.strategy)
        calibration = calibration_of(generation, strategy.name)
        clock, index, condition = Clock(), generation.index, parsed_all(query.where)
        with clock.stage("decode"):
            data = query.photo if isinstance(query.photo, bytes) else source.bytes_of(query.photo)
            picture = query_picture(data, query, index, embedder, settings)
        with clock.stage("embed"):
            photo = query_photo(picture, query, embedder)
        k = query.k if calibration is None else max(query.k, REFERENCE)
        with clock.stage("retrieve"):
            tiers = candidates(index, strategy, photo, replace(query, k=k), condition)
        with clock.stage("rank"):
            all_found = results(strategy, tiers, k)
            found = all_found[: query.k]
        with clock.stage("judge"):
            reference = [result.score for result in all_found[:REFERENCE]]
            if calibration is not None and (_is_narrowed(query) or any(result.same_photo for result in all_found)):
                reference = reference_scores(index, strategy, photo)
            judgement = judged(found, reference, calibration, query.precision)
        return Answer(
            query_id=uuid.uuid4().hex,
            source=query.photo if isinstance(query.photo, str) else "upload",
            region=query.region,
            model=embedder.model,
            strategy=strategy.name,
            results=tuple(judgement.results),
            took_ms=clock.stages(),
            verdict=judgement.verdict,
            absent_probability=judgement.absent_probability,
            notes=(*_notes(found, condition, index), *_unproven(calibration, query.precision)),
        )


def _is_narrowed(query: Query) -> bool:
    """Whether some products cannot come first, however alike they are."""
    return bool(query.where) or query.per_group is not None or query.sold_out != "show"


def reference_scores(index: Index, strategy: Strategy, photo: QueryPhoto) -> list[float]:
    """Scores of the first products of all, whatever was asked for; what match probabilities are read off."""
    tiers = candidates(index, strategy, QueryPhoto(photo.vector), Query(b"", REFERENCE), None)
    return [result.score for result in results(strategy, tiers, REFERENCE)]


def query_picture(data: bytes, query: Query, index: Index, embedder: Embedder, settings: Settings) -> Picture:
    """The decoded photo; at full size only where an equal photo is possible, since that takes all pixels to know.

    Raises:
        PhotoError: as :func:`~shoplens.images.decoded`.
    """
    width, height = photo_size(data, settings)
    if index.has_photo_size(width, height):
        return decoded(data, settings)
    shortest = embedder.shortest
    if query.region is not None:
        part = min(query.region.width / width, query.region.height / height, 1.0)
        shortest = round(shortest / max(part, 0.01))
    return decoded(data, settings, shortest=shortest)


def query_photo(picture: Picture, query: Query, embedder: Embedder) -> QueryPhoto:
    """The picture, or the query's region of it, embedded.

    Raises:
        InvalidValue: the region reaches outside the photo.
        ModelError: as :func:`~shoplens.embedders.embedded`.
    """
    pixels = picture.pixels if query.region is None else picture.crop(query.region)
    vector = embedded(embedder, ["query"], [pixels]).vectors[0]
    if query.region is not None:
        return QueryPhoto(vector)
    return QueryPhoto(vector, picture.pixel_hash, picture.content_hash)


def _notes(found: list[Result], condition: Condition | None, index: Index) -> tuple[str, ...]:
    """Why an answer is empty, and what could be asked instead."""
    if found:
        return ()
    if condition is None or index.count(condition):
        return ("No product is left to show.",)
    notes = ["No product meets the condition."]
    for field in dict.fromkeys(leaf.field for leaf in leaves(condition)):
        values = index.facet(field, 8)
        if values:
            notes.append(f"{field} has: {', '.join(f'{value} ({count})' for value, count in values)}.")
    return tuple(notes)


def _unproven(calibration: Calibration | None, precision: float) -> tuple[str, ...]:
    """Why no answer claims anything, where that is so."""
    if calibration is None or claims_anything(calibration, precision):
        return ()
    return (f"Nothing is claimed at a precision of {precision:g}: the photos calibrated on do not prove it.",)


class Clock:
    """Milliseconds per stage, and in total."""

    def __init__(self) -> None:
        self._started, self._stages = time.perf_counter(), dict[str, float]()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - started) * 1e3

    def stages(self) -> dict[str, float]:
        total = (time.perf_counter() - self._started) * 1e3
        return {name: round(took, 3) for name, took in {**self._stages, "total": total}.items()}

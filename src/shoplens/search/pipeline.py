"""The whole query path: photo (+ region) -> embedding -> candidates -> ranked results."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shoplens.build.photo_features import feature_model, sight
from shoplens.embedders import Embedder, embedded
from shoplens.errors import InvalidValue
from shoplens.feedback.remembering import Remembering
from shoplens.filters.dimension import COLOR, Dimension
from shoplens.images import PhotoSource, Picture, decoded, photo_size
from shoplens.index.condition_parser import parse_all
from shoplens.index.conditions import AllOf, Condition, IsProduct, Not, leaves
from shoplens.index.identifiers import product_named
from shoplens.index.predicted_values import with_predicted
from shoplens.index.protocol import Index
from shoplens.ranking.judging import judged
from shoplens.ranking.match import REFERENCE, Calibration, claims_anything
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery, Strategy, preferred, strategy_named
from shoplens.search.candidates import candidates, results
from shoplens.search.facets import FacetRequest, facets
from shoplens.search.prepared_strategy import PreparedStrategy, prepare_strategy
from shoplens.settings import Settings
from shoplens.store.calibration_file import calibration_of
from shoplens.store.generation import Generation, check_model
from shoplens.store.store import Store
from shoplens.types import Answer, Query, Result


@dataclass(frozen=True, slots=True)
class QueryEncoder:
    """What query photos are looked at with.

    Attributes:
        embedder: of the store's model.
        source: of the photos' bytes.
        settings: limits, and the shop's preferences.
    """

    embedder: Embedder
    source: PhotoSource
    settings: Settings


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A query photo as it was seen, so that it can be asked with again; its pixels are gone.

    Attributes:
        photo: with its features.
        by: the network that saw it.
    """

    photo: EncodedQuery
    by: str


def search(store: Store, query: Query, eyes: QueryEncoder, remembering: Remembering | None = None) -> Answer:
    """Products for a photo, best first. See :func:`searched`."""
    return searched(store, query, eyes, remembering)[0]


def searched(
    store: Store, query: Query, eyes: QueryEncoder, remembering: Remembering | None = None, seen: Sighting | None = None
) -> tuple[Answer, Sighting | None]:
    """Products for a photo, best first, and what was seen of it; None where there was no photo.

    Args:
        remembering: keeps the answer, to learn from what is done with it; None for nothing.
        seen: what was seen of the query's photo before, which then is not looked at again.

    Raises:
        PhotoError: the photo cannot be used.
        ConditionError: ``where`` names an unknown field or makes no sense.
        StoreError: the store was made by another model, or was never finished.
        InvalidValue: the region lies outside the photo, there is no such strategy, or the search is steered by what
            the store does not have; ``seen-by-another``: what was seen is of a network that is not used any more.
    """
    with store.reading() as generation:
        check_model(generation, eyes.embedder)
        strategy = _strategy(query, generation)
        answering = prepare_strategy(strategy, generation, eyes.settings.preferences)
        eyes = replace(eyes, embedder=answering.seen_by(generation.seen_by(eyes.embedder)))
        calibration = None if _is_steered(query) else calibration_of(generation, strategy.name)
        clock, index = StageTimer(), generation.index
        query = _with_product(query, index)
        condition = _condition(query, generation)
        sighting = _sighting(query, strategy, eyes, index, clock) if seen is None else _seen_again(seen, strategy, eyes)
        photo = _asked(query, answering, index, eyes, sighting, clock)
        if strategy.dynamic:
            with clock.stage("weigh"):
                photo = answering.weighed(index, photo, query)
        k = query.k if calibration is None else max(query.k, REFERENCE)
        with clock.stage("retrieve"):
            tiers = candidates(index, strategy, photo, replace(query, k=k), condition)
        with clock.stage("rank"):
            all_found = results(strategy, photo, tiers, k)
            dimensions = () if generation.filters is None else generation.filters.dimensions
            found = _with_predicted(all_found[: query.k], query, index, dimensions)
        with clock.stage("judge"):
            reference = [result.score for result in all_found[:REFERENCE]]
            if calibration is not None and (_is_narrowed(query) or any(result.same_photo for result in all_found)):
                reference = reference_scores(index, strategy, photo)
            judgement = judged(found, reference, calibration, query.precision)
        with clock.stage("facets"):
            counted = facets(FacetRequest(index, strategy, photo, query, condition)) if query.steering.facets else ()
        answer = Answer(
            query_id=uuid.uuid4().hex,
            source=_source(query),
            region=query.region,
            model=eyes.embedder.model,
            strategy=strategy.name,
            results=tuple(judgement.results),
            took_ms=clock.stages(),
            verdict=judgement.verdict,
            absent_probability=judgement.absent_probability,
            notes=(
                *_notes(found, condition, index),
                *_unproven(calibration, query.precision),
                *_damage(query, generation),
            ),
            weights=strategy.weights(photo),
            facets=counted,
            asked={} if photo.filtered is None else photo.filtered.asked,
        )
        if remembering is not None and not _is_steered(query):  # else people said what counts, and clicks say nothing
            answer = remembering.kept(generation, answer, photo, tiers)
        return answer, sighting


def strategy_of(store: Store, name: str) -> Strategy:
    """The strategy of this name; without one what answers searches.

    Raises:
        InvalidValue: ``unknown-strategy``.
    """
    if name:
        return strategy_named(name)
    with store.reading() as generation:
        return preferred(generation.has)


def _strategy(query: Query, generation: Generation) -> Strategy:
    """The one that was asked for, or the best that the store is ready for.

    Raises:
        InvalidValue: ``unknown-strategy``, ``no-filters``, ``no-look``, or ``needs-filters``: a strategy that cannot be
            steered.
    """
    strategy = strategy_named(query.strategy) if query.strategy else preferred(generation.has)
    generation.require(strategy.needs)
    if _is_steered(query) and not strategy.filters:
        if not query.strategy:
            _ = generation.fitted
        steerable = ", ".join(one.name for one in STRATEGIES.values() if one.filters)
        raise InvalidValue(
            f"The strategy {strategy.name} knows one dimension only; nothing can be weighed in it.",
            f"Leave --strategy out, or choose one of: {steerable}.",
            code="needs-filters",
        )
    return strategy


def _is_steered(query: Query) -> bool:
    """Whether scores mean something else than in a plain search."""
    steering = query.steering
    return bool(steering.weights or steering.profile or steering.like or steering.color or steering.unlike is not None)


def _sighting(query: Query, strategy: Strategy, eyes: QueryEncoder, index: Index, clock: StageTimer) -> Sighting | None:
    """The query's photo, looked at."""
    if query.photo is None:
        return None
    with clock.stage("decode"):
        data = query.photo if isinstance(query.photo, bytes) else eyes.source.bytes_of(query.photo)
        picture = query_picture(data, query, index, eyes.embedder, eyes.settings)
    with clock.stage("embed"):
        photo = query_photo(picture, query, eyes.embedder, features=bool(strategy.needs))
        return Sighting(photo, feature_model(eyes.embedder))


def _seen_again(seen: Sighting, strategy: Strategy, eyes: QueryEncoder) -> Sighting:
    if seen.by != feature_model(eyes.embedder) or (strategy.needs and seen.photo.features is None):
        raise InvalidValue(
            "The photo was seen by a network that is not used any more.",
            "Send the photo again.",
            code="seen-by-another",
        )
    return seen


def _asked(
    query: Query,
    answering: PreparedStrategy,
    index: Index,
    eyes: QueryEncoder,
    sighting: Sighting | None,
    clock: StageTimer,
) -> EncodedQuery:
    """The query as the strategy sees it."""
    photo = None if sighting is None else sighting.photo
    if answering.filters is None:
        assert photo is not None, "only a strategy with filters searches without a photo"
        return answering.ready(photo)
    with clock.stage("filter"):
        filtered = answering.filters.of(photo, query.steering, _unlike(query, index, eyes))
    if not query.steering.color:
        return replace(photo or EncodedQuery(filtered.like.look), filtered=filtered)
    if not filtered.weights.get(COLOR):
        raise InvalidValue(
            f"The colour {query.steering.color!r} is asked for, and color has no weight.",
            "Give color a weight above 0, or leave the colour out.",
            code="color-without-weight",
        )
    return EncodedQuery(filtered.like.look, filtered=filtered)  # in another colour it is no longer that very photo


def _unlike(query: Query, index: Index, eyes: QueryEncoder) -> EncodedQuery | None:
    unwanted = query.steering.unlike
    if unwanted is None:
        return None
    data = unwanted if isinstance(unwanted, bytes) else eyes.source.bytes_of(unwanted)
    asked = Query(data)
    return query_photo(query_picture(data, asked, index, eyes.embedder, eyes.settings), asked, eyes.embedder)


def _condition(query: Query, generation: Generation) -> Condition | None:
    """All that products have to meet; not to be the one that the search starts from."""
    condition, steering = parse_all(query.where), query.steering
    if condition is not None and steering.predicted is not None:
        names = {one.field: one.name for one in generation.fitted.dimensions if one.field}
        condition = with_predicted(condition, names, steering.predicted, generation.index.field_kinds())
    if not steering.like:
        return condition
    others = Not(IsProduct((steering.like,)))
    return others if condition is None else AllOf((condition, others))


def _with_product(query: Query, index: Index) -> Query:
    """The query with the id of the product that it starts from, in place of what else names it."""
    if not query.steering.like:
        return query
    product = product_named(index, query.steering.like).product
    return replace(query, steering=replace(query.steering, like=product.id))


def _with_predicted(found: list[Result], query: Query, index: Index, dimensions: Iterable[Dimension]) -> list[Result]:
    """Results that say which of the values they were found by are predicted."""
    condition, least = parse_all(query.where), query.steering.predicted
    if least is None or condition is None:
        return found
    asked = {leaf.field for leaf in leaves(condition)}
    names = {one.name for one in dimensions if one.field in asked}
    predicted = {
        record.product.id: {
            name: {value: p for value, p in classes.items() if p >= least}
            for name, classes in record.predicted.items()
            if name in names
        }
        for record in index.records(one.product.id for one in found)
    }
    return [replace(result, predicted=predicted.get(result.product.id, {})) for result in found]


def _source(query: Query) -> str:
    if query.photo is None:
        return " ".join(filter(None, (query.steering.like, query.steering.color)))
    return query.photo if isinstance(query.photo, str) else "upload"


def _is_narrowed(query: Query) -> bool:
    """Whether some products cannot come first, however alike they are."""
    return bool(query.where) or query.per_group is not None or query.sold_out != "show"


def reference_scores(index: Index, strategy: Strategy, photo: EncodedQuery) -> list[float]:
    """Scores of the first products of all, whatever was asked for; what match probabilities are read off."""
    unknown = replace(photo, pixel_hash="", content_hash="")
    tiers = candidates(index, strategy, unknown, Query(b"", REFERENCE), None)
    return [result.score for result in results(strategy, unknown, tiers, REFERENCE)]


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


def query_photo(picture: Picture, query: Query, embedder: Embedder, *, features: bool = True) -> EncodedQuery:
    """The picture, or the query's region of it, as it is seen; without features where nothing works on them.

    Raises:
        InvalidValue: the region reaches outside the photo.
        ModelError: as :func:`~shoplens.embedders.embedded`.
    """
    pixels = picture.pixels if query.region is None else picture.crop(query.region)
    if features:
        seen = sight(embedder, "query", pixels)
        photo = EncodedQuery(seen.vector, features=seen.features)
    else:
        photo = EncodedQuery(embedded(embedder, ["query"], [pixels]).vectors[0])
    if query.region is not None:
        return photo
    return replace(photo, pixel_hash=picture.pixel_hash, content_hash=picture.content_hash)


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


def _damage(query: Query, generation: Generation) -> tuple[str, ...]:
    """Why another strategy answered than would have."""
    return () if query.strategy or generation.damage is None else (str(generation.damage),)


class StageTimer:
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

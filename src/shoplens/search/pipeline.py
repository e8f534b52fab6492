"""The whole query path: photo (+ region) -> encoded query -> candidates -> ranked results."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from shoplens.errors import InvalidValue
from shoplens.feedback.remembering import Remembering
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.index.condition_parser import parse_all
from shoplens.index.conditions import AllOf, Condition, IsProduct, Not, leaves
from shoplens.index.identifiers import product_named
from shoplens.index.predicted_values import with_predicted
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.match_probability import REFERENCE, Calibration
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery, Strategy, default_strategy, strategy_named
from shoplens.ranking.verdict import Judgement, judge
from shoplens.search.constraint import RankingConstraint
from shoplens.search.facets import FacetRequest, facets
from shoplens.search.notes import notes_on
from shoplens.search.prepared_strategy import PreparedStrategy, Ranking, prepare_strategy
from shoplens.search.query_encoder import QueryEncoder, encode_query
from shoplens.store.calibration_file import calibration_of
from shoplens.store.generation import Generation, check_model
from shoplens.store.store import Store
from shoplens.types import Answer, Facet, Query, Result, StageTimer


def search(store: Store, query: Query, encoder: QueryEncoder, remembering: Remembering | None = None) -> Answer:
    """Products for a query, best first. See :func:`search_encoded`."""
    return search_encoded(store, query, encoder, remembering)[0]


def search_encoded(
    store: Store,
    query: Query,
    encoder: QueryEncoder,
    remembering: Remembering | None = None,
    photo: EncodedQuery | None = None,
) -> tuple[Answer, EncodedQuery | None]:
    """Products for a query, best first, and its photo as it was encoded; None where there was no photo.

    Args:
        remembering: keeps the answer, to learn from what is done with it; None for nothing.
        photo: the query's photo as it was encoded before, which then is not looked at again.

    Raises:
        PhotoError: the photo cannot be used.
        ConditionError: ``where`` names an unknown field or makes no sense.
        StoreError: the store was made by another model, or was never finished.
        InvalidValue: the region lies outside the photo, there is no such strategy, or the search is steered by what
            the store does not have; ``model-changed``: the photo was encoded by a network that is not used any more.
    """
    with store.reading() as generation:
        timer, index = StageTimer(), generation.index
        prepared, encoder = _prepare(query, generation, encoder)
        query = _with_product(query, index)
        photo, encoded = encode_query(query, prepared, encoder, index, photo, timer)
        calibration = None if _is_steered(query) else calibration_of(generation, prepared.strategy.name)
        constraint = _constrain(query, generation, calibration)
        ranking = prepared.rank(index, encoded, constraint, timer)
        found = _with_predicted(ranking.results[: query.k], query, generation)
        judgement = _judge(query, prepared, index, ranking, found, calibration, timer)
        counted = _count_facets(query, prepared, index, ranking.query, constraint, timer)
        notes = notes_on(query, found, constraint.photos.condition, generation, calibration)
        answer = _answer(query, prepared, encoder, ranking.query, judgement, counted, notes, timer)
        if remembering is not None and not _is_steered(query):  # else people said what counts, and clicks say nothing
            answer = remembering.kept(generation, answer, ranking.query, ranking.tiers)
        return answer, photo


def strategy_of(store: Store, name: str) -> Strategy:
    """The strategy of this name; without one what answers searches.

    Raises:
        InvalidValue: ``unknown-strategy``.
    """
    if name:
        return strategy_named(name)
    with store.reading() as generation:
        return default_strategy(generation.has)


def reference_scores(index: Index, prepared: PreparedStrategy, query: EncodedQuery) -> list[float]:
    """Scores of the first products of all, whatever was asked for; what match probabilities are read off."""
    unknown = replace(query, pixel_hash="", content_hash="")
    return [result.score for result in prepared.rank(index, unknown, RankingConstraint(REFERENCE)).results]


def _prepare(query: Query, generation: Generation, encoder: QueryEncoder) -> tuple[PreparedStrategy, QueryEncoder]:
    """The strategy that was asked for, or the best that the store is ready for, and what encodes for it.

    Raises:
        InvalidValue: ``unknown-strategy``, ``no-filters``, ``no-look``, or ``needs-filters``: a strategy that cannot be
            steered.
        StoreError: ``other-model``.
    """
    check_model(generation, encoder.embedder)
    strategy = strategy_named(query.strategy) if query.strategy else default_strategy(generation.has)
    if _is_steered(query) and not strategy.filters:
        generation.require(strategy.needs)
        if not query.strategy:
            _ = generation.fitted
        steerable = ", ".join(one.name for one in STRATEGIES.values() if one.filters)
        raise InvalidValue(
            f"The strategy {strategy.name} knows one dimension only; nothing can be weighed in it.",
            f"Leave --strategy out, or choose one of: {steerable}.",
            code="needs-filters",
        )
    prepared = prepare_strategy(strategy, generation, encoder.settings.preferences)
    embedder = prepared.embedder_for(generation.embedder_for(encoder.embedder))
    return prepared, replace(encoder, embedder=embedder)


def _is_steered(query: Query) -> bool:
    """Whether scores mean something else than in a plain search."""
    steering = query.steering
    return bool(steering.weights or steering.profile or steering.like or steering.color or steering.unlike is not None)


def _is_narrowed(query: Query) -> bool:
    """Whether some products cannot come first, however alike they are."""
    return bool(query.where) or query.per_group is not None or query.sold_out != "show"


def _with_product(query: Query, index: Index) -> Query:
    """The query with the id of the product that it starts from, in place of what else names it."""
    if not query.steering.like:
        return query
    product = product_named(index, query.steering.like).product
    return replace(query, steering=replace(query.steering, like=product.id))


def _constrain(query: Query, generation: Generation, calibration: Calibration | None) -> RankingConstraint:
    """What results have to meet; of a calibrated search as many of them as its probabilities are read off."""
    k = query.k if calibration is None else max(query.k, REFERENCE)
    return RankingConstraint(k, PhotoConstraint(_condition(query, generation)), query.per_group, query.sold_out)


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


def _judge(
    query: Query,
    prepared: PreparedStrategy,
    index: Index,
    ranking: Ranking,
    found: list[Result],
    calibration: Calibration | None,
    timer: StageTimer,
) -> Judgement:
    """The results with match probabilities, and the verdict on them."""
    with timer.stage("judge"):
        reference = [result.score for result in ranking.results[:REFERENCE]]
        is_partial = _is_narrowed(query) or any(result.same_photo for result in ranking.results)
        if calibration is not None and is_partial:
            reference = reference_scores(index, prepared, ranking.query)
        return judge(found, reference, calibration, query.precision)


def _count_facets(
    query: Query,
    prepared: PreparedStrategy,
    index: Index,
    encoded: EncodedQuery,
    constraint: RankingConstraint,
    timer: StageTimer,
) -> tuple[Facet, ...]:
    with timer.stage("facets"):
        if not query.steering.facets:
            return ()
        return facets(FacetRequest(index, prepared, encoded, constraint, query.steering.facets))


def _answer(
    query: Query,
    prepared: PreparedStrategy,
    encoder: QueryEncoder,
    encoded: EncodedQuery,
    judgement: Judgement,
    counted: tuple[Facet, ...],
    notes: tuple[str, ...],
    timer: StageTimer,
) -> Answer:
    return Answer(
        query_id=uuid.uuid4().hex,
        source=_source(query),
        region=query.region,
        model=encoder.embedder.model,
        strategy=prepared.strategy.name,
        results=tuple(judgement.results),
        took_ms=timer.stages(),
        verdict=judgement.verdict,
        absent_probability=judgement.absent_probability,
        notes=notes,
        weights=prepared.strategy.weights(encoded),
        facets=counted,
        asked={} if encoded.filtered is None else encoded.filtered.asked,
    )


def _with_predicted(found: list[Result], query: Query, generation: Generation) -> list[Result]:
    """Results that say which of the values they were found by are predicted."""
    least = query.steering.predicted
    if least is None:
        return found
    condition = parse_all(query.where)
    if condition is None:
        return found
    asked = {leaf.field for leaf in leaves(condition)}
    dimensions: Iterable[Dimension] = () if generation.filters is None else generation.filters.dimensions
    names = {one.name for one in dimensions if one.field in asked}
    predicted = {
        record.product.id: {
            name: {value: p for value, p in classes.items() if p >= least}
            for name, classes in record.predicted.items()
            if name in names
        }
        for record in generation.index.records(one.product.id for one in found)
    }
    return [replace(result, predicted=predicted.get(result.product.id, {})) for result in found]


def _source(query: Query) -> str:
    if query.photo is None:
        return " ".join(filter(None, (query.steering.like, query.steering.color)))
    return query.photo if isinstance(query.photo, str) else "upload"

"""The query path: prepare a strategy, encode the query, constrain, rank, judge, count facets, answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from shoplens.errors import InvalidValue, StoreError
from shoplens.feedback.answer_log import AnswerLog
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.index.condition_parser import parse_conditions
from shoplens.index.conditions import AllOf, Condition, IsProduct, Not, field_comparisons
from shoplens.index.identifiers import find_product
from shoplens.index.predicted_values import include_predicted
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.match_probability import REFERENCE, Calibration
from shoplens.ranking.merchandising.conditions import shown_condition
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery, Strategy, default_strategy, strategy_named
from shoplens.ranking.verdict import Judgement, is_merchandised, judge
from shoplens.search.answer_notes import OTHER_WEIGHTS, answer_notes
from shoplens.search.barcode_answers import barcode_notes, judge_barcodes, match_barcodes
from shoplens.search.constraint import RankingConstraint
from shoplens.search.facets import FacetRequest, count_facets
from shoplens.search.objects.views import deciding_view
from shoplens.search.prepared_strategy import PreparedStrategy, Ranking, prepare_strategy
from shoplens.search.query_encoder import QueryEncoder, encode_query
from shoplens.search.text_meanings import read_text
from shoplens.search.wishes import wish_condition, wishes_steer
from shoplens.settings import Merchandising
from shoplens.store.calibration_file import load_calibration
from shoplens.store.generation import Generation, check_model
from shoplens.store.store import Store
from shoplens.types import Answer, Facet, Query, Result, StageTimer
from shoplens.types.blas import single_blas_thread


def search(store: Store, query: Query, encoder: QueryEncoder, answer_log: AnswerLog | None = None) -> Answer:
    """Answer a query. See :func:`search_encoded`."""
    return search_encoded(store, query, encoder, answer_log)[0]


def search_encoded(
    store: Store,
    query: Query,
    encoder: QueryEncoder,
    answer_log: AnswerLog | None = None,
    photo: EncodedQuery | None = None,
) -> tuple[Answer, EncodedQuery | None]:
    """Answer a query, and return its photo as it was encoded; None where there was no photo.

    Args:
        answer_log: logs the answer, so that clicks on it can be learned from; None logs nothing.
        photo: the query's photo as it was encoded before; it is not decoded again.

    Raises:
        PhotoError: the photo cannot be used.
        ConditionError: ``where`` names an unknown field or cannot be parsed.
        StoreError: the store was made by another model, or was never finished.
        InvalidValue: the region lies outside the photo, the strategy is unknown, or the search is steered by what the
            store does not have; ``model-changed``: the photo was encoded by a network that is not used any more.
    """
    try:
        return _search_live(store, query, encoder, answer_log, photo)
    except StoreError as problem:  # another process has removed the generation that was live here
        if problem.code != "no-collection" or not store.refresh():
            raise
        return _search_live(store, query, encoder, answer_log, photo)


def _search_live(
    store: Store, query: Query, encoder: QueryEncoder, answer_log: AnswerLog | None, photo: EncodedQuery | None
) -> tuple[Answer, EncodedQuery | None]:
    with store.reading() as generation, single_blas_thread():
        timer, index = StageTimer(), generation.index
        prepared, encoder = _prepare(query, generation, encoder)
        query = _resolve_product(query, index)
        if query.steering.text.strip():
            with timer.stage("read"):
                query = read_text(query, generation, encoder.settings)
        photo, encoded = encode_query(query, prepared, encoder, index, photo, timer)
        if photo is not None and _shows_nothing(photo, index):
            return _answer(query, prepared, encoder, encoded, Judgement((), "no-product", None), (), (), timer), photo
        is_plain = photo is not None and not _is_steered(query)
        stored = load_calibration(generation, prepared.strategy.name) if is_plain else None
        weights = encoder.settings.preferences.weights if prepared.strategy.filters else {}
        is_outdated = stored is not None and stored.weights not in (None, weights)
        calibration = None if is_outdated else stored
        shown = shown_condition(index, encoder.settings.preferences.merchandising)
        constraint = _constrain(query, generation, calibration, shown)
        ranking = prepared.rank(index, encoded, constraint, timer)
        results = _add_predicted_values(ranking.results[: query.k], query, generation)
        matches = match_barcodes(index, ranking.query.barcodes)
        judgement = _judge(query, prepared, index, ranking, results, calibration, timer)
        judgement = judge_barcodes(judgement, matches)
        facets = _count_facets(query, prepared, index, ranking.query, constraint, timer)
        notes = answer_notes(query, results, constraint.photos.condition, generation, calibration)
        notes = barcode_notes(index, matches, results, constraint.photos.condition) + notes
        if is_outdated:
            notes += (OTHER_WEIGHTS,)
        answer = _answer(query, prepared, encoder, ranking.query, judgement, facets, notes, timer)
        if answer_log is not None and not _is_steered(query):  # the weights of a steered search are the person's
            answer = answer_log.add(generation, answer, ranking.query, ranking.tiers)
        return answer, photo


def strategy_of(store: Store, name: str) -> Strategy:
    """Return the strategy of this name; for an empty name, the default one.

    Raises:
        InvalidValue: ``unknown-strategy``.
    """
    if name:
        return strategy_named(name)
    with store.reading() as generation:
        return default_strategy(generation.capabilities)


def reference_scores(index: Index, prepared: PreparedStrategy, query: EncodedQuery) -> list[float]:
    """Return the best scores of the whole catalogue, without conditions and merchandising; match probabilities are
    computed from them."""
    unknown = replace(query, pixel_hashes=(), content_hash="", barcodes=())
    if unknown.filtered is not None:
        unknown = replace(unknown, filtered=replace(unknown.filtered, merchandising=Merchandising()))
    return [result.score for result in prepared.rank(index, unknown, RankingConstraint(REFERENCE)).results]


def _prepare(query: Query, generation: Generation, encoder: QueryEncoder) -> tuple[PreparedStrategy, QueryEncoder]:
    """Prepare the strategy of the query, or the default one, and return the encoder that it needs.

    Raises:
        InvalidValue: ``unknown-strategy``, ``no-filters``, ``no-look``, or ``needs-filters``: a strategy that cannot be
            steered.
        StoreError: ``other-model``.
    """
    encoder = encoder.for_generation(generation)
    check_model(generation, encoder.embedder)
    strategy = strategy_named(query.strategy) if query.strategy else default_strategy(generation.capabilities)
    if (_is_steered(query) or query.steering.text) and not strategy.filters:
        generation.require(strategy.needs)
        if not query.strategy:
            generation.require_filters()
        steerable = ", ".join(one.name for one in STRATEGIES.values() if one.filters)
        raise InvalidValue(
            f"The strategy {strategy.name} has one dimension only, so it cannot be steered.",
            f"Leave --strategy out, or choose one of: {steerable}.",
            code="needs-filters",
        )
    prepared = prepare_strategy(strategy, generation, encoder.settings.preferences)
    embedder = prepared.embedder_for(generation.embedder_for(encoder.embedder))
    return prepared, replace(encoder, embedder=embedder)


def _is_steered(query: Query) -> bool:
    """Whether the query steers the scores, so that they mean something else than in a plain search."""
    steering = query.steering
    by_hand = steering.weights or steering.profile or steering.like or steering.color or steering.unlike is not None
    return bool(by_hand) or wishes_steer(steering)


def _is_narrowed(query: Query) -> bool:
    """Whether the query keeps some products from coming first, however similar they are."""
    has_condition = bool(query.where) or any(one.condition for one in query.steering.meanings)
    return has_condition or query.per_group is not None or query.sold_out != "show"


def _shows_nothing(photo: EncodedQuery, index: Index) -> bool:
    """Whether a photo is blank, and is not itself the photo of a product."""
    if not photo.is_blank or photo.barcodes:
        return False
    return not any(index.products_with_photo(name) for name in photo.equal_hashes)


def _resolve_product(query: Query, index: Index) -> Query:
    """Replace the name of the product that a query starts from by the product's id."""
    if not query.steering.like:
        return query
    product = find_product(index, query.steering.like).product
    return replace(query, steering=replace(query.steering, like=product.id))


def _constrain(
    query: Query, generation: Generation, calibration: Calibration | None, shown: Condition | None
) -> RankingConstraint:
    """Return the constraint of the ranking; a calibrated search ranks as many products as its probabilities need."""
    k = query.k if calibration is None else max(query.k, REFERENCE)
    condition = _condition(query, generation)
    if shown is not None:
        condition = shown if condition is None else AllOf((condition, shown))
    return RankingConstraint(k, PhotoConstraint(condition), query.per_group, query.sold_out, shown=shown)


def _condition(query: Query, generation: Generation) -> Condition | None:
    """Return the condition that products meet; it excludes the product that the search starts from,
    and what words do not want."""
    condition, steering = parse_conditions(query.where), query.steering
    if condition is not None and steering.predicted is not None:
        names = {one.field: one.name for one in generation.require_filters().dimensions if one.field}
        condition = include_predicted(condition, names, steering.predicted, generation.index.field_kinds())
    others = Not(IsProduct((steering.like,))) if steering.like else None
    parts = [part for part in (condition, wish_condition(generation, steering), others) if part is not None]
    return None if not parts else parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _judge(
    query: Query,
    prepared: PreparedStrategy,
    index: Index,
    ranking: Ranking,
    results: list[Result],
    calibration: Calibration | None,
    timer: StageTimer,
) -> Judgement:
    """Give the results match probabilities, and the answer a verdict."""
    with timer.stage("judge"):
        reference = [result.score for result in ranking.results[:REFERENCE]]
        is_partial = _is_narrowed(query) or any(
            one.same_photo or one.barcode or is_merchandised(one) for one in ranking.results
        )
        if calibration is not None and is_partial:
            reference = reference_scores(index, prepared, ranking.query)
        filtered = ranking.query.filtered
        scale = None if filtered is None else filtered.scale
        return judge(results, reference, calibration, query.precision, scale)


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
        return count_facets(FacetRequest(index, prepared, encoded, constraint, query.steering.facets))


def _answer(
    query: Query,
    prepared: PreparedStrategy,
    encoder: QueryEncoder,
    encoded: EncodedQuery,
    judgement: Judgement,
    facets: tuple[Facet, ...],
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
        facets=facets,
        importances={} if encoded.filtered is None else encoded.filtered.importances,
        object=encoded.object,
        objects=encoded.objects or (),
        words=query.steering.meanings,
        barcodes=tuple(code.text for code in encoded.barcodes),
        mask=encoded.mask if query.steering.explain else None,
        view=deciding_view(judgement.results) if query.steering.explain else None,
    )


def _add_predicted_values(results: list[Result], query: Query, generation: Generation) -> list[Result]:
    """Add to results the predicted values by which they met the condition."""
    least = query.steering.predicted
    if least is None:
        return results
    condition = parse_conditions(query.where)
    if condition is None:
        return results
    fields = {leaf.field for leaf in field_comparisons(condition)}
    dimensions: Iterable[Dimension] = () if generation.filters is None else generation.filters.dimensions
    names = {one.name for one in dimensions if one.field in fields}
    predicted = {
        record.product.id: {
            name: {value: p for value, p in classes.items() if p >= least}
            for name, classes in record.predicted.items()
            if name in names
        }
        for record in generation.index.records(one.product.id for one in results)
    }
    return [replace(result, predicted=predicted.get(result.product.id, {})) for result in results]


def _source(query: Query) -> str:
    if query.photo is None:
        return " ".join(filter(None, (query.steering.like, query.steering.color, query.steering.text)))
    photos = (query.photo, *query.more_photos)
    return " ".join(dict.fromkeys(photo if isinstance(photo, str) else "upload" for photo in photos))

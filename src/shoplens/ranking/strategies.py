"""The strategies: complete ways to answer a query, as rows of a table, on one store and compared side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from shoplens.embedders.classifier import Classification
from shoplens.errors import InvalidValue
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.classifier_retrieval import retrieve_by_classifier
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.filter_retrieval import CANDIDATES, build_candidates, retrieve_pool, scores_few
from shoplens.ranking.merchandising.pool import join_merchandised
from shoplens.ranking.weighted_sum import similarity_from_cosine
from shoplens.reading.barcodes import Barcode
from shoplens.types import ByteMask, Candidate, Features, ObjectBox, Region, Vectors

BASELINE = "pretrained"
"""The strategy that the others are compared with."""
PREFERRED = ("hybrid", "filters-dynamic", "filters-static", "metric", "pretrained")
"""Where no strategy is named, the first of these that the store has everything for answers."""
LOOK_ALONE = {"look": 1.0}
ENCODE_FIRST = "Encode the query by the prepared strategy that is to rank it."


@dataclass(frozen=True, slots=True, eq=False)
class EncodedQuery:
    """A query as strategies rank it: a photo, a region of one, or what steering names in its place.

    Attributes:
        vector: float32 (d,), length 1.
        pixel_hashes, content_hash: of the photo as products' photos have them; empty for a region. Of the pixels there
            are two where a photo of its size may have been decoded reduced or not, and none where none has its size.
        features: float32 (f,), the input of the filters; None where the strategy needs none.
        filtered: the query for all filters; None for strategies without filters.
        trained_vector: float32 (e,), length 1, by the trained head; None for strategies without it.
        classification: output of the classifier; None for strategies without it.
        encoded_by: id of the network and of the pixel features that the features come from; empty where unknown.
        object: box around the object in the photo; None where none was found or looked for.
        objects: boxes around the things in the photo, the largest first; None where none were looked for.
        mask: where the object is in the photo or region; None where none was found or looked for.
        text: the words that were read in the photo; empty where there are none, or where none were looked for. It is
            kept no longer than the encoded photo, and written nowhere.
        is_blank: whether the photo shows nothing, see :func:`~shoplens.images.objects.is_blank`.
        barcodes: the trade numbers that were read in the photo; empty where none were looked for.
        keeps_weights: whether the static weights stay, because the photo does not show what is searched for.
    """

    vector: Vectors
    pixel_hashes: tuple[str, ...] = ()
    content_hash: str = ""
    features: Features | None = None
    filtered: FilterQuery | None = None
    trained_vector: Vectors | None = None
    classification: Classification | None = None
    encoded_by: str = ""
    object: Region | None = None
    objects: tuple[ObjectBox, ...] | None = None
    mask: ByteMask | None = None
    text: str = ""
    is_blank: bool = False
    keeps_weights: bool = False
    barcodes: tuple[Barcode, ...] = ()

    @property
    def equal_hashes(self) -> tuple[str, ...]:
        """Hashes that a photo of the index has which equals this one; none where no photo of it has the same size."""
        return tuple(filter(None, (*self.pixel_hashes, self.content_hash))) if self.pixel_hashes else ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """One complete way to answer a query.

    Attributes:
        name: as users write it.
        about: a sentence for people.
        retrieve: returns as many candidates for a query as are wanted, best first, if so many meet the constraint.
        weights: returns dimension -> weight for a query, summing to 1, by which candidates are ranked.
        adding: what one more product costs, in words.
        similarity_threshold: from query and best score, the score from which a product counts as similar; for facets.
        needs: what a generation must have for it: some of :attr:`~shoplens.store.generation.Generation.capabilities`.
    """

    name: str
    about: str
    retrieve: Callable[[Index, EncodedQuery, PhotoConstraint, int], list[Candidate]]
    weights: Callable[[EncodedQuery], Mapping[str, float]]
    adding: str
    similarity_threshold: Callable[[EncodedQuery, float], float]
    needs: frozenset[str] = frozenset()

    @property
    def grows(self) -> bool:
        """Whether products that are added later are found without training."""
        return "classifier" not in self.needs

    @property
    def dynamic(self) -> bool:
        """Whether a ranker chooses the weights for each query."""
        return "ranker" in self.needs

    @property
    def filters(self) -> bool:
        """Whether it ranks by filters, so that it can be steered."""
        return "filters" in self.needs


def _nearest(index: Index, query: EncodedQuery, constraint: PhotoConstraint, k: int) -> list[Candidate]:
    return _nearest_photos(index, query.vector, constraint, k)


def _nearest_trained(index: Index, query: EncodedQuery, constraint: PhotoConstraint, k: int) -> list[Candidate]:
    if query.trained_vector is None:
        raise InvalidValue("The query was not encoded by the trained look.", ENCODE_FIRST)
    return _nearest_photos(index, query.trained_vector, constraint, k, trained=True)


def _nearest_photos(
    index: Index, vector: Vectors, constraint: PhotoConstraint, k: int, *, trained: bool = False
) -> list[Candidate]:
    hits = index.nearest_products(vector, k, constraint, use_trained=trained)
    return [
        Candidate(
            hit.record.product,
            {"look": similarity_from_cosine(hit.similarity)},
            hit.photo.source,
            product_photos=hit.record.photos,
        )
        for hit in hits
    ]


def _retrieve_by_filters(index: Index, query: EncodedQuery, constraint: PhotoConstraint, k: int) -> list[Candidate]:
    filters = _filter_query(query)
    # A ranker scores a product among others, so which others there are must not depend on how many are shown.
    size = k if filters.ranker is None else max(k, CANDIDATES)
    pool = retrieve_pool(index, filters, size, constraint, read=k if scores_few(filters) else 0)
    pool, filters = join_merchandised(index, filters, pool, constraint)
    return build_candidates(index, filters, pool, k)


def _retrieve_by_filters_and_look(
    index: Index, query: EncodedQuery, constraint: PhotoConstraint, k: int
) -> list[Candidate]:
    by_look = replace(query, filtered=replace(_filter_query(query), by_look=True))
    return _retrieve_by_filters(index, by_look, constraint, k)


def _retrieve_by_classifier(index: Index, query: EncodedQuery, constraint: PhotoConstraint, k: int) -> list[Candidate]:
    if query.classification is None:
        raise InvalidValue("The query was not encoded by the classifier.", ENCODE_FIRST)
    return retrieve_by_classifier(index, query.classification, k, constraint)


def _filter_query(photo: EncodedQuery) -> FilterQuery:
    if photo.filtered is None:
        raise InvalidValue("The query was not encoded for filters.", ENCODE_FIRST)
    return photo.filtered


def _own_weights(photo: EncodedQuery) -> Mapping[str, float]:
    return _filter_query(photo).weights


def _midpoint_to_average(photo: EncodedQuery, best: float) -> float:
    """Return the score half-way between the shop's average product and the best one."""
    return (_filter_query(photo).average + best) / 2


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "pretrained",
            "An ImageNet network that was not trained on this shop, with nearest neighbours.",
            _nearest,
            lambda photo: LOOK_ALONE,
            "decode and embed its photos, write them",
            similarity_threshold=lambda photo, best: 0.75,
        ),
        Strategy(
            "filters-static",
            "A filter for every dimension of similarity: all of them retrieve, and a weighted sum ranks.",
            _retrieve_by_filters,
            _own_weights,
            "encode its photos once, which gives all filter scores",
            similarity_threshold=_midpoint_to_average,
            needs=frozenset({"filters"}),
        ),
        Strategy(
            "filters-dynamic",
            "The same filters, and a network that sets the weights by the photo and its candidates.",
            _retrieve_by_filters,
            _own_weights,
            "encode its photos once, which gives all filter scores; the ranker stays as it is",
            similarity_threshold=_midpoint_to_average,
            needs=frozenset({"filters", "ranker"}),
        ),
        Strategy(
            "hybrid",
            "The trained look and the filters both retrieve, and the ranker sets the weights.",
            _retrieve_by_filters_and_look,
            _own_weights,
            "encode its photos once, and apply the head; nothing is trained",
            similarity_threshold=_midpoint_to_average,
            needs=frozenset({"filters", "look", "ranker"}),
        ),
        Strategy(
            "metric",
            "The same network with a head whose distances were trained on this shop's photos, with nearest neighbours.",
            _nearest_trained,
            lambda photo: LOOK_ALONE,
            "encode its photos once, and apply the head; nothing is trained",
            similarity_threshold=lambda photo, best: 0.75,
            needs=frozenset({"look"}),
        ),
        Strategy(
            "classifier",
            "One network with an output per product, a softmax over all of them.",
            _retrieve_by_classifier,
            lambda photo: LOOK_ALONE,
            "train it again, on several photos of every product; it finds no product that it was not trained on",
            similarity_threshold=lambda photo, best: best / 2,
            needs=frozenset({"classifier"}),
        ),
    )
}


def available_strategies(has: frozenset[str]) -> list[Strategy]:
    """Return the strategies that a generation can answer by, in the order of the table.

    Args:
        has: what the generation has, as :attr:`~shoplens.store.generation.Generation.capabilities`.
    """
    return [strategy for strategy in STRATEGIES.values() if strategy.needs <= has]


def default_strategy(has: frozenset[str]) -> Strategy:
    """Return the strategy that answers where none is named.

    Args:
        has: what the generation has.
    """
    return next(STRATEGIES[name] for name in PREFERRED if STRATEGIES[name].needs <= has)


def strategy_named(name: str) -> Strategy:
    """Return the strategy of this name.

    Raises:
        InvalidValue: ``unknown-strategy``.
    """
    if name not in STRATEGIES:
        raise InvalidValue(
            f"There is no strategy {name!r}.", f"Choose one of: {', '.join(STRATEGIES)}.", code="unknown-strategy"
        )
    return STRATEGIES[name]

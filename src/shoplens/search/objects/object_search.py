"""A search for each thing in a photo by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shoplens.errors import InvalidValue
from shoplens.ranking.strategies import EncodedQuery
from shoplens.types import Answer, Query

SearchOne = Callable[[Query], tuple[Answer, EncodedQuery | None]]
"""Answers a query, and returns its photo as it was encoded."""


def check_object_query(query: Query) -> None:
    """Refuse to look for the things in what is not one photo.

    Raises:
        InvalidValue: ``conflicting-query``.
    """
    if query.photo is None or query.more_photos:
        raise InvalidValue(
            "Each thing in a photo was asked for, and the search does not start from one photo.",
            "Give one photo, or do not ask for objects.",
            code="conflicting-query",
        )


def search_objects(
    query: Query, answer: Answer, photo: EncodedQuery | None, search_one: SearchOne
) -> list[tuple[Answer, EncodedQuery | None]]:
    """Search for each of the objects of an answer by its box: an answer per object, with the photo as it was encoded.

    Args:
        query, answer, photo: of the search for the photo, or for a region of it, as a whole.
        search_one: answers the query of one object.

    Raises:
        InvalidValue: ``no-objects``: the strategy, or the network of the store, looks for no objects.
    """
    if photo is None or photo.objects is None:
        raise InvalidValue(
            f"The strategy {answer.strategy} and the network {answer.model} look for no objects in this store.",
            "Leave the strategy out, or build the store with objects = true and a network that finds them.",
            code="no-objects",
        )
    found = [search_one(replace(query, region=one.region)) for one in photo.objects]
    return [(replace(one, source=answer.source), encoded) for one, encoded in found]

"""Encoded query photos in Redis, so that any replica can refine a search that another one answered.

What is there is what one process keeps in memory: vectors and features, never pixels, and for half an hour after its
last use. It is written as JSON and plain arrays, so reading it runs no code.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from shoplens.embedders.classifier import Classification
from shoplens.errors import StoreError
from shoplens.ranking.strategies import EncodedQuery
from shoplens.reading.barcodes import Barcode
from shoplens.service.caches.query_cache import SECONDS, unknown_query_error
from shoplens.service.limits.shared_redis import SharedRedis
from shoplens.types import Region
from shoplens.types.queries import ObjectBox

_ARRAYS = ("vector", "features", "trained_vector", "mask")
_PLAIN = ("content_hash", "encoded_by", "text", "is_blank", "keeps_weights")


class SharedQueryCache:
    """Query id -> encoded photo, in Redis; see :class:`~shoplens.service.caches.query_cache.QueryCache`.

    It waits for Redis, so it is used in threads only.

    Args:
        redis: that all replicas share.
        prefix: of the keys; another for every store.
        seconds: for which a photo is kept after its last use.
    """

    def __init__(self, redis: SharedRedis, prefix: str, seconds: float = SECONDS) -> None:
        self._redis, self._prefix, self._seconds = redis, f"shoplens:{prefix}:query:", seconds

    def add(self, query_id: str, photo: EncodedQuery, generation: str) -> None:
        """Add the photo of a query; where Redis does not answer, a refinement will have to send the photo again."""
        if self._redis.is_away:
            return
        content = pack_query(photo, generation)
        try:
            self._redis.in_threads.set(self._prefix + query_id, content, px=round(self._seconds * 1000))
        except Exception as problem:
            self._redis.leave_alone(problem)

    def get(self, query_id: str) -> tuple[EncodedQuery, str]:
        """Return the photo of a query, with the generation that answered it.

        Raises:
            InvalidValue: ``unknown-query``.
            StoreError: ``no-shared-state``.
        """
        if self._redis.is_away:
            raise _no_shared_state_error("Redis did not answer a moment ago")
        try:
            data = self._redis.in_threads.getex(self._prefix + query_id[:64], px=round(self._seconds * 1000))
        except Exception as problem:
            self._redis.leave_alone(problem)
            raise _no_shared_state_error(problem) from problem
        if data is None:
            raise unknown_query_error(query_id, self._seconds)
        return unpack_query(data)

    def latest(self, most: int) -> list[str]:
        """Return no ids: other replicas' queries are in no order."""
        return []

    def clear(self) -> None:
        """Drop nothing: other replicas use what is there, and it expires by itself."""


def _no_shared_state_error(why: object) -> StoreError:
    return StoreError(
        f"The shared state does not answer: {why}.",
        "Send the photo again, or try again later.",
        code="no-shared-state",
    )


def pack_query(photo: EncodedQuery, generation: str) -> bytes:
    """Return an encoded photo as bytes. The query for the filters is left out; every search makes it anew."""
    arrays = {name: getattr(photo, name) for name in _ARRAYS if getattr(photo, name) is not None}
    if photo.classification is not None:
        arrays["probabilities"] = photo.classification.probabilities
    plain: dict[str, Any] = {name: getattr(photo, name) for name in _PLAIN}
    plain |= {
        "generation": generation,
        "pixel_hashes": list(photo.pixel_hashes),
        "object": None if photo.object is None else asdict(photo.object),
        "objects": None if photo.objects is None else [asdict(one) for one in photo.objects],
        "barcodes": [asdict(one) for one in photo.barcodes],
        "products": None if photo.classification is None else list(photo.classification.products),
    }
    file = io.BytesIO()
    np.savez(file, json=np.frombuffer(json.dumps(plain).encode(), np.uint8), **arrays)
    return file.getvalue()


def unpack_query(data: bytes) -> tuple[EncodedQuery, str]:
    """Return what :func:`pack_query` packed."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        plain: Mapping[str, Any] = json.loads(arrays["json"].tobytes())
        named = {name: arrays[name] for name in _ARRAYS if name in arrays}
        classes = None if plain["products"] is None else Classification(plain["products"], arrays["probabilities"])
    objects = plain["objects"]
    photo = EncodedQuery(
        **named,
        **{name: plain[name] for name in _PLAIN},
        pixel_hashes=tuple(plain["pixel_hashes"]),
        object=None if plain["object"] is None else Region(**plain["object"]),
        objects=None if objects is None else tuple(ObjectBox(Region(**one["region"]), one["score"]) for one in objects),
        barcodes=tuple(Barcode(**one) for one in plain["barcodes"]),
        classification=classes,
    )
    return photo, str(plain["generation"])

"""The state of a running service."""

from __future__ import annotations

import logging
import typing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastapi import Request

from shoplens.errors import StoreError
from shoplens.service.caches.map_cache import MapCache
from shoplens.service.caches.not_found_stats import NotFoundStats
from shoplens.service.caches.query_cache import EncodedQueries, QueryCache
from shoplens.service.caches.storefront_cache import StorefrontCache
from shoplens.service.caches.thumbnails import ThumbnailCache
from shoplens.service.keys import Keys
from shoplens.service.limits.arrivals import Arrivals
from shoplens.service.limits.queue import WorkQueue
from shoplens.service.limits.rate_limit import PHOTOS_PER_REQUEST, Rates, health_limiter
from shoplens.service.metrics import Metrics
from shoplens.settings import Settings
from shoplens.shop import Shop

if typing.TYPE_CHECKING:
    from shoplens.service.limits.shared_redis import SharedRedis

log = logging.getLogger("shoplens.service")
COMMANDS_AT_ONCE = 4
RECORDS = 4
PHOTOS_WAITING = 256
"""A page shows dozens of photos at once."""
FETCHES = 8
"""Number of photos that are fetched at the same time; fetching waits for other machines, not for the processor."""


@dataclass(slots=True)
class ServiceState:
    """The state of a running service.

    Attributes:
        shop: open.
        keys: of the store.
        rates: of clients, of keys, and of product photos.
        query_cache: encoded photos of recent searches.
        arrivals: bodies of requests that are arriving.
        work: queue of calls that need the processor; ``photos`` of those that make a product's photo small;
            ``fetches`` of those that wait for other machines; ``writes`` of those that change the store; ``records`` of
            short ones that read or write a few records.
        beside: threads for commands that run beside the service.
        thumbnails: product photos in the requested sizes.
        map_cache: map of the catalogue.
        storefront: what a search page shows before a search.
        not_found: counts of searches for products that the shop does not have.
        metrics: of the service.
        redis: that all replicas share; None for none.
        damage: what is wrong with the files of the store; empty for nothing.
    """

    shop: Shop
    keys: Keys
    rates: Rates
    query_cache: EncodedQueries
    arrivals: Arrivals
    work: WorkQueue
    photos: WorkQueue
    fetches: WorkQueue
    writes: WorkQueue
    records: WorkQueue
    beside: ThreadPoolExecutor
    thumbnails: ThumbnailCache
    map_cache: MapCache
    storefront: StorefrontCache
    not_found: NotFoundStats
    metrics: Metrics
    redis: SharedRedis | None = None
    damage: str = ""

    @classmethod
    def of(cls, shop: Shop, workers: int, secret: str = "") -> ServiceState:
        """Create the state of a shop's service, on the event loop that it will run on.

        Args:
            workers: number of searches at the same time.
            secret: by which the service recognises commands of its own user.
        """
        used = shop.settings
        rates, queries, redis = _share_limits(used) if used.shared_state else (Rates.of(used), QueryCache(), None)
        return cls(
            shop,
            Keys(shop.folder, secret),
            rates,
            queries,
            Arrivals(),
            WorkQueue(workers, used.queue, used.request_seconds, prompt=True),
            WorkQueue(max(1, workers // 2), max(PHOTOS_WAITING, used.queue), used.request_seconds),
            WorkQueue(FETCHES, used.queue, used.request_seconds),
            WorkQueue(1, used.queue, used.request_seconds),
            WorkQueue(RECORDS, used.queue, used.request_seconds),
            ThreadPoolExecutor(COMMANDS_AT_ONCE, "commands"),
            ThumbnailCache(shop),
            MapCache(shop),
            StorefrontCache(shop),
            NotFoundStats(shop.folder),
            Metrics(),
            redis,
        )

    def look_for_damage(self) -> None:
        """Compare all files of the live generation with their checksums, and write down what is wrong."""
        try:
            self.shop.check_files()
        except StoreError as problem:
            self.damage = str(problem)
            log.error("%s", problem, extra={"code": problem.code})

    async def close(self) -> None:
        """Wait for the calls that have begun, but for the map; the shop stays open."""
        self.map_cache.close()
        for one in (self.work, self.photos, self.fetches, self.writes, self.records):
            one.close()
        self.beside.shutdown(wait=True, cancel_futures=True)
        if self.redis is not None:
            await self.redis.close()


def _share_limits(settings: Settings) -> tuple[Rates, EncodedQueries, SharedRedis]:
    """Return the rates and the encoded queries that all replicas share, and the Redis that holds them."""
    from shoplens.service.caches.shared_queries import SharedQueryCache
    from shoplens.service.limits.shared_rates import SharedRateLimiter
    from shoplens.service.limits.shared_redis import connect_redis

    redis = connect_redis(settings.shared_state)
    name = f"{settings.server or settings.store}:{settings.qdrant_tenant}"
    limits = {"client": settings.rate, "key": settings.key_rate, "photos": settings.rate * PHOTOS_PER_REQUEST}
    limiters = {kind: SharedRateLimiter(redis, f"{name}:{kind}", limit) for kind, limit in limits.items()}
    return Rates(**limiters, health=health_limiter(settings)), SharedQueryCache(redis, name), redis


def service_state(request: Request) -> ServiceState:
    """Return the state of the service that a request is for."""
    state: ServiceState = request.app.state.service
    return state

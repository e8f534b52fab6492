"""The facade of the library: one open store, and everything that can be done with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shoplens.build.dimension_rows import DimensionRow, dimension_rows
from shoplens.build.run import OnRenames, Summary
from shoplens.embedders import Embedder
from shoplens.errors import InvalidValue, PhotoError, StoreError
from shoplens.feedback.answer_log import AnswerLog
from shoplens.feedback.log import FeedbackLog
from shoplens.feeds import Feed, FeedMapping, fetch_feed, read_feed
from shoplens.images import PhotoCache, PhotoSource
from shoplens.images.source import locate_query_photo
from shoplens.index.protocol import OpenIndex
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.objects.object_search import check_object_query, search_objects
from shoplens.search.pipeline import search_encoded
from shoplens.settings import Settings, settings_from
from shoplens.shop.desk.merchandising import ShopMerchandising
from shoplens.shop.explanations import ShopExplanations
from shoplens.shop.feedback import ShopFeedback
from shoplens.shop.generations import ShopGenerations
from shoplens.shop.open_store import open_store, open_workers, restore_backup
from shoplens.shop.parts import ShopParts, with_located_photo
from shoplens.shop.products import ShopProducts
from shoplens.shop.quality import ShopQuality
from shoplens.shop.snapshots import ShopSnapshots
from shoplens.shop.store_embedders import StoreEmbedders
from shoplens.shop.training import ShopTraining
from shoplens.store.copies.backups import write_backup
from shoplens.store.files.atomic import timestamp
from shoplens.store.files.damage import generation_damage
from shoplens.store.files.merchandising import MerchandisingFile
from shoplens.store.info import refuse_to_replace, store_info
from shoplens.store.layout import FEEDBACK
from shoplens.types import Answer, Progress, Query, Region, SoldOut, Steering


class Shop:
    """One shop's catalogue, open for searching and for changes. Use it in a ``with`` block; it is thread-safe.

    Attributes:
        products: single products: put, update, remove, get, count.
        quality: how good the answers are: evaluate, compare, calibrate, check, diagnose, map.
        training: what the shop learns: filters, look, classifier, ranker.
        feedback: what shoppers did with answers: add, count, forget.
        merchandising: what is pinned, boosted and buried.
        generations: the live one and those that were kept: list, compare, roll back.
        explanations: of single answers: match_regions, draw_match, draw_objects.
        snapshots: copies of the live generation for commands that run beside a service.

    Args:
        store: folder of the store; ``SHOPLENS_STORE`` or ``./shoplens-store`` when omitted.
        embedder: another than the shipped one; it must be the one that the store was made by.
        settings: all other settings; from the environment and ``shoplens.toml`` when omitted.

    Raises:
        StoreError: there is no store, another process has it open, or it is damaged.

    >>> with Shop("shoplens-store") as shop:  # doctest: +SKIP
    ...     for result in shop.search("photo.jpg", k=3).results:
    ...         print(result.rank, result.product.title, round(result.score, 3))
    """

    def __init__(
        self,
        store: str | Path | None = None,
        *,
        embedder: Embedder | None = None,
        settings: Settings | None = None,
        _create: bool = False,
        _rebuild: bool = False,
        _snapshot: Path | None = None,
        _engine: OpenIndex = QdrantIndex,
    ) -> None:
        used = settings or settings_from()
        if store and Path(store) != used.store:  # that of a store on a server is its working folder
            used = replace(used, store=Path(store), server="")
        opened = open_store(used, create=_create, rebuild=_rebuild, snapshot=_snapshot, engine=_engine)
        cache = PhotoCache(opened.photos_folder, used.kept_photo_bytes)
        self._parts = ShopParts(
            used,
            opened,
            StoreEmbedders(opened, embedder, used, is_new=_rebuild),
            feed_photos=PhotoSource(used, cache),
            query_photos=PhotoSource(replace(used.for_queries, fetch_attempts=1)),  # a shopper waits for it
            known_photos=PhotoSource(used, cache, keeps=False),  # shoppers' photos are among them
            feedback_log=FeedbackLog(opened.folder / FEEDBACK, used.remember_days),
            merchandising=MerchandisingFile(opened.folder),
        )
        self.products, self.quality = ShopProducts(self._parts), ShopQuality(self._parts)
        self.training, self.feedback = ShopTraining(self._parts), ShopFeedback(self._parts)
        self.explanations, self.merchandising = ShopExplanations(self._parts), ShopMerchandising(self._parts)
        self.generations, self.snapshots = ShopGenerations(self._parts), ShopSnapshots(self._parts)
        with contextlib.suppress(StoreError):  # whoever asks for feedback gets the error
            self._parts.feedback_log.purge()

    @property
    def settings(self) -> Settings:
        """The settings that it was opened with."""
        return self._parts.settings

    @classmethod
    def index(
        cls,
        feed: str | Path,
        store: str | Path | None = None,
        *,
        media: str | Path | None = None,
        format: str | None = None,
        mapping: FeedMapping | None = None,
        replace: bool = False,
        keep: bool = False,
        embedder: Embedder | None = None,
        settings: Settings | None = None,
        progress: Progress | None = None,
        on_renames: OnRenames | None = None,
        ray: str = "",
        _snapshot: Path | None = None,
    ) -> tuple[Shop, Summary]:
        """Build a store from a whole feed, and open it. An interrupted build is continued.

        Args:
            feed: file, folder, or http or https address.
            media: folder that the feed's photo paths are relative to; the format's usual one when omitted.
            format: name of a feed format; detected from the file's header when omitted.
            mapping: field of a product -> column, or columns, of a table or JSON of any kind.
            replace: whether to build an existing store anew; without it, an existing store is left alone.
            keep: whether to keep the generation before, so that it can be compared and gone back to.
            progress: called now and then with what is being done, how much of it is done, and of how much.
            on_renames: called with the ids that change and their new ids, before anything is removed.
            ray: address of the Ray cluster that encodes and scores the products; empty for this process.

        Raises:
            Refused: the store exists and ``replace`` is false.
            FeedError: the feed cannot be read.
        """
        used = settings or settings_from(store=Path(store) if store else None)
        with cls._read_feed(feed, used, media, format, mapping) as read:
            shop = cls(store, embedder=embedder, settings=settings, _create=True, _rebuild=replace, _snapshot=_snapshot)
            try:
                if not replace:
                    refuse_to_replace(shop._parts.store, read.name)
                workers = open_workers(ray)
                summary = shop._parts.builder(progress, on_renames).index(read, keep=keep, workers=workers)
                shop.feedback.follow_renames()
                return shop, summary
            except BaseException:
                shop.close()
                raise

    def add(
        self,
        feed: str | Path,
        *,
        media: str | Path | None = None,
        format: str | None = None,
        mapping: FeedMapping | None = None,
        progress: Progress | None = None,
    ) -> Summary:
        """Add the products of a feed, or replace those with the same id; all other products stay."""
        with self._read_feed(feed, self.settings, media, format, mapping) as read:
            return self._parts.store.write(lambda: self._parts.builder(progress).add(read))

    def sync(
        self,
        feed: str | Path,
        *,
        media: str | Path | None = None,
        format: str | None = None,
        mapping: FeedMapping | None = None,
        max_removals: str = "10%",
        progress: Progress | None = None,
        on_renames: OnRenames | None = None,
    ) -> Summary:
        """Make the store equal to a full feed: add, change, remove.

        Where ids change, ``on_renames`` gets old -> new before anything is removed; these do not count as removals.

        Raises:
            Refused: more products than ``max_removals`` would be removed; nothing was changed.
        """
        with self._read_feed(feed, self.settings, media, format, mapping) as read:
            builder = self._parts.builder(progress, on_renames)
            summary = self._parts.store.write(lambda: builder.sync(read, str(max_removals)))
        self.feedback.follow_renames()
        return summary

    @staticmethod
    def _read_feed(
        feed: str | Path,
        settings: Settings,
        media: str | Path | None,
        format: str | None,
        mapping: FeedMapping | None,
    ) -> Feed:
        return read_feed(
            feed,
            media=Path(media) if media else None,
            format=format,
            mapping=mapping or (None if format else settings.preferences.feed or None),
            limit=settings.max_feed_bytes,
            download=lambda address, file, _: fetch_feed(address, file, settings),
        )

    def search(
        self,
        photo: str | Path | bytes | Sequence[str | Path | bytes] | None = None,
        k: int = 10,
        *,
        where: str | Iterable[str] = (),
        region: Region | Sequence[int] | None = None,
        per_group: int | None = None,
        sold_out: SoldOut = "show",
        strategy: str = "",
        precision: float | None = None,
        steering: Steering | None = None,
        remember: bool | None = None,
        user: str = "",
        objects: bool = False,
    ) -> Answer:
        """Search for the products in a photo (path, URL, or a file's bytes), or in several of one thing, best first.

        The answer's ``verdict`` says ``exact`` or ``not-in-catalogue`` only at the requested ``precision``. Without a
        photo, ``steering`` names a product or a colour to start from. With ``remember`` (by default as the settings
        say) the answer is logged, so that :meth:`~shoplens.shop.feedback.ShopFeedback.add` can add feedback on it;
        ``user`` is the shop's id of the shopper. With ``objects`` the answer's ``object_answers`` hold an answer for
        each thing in the photo by itself.

        >>> shop.search("hall.jpg", where="color = green and price < 40", region=(40, 60, 200, 300))  # doctest: +SKIP
        >>> shop.search("hall.jpg", steering=Steering(weights={"color": 3, "pattern": 0}))  # doctest: +SKIP
        """
        steering = steering or Steering()
        several = [photo] if photo is None or isinstance(photo, str | Path | bytes) else list(photo)
        photos = [locate_query_photo(one) for one in several if one is not None]
        query = Query(
            photo=photos[0] if photos else None,
            more_photos=tuple(photos[1:]),
            k=k,
            where=(where,) if isinstance(where, str) else tuple(where),
            region=region if region is None or isinstance(region, Region) else Region(*region),
            per_group=per_group,
            sold_out=sold_out,
            strategy=strategy,
            precision=self.settings.precision if precision is None else precision,
            steering=with_located_photo(steering),
        )
        if objects:
            check_object_query(query)
        try:
            answer, encoded = self.search_encoded(query, remember=remember, user=user)
            if not objects:
                return answer
            by_object = self.search_objects(query, answer, encoded, remember=remember, user=user)
            return replace(answer, object_answers=tuple(one for one, _ in by_object))
        except PhotoError as problem:
            if problem.code != "photo-missing":
                raise
            raise PhotoError(problem.problem, "Give the path of a photo, or its URL.", code=problem.code) from None

    def search_encoded(
        self,
        query: Query,
        photo: EncodedQuery | None = None,
        *,
        remember: bool | None = None,
        user: str = "",
        shown: int | None = None,
    ) -> tuple[Answer, EncodedQuery | None]:
        """Answer a query object, and return its photo as it was encoded; None without one.

        Args:
            photo: the query's photo as it was encoded before; it is not decoded again.
            shown: number of results that will be shown, for the log; None for all.
        """
        is_logged = self.settings.remember if remember is None else remember
        answer_log = AnswerLog(self._parts.feedback_log, str(user), shown) if is_logged else None
        return search_encoded(self._parts.store, query, self._parts.query_encoder(), answer_log, photo)

    def search_objects(
        self,
        query: Query,
        answer: Answer,
        photo: EncodedQuery | None,
        *,
        remember: bool | None = None,
        user: str = "",
        shown: int | None = None,
    ) -> list[tuple[Answer, EncodedQuery | None]]:
        """Search for each thing in the photo of an answer by itself, after :meth:`search_encoded` returned the answer.

        Raises:
            InvalidValue: ``conflicting-query``: the query is not one photo; ``no-objects``: none are looked for.
        """
        check_object_query(query)
        if isinstance(query.photo, str):
            query = replace(query, photo=self._parts.query_photos.bytes_of(query.photo))
        return search_objects(
            query, answer, photo, lambda one: self.search_encoded(one, remember=remember, user=user, shown=shown)
        )

    def similar(self, product_id: str, k: int = 10, *, steering: Steering | None = None) -> Answer:
        """Find products like one of the catalogue, best first, without itself."""
        return self.search(None, k, steering=replace(steering or Steering(), like=product_id))

    def dimensions(self) -> list[DimensionRow]:
        """Return the dimensions of likeness, how well the photos show each, and why other attributes are none.

        Raises:
            InvalidValue: ``no-filters``.
        """
        with self._parts.store.reading() as generation:
            return dimension_rows(generation)

    def warm(self) -> None:
        """Load the network, so that the first search is as fast as the others."""
        self._parts.embedders.for_live(self.settings.cores)

    def fetch_photo(self, url: str) -> bytes:
        """Fetch a shopper's photo from the web by the safe fetcher; it is not stored.

        Raises:
            PhotoError: the photo cannot be fetched.
        """
        return self._parts.query_photos.bytes_of(url)

    @property
    def folder(self) -> Path:
        """Folder of the store."""
        return self._parts.store.folder

    def __len__(self) -> int:
        with self._parts.store.reading() as generation:
            return generation.index.count()

    def info(self) -> dict[str, Any]:
        """Return what the store holds and how it was made; ready for JSON."""
        info = store_info(self._parts.store, self.settings.preferences.merchandising)
        return {**info, "store": self.settings.server} if self.settings.server else info

    def refresh(self) -> bool:
        """Search what another process has made live or has trained, in a store on a server; return whether one did."""
        return self._parts.refresh()

    def flush(self) -> None:
        """Make all changes survive loss of power; without it they survive only the end of the process."""
        self._parts.store.flush()

    def check_files(self) -> None:
        """Compare all files of the live generation with their checksums.

        Raises:
            StoreError: ``damaged-store``.
        """
        with self._parts.store.reading() as generation:
            if (problem := generation_damage(generation.folder)) is not None:
                raise problem

    def backup(self, folder: str | Path) -> None:
        """Copy the store to a new folder, while others search."""
        write_backup(self._parts.store, Path(folder), lambda copy: self._parts.feedback_log.copy_to(copy / FEEDBACK))

    def write_timestamped_backup(self) -> Path:
        """Write a backup to the folder of the setting ``backups``, named by the time, and return its folder.

        Raises:
            InvalidValue: ``no-backups``.
        """
        if self.settings.backups is None:
            raise InvalidValue(
                "There is no folder for backups.", "Set SHOPLENS_BACKUPS to one outside the store.", code="no-backups"
            )
        folder = self.settings.backups.absolute() / timestamp()
        self.backup(folder)
        return folder

    @staticmethod
    def restore(backup: str | Path, store: str | Path | None = None, *, replace: bool = False) -> None:
        """Restore a store in a folder from a backup."""
        restore_backup(Path(backup), settings_from(store=Path(store) if store else None), replace=replace)

    def close(self) -> None:
        """Flush, and release the store for other processes."""
        self._parts.close()

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

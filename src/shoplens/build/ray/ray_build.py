"""The part of a build that runs on a Ray cluster: encoding a feed's products, and scoring them.

The driver reads the feed, writes its products in batches to the object store, and hands the names of the batches to
pools of actors (Ray Data). An actor writes to the server by itself, so no photo passes through the driver. What became
of a batch is a file; a worker that dies, or a run that is interrupted, costs the batches that it was at.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

from shoplens.build.builder import Builder, with_row
from shoplens.build.product_encoder import UNUSABLE
from shoplens.build.ray.batches import BatchFiles, BatchOutcome
from shoplens.build.ray.workers import EncodeBatch, ScoreBatch, WorkOrder
from shoplens.build.run import Run
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.embedder import encoding_of
from shoplens.errors import Refused, SettingsError, StoreError
from shoplens.feeds import Feed
from shoplens.images.shared_photos import SharedPhotos
from shoplens.store.generation import Generation
from shoplens.store.server.server_layout import ServerLayout
from shoplens.types import Product, Rejection

BATCH = 64
"""Products per batch: a few seconds of work for an actor, and what is done again when it dies."""


class RayBuild:
    """Encodes and scores products on a Ray cluster, in place of the threads of this process.

    Args:
        address: of the cluster, ``ray://HOST:10001``, or ``auto`` for the one that this machine belongs to.

    Raises:
        SettingsError: the extra is missing.
    """

    def __init__(self, address: str) -> None:
        if importlib.util.find_spec("ray") is None:
            raise SettingsError(
                "Building with --ray needs the package ray.", "Install the extra: pip install 'shoplens[cluster]'."
            )
        self._address = address
        self._names: list[str] = []

    def write_products(self, builder: Builder, generation: Generation, feed: Feed, run: Run) -> set[str]:
        """Encode the feed's products, and write them to the generation.

        Returns:
            Ids of the products that have no usable photo.

        Raises:
            StoreError: ``ray-failed``.
            Refused: the store is in a folder, or the network is none that workers can open.
        """
        order, files = self._order(builder, generation)
        builder.store.layout.publish(generation.folder)
        self._names = self._write_batches(feed, files, run)
        done = files.done()
        counts = _Counts(feed, run)
        for name in self._names:
            if name in done:
                counts.add(files.read_outcome(name))
        for name in self._map(EncodeBatch, order, [one for one in self._names if one not in done]):
            counts.add(files.read_outcome(name))
            builder.progress("Indexing", run.summary.products + len(counts.left_out), feed.count)
        run.features.flush()
        run.report_shared(counts.shared)
        return counts.left_out

    def score_products(self, builder: Builder, generation: Generation) -> None:
        """Score all products by the filters, which have been fitted, and remove the files of the build."""
        order, files = self._order(builder, generation)
        builder.store.layout.publish(generation.folder)
        for done, _ in enumerate(self._map(ScoreBatch, order, self._names), 1):
            builder.progress("Scoring the products", done, len(self._names))
        files.remove()

    def _order(self, builder: Builder, generation: Generation) -> tuple[WorkOrder, BatchFiles]:
        layout, embedder = builder.store.layout, builder.embedder
        if not isinstance(layout, ServerLayout) or not isinstance(embedder, OnnxEmbedder):
            raise Refused(
                "Building with --ray needs a store on a server and a network that workers can open.",
                "Give --store qdrant://HOST:6334/NAME.",
            )
        folder = layout.work_folder(generation.name)
        order = WorkOrder(builder.settings, generation.name, folder, encoding_of(embedder))
        return order, BatchFiles(layout.objects, folder)

    def _write_batches(self, feed: Feed, files: BatchFiles, run: Run) -> list[str]:
        """Write the products of the feed in batches, and its rejected rows to the report; return the batches' names."""
        run.summary.rows = feed.counts.rows
        names, products = list[str](), list[Product]()
        for item in feed:
            if isinstance(item, Rejection):
                run.report.add(item)
                continue
            products.append(item)
            if len(products) == BATCH:
                names.append(files.write_products(len(names), products))
                products = []
        return [*names, files.write_products(len(names), products)] if products else names

    def _map(self, worker: type, order: WorkOrder, names: list[str]) -> Iterable[str]:
        """Have actors work on batches, and yield the name of each that is done, in any order.

        The names are in memory, so there are no tasks that read: a pool that takes every processor starves nobody. It
        begins with one actor and grows to one per processor. Ray Data starts an actor that dies with its machine on
        another, and does its batch again, as often as it takes.
        """
        if not names:
            return
        import ray

        if not ray.is_initialized():
            ray.init(address=self._address, log_to_driver=False)
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
            pool: Any = ray.data.ActorPoolStrategy(min_size=1, max_size=min(processors, len(names)))
            batches = ray.data.from_items([{"batch": name} for name in names], override_num_blocks=len(names))
            done = batches.map_batches(
                worker,
                fn_constructor_args=(order,),
                batch_size=1,
                batch_format="numpy",
                compute=pool,
                num_cpus=1,
            )
            for row in done.iter_rows():
                yield str(row["batch"])
        except ray.exceptions.RayError as problem:
            cause = problem.cause if isinstance(problem, ray.exceptions.RayTaskError) else problem
            if isinstance(cause, StoreError):
                raise cause from problem
            text = " ".join(str(cause).split())[:300]
            raise StoreError(
                f"The Ray cluster could not finish the build: {text}",
                "See to its machines, and run the same command again; it continues where it stopped.",
                code="ray-failed",
            ) from problem


class _Counts:
    """Adds up what became of batches, each once, and keeps the features of their photos.

    Attributes:
        shared: which photos products have in common.
        left_out: ids of the products that have no usable photo.
    """

    def __init__(self, feed: Feed, run: Run) -> None:
        self.shared, self.left_out = SharedPhotos(), set[str]()
        self._feed, self._run = feed, run

    def add(self, outcome: BatchOutcome) -> None:
        """Add what became of one batch."""
        summary, features = self._run.summary, self._run.features
        summary.products += len(outcome.products)
        summary.added += len(outcome.products)
        summary.photos += sum(map(len, outcome.products.values()))
        summary.photos_embedded += outcome.photos_embedded
        summary.photos_known += outcome.photos_known
        for rejection in outcome.rejections:
            self._run.report.add(with_row(rejection, self._feed))
            if rejection.kind == UNUSABLE:
                self.left_out.add(rejection.product_id)
        for product_id, photos in outcome.products.items():
            self.shared.add(product_id, photos)
        for content_hash, row in outcome.features.items():
            features.add(content_hash, row)
        for content_hash, (reader, words) in outcome.texts.items():
            features.texts.add(content_hash, reader, words)

"""What runs on the machines of a Ray cluster: an actor keeps its network and its connections for all batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shoplens.build.filter_scoring import load_scorer
from shoplens.build.photo_features import feature_model
from shoplens.build.product_encoder import EncodingCaches, ProductEncoder
from shoplens.build.ray.batches import BatchFiles, BatchOutcome
from shoplens.build.run import Summary, write_entries
from shoplens.embedders import Embedder, Embedders, network_file
from shoplens.embedders.embedder import Encoding
from shoplens.embedders.look import load_look
from shoplens.errors import StoreError
from shoplens.filters.model.stored import load_filters
from shoplens.images import PhotoCache, PhotoSource
from shoplens.index.protocol import IndexedProduct
from shoplens.reading.text_model import load_text_model
from shoplens.reading.text_reader import select_text_reader
from shoplens.settings import Settings
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.generation import SHARD, Generation, check_model
from shoplens.store.manifest import load_manifest
from shoplens.store.server.server_store import open_server_layout

RETRIED = frozenset({"server-unavailable", "no-object-store"})
"""Errors after which a batch is done again."""
ATTEMPTS, FIRST_PAUSE = 6, 1.0
"""Attempts for a batch, and seconds before the second; each further pause is twice as long."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What an actor needs to know.

    Attributes:
        settings: of the build; they name the server and the object store.
        generation: name of the generation that is filled.
        folder: of the batches, in the object store.
        encoding: how photos become vectors.
    """

    settings: Settings
    generation: str
    folder: str
    encoding: Encoding


class _Worker:
    """A generation on the server, and a folder of its own for what a worker keeps."""

    def __init__(self, order: WorkOrder) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="shoplens-ray-", ignore_cleanup_errors=True)
        settings = replace(order.settings, store=Path(self._temporary.name), threads=1)
        layout = open_server_layout(settings)
        folder = layout.pull(order.generation)
        manifest = load_manifest(folder)
        index = layout.open_index(folder / SHARD, manifest.sizes)
        filters, text = load_filters(folder), load_text_model(folder)
        look = load_look(folder, manifest.look)
        self.generation = Generation(folder, manifest, index, filters, look, text)
        self.files, self.settings = BatchFiles(layout.objects, order.folder), settings

    def repeat(self, work: Callable[[], None]) -> None:
        """Do some work, again where the server or the object store did not answer."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                work()
                return
            except StoreError as problem:
                if problem.code not in RETRIED or attempt == ATTEMPTS:
                    raise
            time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))


class EncodeBatch:
    """Fetches, decodes and embeds the photos of batches, and writes the products to the index.

    A batch that has an outcome is left alone: it was done before its worker died, or by a run that was interrupted.

    Raises:
        StoreError: ``other-model``, this machine has another network than the one that the build was begun with.
    """

    def __init__(self, order: WorkOrder) -> None:
        self._worker = _Worker(order)
        settings = self._worker.settings
        path = network_file(settings.model, order.encoding.model, settings.models)
        opened = Embedders(None, path, objects=order.encoding.objects, providers=settings.providers).with_threads(1)
        check_model(self._worker.generation, opened)
        self._embedder: Embedder = self._worker.generation.embedder_for(opened)
        self._source = PhotoSource(
            settings, PhotoCache(settings.store / "photos", settings.kept_photo_bytes), keeps=False
        )
        self._reader = select_text_reader(settings)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        names = [str(name) for name in batch["batch"]]
        for name in names:
            if not self._worker.files.has_outcome(name):
                self._worker.repeat(lambda name=name: self._encode(name))  # type: ignore[misc]
        return {"batch": names}

    def _encode(self, name: str) -> None:
        index, look = self._worker.generation.index, self._worker.generation.look
        path = self._worker.settings.store / f"{name}.sqlite"
        features = FeatureFile(path, feature_model(self._embedder))
        try:
            caches = EncodingCaches(features, [index], look=look, reader=self._reader)
            encoder = ProductEncoder(self._embedder, self._source, self._worker.settings, caches)
            outcomes = list(encoder.outcomes(self._worker.files.read_products(name)))
            entries = [outcome.entry for outcome in outcomes if outcome.entry is not None]
            write_entries(index, entries, Summary(), None)
            hashes = {photo.content_hash for entry in entries for photo in entry.photos}
            reader = "" if self._reader is None else self._reader.model
            outcome = BatchOutcome(
                {one.product.id: [(photo.content_hash, photo.source) for photo in one.photos] for one in entries},
                [rejection for one in outcomes for rejection in one.rejections],
                sum(one.photos_embedded for one in outcomes),
                sum(one.photos_known for one in outcomes),
                features.read(hashes),
                {} if not reader else {name: (reader, text) for name, text in features.texts.read(hashes).items()},
            )
        finally:
            features.close()
            path.unlink(missing_ok=True)
        self._worker.files.write_outcome(name, outcome)


class ScoreBatch:
    """Scores the products of batches by the filters, once these have been fitted."""

    def __init__(self, order: WorkOrder) -> None:
        self._worker = _Worker(order)
        scorer = load_scorer(self._worker.generation)
        assert scorer is not None, "the filters are fitted before the products are scored"
        self._scorer = scorer

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        names = [str(name) for name in batch["batch"]]
        for name in names:
            self._worker.repeat(lambda name=name: self._score(name))  # type: ignore[misc]
        return {"batch": names}

    def _score(self, name: str) -> None:
        index, outcome = self._worker.generation.index, self._worker.files.read_outcome(name)
        path = self._worker.settings.store / f"{name}.sqlite"
        features = FeatureFile(path, "batch")
        try:
            for content_hash, row in outcome.features.items():
                features.add(content_hash, row)
            for content_hash, (reader, words) in outcome.texts.items():
                features.texts.add(content_hash, reader, words)
            entries = list(index.entries(outcome.products))
            products = [(one.product, [photo.content_hash for photo in one.photos]) for one in entries]
            scored: list[IndexedProduct] = [
                replace(entry, scores=scores)
                for entry, scores in zip(entries, self._scorer.scores_of_many(products, features), strict=True)
            ]
            index.update_scores(scored)
        finally:
            features.close()
            path.unlink(missing_ok=True)

"""The embedders of a store's generations. A generation keeps the model that it was built by, so a store whose
generations are of two models has two embedders."""

from __future__ import annotations

import threading

from shoplens.embedders import Embedder, Embedders, network_file
from shoplens.embedders.embedder import ALL_OBJECTS, NO_OBJECTS, Encoding, encoding_of
from shoplens.settings import Settings
from shoplens.store.generation import Generation
from shoplens.store.store import Store


class StoreEmbedders:
    """Finds the embedder of a generation; each is opened when it is first needed. Thread-safe.

    Args:
        embedder: the embedder for all of them; None opens that of the setting ``model``, or, without it, that of the
            generation's own model.
        is_new: whether the store is built anew, as the settings say.
    """

    def __init__(self, store: Store, embedder: Embedder | None, settings: Settings, *, is_new: bool) -> None:
        self._store, self._embedder, self._settings = store, embedder, settings
        self._found: dict[Encoding, Embedders] = {}
        self._lock = threading.Lock()
        self._new = self._open_new() if is_new or not store.has_live else None

    def for_building(self) -> Embedder:
        """Return the embedder of what is built: of a new generation where one is, else of the live one."""
        return self._new.with_threads(1) if self._new is not None else self.for_live(1)

    def for_live(self, threads: int) -> Embedder:
        """Return the embedder of the live generation, which uses this number of threads for one photo; that of the new
        one where there is none yet."""
        if self._store.has_live:
            return self.for_generation(self._store.live, threads)
        return (self._new or self._open_new()).with_threads(threads)

    def for_generation(self, generation: Generation, threads: int) -> Embedder:
        """Return the embedder of a generation; that of the setting ``model``, whatever the generation's is."""
        encoding = generation.manifest.encoding
        if self._new is not None and encoding_of(self._new.with_threads(1)) == encoding:
            return self._new.with_threads(threads)
        with self._lock:
            if encoding not in self._found:
                path = network_file(self._settings.model, encoding.model, self._settings.models)
                self._found[encoding] = Embedders(
                    self._embedder, path, objects=encoding.objects, providers=self._settings.providers
                )
            return self._found[encoding].with_threads(threads)

    def _open_new(self) -> Embedders:
        made_by = self._store.live.manifest.model if self._store.has_live else ""
        path = network_file(self._settings.model, made_by, self._settings.models)
        objects = ALL_OBJECTS if self._settings.objects else NO_OBJECTS
        return Embedders(self._embedder, path, objects=objects, providers=self._settings.providers)

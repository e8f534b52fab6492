"""A generation: one build of a store's index by one model, on disk and open."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from shoplens.embedders import Embedder
from shoplens.embedders.classifier import BACKBONES, ProductClassifier, backbone_file, load_classifier
from shoplens.embedders.classifier import NETWORK as CLASSIFIER
from shoplens.embedders.embedder import object_use
from shoplens.embedders.look import EmbeddingHead, load_look
from shoplens.errors import InvalidValue, StoreError
from shoplens.filters.dimensions.derivation import Dimensions
from shoplens.filters.dimensions.labels import Labels
from shoplens.filters.model.caption import CaptionModel, load_caption_model
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.stored import load_filters
from shoplens.index.protocol import OpenIndex, StoredIndex
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.reading.text_model import TextModel, load_text_model
from shoplens.store.dimensions_file import read_dimensions
from shoplens.store.files.atomic import break_seal, replace_file
from shoplens.store.files.seal import check_seal, damage_error, write_seal
from shoplens.store.manifest import FORMAT, Manifest, stored_format
from shoplens.words.vocabulary import DatedVocabulary

SHARD = "shard"
RANKER = "ranker.onnx"
"""Name of the file with the trained ranker in a generation's folder."""


@dataclass(eq=False)
class Generation:
    """A complete build, or one in progress.

    Attributes:
        filters: None while none have been fitted, or when they are damaged.
        look: the trained head that made its trained vectors; None where none was trained.
        text: compares words with those of its products; None where it has no room for words, or the filters are
            damaged.
        caption: compares words with its photos; None where its model has no text tower, or the filters are damaged.
        names: what its classes and values are called, where a search has collected it; see
            :func:`~shoplens.search.text_meanings.read_text`.
        written: when products were last written, in seconds of the monotonic clock.
        damage: why the filters cannot be used; searches without filters still work.
        readers: number of searches and commands that read it now.
        on_unread: called by its last reader, once it is no longer live.
    """

    folder: Path
    manifest: Manifest
    index: StoredIndex
    filters: Filters | None = None
    look: EmbeddingHead | None = None
    text: TextModel | None = None
    caption: CaptionModel | None = None
    damage: StoreError | None = None
    readers: int = 0
    names: DatedVocabulary | None = None
    written: float = -math.inf
    _classifier: ProductClassifier | None = None
    _classifying: threading.Lock = field(default_factory=threading.Lock)
    on_unread: Callable[[], None] | None = None

    def require_filters(self) -> Filters:
        """Return the filters.

        Raises:
            StoreError: ``damaged-filters``.
            InvalidValue: ``no-filters``, none have been fitted.
        """
        if self.filters is not None:
            return self.filters
        raise self.damage or InvalidValue(
            "The store has no filters yet.",
            "Run `shoplens train filters`, which fits them to its products.",
            code="no-filters",
        )

    @cached_property
    def dimensions(self) -> tuple[Dimensions, Labels | None]:
        """The dimensions that the filters were fitted for, and the labels that they use; read once.

        Raises:
            StoreError: ``damaged-filters``.
        """
        return read_dimensions(self.folder)

    def require_look(self) -> EmbeddingHead:
        """Return the trained head.

        Raises:
            InvalidValue: ``no-look``, none has been trained.
        """
        if self.look is not None:
            return self.look
        raise InvalidValue(
            "The store has no trained look yet.",
            "Run `shoplens train look`, which learns distances from its photos.",
            code="no-look",
        )

    def require_text(self) -> TextModel:
        """Return the model of its products' words; :meth:`TextModel.query` makes a query of what somebody types.

        Raises:
            InvalidValue: ``no-text``, the store has none.
            StoreError: ``damaged-filters``.
        """
        if self.text is not None:
            return self.text
        raise self.damage or InvalidValue(
            "The store does not compare words.",
            "Remove `use = false` from [dimensions.text], if it is there, and run `shoplens train filters`.",
            code="no-text",
        )

    def require_classifier(self) -> ProductClassifier:
        """Return the classifier, which is opened at the first call.

        Raises:
            InvalidValue: ``no-classifier``, none has been trained.
            StoreError: ``damaged-classifier``.
        """
        with self._classifying:
            if self._classifier is None:
                self._classifier = load_classifier(self.folder)
            if self._classifier is not None:
                return self._classifier
        raise InvalidValue(
            "The store has no classifier yet.",
            "Run `shoplens train classifier`, which trains one with an output per product.",
            code="no-classifier",
        )

    def embedder_for(self, embedder: Embedder) -> Embedder:
        """Return the embedder of this generation: that of its model, or the same with a fine-tuned tail.

        Raises:
            ModelError: the tail cannot be loaded.
        """
        return embedder if self.look is None else self.look.embedder_for(embedder)

    def require(self, needs: Iterable[str]) -> None:
        """Raise an error unless the generation has all that a strategy needs.

        Raises:
            InvalidValue, StoreError: as the methods for filters, look and classifier.
        """
        missing = frozenset(needs) - self.capabilities
        if "filters" in missing:
            self.require_filters()
        if "look" in missing:
            self.require_look()
        if "classifier" in missing:
            self.require_classifier()
        if "ranker" in missing:
            raise InvalidValue(
                "The store has no trained ranker yet.",
                "Run `shoplens train ranker`, which learns what counts for which photo.",
                code="no-ranker",
            )

    @property
    def capabilities(self) -> frozenset[str]:
        """What it has of the things that strategies need: ``filters``, ``look``, ``classifier``, ``ranker``."""
        present = {
            "filters": self.filters is not None,
            "look": self.look is not None,
            "classifier": (self.folder / CLASSIFIER).is_file(),
            "ranker": (self.folder / RANKER).is_file(),
        }
        return frozenset(name for name, is_present in present.items() if is_present)

    @property
    def shard(self) -> Path:
        return self.folder / SHARD

    @property
    def name(self) -> str:
        return self.folder.name

    def adopt_look(self, look: EmbeddingHead) -> None:
        """Set the trained head that makes its trained vectors, and write it to the folder."""
        look.save(self.folder)
        self.look = look

    def adopt_classifier(self, classifier: ProductClassifier) -> None:
        """Set the classifier, in place of the one before, and write it to the folder.

        A crash leaves the old or the new one.
        """
        own = backbone_file(classifier.card.backbone)
        with self._classifying:
            if classifier.backbone:
                replace_file(self.folder / own, classifier.backbone)
            replace_file(self.folder / CLASSIFIER, classifier.network)
            self._classifier = classifier
            for file in self.folder.glob(BACKBONES):
                if file.name != own:
                    file.unlink()

    def flush(self) -> None:
        """Make all changes survive loss of power, and seal the files. Nothing may be written meanwhile.

        A generation of an older format is sealed when it is written next: older versions would not break the seal.
        After a write that failed, it stays unsealed until it is opened again: the engine repeats its log then, and
        changes files.
        """
        self.index.flush()
        if self.index.has_files and stored_format(self.folder) == FORMAT and not self.index.has_failed:
            write_seal(self.folder, self.index.count())

    def close(self) -> None:
        """Flush and close the index; on a full disk, what was written stays in the write-ahead log."""
        try:
            self.flush()
        except StoreError as problem:
            if problem.code != "disk":
                raise
        finally:
            self.index.close()


def open_generation(folder: Path, manifest: Manifest, engine: OpenIndex = QdrantIndex) -> Generation:
    """Open a generation, with its filters; ``engine`` opens its index.

    Raises:
        StoreError: as :func:`open_index`; ``damaged-store``, files differ from the generation's seal.
    """
    seal = check_seal(folder) if stored_format(folder) == FORMAT else None
    if seal is not None and not seal.is_settled:
        break_seal(folder)
    filters, text, caption, damage = None, None, None, None
    try:
        filters, text, caption = load_filters(folder), load_text_model(folder), load_caption_model(folder)
    except StoreError as problem:
        damage = problem
    look = load_look(folder, manifest.look)
    index = open_index(folder, manifest, engine)
    if seal is not None and (products := index.count()) != seal.products:
        index.close()
        raise damage_error(folder, f"has {products:,} products instead of {seal.products:,}")
    if seal is not None and not seal.is_settled:
        write_seal(folder, seal.products, seal)
    return Generation(folder, manifest, index, filters, look, text, caption, damage)


@contextmanager
def close_on_error(generation: Generation) -> Iterator[None]:
    """Close a generation that nobody reads yet, if an error is raised in the block."""
    try:
        yield
    except BaseException:
        generation.index.close()
        raise


def open_index(folder: Path, manifest: Manifest, engine: OpenIndex = QdrantIndex) -> StoredIndex:
    """Open the index in a generation's folder, and create it where there is none.

    Raises:
        StoreError: as :class:`~shoplens.index.qdrant.qdrant_index.QdrantIndex`.
    """
    return engine(folder / SHARD, manifest.sizes)


FindEmbedder = Callable[[Generation], Embedder]
"""Returns the embedder of a generation's own model."""


def check_model(generation: Generation, embedder: Embedder) -> None:
    """Raise an error if an embedder would mix its vectors with those of another model.

    Raises:
        StoreError: ``other-model``, with the command that rebuilds.
    """
    manifest = generation.manifest
    if (manifest.model, manifest.dimensions) != (embedder.model, embedder.dimensions):
        raise StoreError(
            f"The store was made by the model {manifest.model} ({manifest.dimensions} dimensions), "
            f"and this is {embedder.model} ({embedder.dimensions}).",
            f"Rebuild it: shoplens index --replace '{manifest.feed}', or use the model it was made by.",
            code="other-model",
        )
    if manifest.placed and manifest.objects != object_use(embedder):
        raise StoreError(
            f"Generation {generation.name} was built with {manifest.objects}, and photos are now encoded with "
            f"{object_use(embedder)}.",
            f"Build it anew: shoplens index --replace '{manifest.feed}'.",
            code="other-model",
        )

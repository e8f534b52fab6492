"""The manifest of a generation. The file format is a promise: see ``FORMAT``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shoplens.embedders.embedder import NO_OBJECTS, Encoding, ObjectUse
from shoplens.errors import StoreError
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.index.protocol import VectorSizes
from shoplens.store.files.atomic import replace_file

FORMAT = 7
"""Version of everything on disk. 1: without filters. 2: the filters' scores lie beside a vector without a common space,
and are called ``dense``; such filters must be fitted anew. 3: the scores lie in one space, see ``Space``. 4: a trained
vector may lie beside the untrained one, and a generation may be kept after the next has taken over. 5: products have
the identifiers of their rows, and ids are stored as they are written; products written before have neither. 6: the
letters of products' texts may lie beside their vectors. 7: a generation may have a seal, which is broken before
anything is changed, see :mod:`shoplens.store.files.seal`."""
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says about itself.

    Attributes:
        model: id of the model that made every vector in it.
        dimensions: length of a vector.
        feed: path of the feed it was built from.
        feed_format: name of that feed's format.
        created: UTC, when the build began.
        preprocessing: card of the model: size, fit, scale of the pixels; empty for an embedder without one.
        products, photos: number of both at the end of the build; later changes are not counted.
        complete: whether the build was finished; only a complete generation can be live.
        kept: whether it stays on disk after the next has taken over, so that a roll-back is possible.
        framed: whether photos were cut to the object in them before they were embedded.
        second_order: whether the features of an object are pooled products, see :class:`SecondOrderPooling`.
        by_finder: whether a small network found the objects, see :class:`ObjectUse`.
        placed: number of filter scores beside a vector; 0 for a generation without room for any.
        look: id of the trained head whose vectors lie beside the model's; empty for a generation without one.
        trained: length of the trained vectors.
        text: 1 where the letters of products' texts lie beside the vectors, else 0.
        format: version of everything on disk.
    """

    model: str
    dimensions: int
    feed: str
    feed_format: str
    created: str
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    products: int = 0
    photos: int = 0
    complete: bool = False
    placed: int = 0
    look: str = ""
    trained: int = 0
    kept: bool = False
    text: int = 0
    framed: bool = False
    second_order: bool = False
    by_finder: bool = False
    format: int = FORMAT

    @property
    def sizes(self) -> VectorSizes:
        return VectorSizes(self.dimensions, self.placed, self.trained, self.text)

    @property
    def objects(self) -> ObjectUse:
        """What was done with the objects in its photos."""
        is_compared = self.placed == filter_vector_size(has_object=True)
        return ObjectUse(True, self.framed, self.second_order, self.by_finder) if is_compared else NO_OBJECTS

    @property
    def encoding(self) -> Encoding:
        """How its photos became vectors."""
        return Encoding(self.model, self.objects)

    def write(self, folder: Path) -> None:
        replace_file(folder / NAME, json.dumps(asdict(self), indent=2) + "\n")


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation.

    Raises:
        StoreError: it is missing, damaged, or of a later version than this Shoplens reads.
    """
    path = folder / NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] > FORMAT:
            raise StoreError(
                f"{path} is of format {content['format']}; this Shoplens reads up to {FORMAT}.",
                "Upgrade: pip install --upgrade shoplens.",
                code="newer-store",
            )
        if not (isinstance(content["model"], str) and isinstance(content["dimensions"], int)):
            raise ValueError("model or dimensions have the wrong type")
        if "dense" in content:
            content["placed"] = content.pop("dense")
        return Manifest(**{**content, "format": FORMAT})
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StoreError(
            f"{path} cannot be read: {problem!r}.",
            "Restore a backup, or build the store anew with `shoplens index --replace`.",
            code="damaged-store",
        ) from problem


def stored_format(folder: Path) -> int:
    """Return the format of a generation's folder whose manifest can be read."""
    return int(json.loads((folder / NAME).read_text("utf-8"))["format"])


def is_kept(folder: Path) -> bool:
    """Whether a generation was kept for a roll-back."""
    try:
        return load_manifest(folder).kept
    except StoreError:
        return False

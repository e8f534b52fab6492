"""The work of a build in batches, in the object store: products to encode, and what became of them.

::

    NAME/generations/000001/work/000012-3f9ab2c41d77.products    products of batch 12, JSON
    NAME/generations/000001/work/000012-3f9ab2c41d77.outcome     what became of them, and features of their photos

The name of a batch holds a hash of its products, so a build that is continued does again only what has no outcome, or
what the feed has changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

import numpy as np

from shoplens.store.server.objects import ObjectStore
from shoplens.types import Features, Product, Rejection

PRODUCTS, OUTCOME = ".products", ".outcome"


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of the products of a batch.

    Attributes:
        products: id -> (content hash, source) of each of its usable photos; only those that were written.
        rejections: what was wrong.
        photos_embedded, photos_known: as of :class:`~shoplens.build.run.Summary`.
        features: content hash -> features of a photo, float16 (f,).
        texts: content hash -> (reader, words) of a photo.
    """

    products: Mapping[str, Sequence[tuple[str, str]]]
    rejections: Sequence[Rejection]
    photos_embedded: int
    photos_known: int
    features: Mapping[str, Features] = attribute(default_factory=dict)
    texts: Mapping[str, tuple[str, str]] = attribute(default_factory=dict)


class BatchFiles:
    """The files of the batches of one build.

    Args:
        objects: hold them.
        folder: of the build, in the object store.
    """

    def __init__(self, objects: ObjectStore, folder: str) -> None:
        self._objects, self._folder = objects, folder

    def write_products(self, number: int, products: Sequence[Product]) -> str:
        """Write the products of a batch, and return its name."""
        content = json.dumps([_plain(product) for product in products], separators=(",", ":")).encode()
        name = f"{number:06d}-{hashlib.sha256(content).hexdigest()[:12]}"
        self._objects.write_file(f"{self._folder}/{name}{PRODUCTS}", content)
        return name

    def read_products(self, name: str) -> list[Product]:
        """Return the products of a batch."""
        return [_product(one) for one in json.loads(self._objects.read_file(f"{self._folder}/{name}{PRODUCTS}"))]

    def write_outcome(self, name: str, outcome: BatchOutcome) -> None:
        """Write what became of a batch, after its products were written to the index."""
        plain = {
            "products": outcome.products,
            "rejections": [dataclasses.asdict(one) for one in outcome.rejections],
            "photos_embedded": outcome.photos_embedded,
            "photos_known": outcome.photos_known,
            "hashes": list(outcome.features),
            "texts": outcome.texts,
        }
        rows = np.array(list(outcome.features.values()), np.float16)
        file = io.BytesIO()
        np.savez(file, json=np.frombuffer(json.dumps(plain).encode(), np.uint8), features=rows)
        self._objects.write_file(f"{self._folder}/{name}{OUTCOME}", file.getvalue())

    def read_outcome(self, name: str) -> BatchOutcome:
        """Return what became of a batch."""
        data = self._objects.read_file(f"{self._folder}/{name}{OUTCOME}")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            plain, rows = json.loads(arrays["json"].tobytes()), arrays["features"]
        return BatchOutcome(
            {name: [(one[0], one[1]) for one in photos] for name, photos in plain["products"].items()},
            [Rejection(**one) for one in plain["rejections"]],
            plain["photos_embedded"],
            plain["photos_known"],
            dict(zip(plain["hashes"], rows, strict=True)),
            {name: (reader, words) for name, (reader, words) in plain["texts"].items()},
        )

    def has_outcome(self, name: str) -> bool:
        """Whether a batch is done."""
        return self._objects.has_file(f"{self._folder}/{name}{OUTCOME}")

    def done(self) -> set[str]:
        """Return the names of the batches that are done."""
        names = self._objects.list_files(self._folder)
        return {name.removesuffix(OUTCOME) for name in names if name.endswith(OUTCOME)}

    def remove(self) -> None:
        """Remove all files of the build."""
        self._objects.remove_files(self._folder)


def _plain(product: Product) -> dict[str, Any]:
    """Return the fields of a product, ready for JSON."""
    fields = {field.name: getattr(product, field.name) for field in dataclasses.fields(Product)}
    return {**fields, "attributes": {name: list(values) for name, values in product.attributes.items()}}


def _product(stored: dict[str, Any]) -> Product:
    for name in ("category", "identifiers", "photos"):
        stored[name] = tuple(stored[name])
    stored["attributes"] = {name: tuple(values) for name, values in stored["attributes"].items()}
    return Product(**stored)

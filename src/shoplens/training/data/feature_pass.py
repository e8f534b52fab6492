"""The one pass over all photos: features of each as it is, and of each as if taken again; kept, so it is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from shoplens.build.photo_features import feature_model, sight, width_of
from shoplens.build.product_encoder import in_order
from shoplens.errors import ModelError, PhotoError
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.images import decode_photo
from shoplens.index.protocol import Index
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.training.data.augmentation import Strength, retaken
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import Told
from shoplens.types import Features, Pixels, Region, Rejection, Vectors

FOLDER, VIEWS = "training", "views.sqlite"
VERSION = 1
"""Of how photos are retaken; rows of another are made anew."""
MOST_PASSES = {False: 4_000, True: 8_000}
"""Photos that are retaken, of the catalogue's and of shoppers'; more only where :data:`LEAST` asks for it."""
LEAST, MOST = {False: 2, True: 1}, {False: 16, True: 4}
AHEAD, AT_ONCE = 32, 500
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Pass:
    """What is made.

    Attributes:
        photos: to be looked at.
        regions: by name of a photo, for those that are a part of one.
        times: how often a photo is taken again: of the catalogue's photos, and of shoppers'.
    """

    photos: Sequence[SamplePhoto]
    regions: Mapping[str, Region]
    times: Mapping[bool, int]


def times_retaken(photos: Sequence[SamplePhoto]) -> dict[bool, int]:
    """How often a photo is taken again, by whether it is a shopper's: few photos are taken more often."""
    return {shopper: times_for(sum(photo.shopper == shopper for photo in photos), shopper) for shopper in (False, True)}


def times_for(photos: int, shopper: bool) -> int:
    """How often each of so many photos is taken again."""
    return min(MOST[shopper], max(LEAST[shopper], MOST_PASSES[shopper] // max(photos, 1)))


def feature_pass(bench: EvaluationContext, index: Index, what: Pass, told: Told) -> tuple[Samples, Vectors]:
    """Features of all photos, and the untouched extractor's vectors beside them, float32 (m, d).

    What is known is not looked at again, so a pass that was cut off goes on where it was.

    Args:
        index: holds the catalogue's photos.
        told: hears of photos that cannot be used; they are left out.
    """
    plain = FeatureFile(bench.store.folder / FEATURES, feature_model(bench.embedder))
    with closing(plain), closing(views_file(bench)) as views:

        def load_row(photo: SamplePhoto) -> Features | None:
            return None if photo.shopper else _load_catalogue_row(photo.name, index, plain)

        usable = list(
            extract_rows(bench, what, views, told, Look("Looking at the photos again", _row_extractor(bench), load_row))
        )
        return _collect_samples(bench, usable, what, views)


def views_file(bench: EvaluationContext, name: str = VIEWS, kind: str = "") -> FeatureFile:
    """Rows of photos as they are and as if taken again, by :func:`view_name`.

    Args:
        name: of the file.
        kind: of the rows, where they are no features.
    """
    folder = bench.store.folder / FOLDER
    folder.mkdir(exist_ok=True)
    return FeatureFile(folder / name, f"{feature_model(bench.embedder)}{kind}/retaken{VERSION}")


@dataclass(frozen=True, slots=True)
class Look:
    """How photos are looked at.

    Attributes:
        doing: what is told meanwhile.
        row: name and pixels of a photo -> its row, float32.
        known: the row of a photo as it is, where it is known from elsewhere.
    """

    doing: str
    row: Callable[[str, Pixels], Features]
    known: Callable[[SamplePhoto], Features | None] = lambda photo: None


def _row_extractor(bench: EvaluationContext) -> Callable[[str, Pixels], Features]:
    """The vector, and the features beside it."""

    def row(name: str, pixels: Pixels) -> Features:
        found = sight(bench.embedder, name, pixels)
        return np.concatenate([found.vector, found.features])

    return row


def _load_catalogue_row(name: str, index: Index, plain: FeatureFile) -> Vectors | None:
    """Vector and features of a photo of the catalogue as it is, if both are kept."""
    features, vectors = plain.of([name]), index.photo_vectors([name])
    return np.concatenate([vectors[name][1], features[name]]) if name in features and name in vectors else None


def extract_rows(
    bench: EvaluationContext, what: Pass, kept: FeatureFile, told: Told, how: Look
) -> Iterator[SamplePhoto]:
    """The photos whose rows, of all views, are kept now; ``told`` hears of those that cannot be used."""

    def look(photo: SamplePhoto) -> SamplePhoto | Rejection:
        missing = [view for view in range(what.times[photo.shopper] + 1) if not kept.has(view_name(photo, view))]
        if 0 in missing and (row := how.known(photo)) is not None:
            kept.add(view_name(photo, 0), row)
            missing.remove(0)
        if not missing:
            return photo
        try:
            pixels = decode_photo(
                bench.source.bytes_of(photo.source), bench.settings, shortest=_shortest(bench, photo, what)
            )
            seen = pixels.pixels if photo.name not in what.regions else pixels.crop(what.regions[photo.name])
            for view in missing:
                kept.add(view_name(photo, view), how.row(photo.name, _view(seen, photo, view)))
        except (PhotoError, ModelError) as problem:
            return Rejection(
                problem.code, problem.problem, problem.fix, product_id=photo.product, field="photo", value=photo.source
            )
        return photo

    with ThreadPoolExecutor(bench.settings.cores) as pool:
        for done, item in enumerate(in_order(pool, look, what.photos, AHEAD), 1):
            if isinstance(item, Rejection):
                told(item)
            else:
                yield item
            bench.progress(how.doing, done, len(what.photos))


def _shortest(bench: EvaluationContext, photo: SamplePhoto, what: Pass) -> int | None:
    """A photo that is not cut may be decoded smaller, with room for the crops of its views."""
    return None if photo.name in what.regions else 2 * bench.embedder.shortest


def _view(pixels: Pixels, photo: SamplePhoto, view: int) -> Pixels:
    strength: Strength = "again" if photo.shopper else "phone"
    return retaken(pixels, strength, (int(photo.name[:8], 16), view)) if view else pixels


def view_name(photo: SamplePhoto, view: int) -> str:
    """What a row is kept by; view 0 is the photo as it is."""
    return f"{photo.name}#{view}"


def _collect_samples(
    bench: EvaluationContext, photos: Sequence[SamplePhoto], what: Pass, views: FeatureFile
) -> tuple[Samples, Vectors]:
    wanted = [(n, view) for n, photo in enumerate(photos) for view in range(what.times[photo.shopper] + 1)]
    width, dimensions = width_of(bench.embedder), bench.embedder.dimensions
    rows = np.empty((len(wanted), width), np.float16)
    vectors = np.empty((len(wanted), dimensions), np.float32)
    for start in range(0, len(wanted), AT_ONCE):
        names = [view_name(photos[n], view) for n, view in wanted[start : start + AT_ONCE]]
        found = views.of(names)
        both = np.stack([found[name] for name in names])
        rows[start : start + len(names)] = both[:, dimensions:]
        vectors[start : start + len(names)] = both[:, :dimensions]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    owners, numbers = (np.array(column, np.int64) for column in zip(*wanted, strict=True)) if wanted else _NOTHING
    return Samples(tuple(photos), rows, owners, numbers), vectors


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64))

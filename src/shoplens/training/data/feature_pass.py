"""The one pass over all photos: the features of each as it is and of each augmented view, kept so that they are
computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from shoplens.build.photo_features import extract_features, feature_model, feature_width
from shoplens.errors import ModelError, PhotoError
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.images import decode_photo
from shoplens.images.corruptions.augmentation import Strength, augment_photo
from shoplens.index.protocol import Index
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FeatureFile
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import RejectionHandler
from shoplens.types import Features, Pixels, Region, Rejection, Vectors
from shoplens.types.iteration import map_in_order

FOLDER, VIEWS = "training", "views.sqlite"
AUGMENTATION_VERSION = 1
"""Version of the augmentation; rows of another version are computed anew."""
TARGET_VIEWS = {False: 4_000, True: 8_000}
"""Number of augmented views of the catalogue's photos and of shoppers'; more only where :data:`MIN_VIEWS` asks for
it."""
MIN_VIEWS, MAX_VIEWS = {False: 2, True: 1}, {False: 16, True: 4}
"""Least and greatest number of augmented views of one photo, by whether it is a shopper's."""
AHEAD, BATCH_ROWS = 32, 500


@dataclass(frozen=True, slots=True)
class FeaturePassOptions:
    """The photos and views of a pass.

    Attributes:
        photos: the photos.
        regions: name of a photo -> its region, for those that are a part of a photo.
        view_counts: number of augmented views of each photo, by whether it is a shopper's.
    """

    photos: Sequence[SamplePhoto]
    regions: Mapping[str, Region]
    view_counts: Mapping[bool, int]


def count_augmented_views(photos: Sequence[SamplePhoto]) -> dict[bool, int]:
    """Return how many augmented views each photo gets, by whether it is a shopper's: the fewer photos, the more
    views."""
    return {
        shopper: augmented_view_count(sum(photo.is_shopper == shopper for photo in photos), shopper)
        for shopper in (False, True)
    }


def augmented_view_count(photos: int, shopper: bool) -> int:
    """Return how many augmented views each of so many photos gets."""
    return min(MAX_VIEWS[shopper], max(MIN_VIEWS[shopper], TARGET_VIEWS[shopper] // max(photos, 1)))


def extract_samples(
    context: EvaluationContext, index: Index, options: FeaturePassOptions, on_rejection: RejectionHandler
) -> tuple[Samples, Vectors]:
    """Extract the features of all photos, and beside them the untouched extractor's vectors, float32 (m, d).

    Rows that are kept are not extracted again, so a pass that was interrupted continues where it was.

    Args:
        index: holds the catalogue's photos.
        on_rejection: receives photos that cannot be used; they are left out.
    """
    known_features = FeatureFile(context.store.folder / FEATURES, feature_model(context.embedder))
    with closing(known_features), closing(open_view_file(context)) as views:

        def load_row(photo: SamplePhoto) -> Features | None:
            return None if photo.is_shopper else _load_catalogue_row(photo.name, index, known_features)

        usable = list(
            extract_rows(
                context,
                options,
                views,
                on_rejection,
                RowExtractor("Extracting features of augmented photos", _row_extractor(context), load_row),
            )
        )
        return _collect_samples(context, usable, options, views)


def open_view_file(context: EvaluationContext, name: str = VIEWS, kind: str = "") -> FeatureFile:
    """Open a file of rows of photos as they are and augmented, by :func:`view_name`.

    Args:
        name: the file's name.
        kind: what the rows are, where they are not features.
    """
    folder = context.store.folder / FOLDER
    folder.mkdir(exist_ok=True)
    return FeatureFile(folder / name, f"{feature_model(context.embedder)}{kind}/retaken{AUGMENTATION_VERSION}")


@dataclass(frozen=True, slots=True)
class RowExtractor:
    """How a photo becomes a row.

    Attributes:
        stage: the name of the work, for progress.
        extract: name and pixels of a photo -> its row, float32.
        load_known: returns the row of a photo as it is, where it is known from elsewhere, else None.
    """

    stage: str
    extract: Callable[[str, Pixels], Features]
    load_known: Callable[[SamplePhoto], Features | None] = lambda photo: None


def _row_extractor(context: EvaluationContext) -> Callable[[str, Pixels], Features]:
    """Return a function that extracts a photo's vector, followed by its features."""

    def extract(name: str, pixels: Pixels) -> Features:
        photo = extract_features(context.embedder, name, pixels)
        return np.concatenate([photo.vector, photo.features])

    return extract


def _load_catalogue_row(name: str, index: Index, known_features: FeatureFile) -> Vectors | None:
    """Return vector and features of a catalogue photo as it is, if both are kept."""
    features, vectors = known_features.read([name]), index.photo_vectors([name])
    return np.concatenate([vectors[name][1], features[name]]) if name in features and name in vectors else None


def extract_rows(
    context: EvaluationContext,
    options: FeaturePassOptions,
    file: FeatureFile,
    on_rejection: RejectionHandler,
    extractor: RowExtractor,
) -> Iterator[SamplePhoto]:
    """Yield the photos whose rows, of all views, are kept now; ``on_rejection`` receives those that cannot be used."""

    def extract_photo(photo: SamplePhoto) -> SamplePhoto | Rejection:
        missing = [
            view for view in range(options.view_counts[photo.is_shopper] + 1) if not file.has(view_name(photo, view))
        ]
        if 0 in missing and (row := extractor.load_known(photo)) is not None:
            file.add(view_name(photo, 0), row)
            missing.remove(0)
        if not missing:
            return photo
        try:
            decoded = decode_photo(
                context.source.bytes_of(photo.source), context.settings, shortest=_shortest(context, photo, options)
            )
            region = options.regions.get(photo.name)
            pixels = decoded.pixels if region is None else decoded.crop(region)
            for view in missing:
                file.add(view_name(photo, view), extractor.extract(photo.name, augment_view(pixels, photo, view)))
        except (PhotoError, ModelError) as problem:
            return Rejection(
                problem.code, problem.problem, problem.fix, product_id=photo.product, field="photo", value=photo.source
            )
        return photo

    with ThreadPoolExecutor(context.settings.cores) as pool:
        for done, item in enumerate(map_in_order(pool, extract_photo, options.photos, AHEAD), 1):
            if isinstance(item, Rejection):
                on_rejection(item)
            else:
                yield item
            context.progress(extractor.stage, done, len(options.photos))


def _shortest(context: EvaluationContext, photo: SamplePhoto, options: FeaturePassOptions) -> int | None:
    """Return the shortest side to decode to: a photo without region may be decoded smaller, with room for the crops of
    its views."""
    return None if photo.name in options.regions else 2 * context.embedder.min_side


def augment_view(pixels: Pixels, photo: SamplePhoto, view: int, *, readable: bool = False) -> Pixels:
    """Return a view of a photo: 0 for the photo as it is, another number for it as if it had been taken again.

    Args:
        readable: as of :func:`~shoplens.images.corruptions.augmentation.augment_photo`.
    """
    strength: Strength = "again" if photo.is_shopper else "phone"
    seed = int(photo.name[:8], 16), view
    return augment_photo(pixels, strength, seed, readable=readable) if view else pixels


def view_name(photo: SamplePhoto, view: int) -> str:
    """Return the key of a row; view 0 is the photo as it is."""
    return f"{photo.name}#{view}"


def _collect_samples(
    context: EvaluationContext, photos: Sequence[SamplePhoto], options: FeaturePassOptions, views: FeatureFile
) -> tuple[Samples, Vectors]:
    keys = [(n, view) for n, photo in enumerate(photos) for view in range(options.view_counts[photo.is_shopper] + 1)]
    width, dimensions = feature_width(context.embedder), context.embedder.dimensions
    rows = np.empty((len(keys), width), np.float16)
    vectors = np.empty((len(keys), dimensions), np.float32)
    for start in range(0, len(keys), BATCH_ROWS):
        names = [view_name(photos[n], view) for n, view in keys[start : start + BATCH_ROWS]]
        stored = views.read(names)
        stacked = np.stack([stored[name] for name in names])
        rows[start : start + len(names)] = stacked[:, dimensions:]
        vectors[start : start + len(names)] = stacked[:, :dimensions]
    vectors = normalize_rows(vectors)
    owners, view_numbers = np.array(keys, np.int64).reshape(-1, 2).T.copy()
    return Samples(tuple(photos), rows, owners, view_numbers), vectors

"""The words that query photos show, as a search reads them, kept so that each photo is read once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from shoplens.build.photo_features import word_features, word_head_of
from shoplens.errors import PhotoError
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.images import decode_photo
from shoplens.reading.photo_reading import VERSION
from shoplens.reading.text_reader import QUERY, SHARP_SIDE, TextReader
from shoplens.store.feature_cache import PhotoTexts
from shoplens.training.data.feature_pass import AHEAD, FOLDER, augment_view, view_name
from shoplens.training.data.samples import Ints, Samples
from shoplens.types import Region
from shoplens.types.iteration import map_in_order

WORDS = "words.sqlite"


def read_query_words(
    context: EvaluationContext, reader: TextReader, samples: Samples, rows: Ints, regions: Mapping[str, Region]
) -> tuple[str, ...]:
    """Return the words in the photo of each of these rows; empty where it shows none.

    Augmented views are read with more pixels than their features are measured on, and never mirrored.

    Args:
        rows: int64 (q,), rows of the samples.
        regions: name of a photo -> its region, for those that are a part of a photo.
    """
    kind, head = f"{reader.model}/query{VERSION}", word_head_of(context.embedder)

    def read(row: int) -> str:
        photo, view = samples.photos[samples.owners[row]], int(samples.views[row])
        features = word_features(context.embedder, samples.rows[row])
        effort = QUERY if head is None else head.choose_effort(features)
        if effort is None:
            return ""
        name = view_name(photo, view)
        if not texts.has(name, kind):
            region = regions.get(photo.name)
            try:
                data = context.source.bytes_of(photo.source)
                picture = decode_photo(data, context.settings, shortest=SHARP_SIDE if region is None else None)
            except PhotoError:  # it was read when its features were extracted
                return ""
            pixels = picture.pixels if region is None else picture.crop(region)
            texts.add(name, kind, reader.read(augment_view(pixels, photo, view, readable=True), effort))
        return texts.read([name])[name]

    words = []
    file = context.store.folder / FOLDER / WORDS
    with closing(PhotoTexts(file)) as texts, ThreadPoolExecutor(context.settings.cores) as pool:
        for done, text in enumerate(map_in_order(pool, read, rows.tolist(), AHEAD), 1):
            words.append(text)
            context.progress("Reading the words in photos", done, len(rows))
    return tuple(words)

"""What the words of a query were read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MeaningKind = Literal["wanted", "unwanted", "condition", "title", "caption", "unknown"]


@dataclass(frozen=True, slots=True)
class WordMeaning:
    """What some words of a query were read as.

    Attributes:
        words: as the shopper wrote them, with the words that negate or compare.
        start, end: their place in the text, in characters; without the words between, the text means the rest.
        kind: ``wanted``: classes that are searched for, in place of the photo's. ``unwanted``: classes that no result
            has. ``condition``: a condition that every result meets. ``title``: words that the texts of products are
            compared with. ``caption``: words that no product has, which only photos are compared with. ``unknown``:
            nothing in this shop.
        classes: dimension -> class -> its share of what is wanted; the shares of a dimension sum to 1.
        condition: as in ``where``; empty for wanted classes, titles and unknown words.
        color: the colour that was understood, in words of :func:`parse_palette`; empty for none.
        corrected: the words that were taken for these, where the spelling differs; else empty.
    """

    words: str
    start: int
    end: int
    kind: MeaningKind
    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    condition: str = ""
    color: str = ""
    corrected: str = ""

"""Texts as bags of short runs of letters (n-grams), which survive a few letters that were misread."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

SIZE = 3
"""Length of the n-grams. Lengths of 2, 4 and 5 beside it were no better, and take twice the space; see
``benchmarks/RESULTS.md``."""
_WORD = re.compile(r"[^\W_]+")
_EDGE = "_"
"""Stands before and after a word, so that its first and last letters count more than those inside."""


def split_words(text: str) -> list[str]:
    """Return the words of a text, case-folded and without accents, which cameras and readers often lose.

    >>> split_words("Mellanmj\u00f6lk 1,5% EKO")
    ['mellanmjolk', '1', '5', 'eko']
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(letter for letter in decomposed if not unicodedata.combining(letter)))


def ngrams(word: str) -> Iterator[str]:
    """Yield the n-grams of a word, with repeats.

    >>> list(ngrams("oat"))
    ['_oa', 'oat', 'at_']
    """
    padded = f"{_EDGE}{word}{_EDGE}"
    yield from (padded[start : start + SIZE] for start in range(len(padded) - SIZE + 1))


def ngram_keys(words: Iterable[str]) -> npt.NDArray[np.uint32]:
    """Return the numbers of all n-grams of these words, uint32, ascending, each once.

    A number is the CRC-32 of the n-gram's UTF-8 bytes, the same on every machine.
    """
    keys = {zlib.crc32(ngram.encode()) for word in words for ngram in ngrams(word)}
    return np.array(sorted(keys), np.uint32)

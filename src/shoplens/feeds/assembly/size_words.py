"""Recognition of size attributes, and removal of sizes from titles and texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from shoplens.feeds.text.plain_text import word_set
from shoplens.types import Value

SIZE_NAMES = word_set(
    "size sizes größe grösse groesse taille tailles pointure talla tallas talle tamaño tamano tamanho taglia misura "
    "maat maten størrelse storlek koko rozmiar velikost veľkosť veličina méret mărime marime beden размер розмір "
    "размеры μέγεθος サイズ 尺码 尺寸 尺碼 사이즈 ukuran ขนาด מידה المقاس مقاس"
)
"""The words for size in the languages of shops."""
SIZE_DEPENDENT = word_set(
    "regular_price sale_price weight product_weight shipping_weight unit_pricing_measure size_label"
)
"""Attributes that may differ between the sizes of one product."""
_SEPARATORS = re.compile(r"[\W_]+")
_SIZE_WORD = rf"(?:(?:{'|'.join(sorted(map(re.escape, SIZE_NAMES), key=len, reverse=True))})[\s:.]+)"
_SEPARATOR = r"\s*[-–—,/|(\[:]\s*"
_BEFORE = {
    True: re.compile(rf"(?:{_SEPARATOR}|\s+|^){_SIZE_WORD}?\Z", re.IGNORECASE),
    False: re.compile(rf"(?:{_SEPARATOR}{_SIZE_WORD}?|\s+{_SIZE_WORD})\Z", re.IGNORECASE),
}
"""What may stand before a size: True for any separator, False for more than a space."""
_AFTER = re.compile(r"(?:\s*[)\]])?")


@lru_cache(4096)
def is_size(name: str) -> bool:
    """Return whether an attribute or option of this name is a size, by its last word, in the languages of shops.

    >>> is_size("Size"), is_size("shoe_size"), is_size("Größe"), is_size("size_type"), is_size("Color")
    (True, True, True, False, False)
    """
    last = [""] + [word for word in _SEPARATORS.split(name.casefold()) if word]
    return last[-1] in SIZE_NAMES or last[-1].endswith(("grösse", "groesse"))


def size_values(attributes: Mapping[str, Iterable[Value]]) -> tuple[str, ...]:
    """Return the values of the size attributes, as text."""
    return tuple(str(value) for name, values in attributes.items() if is_size(name) for value in values)


def remove_values(text: str, values: Iterable[str]) -> tuple[str, str, str]:
    """Return ``text`` without every occurrence, without the last, and without the first occurrence of each value.

    Values count as whole words, without regard to case. The texts of two sizes agree in one of the three, wherever the
    size stands, even where a brand is called ``M``.
    """
    without_every = without_last = without_first = text
    for value in values:
        word = _word_pattern(value)
        if not word.search(text):
            continue
        without_every = word.sub("\0", without_every)
        if matches := list(word.finditer(without_last)):
            without_last = f"{without_last[: matches[-1].start()]}\0{without_last[matches[-1].end() :]}"
        without_first = word.sub("\0", without_first, count=1)
    return without_every, without_last, without_first


def remove_from_title(title: str, values: Iterable[str], *, anywhere: bool = True) -> str:
    """Return a title without the values of a variant, and without the brackets and the word for size around them.

    Args:
        title: the variant's title.
        values: the values to remove where they stand as whole words.
        anywhere: whether a value that is separated by a space only is removed, too.

    >>> remove_from_title("Chaz Hoodie XS", ["XS"]), remove_from_title("Hoodie (Größe M), schwarz", ["M"])
    ('Chaz Hoodie', 'Hoodie, schwarz')
    >>> remove_from_title("Model 10", ["10"], anywhere=False)
    'Model 10'
    """
    for value in values:
        if span := _find_last(title, value, anywhere):
            start, end = span
            title = (title[:start].rstrip() + title[end:]).strip(" -–—,/|:") or title
    return title


@lru_cache(4096)
def _word_pattern(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)


def _find_last(title: str, value: str, anywhere: bool) -> tuple[int, int] | None:
    """Return start and end of the last separated occurrence of a value, with its separators and the word for size."""
    for word in reversed(list(_word_pattern(value).finditer(title))):
        if before := _BEFORE[anywhere].search(title, 0, word.start()):
            after = _AFTER.match(title, word.end())
            return before.start(), after.end() if after else word.end()
    return None

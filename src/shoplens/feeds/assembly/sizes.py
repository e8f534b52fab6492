"""Which attributes are sizes, and a title without one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from shoplens.feeds.text.plain_text import words
from shoplens.types import Value

SIZE_NAMES = words(
    "size sizes größe grösse groesse taille tailles pointure talla tallas talle tamaño tamano tamanho taglia misura "
    "maat maten størrelse storlek koko rozmiar velikost veľkosť veličina méret mărime marime beden размер розмір "
    "размеры μέγεθος サイズ 尺码 尺寸 尺碼 사이즈 ukuran ขนาด מידה المقاس مقاس"
)
"""What shops call a size."""
BOUND_TO_SIZES = words("regular_price sale_price weight product_weight shipping_weight unit_pricing_measure size_label")
"""Attributes that may differ wherever the size does."""
_SEPARATORS = re.compile(r"[\W_]+")
_NAMED = rf"(?:(?:{'|'.join(sorted(map(re.escape, SIZE_NAMES), key=len, reverse=True))})[\s:.]+)"
_APART = r"\s*[-–—,/|(\[:]\s*"
_BEFORE = {
    True: re.compile(rf"(?:{_APART}|\s+|^){_NAMED}?\Z", re.IGNORECASE),
    False: re.compile(rf"(?:{_APART}{_NAMED}?|\s+{_NAMED})\Z", re.IGNORECASE),
}
"""What sets a size apart, before it: anything, or more than a space."""
_AFTER = re.compile(r"(?:\s*[)\]])?")


@lru_cache(4096)
def is_size(name: str) -> bool:
    """Whether an attribute or option of this name is a size: by its last word, in the languages of shops.

    >>> is_size("Size"), is_size("shoe_size"), is_size("Größe"), is_size("size_type"), is_size("Color")
    (True, True, True, False, False)
    """
    last = [""] + [word for word in _SEPARATORS.split(name.casefold()) if word]
    return last[-1] in SIZE_NAMES or last[-1].endswith(("grösse", "groesse"))


def sizes_in(attributes: Mapping[str, Iterable[Value]]) -> tuple[str, ...]:
    """The sizes among attributes, as text."""
    return tuple(str(value) for name, values in attributes.items() if is_size(name) for value in values)


def without_each(text: str, values: Iterable[str]) -> tuple[str, str, str]:
    """``text`` without these values: without every occurrence, without the last and without the first of each.

    Values count as whole words, without regard to case. Texts of two sizes agree in one of the three, wherever the
    size stands, even where a brand is called ``M``.
    """
    every = last = first = text
    for value in values:
        word = _word(value)
        if not word.search(text):
            continue
        every = word.sub("\0", every)
        if found := list(word.finditer(last)):
            last = f"{last[: found[-1].start()]}\0{last[found[-1].end() :]}"
        first = word.sub("\0", first, count=1)
    return every, last, first


def title_without(title: str, values: Iterable[str], *, anywhere: bool = True) -> str:
    """A title without values that only a variant has, nor the brackets and the word for size around them.

    Args:
        title: of the variant.
        values: to leave out, where they stand as whole words.
        anywhere: whether a value that nothing but a space sets apart counts, too.

    >>> title_without("Chaz Hoodie XS", ["XS"]), title_without("Hoodie (Größe M), schwarz", ["M"])
    ('Chaz Hoodie', 'Hoodie, schwarz')
    >>> title_without("Model 10", ["10"], anywhere=False)
    'Model 10'
    """
    for value in values:
        if found := _last_apart(title, value, anywhere):
            start, end = found
            title = (title[:start].rstrip() + title[end:]).strip(" -–—,/|:") or title
    return title


@lru_cache(4096)
def _word(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)


def _last_apart(title: str, value: str, anywhere: bool) -> tuple[int, int] | None:
    """Where a value that something sets apart stands last, with what sets it apart and with the word for size."""
    for word in reversed(list(_word(value).finditer(title))):
        if before := _BEFORE[anywhere].search(title, 0, word.start()):
            after = _AFTER.match(title, word.end())
            return before.start(), after.end() if after else word.end()
    return None

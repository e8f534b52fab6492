"""Trade numbers (GTIN): one form for what GTIN-8, UPC, EAN and GTIN-14 write, and the forms in which feeds write them.

Source: GS1 General Specifications, release 24: 7.9 (check digit), 5.2.2.4 (UPC-E), 3.3 (GTIN in 14 digits).
"""

from __future__ import annotations

import re

GTIN_LENGTH = 14
_LENGTHS = (8, 12, 13, 14)
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_BOOK = ("0978", "0979")


def check_digit(digits: str) -> int:
    """Return the check digit that belongs behind these digits.

    >>> check_digit("400638133393")
    1
    """
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -weighted % 10


def normalize_gtin(text: str) -> str:
    """Return a GTIN of 8, 12, 13 or 14 digits in 14 digits; empty for a text that is none, or has a wrong check digit.

    Spaces and hyphens between the digits do not count, as in an ISBN.

    >>> normalize_gtin("4006381333931"), normalize_gtin("4006381333932")
    ('04006381333931', '')
    """
    digits = _SEPARATORS.sub("", text)
    if not (digits.isascii() and digits.isdigit() and len(digits) in _LENGTHS) or not digits.strip("0"):
        return ""
    return digits.zfill(GTIN_LENGTH) if check_digit(digits[:-1]) == int(digits[-1]) else ""


def strip_gtin_separators(text: str) -> str:
    """Return a GTIN without the spaces and hyphens between its digits; empty for a text that is no GTIN.

    >>> strip_gtin_separators("978-3-16-148410-0")
    '9783161484100'
    """
    return _SEPARATORS.sub("", text) if normalize_gtin(text) else ""


def expand_upc_e(digits: str) -> str:
    """Return a UPC-E of 8 digits as the UPC-A of 12 that it stands for; empty where it stands for none.

    >>> expand_upc_e("04252614")
    '042100005264'
    """
    if not re.fullmatch(r"[01]\d{7}", digits, re.ASCII):
        return ""
    system, a, b, c, d, e, last, check = tuple(digits)
    if last in "012":
        body = f"{a}{b}{last}0000{c}{d}{e}"
    elif last == "3":
        body = f"{a}{b}{c}00000{d}{e}"
    elif last == "4":
        body = f"{a}{b}{c}{d}00000{e}"
    else:
        body = f"{a}{b}{c}{d}{e}0000{last}"
    return f"{system}{body}{check}"


def format_gtin(gtin: str) -> str:
    """Return a GTIN of 14 digits as it is printed beside its code: in 8, 12, 13 or 14 digits.

    >>> format_gtin("00042100005264")
    '042100005264'
    """
    return next(gtin[-length:] for length in _LENGTHS if not gtin[:-length].strip("0"))


def gtin_forms(gtin: str) -> tuple[str, ...]:
    """Return the texts by which a feed may write a GTIN, the one of 14 digits first.

    They are the numbers of 14, 13, 12 and 8 digits, the UPC-E, the ISBN-10 of a book, and the number of 10 or more
    digits from which a spreadsheet has cut the zeros in front.

    Args:
        gtin: of 14 digits, as :func:`normalize_gtin` returns it.

    >>> gtin_forms("00042100005264")
    ('00042100005264', '0042100005264', '042100005264', '42100005264', '04252614')
    """
    forms = [gtin[-length:] for length in (14, 13, 12, 8) if not gtin[:-length].strip("0")]
    bare = gtin.lstrip("0")
    if len(bare) >= 10:
        forms.append(bare)
    if (short := _compress_upc_a(gtin)) and short not in forms:
        forms.append(short)
    if gtin.startswith(_BOOK[0]):
        forms.append(_isbn_10(gtin[4:13]))
    return tuple(dict.fromkeys(forms))


def _compress_upc_a(gtin: str) -> str:
    """Return the UPC-E of a UPC-A of number system 0; empty where it has none.

    Those of system 1 are left out, because eight digits that begin with 1 may be a GTIN-8 of another company.
    """
    if not gtin.startswith("000"):
        return ""
    body, check = gtin[3:13], gtin[13]
    candidates = (
        f"0{body[:2]}{body[7:10]}{body[2]}{check}",
        f"0{body[:3]}{body[8:10]}3{check}",
        f"0{body[:4]}{body[9]}4{check}",
        f"0{body[:5]}{body[9]}{check}",
    )
    return next((one for one in candidates if expand_upc_e(one) == gtin[2:]), "")


def _isbn_10(body: str) -> str:
    """Return the ISBN-10 of nine digits."""
    check = -sum(int(digit) * weight for digit, weight in zip(body, range(10, 1, -1), strict=True)) % 11
    return body + ("X" if check == 10 else str(check))

"""Price and currency from text."""

from __future__ import annotations

import math
import re

from shoplens.types import Rejection

_PRICE = re.compile(r"(?P<before>[A-Za-z]{3}|[€£¥])?\s*(?P<number>\d[\d.,' ]*)\s*(?P<after>[A-Za-z]{3}|[€£¥])?")
_SYMBOLS = {"€": "EUR", "£": "GBP", "¥": "JPY"}


def price_of(text: str) -> tuple[float, str] | None:
    """Amount and ISO 4217 currency (empty when there is none), or None when ``text`` is not a price.

    A separator that comes again, or before another kind, separates thousands; a single comma before exactly three
    digits does, too. A single point is always decimal.

    >>> price_of("1,299.50 USD"), price_of("12,99 EUR"), price_of("52"), price_of("free")
    ((1299.5, 'USD'), (12.99, 'EUR'), (52.0, ''), None)
    """
    found = _PRICE.fullmatch(text.replace("\u00a0", " ").replace("\u202f", " ").strip())
    if not found or (found["before"] and found["after"]):
        return None
    symbol = found["before"] or found["after"] or ""
    try:
        amount = float(_decimal(found["number"]))
    except ValueError:
        return None
    return (amount, _SYMBOLS.get(symbol, symbol.upper())) if math.isfinite(amount) else None


def bad_price(row: int, field: str, value: object, product_id: str) -> Rejection:
    """The note for a price that cannot be read; the product is kept without it."""
    return Rejection(
        kind="bad-price",
        level="note",
        row=row,
        product_id=product_id,
        field=field,
        value=str(value),
        reason="This is not a price of 0 or more; the product is kept without it.",
        fix="Write a number and a currency, e.g. 12.99 EUR.",
    )


def _decimal(number: str) -> str:
    digits = re.sub(r"[' ]", "", number)
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    mark, other = digits[last], ",."[digits[last] == ","]
    whole, fraction = digits[:last], digits[last + 1 :]
    if mark in whole or (mark == "," and len(fraction) == 3 and other not in whole):
        return re.sub(r"[.,]", "", digits) if other not in whole else "not a number"
    return f"{re.sub(r'[.,]', '', whole)}.{fraction or '0'}"

"""Parsing of price and currency, in the spellings that shops use."""

from __future__ import annotations

import math
import re
import unicodedata

from shoplens.feeds.text.plain_text import word_set
from shoplens.types import Rejection

_SIGNS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH",
    "₺": "TRY", "₱": "PHP", "₦": "NGN", "₸": "KZT", "฿": "THB", "₡": "CRC", "₲": "PYG", "₵": "GHS", "৳": "BDT",
    "$": "", "us$": "USD", "u.s.$": "USD", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "nt$": "TWD", "r$": "BRL", "mx$": "MXN", "ar$": "ARS",
    "zł": "PLN", "zl": "PLN", "kč": "CZK", "kc": "CZK", "ft": "HUF", "lei": "RON", "лв": "BGN", "лв.": "BGN",
    "tl": "TRY", "rm": "MYR", "rp": "IDR", "rp.": "IDR", "r": "ZAR", "грн": "UAH", "грн.": "UAH", "руб": "RUB",
    "руб.": "RUB", "р.": "RUB", "р": "RUB", "rur": "RUB", "тг": "KZT", "sfr.": "CHF", "sfr": "CHF", "fr.": "CHF",
    "kr": "", "kr.": "", "rs": "", "rs.": "", "元": "CNY", "円": "JPY", "원": "KRW", "euro": "EUR", "euros": "EUR",
    "us $": "USD", "s/": "PEN", "s/.": "PEN", "đ": "VND", "vnđ": "VND", "gh₵": "GHS", "ksh": "KES", "lek": "ALL",
}  # fmt: skip
"""Sign or abbreviation of a currency -> ISO 4217 code; empty where several currencies share the sign."""
_CODES = word_set(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
_DECIMAL_COMMA = word_set(
    "€ zł zl kč kc ft lei лв лв. kr kr. ₽ руб руб. р. р грн грн. r$ ₺ tl rp rp. ₫ đ vnđ ₲ ₡ "
    "idr vnd clp cop pyg krw jpy isk huf"
)
"""Signs and codes, in lower case, with which ``1.299`` means 1299: their countries write thousands with a point, or the
currency has no cents."""
_CURRENCY = r"[A-Za-z]{3} ?\$|" + "|".join(sorted(map(re.escape, _SIGNS), key=len, reverse=True)) + "|[A-Za-z]{3}"
_NUMBER = r"(?:\d{1,3}(?:[' ]\d{3})+(?:[.,]\d+)*|\d*(?:[.,]\d+)+|\d+)[.,]?"
_PRICE = re.compile(
    rf"(?P<before>{_CURRENCY})?\s*(?P<number>{_NUMBER})(?P<dash>:?[-–—]{{1,2}}|/-)?\s*(?P<after>{_CURRENCY})?",
    re.IGNORECASE,
)
_QUOTES = str.maketrans("’`´", "'''")


def parse_price(text: str) -> tuple[float, str] | None:
    """Return amount and ISO 4217 currency (empty where it is unknown), or None where ``text`` is not a price.

    A separator separates thousands if it occurs more than once or stands before the other separator, and so does a
    single comma before exactly three digits. A single point is decimal, except with a sign of ``_DECIMAL_COMMA``, as in
    ``1.299 €``. ``12.-`` is 12.

    >>> [parse_price(text) for text in ("1,299.50 USD", "12,99 EUR", "52", "free")]
    [(1299.5, 'USD'), (12.99, 'EUR'), (52.0, ''), None]
    >>> [parse_price(text) for text in ("$12.99", "12.-", "1 299,00 kr", "₹1,499", "R$ 9,90")]
    [(12.99, ''), (12.0, ''), (1299.0, ''), (1499.0, 'INR'), (9.9, 'BRL')]
    """
    match = _PRICE.fullmatch(" ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).split()))
    if not match:
        return None
    signs = [sign.casefold() for sign in (match["before"], match["after"]) if sign]
    codes = {_currency_code(sign) for sign in signs} - {""}
    if len(codes) > 1:
        return None
    number = match["number"].strip()
    if match["dash"] and match["dash"][0] not in ":/" and not number.endswith((",", ".")):
        return None
    try:
        amount = float(_to_decimal(number, thousands=not _DECIMAL_COMMA.isdisjoint(signs)))
    except ValueError:
        return None
    return (amount, codes.pop() if codes else "") if math.isfinite(amount) else None


def _currency_code(sign: str) -> str:
    """Return the ISO 4217 code of a sign in lower case; empty where it is unknown."""
    code = sign[:3].upper()
    return _SIGNS.get(sign, code if code in _CODES else "")


def bad_price(row: int, field: str, value: object, product_id: str) -> Rejection:
    """Return the note about a price that cannot be read; the product is kept without it."""
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


def _to_decimal(number: str, *, thousands: bool) -> str:
    """Return the number with a decimal point and without separators of thousands.

    Args:
        number: digits with points, commas, quotes and spaces between them.
        thousands: whether a single point before exactly three digits separates thousands.
    """
    digits = re.sub(r"[' ]", "", number)
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    separator, other = digits[last], ",."[digits[last] == ","]
    whole, fraction = digits[:last], digits[last + 1 :]
    has_groups = len(fraction) == 3 and 0 < len(whole) <= 3 and whole != "0" and (separator == "," or thousands)
    if separator in whole or has_groups:
        return re.sub(r"[.,]", "", digits) if other not in whole else "not a number"
    return f"{re.sub(r'[.,]', '', whole)}.{fraction or '0'}"

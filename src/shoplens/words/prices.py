"""Prices in words: ``under 40``, ``zwischen 20 und 40 Euro``, ``moins de 30 €``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shoplens.feeds.text.prices import parse_price
from shoplens.words.concepts import Concepts

_ABOUT = 0.2
"""``about 40`` is 40 with a fifth more or less."""
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Bound(NamedTuple):
    """One side of a range of prices."""

    sign: str
    amount: float


class PricePhrase(NamedTuple):
    """A phrase about the price at the beginning of some words.

    Attributes:
        length: number of words of the phrase.
        bounds: one or two.
    """

    length: int
    bounds: tuple[Bound, ...]

    def condition(self, *, negated: bool) -> str:
        """Return the text of the condition; of a negated phrase its opposite.

        >>> PricePhrase(2, (Bound("<=", 40.0),)).condition(negated=True)
        'price > 40'
        """
        bounds = [(_OPPOSITE[sign], amount) if negated else (sign, amount) for sign, amount in self.bounds]
        return (" or " if negated else " and ").join(f"price {sign} {format_amount(amount)}" for sign, amount in bounds)


def format_amount(amount: float) -> str:
    """Return an amount without zeros at its end."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def read_price(words: Sequence[str], concepts: Concepts) -> PricePhrase | None:
    """Return the phrase about a price that the words, as keys, start with; None where they start with none."""
    start = concepts.starts_with("price", words)
    for read in (_read_range, _read_bound):
        found = read(words[start:], concepts, is_price=start > 0)
        if found is not None:
            return found._replace(length=found.length + start)
    return None


def _read_range(words: Sequence[str], concepts: Concepts, *, is_price: bool) -> PricePhrase | None:
    opening = concepts.starts_with("between", words)
    low = _read_amount(words, opening, concepts)
    if low is None:
        return None
    joint = concepts.starts_with("to", words[low.end :])
    high = _read_amount(words, low.end + joint, concepts) if joint else None
    if high is None or not (high.has_currency or low.has_currency or opening or is_price):
        return None
    bounds = sorted((low.value, high.value))
    return PricePhrase(high.end, (Bound(">=", bounds[0]), Bound("<=", bounds[1])))


def _read_bound(words: Sequence[str], concepts: Concepts, *, is_price: bool) -> PricePhrase | None:
    for role, sign in (("below", "<"), ("above", ">"), ("about", "~"), ("exactly", "<=")):
        length = concepts.starts_with(role, words)
        amount = _read_amount(words, length, concepts) if length else None
        if amount is None or (role == "exactly" and not (amount.has_currency or is_price)):
            continue
        if sign == "~":
            low, high = (1 - _ABOUT) * amount.value, (1 + _ABOUT) * amount.value
            return PricePhrase(amount.end, (Bound(">=", low), Bound("<=", high)))
        inclusive = sign in "<>" and tuple(words[:length]) in concepts.grammar["inclusive"]
        return PricePhrase(amount.end, (Bound(f"{sign}=" if inclusive else sign, amount.value),))
    return _read_amount_first(words, concepts, is_price=is_price)


def _read_amount_first(words: Sequence[str], concepts: Concepts, *, is_price: bool) -> PricePhrase | None:
    """Read ``40 euros``, ``40 or less``, ``20 € and up``."""
    amount = _read_amount(words, 0, concepts)
    if amount is None:
        return None
    for role, sign in (("below_after", "<="), ("above_after", ">=")):
        if length := concepts.starts_with(role, words[amount.end :]):
            return PricePhrase(amount.end + length, (Bound(sign, amount.value),))
    if not (amount.has_currency or is_price):
        return None
    return PricePhrase(amount.end, (Bound("<=", amount.value),))


class _Amount(NamedTuple):
    value: float
    end: int
    has_currency: bool


def _read_amount(words: Sequence[str], start: int, concepts: Concepts) -> _Amount | None:
    """Return the amount at a place; None where there is no number, or one of another unit, such as ``30 cm``."""
    before = concepts.starts_with("currency", words[start:])
    place = start + before
    if place >= len(words) or not words[place][0].isdigit():
        return None
    parsed = parse_price(words[place])
    if parsed is None:
        return None
    after = concepts.starts_with("currency", words[place + 1 :])
    if not (before or after) and concepts.starts_with("unit", words[place + 1 :]):
        return None
    return _Amount(parsed[0], place + 1 + after, bool(before or after))

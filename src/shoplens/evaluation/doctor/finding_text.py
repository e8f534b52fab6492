"""Formats probabilities, numbers and lists of names for the sentences of findings."""

from __future__ import annotations

from collections.abc import Sequence

MAX_NAMES = 3
"""Names that a list has before the rest is only counted."""


def format_probability(probability: float) -> str:
    """Return a probability with two digits, never rounded to certainty.

    >>> format_probability(0.968), format_probability(0.999), format_probability(0.001)
    ('p .97', 'p > .99', 'p < .01')
    """
    if probability > 0.99:
        return "p > .99"
    if probability < 0.01:
        return "p < .01"
    return f"p {min(probability, 0.99):.2f}".replace("0.", ".")


def format_names(names: Sequence[str]) -> str:
    """Return the first few names and the number of the others.

    >>> format_names(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - MAX_NAMES
    return ", ".join(names) if more < 1 else f"{', '.join(names[:MAX_NAMES])} and {more} more"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 product" or "2,000 products"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

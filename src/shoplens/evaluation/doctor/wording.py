"""Figures and lists in the sentences of findings."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMED = 3


def p(probability: float) -> str:
    """A probability in two digits, never rounded to certainty.

    >>> p(0.968), p(0.999), p(0.001)
    ('p .97', 'p > .99', 'p < .01')
    """
    if probability > 0.99:
        return "p > .99"
    if probability < 0.01:
        return "p < .01"
    return f"p {min(probability, 0.99):.2f}".replace("0.", ".")


def format_names(names: Sequence[str]) -> str:
    """The first few names and how many more there are.

    >>> listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = len(names) - MOST_NAMED
    return ", ".join(names) if more < 1 else f"{', '.join(names[:MOST_NAMED])} and {more} more"


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 product", "2,000 products"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

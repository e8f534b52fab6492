"""Holm's correction for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm_rejections(ps: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses are rejected: from the smallest p on, while the i-th of m is at most alpha / (m - i + 1).

    The probability that any true hypothesis is rejected is at most alpha, however the tests depend on each other.
    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    rejected = [False] * len(ps)
    for done, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        if ps[place] > alpha / (len(ps) - done):
            break
        rejected[place] = True
    return rejected

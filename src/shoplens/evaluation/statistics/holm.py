"""Several tests at once: which of their hypotheses fall."""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall: from the smallest p on, while the i-th of m is at most alpha / (m - i + 1).

    The chance that a true one falls is alpha or less, however they depend on each other. Source: Holm 1979, "A Simple
    Sequentially Rejective Multiple Test Procedure".
    """
    fell = [False] * len(ps)
    for done, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        if ps[place] > alpha / (len(ps) - done):
            break
        fell[place] = True
    return fell

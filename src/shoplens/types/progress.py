"""How far a long task has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much; 0 where that is not known."""


def ignore_progress(what: str, done: int, total: int) -> None:
    """Do nothing: the :data:`Progress` of those who do not want to be told."""

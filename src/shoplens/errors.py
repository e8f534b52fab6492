"""One error tree. Every message says what was wrong, with which value, and what to do about it.

``code`` is stable and meant for machines; ``exit_code`` is what the command line returns:
0 done · 1 something unforeseen, or a gate that failed · 2 wrong usage · 3 bad input · 4 trouble with the store ·
5 rejections under ``--strict`` · 6 refused to protect data.
"""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from collections.abc import Sequence


class ShoplensError(Exception):
    """Base of every error that Shoplens raises on purpose.

    Args:
        problem: what was wrong, with the offending value.
        fix: what to do, as one sentence or a command.
        code: kebab-case name of the precise case; the class's own when omitted.
    """

    code = "error"
    exit_code = 1

    def __init__(self, problem: str, fix: str, *, code: str | None = None) -> None:
        super().__init__(f"{problem} {fix}")
        self.problem = problem
        self.fix = fix
        self.code = code or type(self).code


class InvalidValue(ShoplensError, ValueError):
    """A value that a type or an option cannot hold."""

    code = "invalid-value"
    exit_code = 3


class SettingsError(ShoplensError):
    """An environment variable or a line of ``shoplens.toml`` that cannot be used."""

    code = "bad-settings"
    exit_code = 2


class FeedError(ShoplensError):
    """The feed as a whole cannot be read; a single bad row is a :class:`~shoplens.types.Rejection` instead."""

    code = "bad-feed"
    exit_code = 3


class PhotoError(ShoplensError):
    """One photo cannot be used: missing, truncated, too large, not an image, refused by the fetcher."""

    code = "bad-photo"
    exit_code = 3


class ConditionError(ShoplensError):
    """A ``--where`` expression that cannot be parsed, or names a field or value that cannot be compared."""

    code = "bad-condition"
    exit_code = 3


class ModelError(ShoplensError):
    """A model file that cannot be loaded, or that answers something else than its card says."""

    code = "bad-model"
    exit_code = 3


class StoreError(ShoplensError):
    """The store cannot be used: missing, damaged, in use, or made by something else."""

    code = "bad-store"
    exit_code = 4


class Refused(ShoplensError):
    """The command would destroy something that was not clearly asked for; nothing was changed.

    Attributes:
        problems: rows of a report's summary that say why, if there are any.
    """

    code = "refused"
    exit_code = 6

    def __init__(self, problem: str, fix: str, *, code: str | None = None, problems: Sequence[typing.Any] = ()) -> None:
        super().__init__(problem, fix, code=code)
        self.problems = tuple(problems)


class GateFailed(ShoplensError):
    """The quality gate found the system worse than its baseline."""

    code = "gate-failed"
    exit_code = 1


class RejectionsFound(ShoplensError):
    """The run finished, but ``--strict`` asks that nothing be rejected."""

    code = "rejections"
    exit_code = 5

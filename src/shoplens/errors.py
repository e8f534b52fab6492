"""The errors that Shoplens raises. Every message says what is wrong, with which value, and what to do about it.

``code`` is stable and meant for machines. ``exit_code`` is the exit status of the command line: 0 success,
1 an unexpected error or a failed quality gate, 2 wrong usage, 3 bad input, 4 a problem with the store, 5 rejections
under ``--strict``, 6 a command that was refused to protect data.
"""

from __future__ import annotations

import errno
import typing

if typing.TYPE_CHECKING:
    from collections.abc import Sequence


class ShoplensError(Exception):
    """Base class of every error that Shoplens raises on purpose.

    Args:
        problem: a sentence that says what is wrong, with the offending value.
        fix: a sentence, or a command, that says what to do.
        code: kebab-case name of the precise case; the code of the class when omitted.
    """

    code = "error"
    exit_code = 1

    def __init__(self, problem: str, fix: str, *, code: str | None = None) -> None:
        super().__init__(f"{problem} {fix}")
        self.problem = problem
        self.fix = fix
        self.code = code or type(self).code

    def __reduce__(self) -> tuple[typing.Any, ...]:
        """Pickle the message and the attributes, whatever arguments a subclass has."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[ShoplensError], arguments: tuple[str, ...], attributes: dict[str, object]) -> ShoplensError:
    """Restore an error from its pickle."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


class InvalidValue(ShoplensError, ValueError):
    """A type or an option does not accept a value."""

    code = "invalid-value"
    exit_code = 3


class SettingsError(ShoplensError):
    """An environment variable or a line of ``shoplens.toml`` cannot be used."""

    code = "bad-settings"
    exit_code = 2


class FeedError(ShoplensError):
    """The feed as a whole cannot be read; a single bad row is a :class:`~shoplens.types.Rejection` instead."""

    code = "bad-feed"
    exit_code = 3


class PhotoError(ShoplensError):
    """A photo cannot be used: it is missing, truncated, too large, not an image, or refused by the fetcher."""

    code = "bad-photo"
    exit_code = 3


class ConditionError(ShoplensError):
    """A ``--where`` expression cannot be parsed, or it names a field or a value that cannot be compared."""

    code = "bad-condition"
    exit_code = 3


class ModelError(ShoplensError):
    """A model file cannot be loaded, or its output differs from what its model card says."""

    code = "bad-model"
    exit_code = 3


class StoreError(ShoplensError):
    """The store cannot be used: it is missing, damaged, in use, or was written by another program."""

    code = "bad-store"
    exit_code = 4


def disk_error(problem: BaseException) -> StoreError | None:
    """Return a full disk as an error of the store, ``disk``; None for every other error of the system."""
    if not isinstance(problem, OSError) or problem.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    where = f"{problem.filename} cannot be written" if problem.filename else "A file cannot be written"
    return StoreError(
        f"{where}: {problem.strerror}.", "Make room on that disk, and run the command again.", code="disk"
    )


class Refused(ShoplensError):
    """A command was refused because it would destroy data without clear permission; nothing was changed.

    Attributes:
        problems: rows of a report's summary that give the reasons, if there are any.
    """

    code = "refused"
    exit_code = 6

    def __init__(self, problem: str, fix: str, *, code: str | None = None, problems: Sequence[typing.Any] = ()) -> None:
        super().__init__(problem, fix, code=code)
        self.problems = tuple(problems)


class GateFailed(ShoplensError):
    """The quality gate measured worse results than the baseline's."""

    code = "gate-failed"
    exit_code = 1


class RejectionsFound(ShoplensError):
    """The run finished, but something was rejected and ``--strict`` does not allow that."""

    code = "rejections"
    exit_code = 5

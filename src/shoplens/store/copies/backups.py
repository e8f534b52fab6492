"""A copy of a store: where its live generation lies, and what to say when it cannot be used."""

from __future__ import annotations

from pathlib import Path

from shoplens.errors import StoreError

CURRENT = "CURRENT"
"""The file of a store, and of a copy of one, that names the live generation."""
FEEDBACK = "feedback.sqlite"
"""The file of a store, and of a copy of one, that holds what shoppers did."""


def live_folder(store: Path) -> Path:
    """Of a store or a copy of one."""
    return store / "generations" / (store / CURRENT).read_text("utf-8", "replace").strip()


def bad_backup(backup: Path, problem: StoreError) -> StoreError:
    """The problem of a copy, told as such."""
    if problem.code != "damaged-store":
        return problem
    return StoreError(
        f"The backup {backup} cannot be used. {problem.problem}",
        "Give another backup; the store is as it was.",
        code="bad-backup",
    )

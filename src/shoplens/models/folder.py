"""The folder of the models that were added: models come and go in one step each, whoever else does the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from shoplens.embedders.added import REPLACED, added_model
from shoplens.errors import ModelError, StoreError

LOCK, LOCK_WAIT = ".lock", 10.0
"""File that who changes the folder locks, and seconds to wait for it."""
ADDING, REMOVED = ".adding-", ".removed-"
"""Prefixes of folders with a model that is not complete yet, or no longer."""
ABANDONED_SECONDS = 86_400.0
"""Age from which such a folder was left by a process that was killed."""


def refuse_if_added(models: Path, name: str) -> None:
    """Raise ModelError ``model-exists`` where a model has this name."""
    if added_model(models, name) is not None:
        raise ModelError(
            f"There is a model {name!r} already.", "Give another `--name`, or `--replace`.", code="model-exists"
        )


def put_in_place(made: Path, models: Path, *, replace: bool) -> None:
    """Make a folder that is complete the model of its name, in one step; a process that is killed leaves one of both.

    Args:
        made: folder on the same disk, called like the model.
        replace: whether a model of this name is replaced.

    Raises:
        ModelError: ``model-exists``.
    """
    target, before = models / made.name, models / f"{REPLACED}{made.name}"
    _sync(*made.iterdir(), made)
    with _changing(models):
        if not replace:
            refuse_if_added(models, made.name)
        if target.exists():
            _remove(before)
            target.rename(before)
        made.rename(target)
        _sync(models)
        _remove(before)


def remove_model(name: str, models: Path) -> None:
    """Remove a model that was added.

    Raises:
        ModelError: ``no-model``.
    """
    with _changing(models) if models.is_dir() else contextlib.nullcontext():
        if added_model(models, name) is None:
            raise ModelError(
                f"No model {name!r} was added.", "Give a name that `shoplens models` lists as added.", code="no-model"
            )
        _remove(models / f"{REPLACED}{name}")
        _remove(models / name)


@contextmanager
def _changing(models: Path) -> Iterator[None]:
    """Wait for others who add or remove models, and remove what killed processes left."""
    try:
        with filelock.FileLock(models / LOCK, timeout=LOCK_WAIT, thread_local=False):
            for folder in models.iterdir():
                if folder.name.startswith((ADDING, REMOVED)):
                    with contextlib.suppress(FileNotFoundError):
                        if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                            shutil.rmtree(folder, ignore_errors=True)
            yield
    except filelock.Timeout:
        raise StoreError(
            f"Another process is changing {models}.", "Wait until it has finished.", code="store-in-use"
        ) from None


def _sync(*paths: Path) -> None:
    """Sync files and folders, so that they survive loss of power."""
    for path in () if os.name == "nt" else paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(folder: Path) -> None:
    """Remove a model's folder in one step: another process sees all of it, or nothing."""
    if folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=REMOVED) as temporary:
            folder.rename(Path(temporary) / "model")

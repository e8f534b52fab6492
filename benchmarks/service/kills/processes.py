"""Commands as processes that are forked from one that has loaded everything."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

from shoplens.cli import COMMANDS, GROUPS

LOADED = [
    *(f"shoplens.cli.{folder}.{name}" for name, folder in {**COMMANDS, **GROUPS}.items()),
    *("shoplens.build.run", "shoplens.evaluation.compare", "shoplens.models.add", "shoplens.service.serve"),
    *("shoplens.training.look", "shoplens.training.ranker", "shoplens.training.classifier", "torch", "umap"),
]
"""Modules that commands load, and that are loaded before."""
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(LOADED)


def start_command(words: list[str], output: Path) -> BaseProcess:
    """Run a command of the command line in a process of its own, which leads a process group.

    Args:
        output: file for what it prints.
    """
    process = _forks.Process(target=_run, args=(words, output))
    process.start()
    return process


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for path in lists for one in path.read_text("utf-8").split()]


def _run(words: list[str], output: Path) -> None:
    os.setsid()
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv = ["shoplens", *words]
    from shoplens.cli import main

    main()

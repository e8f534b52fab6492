"""Run commands of the command line in the process of the tests."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest

from shoplens.cli import main


@dataclass(frozen=True)
class CommandResult:
    """Exit code and printed text of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Parse stdout, which must be a single JSON object."""
        assert self.out.endswith("}\n")
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def run_command(*words: object) -> CommandResult:
    """Run ``shoplens`` with these words in this process and return its exit code, stdout and stderr."""
    code: object = 0
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["shoplens", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    return CommandResult(code, out.getvalue(), err.getvalue())

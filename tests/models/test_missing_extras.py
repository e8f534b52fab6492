"""What is said where an extra is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("library", "words", "code", "command"),
    [
        ("huggingface_hub", ["someone/model"], "no-hub", "pip install 'shoplens[hub]'"),
        ("transformers", ["someone/model", "--export"], "no-export", "pip install 'shoplens[export]'"),
    ],
)
def test_the_command_that_installs_it_is_named(
    library: str, words: list[str], code: str, command: str, tmp_path: Path
) -> None:
    program = f"import sys; sys.modules[{library!r}] = None; from shoplens.cli import main; main()"
    call = [sys.executable, "-c", program, "models", "add", *words, "--json"]
    found = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)
    error = json.loads(found.stdout)["error"]
    assert error["code"] == code and command in error["fix"]

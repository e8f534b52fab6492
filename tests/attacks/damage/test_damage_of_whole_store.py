"""Every kind of file that a store can have is damaged, one at a time, in both ways: nothing happens, it is healed and
told, or it is refused with what heals it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shoplens.store.files.atomic import copy_tree
from tests.attacks.damage.test_damage import cut_in_half, files_of, flip_bit
from tests.attacks.damage.whole_store import make_whole_store, print_readings
from tests.forked import forked

CURES = ("shoplens ", "--replace", "keys add", "backup", "Move it away", "Upgrade", "Delete it", "set the rules again")
"""What the answers to damage tell, one of them each."""
LEFT_OUT = ("/shard/", "reports/")
"""Parts of the names of files that are not damaged here: ``test_damage.py`` damages each of the engine's, and reports
are read by people."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whole_store(tmp_path_factory.mktemp("whole"))


def read_all(folder: Path, store: Path, damaged: str) -> dict[str, Any]:
    """Return what a process of its own reads of a store; empty where it dies."""
    with forked(print_readings, folder, store, damaged) as process:
        lines = [line for line in process.lines if line.startswith('{"readings"')]
    result: dict[str, Any] = json.loads(lines[0]) if lines else {}
    return result


def judge(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return what damage did: ``no effect``, ``told``, ``refused``; or, where that is wrong, what was read."""
    if not after:
        return "the process died"
    outcome = "no effect"
    for name, value in before["readings"].items():
        now = after["readings"].get(name, after["readings"].get("shop"))
        if name == "check" and name not in after["readings"]:  # it is read where its files are damaged
            continue
        if now == value:
            continue
        if isinstance(now, dict) and "error" in now:
            if not any(cure in now["text"] for cure in CURES):
                return f"{name}: no cure is told: {now}"
            outcome = "refused"
        elif after["told"] or (isinstance(now, list) and now[-1:] != value[-1:] and now[-1]):
            outcome = "told" if outcome == "no effect" else outcome
        else:
            return f"{name}: another answer, and nothing is told: {str(now)[:300]} instead of {str(value)[:300]}"
    return outcome


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("damage", [flip_bit, cut_in_half])
def test_damage_of_any_file_is_without_effect_told_or_refused(
    damage: Callable[[Path], None], folder: Path, tmp_path: Path
) -> None:
    copy_tree(folder / "store", tmp_path / "sound")
    before = read_all(folder, tmp_path / "sound", "evaluation")
    outcomes = {}
    files = {
        kind: name for kind, name in files_of(folder / "store").items() if not any(one in name for one in LEFT_OUT)
    }
    for number, (kind, name) in enumerate(files.items()):
        copy = tmp_path / str(number)
        copy_tree(folder / "store", copy)
        damage(copy / name)
        outcomes[kind] = judge(before, read_all(folder, copy, name))
        shutil.rmtree(copy)
    wrong = {kind: how for kind, how in outcomes.items() if how not in ("no effect", "told", "refused")}
    assert not wrong, json.dumps(wrong, indent=1)

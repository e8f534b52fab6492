"""Rounds over all commands and services, and the tables of what was counted."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

from benchmarks.service.kills.checks import check
from benchmarks.service.kills.commands import COMMAND_KINDS, SLOW_EVERY, SLOW_KINDS
from benchmarks.service.kills.service import SERVICE_KINDS, photo_server, run_service
from benchmarks.service.kills.victim import Tally, Victim, remove_tree

TENTHS = 10


def kill_all(victim: Victim, kills: int, minutes: float, kinds: Sequence[str]) -> None:
    """Kill every command and service of these in turn, until there were so many kills, or the time is up."""
    remove_tree(victim.folder / "copies")
    end = time.monotonic() + 60 * minutes
    with photo_server(victim.photo_folder) as photos:
        victim.run_undisturbed(["keys", "list"])  # the process that is forked has loaded everything then
        for cycle in itertools.count():
            for kind in kinds:
                if kind in SLOW_KINDS and (cycle + 1) % SLOW_EVERY and len(kinds) > len(SLOW_KINDS):
                    continue
                victim.number += 1
                if kind in SERVICE_KINDS:
                    run_service(victim, kind, photos)
                    victim.tally.runs[kind, "killed while it wrote"] += 1
                else:
                    kill_command(victim, kind)
                check(victim, kind)
                killed = sum(times for (_, how), times in victim.tally.runs.items() if how.startswith("killed"))
                if killed >= kills or time.monotonic() > end:
                    return


def kill_command(victim: Victim, kind: str) -> None:
    """Run a command and kill it; the first time, it ends, and its time is taken."""
    words, confirm = COMMAND_KINDS[kind](victim)
    if kind not in victim.spans:
        victim.spans[kind] = victim.run_undisturbed(words)
        print(f"{kind}: {victim.spans[kind]}", flush=True)
        how, share = "undisturbed", 0.0
    else:
        how, share = victim.run_killed(words, victim.spans[kind])
        victim.spans[kind] = victim.spans[kind].correct(how)
    ended = how in ("undisturbed", "ended before")
    confirm(ended)
    victim.tally.acknowledged[kind] += ended
    victim.tally.runs[kind, how] += 1
    if how == "killed while it wrote":
        victim.tally.tenths[min(TENTHS - 1, max(0, int(share * TENTHS)))] += 1


def print_tally(tally: Tally, minutes: float, products: int) -> None:
    """Print what was counted as tables."""
    hows = ("killed while it wrote", "killed before it wrote", "killed after it wrote", "ended before", "undisturbed")
    total = {how: sum(times for (_, one), times in tally.runs.items() if one == how) for how in hows}
    print(f"\nKills: {sum(total.values())} runs on {products} products in {minutes:.0f} minutes\n")
    print(f"| | {' | '.join(hows)} | acknowledged |\n|---|---|---|---|---|---|---|")
    for kind in (*COMMAND_KINDS, *SERVICE_KINDS):
        cells = " | ".join(str(tally.runs[kind, how]) for how in hows)
        print(f"| `{kind}` | {cells} | {tally.acknowledged[kind] or ''} |")
    for kind in ("PATCH", "POST", "DELETE", "feedback"):
        print(f"| {kind} over HTTP | | | | | | {tally.acknowledged[f'{kind} over HTTP']} |")
    cells = " | ".join(str(total[how]) for how in hows)
    print(f"| all | {cells} | {sum(tally.acknowledged.values())} |")
    print(f"\nLost: {len(tally.lost)}")
    print("\nKilled while it wrote, by tenths of the time in which the command writes: ", end="")
    print(", ".join(str(tally.tenths[number]) for number in range(TENTHS)), flush=True)

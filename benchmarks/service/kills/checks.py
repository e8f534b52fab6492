"""What is in a store after a kill, compared with what was acknowledged."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from benchmarks.service.kills.victim import Victim
from shoplens import Shop
from shoplens.embedders import OnnxEmbedder
from shoplens.models.table import list_models
from shoplens.service.keys import Keys


def check(victim: Victim, what: str) -> None:
    """Open the store, and compare it with what may be there; what is there is what has to be, from here on."""
    expected = victim.expected
    try:
        with Shop(victim.store) as shop:
            ids = list(shop.products.ids())
            found = {name: float(shop.products.get(name).price or 0) for name in ids}  # type: ignore[union-attr]
            if len(shop) != len(ids):
                victim.fail(f"{what}: {len(shop)} products are counted, {len(ids)} are there")
            for name in victim.rng.sample(ids, min(2, len(ids))):
                if not shop.similar(name, k=3).results:
                    victim.fail(f"{what}: nothing is similar to {name}")
            counts = shop.feedback.counts()
            shop.check_files()
    except Exception as problem:
        victim.fail(f"{what}: the store does not open: {problem!r}")
        raise
    for name, prices in expected.prices.items():
        if found.get(name, 0.0) not in prices:
            victim.fail(f"{what}: {name} has {found.get(name, 0.0)}, allowed {sorted(prices)}")
    if strange := set(found) - set(expected.prices):
        victim.fail(f"{what}: {sorted(strange)} should not be there")
    expected.prices = {name: {found.get(name, 0.0)} for name in victim.names}
    if (events := sum(counts.events.values())) < expected.events:
        victim.fail(f"{what}: {events} events of {expected.events}")
    expected.events = events
    for kind, there, must, may in (
        ("keys", {one.name for one in Keys(victim.store).list_all()}, expected.keys, expected.maybe_keys),
        ("models", model_names(victim.models), expected.models, expected.maybe_models),
    ):
        if not must <= there <= must | may:
            victim.fail(f"{what}: {kind} {sorted(there)}, not {sorted(must)} and perhaps {sorted(may)}")
        must |= there & may
        may.clear()
    for path in victim.store.rglob("*.json"):
        if path.name.startswith("before-"):  # empty, where there was no such file
            continue
        with suppress(FileNotFoundError):
            try:
                json.loads(path.read_bytes())
            except ValueError:
                victim.fail(f"{what}: {path} is half written")


def model_names(models: Path) -> set[str]:
    """Return the names of the models that were added, as ``shoplens models`` lists them; each of them has to open."""
    names = {row.name for row in list_models(models) if row.state == "added"}
    for name in names:
        OnnxEmbedder(next((models / name).glob("*.onnx")))
    return names

"""Whether ``shoplens check`` notices what goes wrong, and stays calm when nothing does.

    python -m benchmarks.quality.gate --data ../shared/data --work FOLDER --count 1000 --fresh 20 --fresh-count 300
    python -m benchmarks.quality.gate --data ../shared/data --work FOLDER --fresh-only --first 21 --fresh-count 200

The second command draws other samples and compares them with the baseline that the first one made.

FOLDER holds the H&M store of ``benchmarks/quality/evaluation.py``, or it is made; every fault is injected into a copy
of the store, or into the running code. Speed does not matter here; the gate's whole run takes a third of a second per
photo.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import shoplens.images.decode
import shoplens.search.candidates
from benchmarks.stores import FEEDS, store_of
from benchmarks.tables import default_data, machine_line
from shoplens.embedders import Embedder, OnnxEmbedder
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.regression.baseline import Baseline
from shoplens.evaluation.regression.check import CheckOptions, CheckResult, check_regression
from shoplens.evaluation.regression.comparison import estimate_power
from shoplens.images import PhotoSource
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.strategies import strategy_named
from shoplens.settings import Settings
from shoplens.store.copies.backups import write_backup
from shoplens.store.copies.restoring import restore
from shoplens.store.store import Store
from shoplens.types import Pixels, Vectors


class SwappedChannels:
    """The shipped network, fed with blue for red."""

    def __init__(self) -> None:
        self._inner = OnnxEmbedder(threads=1)
        self.model, self.min_side = self._inner.model, self._inner.min_side
        self.dimensions, self.features, self.extra_features = (
            self._inner.dimensions,
            self._inner.features,
            self._inner.extra_features,
        )

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        return self._inner.embed([np.ascontiguousarray(photo[..., ::-1]) for photo in photos])


def shuffled(share: float) -> Callable[[Index], None]:
    """Gives a share of the products the vectors of one another."""

    def shuffle(index: Index) -> None:
        records = sorted(index.all_records(), key=lambda record: record.product.id)
        generator = np.random.default_rng(0)
        chosen = generator.permutation(len(records))[: round(share * len(records))]
        known = index.photo_vectors(photo.content_hash for record in records for photo in record.photos)
        for place, other in zip(chosen, np.roll(chosen, 1), strict=True):
            mine, theirs = records[place], records[other]
            vectors = np.stack(
                [known[theirs.photos[n % len(theirs.photos)].content_hash][1] for n in range(len(mine.photos))]
            )
            index.upsert([IndexedProduct(mine.product, mine.photos, vectors)])

    return shuffle


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """A fault in the code, for the length of a block."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def check(folder: Path, options: CheckOptions, embedder: Embedder | None = None) -> CheckResult:
    settings = Settings()
    store = Store(folder)
    try:
        bench = EvaluationContext(store, embedder or OnnxEmbedder(threads=1), PhotoSource(settings), settings)
        return check_regression(bench, strategy_named("pretrained"), options)
    finally:
        store.close()


def damaged(store: Path, work: Path, damage: Callable[[Index], None], options: CheckOptions) -> CheckResult:
    """The check of a copy of the store, after ``damage`` was done to it."""
    for leftover in ("gate-backup", "gate-store"):
        shutil.rmtree(work / leftover, ignore_errors=True)
    source = Store(store)
    write_backup(source, work / "gate-backup")
    source.close()
    restore(work / "gate-backup", work / "gate-store")
    copy = Store(work / "gate-store")
    damage(copy.live.index)
    copy.close()
    return check(work / "gate-store", options)


def told(name: str, found: CheckResult) -> None:
    report = found.report
    assert report is not None
    fell = sorted((cell for cell in report.cells if cell.fell), key=lambda cell: cell.difference.value)
    overall = report.cells[0]
    worst = f"{fell[0].name} {100 * fell[0].difference.value:+.1f}" if fell else ""
    print(
        f"| {name} | {'passes' if report.passed else '**fails**'} | {len(fell)} of {len(report.cells)} | "
        f"{100 * overall.before.value:.1f} → {100 * overall.now.value:.1f} | {overall.p:.4f} | {worst} |",
        flush=True,
    )


def told_of_baseline(baseline: Baseline) -> None:
    """Its recall in every corruption, and what it can notice."""
    recalls = {kind: np.mean([rank == 1 for rank in ranks]) for kind, ranks in baseline.ranks.items()}
    print(
        f"Baseline: {len(baseline.queries)} photos of {baseline.products} products; recall@1 in percent: "
        + ", ".join(f"{kind} {100 * recall:.1f}" for kind, recall in recalls.items())
    )
    for share in (0.01, 0.02, 0.05):
        print(
            f"Power, {share:.0%} of the vectors swapped: same queries {estimate_power(baseline, share):.2f}, "
            f"a fresh sample {estimate_power(baseline, share, fresh=True):.2f}",
            flush=True,
        )


def told_of_faults(store: Path, work: Path, same: CheckOptions) -> None:
    """A row per fault."""
    told("nothing, the same photos", check(store, same))
    told("red and blue swapped before the network", check(store, same, SwappedChannels()))
    with replaced(shoplens.images.decode, "_orientation", lambda image: 1):
        told("EXIF orientation ignored", check(store, same))
    with replaced(shoplens.candidates, "similarity_from_cosine", lambda cosine: (1 - cosine) / 2):
        told("similarity with its sign flipped", check(store, same))
    told("half of the vectors shuffled", damaged(store, work, shuffled(0.5), same))
    told("5 % of the vectors shuffled", damaged(store, work, shuffled(0.05), same))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--work", type=Path, default=Path("evaluation-stores"), help="where stores are")
    parser.add_argument("--catalogue", choices=list(FEEDS), default="hm")
    parser.add_argument("--count", type=int, default=1000, help="photos of the baseline")
    parser.add_argument("--fresh", type=int, default=20, help="fresh samples")
    parser.add_argument("--fresh-count", type=int, default=300, help="photos of each")
    parser.add_argument("--first", type=int, default=1, help="seed of the first of them; the others follow")
    parser.add_argument("--fresh-only", action="store_true", help="no faults, and the baseline that is there")
    options = parser.parse_args()
    data, work = options.data.resolve(), options.work.resolve()
    store, file = store_of(options.catalogue, data, work), work / "gate-baseline.json"
    if not options.fresh_only:
        check(store, CheckOptions(baseline=file, make_baseline=True, count=options.count))
        told_of_baseline(Baseline.from_json(file.read_bytes()))
    print("| what changed | the gate | figures that fell | recall@1, all | p | most |\n|---|---|---|---|---|---|")
    if not options.fresh_only:
        told_of_faults(store, work, CheckOptions(baseline=file))
    for seed in range(options.first, options.first + options.fresh):
        fresh = CheckOptions(baseline=file, fresh=seed, count=options.fresh_count)
        told(f"nothing, fresh sample {seed}", check(store, fresh))
    print(f"\n{machine_line('onnxruntime', 'numpy', 'pillow', 'qdrant-edge-py')}")


if __name__ == "__main__":
    main()

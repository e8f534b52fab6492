"""Builds of a store from a feed (index, add and sync): their results, their counts, and their interruption."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shoplens.build.builder import removals_allowed
from shoplens.build.run import BATCH, Summary
from shoplens.errors import InvalidValue, Refused, StoreError
from shoplens.feeds import read_feed
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from shoplens.types import Product
from tests.fakes import GREEN, RED, ColourEmbedder, Stopped, builder, colored_rows, contents, feed_of, photo, row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the photos ``p0.png`` to ``p149.png``, which the feeds of all tests may name."""
    folder = tmp_path_factory.mktemp("shop")
    colored_rows(folder, range(150))
    return folder


@pytest.fixture(scope="module")
def original_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a closed store of p0 to p9. Tests copy it and never change it."""
    store_folder = tmp_path_factory.mktemp("original") / "store"
    store = Store(store_folder, create=True)
    index(store, feed_of(folder / "ten.jsonl", colored_rows(folder, range(10))))
    store.close()
    return store_folder


@pytest.fixture
def store(original_folder: Path, tmp_path: Path) -> Iterator[Store]:
    """Open a store of p0 to p9, which the test may change."""
    copy_tree(original_folder, tmp_path / "store")
    store = Store(tmp_path / "store")
    yield store
    store.close()


WriteFeed = Callable[..., Path]


@pytest.fixture
def write_feed(folder: Path) -> Iterator[WriteFeed]:
    """Give a function that writes rows to a new feed beside the photos, and returns its path."""
    paths: list[Path] = []

    def write(*rows: Mapping[str, Any]) -> Path:
        paths.append(feed_of(folder / f"feed{len(paths)}.jsonl", rows))
        return paths[-1]

    yield write
    for path in paths:
        path.unlink()


def index(store: Store, path: Path, embedder: ColourEmbedder | None = None) -> Summary:
    """Build a new generation of the store from the feed at ``path``."""
    with read_feed(path) as feed:
        return builder(store, embedder).index(feed)


def add(store: Store, path: Path, embedder: ColourEmbedder | None = None) -> Summary:
    """Add the products of the feed at ``path`` to the store."""
    with read_feed(path) as feed:
        return builder(store, embedder).add(feed)


def sync(store: Store, path: Path, max_removals: str = "10%", embedder: ColourEmbedder | None = None) -> Summary:
    """Make the products of the store equal to those of the feed at ``path``."""
    with read_feed(path) as feed:
        return builder(store, embedder).sync(feed, max_removals)


def products(store: Store) -> dict[str, Product]:
    """Return all products of the live generation by their ids."""
    return {record.product.id: record.product for record in store.live.index.records(list(store.live.index.ids()))}


def counts(summary: Summary) -> dict[str, int]:
    """Check the sums of a summary, and return its counts that are not zero."""
    assert summary.products == summary.added + summary.changed + summary.unchanged
    assert summary.photos == summary.photos_embedded + summary.photos_known
    assert summary.rejected == sum(problem.times for problem in summary.problems if problem.level == "rejected")
    assert summary.notes == sum(problem.times for problem in summary.problems if problem.level == "note")
    names = ("rows", "products", "photos", "added", "changed", "unchanged", "removed", "rejected", "notes")
    numbers = {name: getattr(summary, name) for name in (*names, "photos_embedded", "photos_known")}
    return {name: number for name, number in numbers.items() if number}


def test_index_builds_a_store(tmp_path: Path, folder: Path, write_feed: WriteFeed) -> None:
    store = Store(tmp_path / "store", create=True)
    progress_calls: list[tuple[str, int, int]] = []
    path = write_feed(*colored_rows(folder, range(3)), row("twins", "p0.png", "p1.png"))
    store_builder = builder(store, progress=lambda *call: progress_calls.append(call))
    with read_feed(path) as feed:
        summary = store_builder.index(feed)
    assert counts(summary) == {
        "rows": 4, "products": 4, "photos": 5, "added": 4, "photos_embedded": 3, "photos_known": 2,
    }  # fmt: skip
    assert (summary.report, summary.problems, summary.seconds > 0) == (None, [], True)
    assert sorted(products(store)) == ["p0", "p1", "p2", "twins"]
    assert products(store)["p2"].photos == (str(folder / "p2.png"),)
    assert ("Indexing", 4, 4) in progress_calls
    manifest = store.live.manifest
    assert (manifest.model, manifest.dimensions, manifest.complete) == ("colour@1", 4, True)
    assert (manifest.feed, manifest.feed_format) == (str(path), "jsonl")
    store.close()


def test_indexing_anew_reuses_vectors(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    before, embedder = contents(store.live.index), ColourEmbedder()
    summary = index(store, write_feed(*colored_rows(folder, range(1, 11))), embedder)
    assert counts(summary) == {
        "rows": 10, "products": 10, "photos": 10, "added": 10, "photos_embedded": 1, "photos_known": 9,
    }  # fmt: skip
    assert embedder.photos == 1
    assert store.live.name == "000002"
    after = contents(store.live.index)
    assert {name: after[name] for name in before.keys() - {"p0"}} == {
        name: before[name] for name in before.keys() - {"p0"}
    }
    assert after.keys() - before.keys() == {"p10"}


def test_indexing_anew_by_another_model_embeds_everything(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    summary = index(store, write_feed(*colored_rows(folder, range(10))), ColourEmbedder("other@2"))
    assert (summary.photos_embedded, summary.photos_known) == (10, 0)
    assert store.live.manifest.model == "other@2"


def test_add_adds_and_replaces(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    embedder = ColourEmbedder()
    other_photo = row("p1", "p20.png", price=1.0)
    other_price = row("p2", price=20.0)
    (unchanged,) = colored_rows(folder, [3])
    summary = add(store, write_feed(other_photo, other_price, unchanged, row("new", "p21.png")), embedder)
    assert counts(summary) == {
        "rows": 4, "products": 4, "photos": 4, "added": 1, "changed": 2, "unchanged": 1,
        "photos_embedded": 2, "photos_known": 2,
    }  # fmt: skip
    assert embedder.photos == 2
    assert len(products(store)) == 11
    assert products(store)["p1"].photos == (str(folder / "p20.png"),)
    assert products(store)["p2"].price == 20.0


def test_add_twice_changes_nothing(store: Store, write_feed: WriteFeed) -> None:
    path = write_feed(row("new", "p21.png"))
    add(store, path)
    before = contents(store.live.index)
    assert counts(add(store, path)) == {"rows": 1, "products": 1, "photos": 1, "unchanged": 1, "photos_known": 1}
    assert contents(store.live.index) == before


def test_sync_adds_changes_and_removes(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    before, embedder = contents(store.live.index), ColourEmbedder()
    rows = [row("p1", price=99.0, in_stock=False), *colored_rows(folder, range(2, 11))]
    summary = sync(store, write_feed(*rows), embedder=embedder)
    assert counts(summary) == {
        "rows": 10, "products": 10, "photos": 10, "added": 1, "changed": 1, "unchanged": 8, "removed": 1,
        "photos_embedded": 1, "photos_known": 9,
    }  # fmt: skip
    assert embedder.photos == 1
    after = contents(store.live.index)
    assert after.keys() == {f"p{number}" for number in range(1, 11)}
    assert (after["p1"][0].product.price, after["p1"][0].product.in_stock) == (99.0, False)
    assert (after["p1"][0].photos, after["p1"][1]) == (before["p1"][0].photos, before["p1"][1])
    assert counts(sync(store, write_feed(*rows))) == {
        "rows": 10, "products": 10, "photos": 10, "unchanged": 10, "photos_known": 10,
    }  # fmt: skip


@pytest.mark.parametrize("limit", ["10%", "1", "19.9%"])
def test_sync_refuses_to_remove_more_than_the_limit(
    store: Store, folder: Path, write_feed: WriteFeed, limit: str
) -> None:
    before = contents(store.live.index)
    path = write_feed(row("p9", price=77.0), *colored_rows(folder, range(2, 9)), row("new", "p21.png"))
    with pytest.raises(Refused, match=rf"lacks 2 of the 10 products .*p0, p1.*--max-removals {limit} allows 1"):
        sync(store, path, limit)
    assert contents(store.live.index) == before
    assert sync(store, path, "2").removed == 2


def test_sync_to_a_feed_without_products_is_refused(store: Store, write_feed: WriteFeed) -> None:
    before = contents(store.live.index)
    for rows in [{"id": "x", "title": "no photos at all"}], [row("x", "gone.png"), row("y", "away.png")]:
        with pytest.raises(Refused, match=r"No product of .* can be used"):
            sync(store, write_feed(*rows), "100%")
    assert contents(store.live.index) == before


@pytest.mark.parametrize(
    ("text", "stock", "allowed"),
    [("10%", 100, 10), ("10%", 99, 9), ("0%", 100, 0), ("100%", 7, 7), ("250%", 7, 7), ("12.5%", 8, 1), ("25", 3, 25)],
)
def test_removals_allowed(text: str, stock: int, allowed: int) -> None:
    assert removals_allowed(text, stock) == allowed


@pytest.mark.parametrize("text", ["", "%", "many", "-5", "-5%", "1.5", "10 %", "1e3", "²", "10%%", ".", "nan%"])
def test_an_invalid_removal_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"--max-removals is .*a share such as 10%"):
        removals_allowed(text, 100)


def test_a_sync_with_an_invalid_limit_changes_nothing(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    before = contents(store.live.index)
    with pytest.raises(InvalidValue, match="--max-removals is 'some'"):
        sync(store, write_feed(row("new", "p21.png")), "some")
    assert contents(store.live.index) == before


def test_rejections_are_counted_by_kind_and_reported(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    (folder / "broken.png").write_bytes(b"not a photo")
    rows = [row("half", "p30.png", "gone.png"), row("bad", "broken.png"), {"title": "nameless", "photos": ["p31.png"]}]
    summary = add(store, write_feed(*rows))
    assert counts(summary) == {
        "rows": 3, "products": 1, "photos": 1, "added": 1, "rejected": 4, "photos_embedded": 1,
    }  # fmt: skip
    assert {problem.kind: problem.times for problem in summary.problems} == {
        "missing-id": 1,
        "photo-missing": 1,
        "photo-not-an-image": 1,
        "product-without-usable-photo": 1,
    }
    assert summary.report is not None
    assert summary.report.parent == store.folder / "reports"
    rejections = [json.loads(line) for line in summary.report.read_text("utf-8").splitlines()]
    assert sorted(rejection["kind"] for rejection in rejections) == sorted(problem.kind for problem in summary.problems)
    assert next(rejection for rejection in rejections if rejection["kind"] == "missing-id")["row"] == 3
    assert all(rejection["reason"] and rejection["fix"] for rejection in rejections)
    assert products(store)["half"].photos == (str(folder / "p30.png"),)


def test_progress_reaches_its_total_even_if_products_are_rejected(
    store: Store, folder: Path, write_feed: WriteFeed
) -> None:
    progress_calls: list[tuple[str, int, int]] = []
    store_builder = builder(store, progress=lambda *call: progress_calls.append(call))
    with read_feed(write_feed(row("gone"), *colored_rows(folder, range(70)))) as feed:
        store_builder.add(feed)
    assert [call for call in progress_calls if call[0] == "Indexing"] == [("Indexing", 64, 71), ("Indexing", 71, 71)]


def test_a_feed_of_bad_photos_only_leaves_the_store_as_it_was(store: Store, write_feed: WriteFeed) -> None:
    before, generation = contents(store.live.index), store.live.name
    with pytest.raises(Refused, match=r"No product of .* can be used.*reports.*not changed"):
        index(store, write_feed(row("a", "gone.png"), row("b", "away.png")))
    assert (contents(store.live.index), store.live.name) == (before, generation)
    assert [path.name for path in (store.folder / "generations").iterdir()] == [generation]


def test_a_first_feed_of_bad_photos_only_creates_no_store(tmp_path: Path, write_feed: WriteFeed) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(Refused, match=r"No product of .* can be used"):
        index(store, write_feed(row("a", "gone.png")))
    store.close()
    with pytest.raises(StoreError) as error:
        Store(tmp_path / "store")
    assert error.value.code == "no-store"


@pytest.mark.parametrize("command", [add, sync])
def test_a_change_by_another_model_is_refused_with_the_command_that_rebuilds(
    store: Store, write_feed: WriteFeed, command: Callable[..., Summary]
) -> None:
    before = contents(store.live.index)
    with pytest.raises(
        StoreError, match=r"made by the model colour@1 .*, and this is other@2.*shoplens index --replace '/"
    ) as error:
        command(store, write_feed(row("new", "p21.png")), embedder=ColourEmbedder("other@2"))
    assert error.value.code == "other-model"
    assert store.live.manifest.feed in str(error.value)
    assert contents(store.live.index) == before


@pytest.mark.parametrize("command", [add, sync])
def test_an_unfinished_store_takes_no_changes(
    tmp_path: Path, write_feed: WriteFeed, command: Callable[..., Summary]
) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(StoreError, match=r"never finished.*shoplens index"):
        command(store, write_feed(row("new", "p21.png")))
    store.close()


@pytest.mark.parametrize("stop_after", [1, BATCH + 5])
def test_an_interrupted_build_continues_and_ends_like_an_undisturbed_one(
    tmp_path: Path, folder: Path, write_feed: WriteFeed, stop_after: int
) -> None:
    path = write_feed(*colored_rows(folder, range(150)), row("twins", "p0.png", "p1.png"))
    undisturbed, interrupted = Store(tmp_path / "a", create=True), Store(tmp_path / "b", create=True)
    index(undisturbed, path)
    with pytest.raises(Stopped):
        index(interrupted, path, ColourEmbedder(stop_after=stop_after))
    assert not interrupted.has_live
    interrupted.close()
    reopened, embedder = Store(tmp_path / "b", create=True), ColourEmbedder()
    summary = index(reopened, path, embedder)
    acknowledged = stop_after // BATCH * BATCH
    assert contents(reopened.live.index) == contents(undisturbed.live.index)
    assert reopened.live.index.field_kinds() == undisturbed.live.index.field_kinds()
    assert reopened.live.name == "000001"
    assert counts(summary)["photos"] == 152
    assert (summary.added, summary.unchanged) == (151 - acknowledged, acknowledged)
    assert embedder.photos == summary.photos_embedded == 150 - acknowledged
    undisturbed.close()
    reopened.close()


def test_an_interrupted_build_can_be_continued_by_the_same_process(
    store: Store, folder: Path, write_feed: WriteFeed
) -> None:
    path = write_feed(*colored_rows(folder, range(100)))
    with pytest.raises(Stopped):
        index(store, path, ColourEmbedder(stop_after=70))
    assert (store.live.name, store.live.index.count()) == ("000001", 10)
    embedder = ColourEmbedder()
    index(store, path, embedder)
    assert (store.live.name, store.live.index.count(), embedder.photos) == ("000002", 100, 100 - BATCH)
    assert not (store.folder / "generations" / "000001").exists()


def test_a_continued_build_removes_products_that_the_feed_no_longer_provides(
    tmp_path: Path, folder: Path, write_feed: WriteFeed
) -> None:
    removed_photo = photo(folder / "removed.png", RED)
    rows = [row("removed"), *colored_rows(folder, range(100))]
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(Stopped):
        index(store, write_feed(*rows), ColourEmbedder(stop_after=80))
    removed_photo.unlink()
    summary = index(store, write_feed(*rows[:1], *rows[2:]))
    assert products(store).keys() == {f"p{number}" for number in range(1, 100)}
    assert summary.products == store.live.index.count() == 99
    store.close()


def test_a_build_by_another_model_starts_anew(tmp_path: Path, folder: Path, write_feed: WriteFeed) -> None:
    path = write_feed(*colored_rows(folder, range(100)))
    store, embedder = Store(tmp_path / "store", create=True), ColourEmbedder("other@2")
    with pytest.raises(Stopped):
        index(store, path, ColourEmbedder(stop_after=70))
    index(store, path, embedder)
    assert (embedder.photos, store.live.manifest.model, store.live.index.count()) == (100, "other@2", 100)
    assert [folder.name for folder in (store.folder / "generations").iterdir()] == [store.live.name]
    store.close()


@pytest.mark.parametrize("command", [add, sync])
def test_an_interrupted_change_keeps_what_was_acknowledged(
    store: Store, folder: Path, write_feed: WriteFeed, command: Callable[..., Summary]
) -> None:
    path = write_feed(*colored_rows(folder, range(150)))
    with pytest.raises(Stopped):
        command(store, path, embedder=ColourEmbedder(stop_after=100))
    assert products(store).keys() == {f"p{number}" for number in range(BATCH)}
    embedder = ColourEmbedder()
    command(store, path, embedder=embedder)
    assert (len(products(store)), embedder.photos) == (150, 150 - BATCH)


def test_a_changed_file_is_embedded_again(store: Store, folder: Path, write_feed: WriteFeed) -> None:
    path = write_feed(row("painted"))
    photo(folder / "painted.png", RED)
    add(store, path)
    before = contents(store.live.index)["painted"]
    photo(folder / "painted.png", GREEN)
    assert counts(add(store, path)) == {
        "rows": 1,
        "products": 1,
        "photos": 1,
        "changed": 1,
        "photos_embedded": 1,
    }
    assert contents(store.live.index)["painted"][1] != before[1]

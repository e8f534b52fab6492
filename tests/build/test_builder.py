"""Feed -> store: index, add, sync, what they count, and what happens when they are cut short."""

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
    """Photos that every feed of this file may name."""
    folder = tmp_path_factory.mktemp("shop")
    colored_rows(folder, range(150))
    return folder


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of p0 to p9, to be copied."""
    place = tmp_path_factory.mktemp("built") / "store"
    store = Store(place, create=True)
    index(store, feed_of(folder / "ten.jsonl", colored_rows(folder, range(10))))
    store.close()
    return place


@pytest.fixture
def ten(built: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of p0 to p9, to be changed."""
    copy_tree(built, tmp_path / "store")
    store = Store(tmp_path / "store")
    yield store
    store.close()


Feeds = Callable[..., Path]


@pytest.fixture
def feed(folder: Path) -> Iterator[Feeds]:
    """Makes feeds beside the photos."""
    made: list[Path] = []

    def make(*rows: Mapping[str, Any]) -> Path:
        made.append(feed_of(folder / f"made{len(made)}.jsonl", rows))
        return made[-1]

    yield make
    for path in made:
        path.unlink()


def index(store: Store, path: Path, embedder: ColourEmbedder | None = None) -> Summary:
    with read_feed(path) as feed:
        return builder(store, embedder).index(feed)


def add(store: Store, path: Path, embedder: ColourEmbedder | None = None) -> Summary:
    with read_feed(path) as feed:
        return builder(store, embedder).add(feed)


def sync(store: Store, path: Path, max_removals: str = "10%", embedder: ColourEmbedder | None = None) -> Summary:
    with read_feed(path) as feed:
        return builder(store, embedder).sync(feed, max_removals)


def products(store: Store) -> dict[str, Product]:
    return {record.product.id: record.product for record in store.live.index.records(list(store.live.index.ids()))}


def counts(summary: Summary) -> dict[str, int]:
    """What a summary counts, without the zeros; its sums are checked on the way."""
    assert summary.products == summary.added + summary.changed + summary.unchanged
    assert summary.photos == summary.photos_embedded + summary.photos_known
    assert summary.rejected == sum(one.times for one in summary.problems if one.level == "rejected")
    assert summary.notes == sum(one.times for one in summary.problems if one.level == "note")
    names = ("rows", "products", "photos", "added", "changed", "unchanged", "removed", "rejected", "notes")
    numbers = {name: getattr(summary, name) for name in (*names, "photos_embedded", "photos_known")}
    return {name: number for name, number in numbers.items() if number}


def test_index_builds_a_store(tmp_path: Path, folder: Path, feed: Feeds) -> None:
    store = Store(tmp_path / "store", create=True)
    told: list[tuple[str, int, int]] = []
    path = feed(*colored_rows(folder, range(3)), row("twins", "p0.png", "p1.png"))
    work = builder(store, progress=lambda *step: told.append(step))
    with read_feed(path) as read:
        summary = work.index(read)
    assert counts(summary) == {
        "rows": 4, "products": 4, "photos": 5, "added": 4, "photos_embedded": 3, "photos_known": 2,
    }  # fmt: skip
    assert (summary.report, summary.problems, summary.seconds > 0) == (None, [], True)
    assert sorted(products(store)) == ["p0", "p1", "p2", "twins"]
    assert products(store)["p2"].photos == (str(folder / "p2.png"),)
    assert ("Indexing", 4, 4) in told
    manifest = store.live.manifest
    assert (manifest.model, manifest.dimensions, manifest.complete) == ("colour@1", 4, True)
    assert (manifest.feed, manifest.feed_format) == (str(path), "jsonl")
    store.close()


def test_indexing_anew_reuses_vectors(ten: Store, folder: Path, feed: Feeds) -> None:
    before, embedder = contents(ten.live.index), ColourEmbedder()
    summary = index(ten, feed(*colored_rows(folder, range(1, 11))), embedder)
    assert counts(summary) == {
        "rows": 10, "products": 10, "photos": 10, "added": 10, "photos_embedded": 1, "photos_known": 9,
    }  # fmt: skip
    assert embedder.photos == 1
    assert ten.live.name == "000002"
    after = contents(ten.live.index)
    assert {name: after[name] for name in before.keys() - {"p0"}} == {
        name: before[name] for name in before.keys() - {"p0"}
    }
    assert after.keys() - before.keys() == {"p10"}


def test_indexing_anew_by_another_model_embeds_everything(ten: Store, folder: Path, feed: Feeds) -> None:
    summary = index(ten, feed(*colored_rows(folder, range(10))), ColourEmbedder("other@2"))
    assert (summary.photos_embedded, summary.photos_known) == (10, 0)
    assert ten.live.manifest.model == "other@2"


def test_add_adds_and_replaces(ten: Store, folder: Path, feed: Feeds) -> None:
    embedder = ColourEmbedder()
    repainted = row("p1", "p20.png", price=1.0)
    dearer = row("p2", price=20.0)
    (same,) = colored_rows(folder, [3])
    summary = add(ten, feed(repainted, dearer, same, row("new", "p21.png")), embedder)
    assert counts(summary) == {
        "rows": 4, "products": 4, "photos": 4, "added": 1, "changed": 2, "unchanged": 1,
        "photos_embedded": 2, "photos_known": 2,
    }  # fmt: skip
    assert embedder.photos == 2
    assert len(products(ten)) == 11
    assert products(ten)["p1"].photos == (str(folder / "p20.png"),)
    assert products(ten)["p2"].price == 20.0


def test_add_twice_changes_nothing(ten: Store, feed: Feeds) -> None:
    path = feed(row("new", "p21.png"))
    add(ten, path)
    before = contents(ten.live.index)
    assert counts(add(ten, path)) == {"rows": 1, "products": 1, "photos": 1, "unchanged": 1, "photos_known": 1}
    assert contents(ten.live.index) == before


def test_sync_adds_changes_and_removes(ten: Store, folder: Path, feed: Feeds) -> None:
    before, embedder = contents(ten.live.index), ColourEmbedder()
    rows = [row("p1", price=99.0, in_stock=False), *colored_rows(folder, range(2, 11))]
    summary = sync(ten, feed(*rows), embedder=embedder)
    assert counts(summary) == {
        "rows": 10, "products": 10, "photos": 10, "added": 1, "changed": 1, "unchanged": 8, "removed": 1,
        "photos_embedded": 1, "photos_known": 9,
    }  # fmt: skip
    assert embedder.photos == 1
    after = contents(ten.live.index)
    assert after.keys() == {f"p{number}" for number in range(1, 11)}
    assert (after["p1"][0].product.price, after["p1"][0].product.in_stock) == (99.0, False)
    assert (after["p1"][0].photos, after["p1"][1]) == (before["p1"][0].photos, before["p1"][1])
    assert counts(sync(ten, feed(*rows))) == {
        "rows": 10, "products": 10, "photos": 10, "unchanged": 10, "photos_known": 10,
    }  # fmt: skip


@pytest.mark.parametrize("limit", ["10%", "1", "19.9%"])
def test_sync_refuses_to_remove_more_than_the_limit(ten: Store, folder: Path, feed: Feeds, limit: str) -> None:
    before = contents(ten.live.index)
    path = feed(row("p9", price=77.0), *colored_rows(folder, range(2, 9)), row("new", "p21.png"))
    with pytest.raises(Refused, match=rf"lacks 2 of the 10 products .*p0, p1.*--max-removals {limit} allows 1"):
        sync(ten, path, limit)
    assert contents(ten.live.index) == before
    assert sync(ten, path, "2").removed == 2


def test_sync_to_a_feed_without_products_is_refused(ten: Store, feed: Feeds) -> None:
    before = contents(ten.live.index)
    for rows in [{"id": "x", "title": "no photos at all"}], [row("x", "gone.png"), row("y", "away.png")]:
        with pytest.raises(Refused, match=r"No product of .* can be used"):
            sync(ten, feed(*rows), "100%")
    assert contents(ten.live.index) == before


@pytest.mark.parametrize(
    ("text", "stock", "allowed"),
    [("10%", 100, 10), ("10%", 99, 9), ("0%", 100, 0), ("100%", 7, 7), ("250%", 7, 7), ("12.5%", 8, 1), ("25", 3, 25)],
)
def test_removals_allowed(text: str, stock: int, allowed: int) -> None:
    assert removals_allowed(text, stock) == allowed


@pytest.mark.parametrize("text", ["", "%", "many", "-5", "-5%", "1.5", "10 %", "1e3", "²", "10%%", ".", "nan%"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"--max-removals is .*a share such as 10%"):
        removals_allowed(text, 100)


def test_nonsense_as_a_limit_changes_nothing(ten: Store, folder: Path, feed: Feeds) -> None:
    before = contents(ten.live.index)
    with pytest.raises(InvalidValue, match="--max-removals is 'some'"):
        sync(ten, feed(row("new", "p21.png")), "some")
    assert contents(ten.live.index) == before


def test_rejections_are_counted_by_kind_and_reported(ten: Store, folder: Path, feed: Feeds) -> None:
    (folder / "broken.png").write_bytes(b"not a photo")
    rows = [row("half", "p30.png", "gone.png"), row("bad", "broken.png"), {"title": "nameless", "photos": ["p31.png"]}]
    summary = add(ten, feed(*rows))
    assert counts(summary) == {
        "rows": 3, "products": 1, "photos": 1, "added": 1, "rejected": 4, "photos_embedded": 1,
    }  # fmt: skip
    assert {one.kind: one.times for one in summary.problems} == {
        "missing-id": 1,
        "photo-missing": 1,
        "photo-not-an-image": 1,
        "product-without-usable-photo": 1,
    }
    assert summary.report is not None
    assert summary.report.parent == ten.folder / "reports"
    told = [json.loads(line) for line in summary.report.read_text("utf-8").splitlines()]
    assert sorted(one["kind"] for one in told) == sorted(one.kind for one in summary.problems)
    assert next(one for one in told if one["kind"] == "missing-id")["row"] == 3
    assert all(one["reason"] and one["fix"] for one in told)
    assert products(ten)["half"].photos == (str(folder / "p30.png"),)


def test_progress_reaches_its_end_whatever_is_left_out(ten: Store, folder: Path, feed: Feeds) -> None:
    told: list[tuple[str, int, int]] = []
    work = builder(ten, progress=lambda *step: told.append(step))
    with read_feed(feed(row("gone"), *colored_rows(folder, range(70)))) as read:
        work.add(read)
    assert [step for step in told if step[0] == "Indexing"] == [("Indexing", 64, 71), ("Indexing", 71, 71)]


def test_a_feed_of_bad_photos_only_leaves_the_store_as_it_was(ten: Store, feed: Feeds) -> None:
    before, generation = contents(ten.live.index), ten.live.name
    with pytest.raises(Refused, match=r"No product of .* can be used.*reports.*not changed"):
        index(ten, feed(row("a", "gone.png"), row("b", "away.png")))
    assert (contents(ten.live.index), ten.live.name) == (before, generation)
    assert [path.name for path in (ten.folder / "generations").iterdir()] == [generation]


def test_a_first_feed_of_bad_photos_only_makes_no_store(tmp_path: Path, feed: Feeds) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(Refused, match=r"No product of .* can be used"):
        index(store, feed(row("a", "gone.png")))
    store.close()
    with pytest.raises(StoreError) as told:
        Store(tmp_path / "store")
    assert told.value.code == "no-store"


@pytest.mark.parametrize("command", [add, sync])
def test_another_model_is_refused_with_the_command_that_rebuilds(
    ten: Store, feed: Feeds, command: Callable[..., Summary]
) -> None:
    before = contents(ten.live.index)
    with pytest.raises(
        StoreError, match=r"made by the model colour@1 .*, and this is other@2.*shoplens index --replace '/"
    ) as told:
        command(ten, feed(row("new", "p21.png")), embedder=ColourEmbedder("other@2"))
    assert told.value.code == "other-model"
    assert ten.live.manifest.feed in str(told.value)
    assert contents(ten.live.index) == before


@pytest.mark.parametrize("command", [add, sync])
def test_an_unfinished_store_takes_no_changes(tmp_path: Path, feed: Feeds, command: Callable[..., Summary]) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(StoreError, match=r"never finished.*shoplens index"):
        command(store, feed(row("new", "p21.png")))
    store.close()


@pytest.mark.parametrize("stop_after", [1, BATCH + 5])
def test_an_interrupted_build_continues_and_ends_like_any_other(
    tmp_path: Path, folder: Path, feed: Feeds, stop_after: int
) -> None:
    path = feed(*colored_rows(folder, range(150)), row("twins", "p0.png", "p1.png"))
    undisturbed, interrupted = Store(tmp_path / "a", create=True), Store(tmp_path / "b", create=True)
    index(undisturbed, path)
    with pytest.raises(Stopped):
        index(interrupted, path, ColourEmbedder(stop_after=stop_after))
    assert not interrupted.has_live
    interrupted.close()
    again, embedder = Store(tmp_path / "b", create=True), ColourEmbedder()
    summary = index(again, path, embedder)
    acknowledged = stop_after // BATCH * BATCH
    assert contents(again.live.index) == contents(undisturbed.live.index)
    assert again.live.index.field_kinds() == undisturbed.live.index.field_kinds()
    assert again.live.name == "000001"
    assert counts(summary)["photos"] == 152
    assert (summary.added, summary.unchanged) == (151 - acknowledged, acknowledged)
    assert embedder.photos == summary.photos_embedded == 150 - acknowledged
    undisturbed.close()
    again.close()


def test_an_interrupted_build_can_be_continued_by_the_same_process(ten: Store, folder: Path, feed: Feeds) -> None:
    path = feed(*colored_rows(folder, range(100)))
    with pytest.raises(Stopped):
        index(ten, path, ColourEmbedder(stop_after=70))
    assert (ten.live.name, ten.live.index.count()) == ("000001", 10)
    embedder = ColourEmbedder()
    index(ten, path, embedder)
    assert (ten.live.name, ten.live.index.count(), embedder.photos) == ("000002", 100, 100 - BATCH)
    assert not (ten.folder / "generations" / "000001").exists()


def test_a_continued_build_drops_what_the_feed_no_longer_gives(tmp_path: Path, folder: Path, feed: Feeds) -> None:
    vanishing = photo(folder / "vanishing.png", RED)
    rows = [row("vanishing"), *colored_rows(folder, range(100))]
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(Stopped):
        index(store, feed(*rows), ColourEmbedder(stop_after=80))
    vanishing.unlink()
    summary = index(store, feed(*rows[:1], *rows[2:]))
    assert products(store).keys() == {f"p{number}" for number in range(1, 100)}
    assert summary.products == store.live.index.count() == 99
    store.close()


def test_a_build_by_another_model_does_not_continue_one(tmp_path: Path, folder: Path, feed: Feeds) -> None:
    path = feed(*colored_rows(folder, range(100)))
    store, embedder = Store(tmp_path / "store", create=True), ColourEmbedder("other@2")
    with pytest.raises(Stopped):
        index(store, path, ColourEmbedder(stop_after=70))
    index(store, path, embedder)
    assert (embedder.photos, store.live.manifest.model, store.live.index.count()) == (100, "other@2", 100)
    assert [folder.name for folder in (store.folder / "generations").iterdir()] == [store.live.name]
    store.close()


@pytest.mark.parametrize("command", [add, sync])
def test_an_interrupted_change_keeps_what_was_acknowledged(
    ten: Store, folder: Path, feed: Feeds, command: Callable[..., Summary]
) -> None:
    path = feed(*colored_rows(folder, range(150)))
    with pytest.raises(Stopped):
        command(ten, path, embedder=ColourEmbedder(stop_after=100))
    assert products(ten).keys() == {f"p{number}" for number in range(BATCH)}
    embedder = ColourEmbedder()
    command(ten, path, embedder=embedder)
    assert (len(products(ten)), embedder.photos) == (150, 150 - BATCH)


def test_a_changed_file_is_embedded_again(ten: Store, folder: Path, feed: Feeds) -> None:
    path = feed(row("painted"))
    photo(folder / "painted.png", RED)
    add(ten, path)
    before = contents(ten.live.index)["painted"]
    photo(folder / "painted.png", GREEN)
    assert counts(add(ten, path)) == {"rows": 1, "products": 1, "photos": 1, "changed": 1, "photos_embedded": 1}
    assert contents(ten.live.index)["painted"][1] != before[1]


# Filters

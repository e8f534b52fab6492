"""A store on a Qdrant server does what one in a folder does; here, the client emulates the server."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import Refused, SettingsError, StoreError
from shoplens.settings import Settings, settings_from
from shoplens.store.files.merchandising import MerchandisingRule
from shoplens.store.generation import Generation
from tests import patterned_shop
from tests.fakes import ColourEmbedder, Stopped, colored_rows, feed_of

pytest.importorskip("qdrant_client")
pytest.importorskip("fsspec")
pytestmark = pytest.mark.extras


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a store that no other test uses."""
    address = Path(f"qdrant://:memory:/shop-{secrets.token_hex(4)}")
    return settings_from({}, store=address, work_folder=tmp_path / "work", object_store=str(tmp_path / "objects"))


def replica_of(settings: Settings, folder: Path) -> Settings:
    """Return settings of another process with the same store, which has its own working folder."""
    return replace(settings, store=folder)


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Iterator[Shop]:
    """Return an open shop of twelve products on the server."""
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(12)))
    shop, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder())
    yield shop
    shop.close()


def ids_of(shop: Shop) -> set[str]:
    return set(shop.products.ids())


def test_a_store_needs_an_address_that_can_be_one() -> None:
    with pytest.raises(SettingsError, match="is no address of a Qdrant server"):
        settings_from({}, store=Path("qdrant://nobody@host/shop"))
    assert settings_from({}, store=Path("qdrant://h:7000/a")).server == "qdrant://h:7000/a"
    assert settings_from({"SHOPLENS_STORE": "qdrant+http://[::1]/a"}).server == "qdrant+http://[::1]:6333/a"


def test_a_store_that_nobody_built_is_not_there(settings: Settings) -> None:
    with pytest.raises(StoreError) as caught:
        Shop(settings=settings)
    assert caught.value.code == "no-store"


def test_another_machine_opens_the_same_store(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    photo = tmp_path / "p3.png"
    assert photo.is_file()
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        assert len(other) == len(shop) == 12
        first, second = shop.search(photo, k=12), other.search(photo, k=12)
        assert [row.product.id for row in first.results] == [row.product.id for row in second.results]
        assert [row.score for row in first.results] == pytest.approx([row.score for row in second.results], abs=1e-6)


def test_changes_arrive_on_every_machine(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        before = ids_of(shop)
        gone, changed, *_ = sorted(before)
        assert other.products.remove([gone]) == 1
        other.products.update(changed, price=3.5)
        assert ids_of(shop) == before - {gone}
        product = shop.products.get(changed)
        assert product is not None and product.price == 3.5


def test_sync_makes_the_store_equal_to_the_feed(shop: Shop, tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "next.jsonl", colored_rows(tmp_path, range(2, 14)))
    summary = shop.sync(feed, max_removals="50%")
    assert (summary.added, summary.removed, len(shop)) == (2, 2, 12)


def test_a_new_generation_takes_over_on_every_machine_and_can_be_gone_back_from(
    shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    feed = feed_of(tmp_path / "next.jsonl", colored_rows(tmp_path, range(20)))
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        old, photo = other.generations.live, tmp_path / "p3.png"
        shop.close()
        built, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder(), replace=True)
        with built:
            assert (len(built), len(other)) == (20, 12), "the replica answers from the old one until it looks"
            assert other.search(photo, k=1).results
            assert other.refresh()
            assert not other.refresh()
            assert (len(other), other.generations.live) == (20, built.generations.live)
            built.generations.roll_back()
            assert built.generations.live == old
            assert len(built) == 20, "a roll-back takes over what was changed since"
            assert other.refresh() and other.generations.live == old


def test_a_look_at_a_new_generation_that_fails_is_tried_again(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    """Else the replica would answer from a generation that is removed one day, and then from none."""
    feed = feed_of(tmp_path / "next.jsonl", colored_rows(tmp_path, range(20)))
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        shop.close()
        Shop.index(feed, settings=settings, embedder=ColourEmbedder(), replace=True)[0].close()
        store, closed = other._parts.store, list[str]()

        def fail(generation: Generation) -> None:
            close = generation.index.close
            generation.index.close = lambda: (closed.append(generation.name), close())  # type: ignore[method-assign, return-value]
            raise StoreError("The server did not answer.", "Try again.", code="server-unavailable")

        for _ in range(2):
            with pytest.raises(StoreError, match="did not answer"):
                store.refresh(fail)
        assert len(closed) == 2 and len(other) == 12
        assert other.refresh() and len(other) == 20


def test_rules_of_merchandising_are_the_same_on_every_machine(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        shop.merchandising.replace([MerchandisingRule("pin", ("p3",))], "ann")
        other.refresh()
        assert other.merchandising.load() == shop.merchandising.load()
        with pytest.raises(Refused, match="version is 1"):
            other.merchandising.replace([], "ben", version=0)
        other.merchandising.undo("ben")
        shop.merchandising.replace([MerchandisingRule("hide", ("p4",))], "ann", version=2)
        other.refresh()
        assert [one.products for one in other.merchandising.load().present.rules] == [("p4",)]
    with Shop(settings=replica_of(settings, tmp_path / "third"), embedder=ColourEmbedder()) as third:
        assert third.merchandising.load().present.version == 3, "what a new machine starts with"


def test_an_alias_that_moves_in_mid_query_changes_no_answer(tmp_path: Path) -> None:
    from tests.cluster.fake_qdrant import Request, run_fake_qdrant

    old_feed = feed_of(tmp_path / "old.jsonl", colored_rows(tmp_path, range(8)))
    new_feed = feed_of(tmp_path / "new.jsonl", colored_rows(tmp_path, range(8, 16)))
    with run_fake_qdrant() as fake:
        objects = str(tmp_path / "objects")
        settings = settings_from(
            {}, store=Path(f"{fake.url}/shop"), work_folder=tmp_path / "work", object_store=objects
        )
        settings = replace(settings, qdrant_timeout=120.0)
        photo, switched = tmp_path / "p3.png", list[str]()

        def switch(request: Request) -> None:
            """Build and switch to another generation, as another machine, before the search's first hits are given."""
            if request.path.endswith("/points/query") and not switched:
                switched.append(request.path)
                other = replica_of(settings, tmp_path / "other")
                Shop.index(new_feed, settings=other, embedder=ColourEmbedder(), replace=True)[0].close()

        with Shop.index(old_feed, settings=settings, embedder=ColourEmbedder())[0] as shop:
            expected = [(row.product.id, row.score) for row in shop.search(photo, k=8).results]
            fake.on_request = switch
            found = [(row.product.id, row.score) for row in shop.search(photo, k=8).results]
            assert switched == ["/collections/shop-000001/points/query"]
            assert [one.body["actions"] for one in fake.sent("POST /collections/aliases")][-1:] != []
            assert found == expected and {name for name, _ in found} == {f"p{number}" for number in range(8)}
            assert shop.refresh() and ids_of(shop) == {f"p{number}" for number in range(8, 16)}
            assert {row.product.id for row in shop.search(photo, k=8).results} == ids_of(shop)


def test_a_write_to_a_generation_that_was_replaced_is_repeated(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "next.jsonl", colored_rows(tmp_path, range(12)))
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        shop.close()
        built, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder(), replace=True)
        with built:
            name = min(ids_of(built))
            other.products.update(name, price=9.25)  # it still has the old generation open
            product = built.products.get(name)
            assert product is not None and product.price == 9.25
            assert other.generations.live == built.generations.live


def test_a_write_during_a_build_is_in_what_takes_over(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    rows = colored_rows(tmp_path, range(12))
    feed, name = feed_of(tmp_path / "next.jsonl", rows), rows[0]["id"]
    gone = rows[1]["id"]
    shop.close()
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        changes = [lambda: other.products.update(name, price=7.75), lambda: other.products.remove([gone])]

        def write_meanwhile(stage: str, done: int, total: int) -> None:
            if stage == "Building the search graph" and changes:
                changes.pop()()
                changes.pop()()

        built, _ = Shop.index(
            feed, settings=settings, embedder=ColourEmbedder(), replace=True, progress=write_meanwhile
        )
        with built:
            product = built.products.get(name)
            assert product is not None and product.price == 7.75
            assert gone not in built.products


def test_two_builds_at_the_same_time_are_refused(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "next.jsonl", colored_rows(tmp_path, range(12)))
    shop.close()
    second: list[StoreError] = []

    def build_too(stage: str, done: int, total: int) -> None:
        if stage == "Indexing" and not second:
            with pytest.raises(StoreError) as caught:
                Shop.index(
                    feed, settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder(), replace=True
                )
            second.append(caught.value)

    built, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder(), replace=True, progress=build_too)
    built.close()
    assert [problem.code for problem in second] == ["store-in-use"]


def test_an_interrupted_build_goes_on_where_it_stopped_on_another_machine(settings: Settings, tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(100)))
    with pytest.raises(Stopped):
        Shop.index(feed, settings=settings, embedder=ColourEmbedder(stop_after=80))
    shutil.rmtree(settings.store)
    shop, summary = Shop.index(feed, settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder())
    with shop:
        assert len(shop) == 100
        assert shop.generations.live == "000001"
        assert summary.unchanged >= 64


def test_a_generation_whose_collection_is_missing_is_told(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    layout = shop._parts.store.layout
    collection = f"{settings.server.rpartition('/')[2]}-{shop.generations.live}"
    layout.connection.client.delete_collection(collection)  # type: ignore[attr-defined]
    with pytest.raises(StoreError) as caught:
        shop.search(tmp_path / "p3.png")
    assert caught.value.code == "no-collection" and "shoplens index" in caught.value.fix


def test_a_server_that_lost_everything_is_built_anew(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    layout = shop._parts.store.layout
    client = layout.connection.client  # type: ignore[attr-defined]
    shop.close()
    for one in client.get_collections().collections:
        if one.name.startswith(settings.server.rpartition("/")[2]):
            client.delete_collection(one.name)
    with Shop(settings=settings, embedder=ColourEmbedder()) as emptied, pytest.raises(StoreError) as caught:
        emptied.search(tmp_path / "p3.png")
    assert caught.value.code == "unfinished-store" and "index" in caught.value.fix
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(12)))
    built, _ = Shop.index(feed, settings=settings, embedder=ColourEmbedder(), replace=True)
    with built:
        assert len(built) == 12 and built.search(tmp_path / "p3.png", k=1).results[0].product.id == "p3"


def test_shops_that_share_a_collection_do_not_see_each_other(settings: Settings, tmp_path: Path) -> None:
    feeds = [
        feed_of(tmp_path / f"{name}.jsonl", colored_rows(tmp_path, numbers, attributes={name: "yes"}))
        for name, numbers in (("one", range(6)), ("two", range(4, 14)))
    ]
    shops = []
    for name, feed in zip(("one", "two"), feeds, strict=True):
        mine = replace(settings, qdrant_tenant=name, store=tmp_path / name)
        shops.append(Shop.index(feed, settings=mine, embedder=ColourEmbedder())[0])
    one, two = shops
    with one, two:
        assert (len(one), len(two)) == (6, 10)
        assert "two" not in one.info()["fields"] and "two" in two.info()["fields"]
        assert {row.product.id for row in one.search(tmp_path / "p5.png", k=50).results} == ids_of(one)
        one.products.remove([min(ids_of(two))])
        assert len(two) == 10
    mine = replace(settings, qdrant_tenant="one", store=tmp_path / "one")
    rebuilt, _ = Shop.index(feeds[0], settings=mine, embedder=ColourEmbedder(), replace=True)
    with rebuilt, Shop(settings=replace(settings, qdrant_tenant="two", store=tmp_path / "b")) as other:
        assert (len(rebuilt), len(other), rebuilt.generations.live) == (6, 10, "000002")


def test_filters_are_fetched_and_answer_the_same(settings: Settings, tmp_path: Path) -> None:
    feed = patterned_shop.write_feed(tmp_path)
    built, _ = Shop.index(feed, settings=settings)
    local, _ = Shop.index(feed, tmp_path / "folder")
    with built, local, Shop(settings=replica_of(settings, tmp_path / "other")) as other:
        for color, pattern in (("red", "plain"), ("blue", "striped")):
            photo = patterned_shop.query_photo(tmp_path, color, pattern)
            for options in ({}, {"where": "price < 6"}, {"per_group": 1}):
                answers = [shop.search(photo, k=20, **options) for shop in (local, built, other)]
                rows = [[(row.product.id, row.score) for row in answer.results] for answer in answers]
                assert [[name for name, _ in one] for one in rows[1:]] == [[name for name, _ in rows[0]]] * 2
                for one in rows[1:]:
                    assert [score for _, score in one] == pytest.approx([score for _, score in rows[0]], abs=1e-4)
        assert {row.name for row in other.dimensions()} == {row.name for row in local.dimensions()}


def test_a_store_is_copied_to_a_server_and_back_and_answers_the_same(settings: Settings, tmp_path: Path) -> None:
    feed = patterned_shop.write_feed(tmp_path)
    local, _ = Shop.index(feed, tmp_path / "folder", settings=Settings(tune=False))
    calls: list[int] = []

    def stop(stage: str, done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 1:
            raise Stopped

    with local:
        local._parts.store.add_renames({"old name": "red-plain-0"})
        with pytest.raises(Stopped):
            local.generations.copy_to(settings, progress=stop)
        with Shop(settings=settings) as begun, pytest.raises(StoreError, match="never finished"):
            begun.search(patterned_shop.query_photo(tmp_path, "red", "plain"))
        assert local.generations.copy_to(settings) == patterned_shop.PRODUCTS
        with pytest.raises(Refused) as caught:
            local.generations.copy_to(settings)
        assert caught.value.code == "store-exists"
        with Shop(settings=replica_of(settings, tmp_path / "other")) as remote:
            back = Settings(store=tmp_path / "back")
            assert remote.generations.copy_to(back) == patterned_shop.PRODUCTS
            with Shop(settings=back) as returned:
                for color in patterned_shop.COLORS:
                    for pattern in patterned_shop.PATTERNS:
                        photo = patterned_shop.query_photo(tmp_path, color, pattern)
                        answers = [shop.search(photo, k=72).results for shop in (local, remote, returned)]
                        names = [[row.product.id for row in rows] for rows in answers]
                        assert names[0] == names[1] == names[2]
                        scores = [[row.score for row in rows] for rows in answers]
                        assert scores[1] == pytest.approx(scores[0], abs=1e-4)
                        assert scores[2] == pytest.approx(scores[0], abs=1e-4)
                product = returned.products.get("old name")
                assert product is not None and product.id == "red-plain-0"


def test_what_is_trained_later_arrives_on_every_machine(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as other:
        folder = shop._parts.store.live.folder
        (folder / "calibration-pretrained.json").write_text("{}", "utf-8")
        shop.flush()
        theirs = other._parts.store.live.folder / "calibration-pretrained.json"
        assert not theirs.exists()
        other.flush()  # it has changed nothing, so it must not store its older files over the new ones
        assert other.refresh() and theirs.read_text("utf-8") == "{}"
        (folder / "calibration-pretrained.json").unlink()
        shop.flush()
        assert other.refresh() and not theirs.exists()


def test_keys_are_the_same_on_every_machine(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    from shoplens.service.keys import Keys
    from shoplens.shop.open_store import open_shared_files

    with Shop(settings=replica_of(settings, tmp_path / "other"), embedder=ColourEmbedder()) as replica:
        keys = Keys(replica.folder)
        with open_shared_files(replica_of(settings, tmp_path / "command")) as layout:
            assert layout.exists()
            secret, key = Keys(layout.folder).create("test", "search")
        assert keys.find(secret) is None
        replica.refresh()
        assert keys.find(secret) == key
        with open_shared_files(replica_of(settings, tmp_path / "third")) as layout:
            Keys(layout.folder).remove(key.id)
        replica.refresh()
        assert keys.find(secret) is None

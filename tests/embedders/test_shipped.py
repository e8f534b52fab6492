"""The networks in the package, and which of them a store uses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.embedders import OnnxEmbedder, network_file
from shoplens.embedders.embedder import ALL_OBJECTS, NO_OBJECTS, ObjectUse, encoding_of
from shoplens.embedders.shipped import FINDER, NETWORKS, shipped_file
from shoplens.errors import InvalidValue, StoreError
from shoplens.settings import Settings
from shoplens.store.generation import check_model
from tests.images.made_photos import scene


@pytest.mark.parametrize("name", (*NETWORKS, FINDER))
def test_every_network_has_a_card_with_licence_and_what_it_saw(name: str) -> None:
    card = json.loads(shipped_file(name).with_suffix(".json").read_text("utf-8"))
    assert card["licence"] == "Apache-2.0"
    assert "ImageNet" in card["saw"]


def test_the_int8_network_is_smaller_and_near_its_original() -> None:
    quantized, original = (OnnxEmbedder(shipped_file(name)) for name in NETWORKS)
    assert shipped_file(NETWORKS[0]).stat().st_size < 0.7 * shipped_file(NETWORKS[1]).stat().st_size
    assert quantized.model != original.model
    photos = [np.asarray(scene(300, 400, seed)) for seed in range(4)]
    ours, theirs = quantized.embed(photos), original.embed(photos)
    assert ours.shape == theirs.shape
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert (cosines > 0.98).all()


def test_a_setting_names_a_file_or_a_shipped_network(tmp_path: Path) -> None:
    assert network_file(None) == shipped_file("efficientnet-lite2-int8")
    assert network_file(Path("efficientnet-lite2")) == shipped_file("efficientnet-lite2")
    assert network_file(tmp_path / "own.onnx", "efficientnet-lite2-256@0") == tmp_path / "own.onnx"
    assert network_file(None, "efficientnet-lite2-256@0") == shipped_file("efficientnet-lite2")
    assert network_file(None, "somebodys-model@0") == shipped_file("efficientnet-lite2-int8")


def test_a_store_keeps_its_network_unless_another_is_given(tmp_path: Path) -> None:
    photo = tmp_path / "p.png"
    scene(90, 120, 1).save(photo)
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "P", "photos": ["p.png"]}) + "\n")
    store = tmp_path / "store"
    older = Settings(model=Path("efficientnet-lite2"), threads=1)
    Shop.index(feed, store, settings=older)[0].close()
    with Shop(store, settings=Settings(threads=1)) as shop:
        assert shop.search(photo).model.startswith("efficientnet-lite2-256@")
        assert shop.info()["newer_model"] == "efficientnet-lite2-int8"
    Shop.index(feed, store, replace=True, settings=Settings(threads=1))[0].close()
    with Shop(store, settings=Settings(threads=1)) as shop:
        assert shop.info()["model"].startswith("efficientnet-lite2-256@")
    newer = Settings(model=Path("efficientnet-lite2-int8"), threads=1)
    Shop.index(feed, store, replace=True, settings=newer)[0].close()
    with Shop(store, settings=Settings(threads=1)) as shop:
        assert shop.search(photo).model.startswith("efficientnet-lite2-256-int8@")
        assert shop.info()["newer_model"] == ""


def test_a_store_compares_objects_as_it_was_built(tmp_path: Path) -> None:
    for number in range(3):
        scene(90, 120, number).save(tmp_path / f"{number}.png")
    feed = tmp_path / "feed.jsonl"
    lines = [json.dumps({"id": f"p{n}", "title": "P", "photos": [f"{n}.png"]}) for n in range(3)]
    feed.write_text("\n".join(lines) + "\n")
    without = Settings(threads=1, objects=False)
    Shop.index(feed, tmp_path / "store", settings=without)[0].close()
    for settings in (without, Settings(threads=1)):
        with Shop(tmp_path / "store", settings=settings) as shop:
            assert "object" not in shop.search(tmp_path / "1.png").weights
            about = dict.fromkeys(("compared", "framed", "second_order", "by_finder"), False)
            assert shop.info()["objects"] == about | {"passes": 1, "bytes_per_photo": 0}
            assert shop.search(tmp_path / "1.png").object is None
    Shop.index(feed, tmp_path / "store", replace=True, settings=Settings(threads=1))[0].close()
    for settings in (without, Settings(threads=1)):
        with Shop(tmp_path / "store", settings=settings) as shop:
            assert "object" in shop.search(tmp_path / "1.png").weights
            about = dict.fromkeys(("compared", "framed", "second_order", "by_finder"), True)
            assert shop.info()["objects"] == about | {"passes": 1, "bytes_per_photo": 768}


def test_a_generation_with_objects_is_not_read_by_a_network_that_finds_none(tmp_path: Path) -> None:
    scene(90, 120, 1).save(tmp_path / "p.png")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "P", "photos": ["p.png"]}) + "\n")
    shop, _ = Shop.index(feed, tmp_path / "store", settings=Settings(threads=1))
    with shop, shop._parts.store.reading() as generation:
        check_model(generation, OnnxEmbedder())
        without_one = [replace(ALL_OBJECTS, **{name: False}) for name in ("framed", "second_order", "by_finder")]
        for use in (NO_OBJECTS, *without_one):
            told = f"was built with {ALL_OBJECTS}, and photos are now encoded with {use}"
            with pytest.raises(StoreError, match=told) as error:
                check_model(generation, OnnxEmbedder(objects=use))
            assert error.value.code == "other-model" and "shoplens index --replace" in error.value.fix


def test_vectors_of_framed_and_of_whole_photos_are_never_mixed(tmp_path: Path) -> None:
    """The features of a photo outlive a store that has no use for them; its vector is then of the other kind."""
    photo = Image.new("RGB", (400, 300), (225, 225, 225))
    photo.paste(scene(130, 120, seed=4), (220, 30))
    photo.save(tmp_path / "p.png")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "P", "photos": ["p.png"]}) + "\n")
    vectors = []
    for objects in (True, False, True):
        settings = Settings(threads=1, objects=objects)
        shop, _ = Shop.index(feed, tmp_path / "store", replace=True, settings=settings)
        with shop, shop._parts.store.reading() as generation:
            vectors.append(next(generation.index.entries()).vectors[0])
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


def test_what_uses_an_object_needs_one() -> None:
    for use in ({"framed": True}, {"second_order": True}, {"by_finder": True}):
        with pytest.raises(InvalidValue, match="not found"):
            ObjectUse(**use)
    assert str(NO_OBJECTS) == "no objects"
    assert str(ALL_OBJECTS) == "framed objects found by a small network and compared by pooled products"


def test_the_ids_of_the_networks_stay_what_they_are_in_stores() -> None:
    ids = [OnnxEmbedder(shipped_file(name)).model for name in NETWORKS]
    assert ids == ["efficientnet-lite2-256-int8@a6e0ab25dd24", "efficientnet-lite2-256@0f2cdaf300d2"]
    axes = shipped_file(NETWORKS[0]).with_name("efficientnet-lite2-int8-second-order.npy")
    digest = hashlib.sha256(axes.read_bytes()).hexdigest()[:12]
    assert digest == "ae6e84f30c0a", "other axes make other features under the same id, so they need another one"


@pytest.mark.parametrize(
    "use",
    [ObjectUse(compared=True), ObjectUse(compared=True, framed=True), replace(ALL_OBJECTS, by_finder=False)],
)
def test_a_store_of_an_earlier_version_answers_as_it_was_built(
    use: ObjectUse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene(90, 120, 1).save(tmp_path / "p.png")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "P", "photos": ["p.png"]}) + "\n")
    monkeypatch.setattr("shoplens.shop.store_embedders.ALL_OBJECTS", use)
    Shop.index(feed, tmp_path / "store", settings=Settings(threads=1))[0].close()
    monkeypatch.undo()
    with Shop(tmp_path / "store", settings=Settings(threads=1)) as shop:
        assert shop.search(tmp_path / "p.png").results[0].product.id == "p"
        with shop._parts.store.reading() as generation:
            assert generation.manifest.encoding == encoding_of(shop._parts.embedders.for_live(1))
            assert generation.manifest.objects == use
            assert shop.info()["objects"]["by_finder"] is False
        shop.add(feed)
        assert shop.search(tmp_path / "p.png").results[0].product.id == "p"

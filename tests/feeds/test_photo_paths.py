"""References to photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.types import Rejection
from tests.feeds.feeds import product_json, read_checked, write_jsonl

MEDIA = Path("/shop/media")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("a.jpg", "/shop/media/a.jpg"),
        ("./x/../a b.jpg", "/shop/media/a b.jpg"),
        ("x\\a.jpg", "/shop/media/x/a.jpg"),
        ("/shop/media/a.jpg", "/shop/media/a.jpg"),
        ("http://h/a.jpg", "http://h/a.jpg"),
        ("https://h/a b.jpg", "https://h/a%20b.jpg"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("HTTPS://h/a.jpg?x=1,2", "https://h/a.jpg?x=1,2"),
    ],
)
def test_references_are_resolved_to_paths_and_addresses(reference: str, expected: str) -> None:
    assert PhotoPaths(MEDIA).resolve(reference) == expected


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("../a.jpg", "photo-outside-media"),
        ("x/../../media2/a.jpg", "photo-outside-media"),
        ("..\\..\\etc\\passwd", "photo-outside-media"),
        ("/etc/passwd", "photo-outside-media"),
        ("/shop/media/../secret.jpg", "photo-outside-media"),
        ("/shop/media2/a.jpg", "photo-outside-media"),
        (".", "photo-outside-media"),
        ("file:///etc/passwd", "photo-scheme"),
        ("ftp://h/a.jpg", "photo-scheme"),
        ("data:image/png;base64,AAAA", "photo-scheme"),
        ("https:///a.jpg", "bad-photo-url"),
        ("http://[::1/a.jpg", "bad-photo-url"),
        ("a\x00.jpg", "bad-photo-path"),
    ],
)
def test_what_is_refused(reference: str, kind: str) -> None:
    result = PhotoPaths(MEDIA).resolve(reference)
    assert isinstance(result, Rejection) and result.kind == kind and result.value == reference


def test_a_leading_slash_may_mean_the_media_folder() -> None:
    paths = PhotoPaths(MEDIA, rooted=True)
    assert paths.resolve("/m/a.jpg") == "/shop/media/m/a.jpg"
    assert paths.resolve("/shop/media/m/a.jpg") == "/shop/media/m/a.jpg"
    assert isinstance(paths.resolve("/../a.jpg"), Rejection)


def test_a_rejected_photo_leaves_the_others(tmp_path: Path) -> None:
    media = tmp_path / "media"
    result = read_checked(
        write_jsonl(tmp_path / "f", product_json(photos=["../x.jpg", "a.jpg", "./a.jpg", "b.jpg"])), media=media
    )
    assert result.products[0].photos == (str(media / "a.jpg"), str(media / "b.jpg"))
    rejection = result.only("photo-outside-media")
    assert (rejection.level, rejection.row, rejection.product_id, rejection.field) == ("rejected", 1, "A", "photos")
    assert rejection.value == "../x.jpg" and str(media) in rejection.reason


def test_a_link_must_not_lead_out_of_the_media_folder(tmp_path: Path) -> None:
    media, outside = tmp_path / "media", tmp_path / "outside"
    for folder in (media / "x", outside):
        folder.mkdir(parents=True)
        (folder / "a.jpg").touch()
    (media / "photo.jpg").symlink_to(outside / "a.jpg")
    (media / "folder").symlink_to(outside)
    (media / "inside").symlink_to(media / "x")
    (tmp_path / "link").symlink_to(media)
    for root in (media, tmp_path / "link"):
        for reference in ("photo.jpg", "folder/a.jpg", "folder/not-there.jpg"):
            result = PhotoPaths(root).resolve(reference)
            assert isinstance(result, Rejection) and (result.kind, result.value) == ("photo-outside-media", reference)
        assert PhotoPaths(root).resolve("inside/a.jpg") == str(root / "inside/a.jpg")


def test_a_linked_media_folder_may_be_named_either_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("link", "real"):
        assert PhotoPaths(tmp_path / "link").resolve(str(tmp_path / name / "a.jpg")) == str(tmp_path / name / "a.jpg")


def test_a_reference_that_makes_no_address_is_rejected() -> None:
    result = PhotoPaths(None, address="https://shop.example/feed.csv").resolve("a://[x.jpg")
    assert isinstance(result, Rejection) and result.value == "a://[x.jpg"

"""A file is found in whichever Unicode form the feed and the disk use, and no unchecked link is followed."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from shoplens.errors import PhotoError
from shoplens.fetching.path_forms import find_existing_path
from shoplens.images.source import local_bytes
from shoplens.settings import Settings
from tests.images.made_photos import encoded, scene

COMPOSED, DECOMPOSED = normalize("NFC", "grün-é.png"), normalize("NFD", "grün-é.png")
FOLDERS = normalize("NFC", "größe"), normalize("NFD", "größe")
PHOTO = encoded(scene(), "PNG")


def write_photo(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PHOTO)
    return str(path)


def test_this_disk_distinguishes_composed_and_decomposed_names(tmp_path: Path) -> None:
    write_photo(tmp_path / COMPOSED)
    if (tmp_path / DECOMPOSED).exists():
        pytest.skip("this disk treats both forms as one")
    assert COMPOSED != DECOMPOSED


@pytest.mark.parametrize("reference", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED])
def test_a_file_is_found_in_the_other_form(reference: str, stored: str, tmp_path: Path) -> None:
    file = write_photo(tmp_path / stored)
    assert find_existing_path(str(tmp_path / reference)) == file
    assert local_bytes(str(tmp_path / reference), Settings()) == PHOTO


def test_if_both_forms_exist_the_given_one_is_taken(tmp_path: Path) -> None:
    both = [write_photo(tmp_path / name) for name in (COMPOSED, DECOMPOSED)]
    assert [find_existing_path(path) for path in both] == both


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
def test_every_folder_of_a_path_may_have_another_unicode_form(folder: str, name: str, tmp_path: Path) -> None:
    file = write_photo(tmp_path / FOLDERS[0] / "2024" / DECOMPOSED)
    assert find_existing_path(f"{tmp_path}/{folder}/2024/{name}") == file


def test_letters_that_only_look_alike_are_different(tmp_path: Path) -> None:
    write_photo(tmp_path / "file.png")
    reference = str(tmp_path / "\N{LATIN SMALL LIGATURE FI}le.png")
    assert find_existing_path(reference) == reference


def test_a_path_that_exists_in_no_form_is_returned_unchanged_and_missing(tmp_path: Path) -> None:
    for name in ("no.png", COMPOSED, DECOMPOSED, f"{COMPOSED}/x.png", "nul\0é.png", "é" * 5000):
        reference = f"{tmp_path}/{name}"
        assert find_existing_path(reference) == reference
    with pytest.raises(PhotoError) as caught:
        local_bytes(f"{tmp_path}/{COMPOSED}", Settings())
    assert caught.value.code == "photo-missing" and COMPOSED in caught.value.problem


@pytest.mark.parametrize("link", [DECOMPOSED, f"{FOLDERS[1]}/link"])
def test_a_link_behind_a_name_in_another_form_is_not_followed(link: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "elsewhere" / "secret.png")
    link_path = tmp_path / "media" / link
    link_path.parent.mkdir(parents=True)
    link_path.symlink_to(tmp_path / "elsewhere")
    reference_with_link = f"{tmp_path}/media/{link}/secret.png"
    assert find_existing_path(reference_with_link) == reference_with_link
    reference = f"{tmp_path}/media/{normalize('NFC', link)}/secret.png"
    assert find_existing_path(reference) == reference
    with pytest.raises(PhotoError, match="There is no file") as caught:
        local_bytes(reference, Settings())
    assert caught.value.code == "photo-missing"


def test_a_link_before_a_name_in_another_form_is_followed(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / DECOMPOSED)
    (tmp_path / "média").symlink_to(tmp_path / "photos")
    assert find_existing_path(f"{tmp_path}/média/{COMPOSED}") == f"{tmp_path}/média/{DECOMPOSED}"

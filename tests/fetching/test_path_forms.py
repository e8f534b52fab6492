"""A file is found whichever Unicode form the feed and the disk use, and no link is followed that nobody checked."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from shoplens.errors import PhotoError
from shoplens.fetching.path_forms import existing_form
from shoplens.images.source import local_bytes
from shoplens.settings import Settings
from tests.images.made_photos import encoded, scene

COMPOSED, DECOMPOSED = normalize("NFC", "grün-é.png"), normalize("NFD", "grün-é.png")
FOLDERS = normalize("NFC", "größe"), normalize("NFD", "größe")
PHOTO = encoded(scene(), "PNG")


def made(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PHOTO)
    return str(path)


def test_the_two_forms_are_different_files_here(tmp_path: Path) -> None:
    made(tmp_path / COMPOSED)
    if (tmp_path / DECOMPOSED).exists():
        pytest.skip("this disk takes both forms for one")
    assert COMPOSED != DECOMPOSED


@pytest.mark.parametrize("asked", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED])
def test_a_file_is_found_in_the_other_form(asked: str, stored: str, tmp_path: Path) -> None:
    file = made(tmp_path / stored)
    assert existing_form(str(tmp_path / asked)) == file
    assert local_bytes(str(tmp_path / asked), Settings()) == PHOTO


def test_where_both_are_there_the_given_one_is_meant(tmp_path: Path) -> None:
    both = [made(tmp_path / name) for name in (COMPOSED, DECOMPOSED)]
    assert [existing_form(one) for one in both] == both


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
def test_every_name_of_a_path_may_be_in_another_form(folder: str, name: str, tmp_path: Path) -> None:
    file = made(tmp_path / FOLDERS[0] / "2024" / DECOMPOSED)
    assert existing_form(f"{tmp_path}/{folder}/2024/{name}") == file


def test_letters_that_only_look_alike_are_not_mixed_up(tmp_path: Path) -> None:
    made(tmp_path / "file.png")
    asked = str(tmp_path / "\N{LATIN SMALL LIGATURE FI}le.png")
    assert existing_form(asked) == asked


def test_what_is_in_no_form_stays_as_it_is_and_is_told(tmp_path: Path) -> None:
    for name in ("no.png", COMPOSED, DECOMPOSED, f"{COMPOSED}/x.png", "nul\0é.png", "é" * 5000):
        asked = f"{tmp_path}/{name}"
        assert existing_form(asked) == asked
    with pytest.raises(PhotoError) as caught:
        local_bytes(f"{tmp_path}/{COMPOSED}", Settings())
    assert caught.value.code == "photo-missing" and COMPOSED in caught.value.problem


@pytest.mark.parametrize("link", [DECOMPOSED, f"{FOLDERS[1]}/link"])
def test_a_link_behind_a_name_in_another_form_is_not_followed(link: str, tmp_path: Path) -> None:
    made(tmp_path / "elsewhere" / "secret.png")
    place = tmp_path / "media" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "elsewhere")
    given = f"{tmp_path}/media/{link}/secret.png"
    assert existing_form(given) == given
    asked = f"{tmp_path}/media/{normalize('NFC', link)}/secret.png"
    assert existing_form(asked) == asked
    with pytest.raises(PhotoError):
        local_bytes(asked, Settings())


def test_a_link_before_a_name_in_another_form_is_followed(tmp_path: Path) -> None:
    made(tmp_path / "photos" / DECOMPOSED)
    (tmp_path / "média").symlink_to(tmp_path / "photos")
    assert existing_form(f"{tmp_path}/média/{COMPOSED}") == f"{tmp_path}/média/{DECOMPOSED}"

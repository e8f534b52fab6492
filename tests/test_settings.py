"""Settings: where they come from, and what they refuse."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from shoplens.errors import SettingsError
from shoplens.settings import PREFIX, Settings, settings_from


def with_file(folder: Path, text: str) -> Path:
    (folder / "shoplens.toml").write_text(text, "utf-8")
    return folder


def test_what_is_given_outdoes_the_environment_which_outdoes_the_file(tmp_path: Path) -> None:
    folder = with_file(tmp_path, 'threads = 1\nstore = "from-file"\nlock_wait = 1\nmax_aspect = 9')
    environment = {"SHOPLENS_THREADS": "2", "SHOPLENS_STORE": "from-environment", "SHOPLENS_LOCK_WAIT": "2.5"}
    found = settings_from(environment, folder, threads=3)
    assert (found.threads, found.store, found.lock_wait, found.max_aspect, found.fetch_per_host) == (
        3,
        Path("from-environment"),
        2.5,
        9.0,
        Settings().fetch_per_host,
    )


def test_none_counts_as_not_given(tmp_path: Path) -> None:
    assert settings_from({"SHOPLENS_THREADS": "2"}, tmp_path, threads=None, store=None).threads == 2


def test_without_anything_there_are_the_defaults(tmp_path: Path) -> None:
    assert settings_from({}, tmp_path) == Settings()


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert settings_from({"SHOPLENS_STORE": "", "SHOPLENS_THREADS": ""}, tmp_path) == Settings()


def test_the_working_directory_and_the_environment_are_the_usual_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(with_file(tmp_path, "threads = 5"))
    monkeypatch.setenv("SHOPLENS_LOCK_WAIT", "7")
    assert (settings_from().threads, settings_from().lock_wait) == (5, 7.0)


def test_a_home_folder_is_found(tmp_path: Path) -> None:
    assert settings_from({"SHOPLENS_STORE": "~/store"}, tmp_path).store == Path.home() / "store"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("TRUE", True), ("0", False), ("false", False)]
)
def test_flags_in_the_environment(tmp_path: Path, text: str, value: bool) -> None:
    assert settings_from({"SHOPLENS_ALLOW_PRIVATE": text}, tmp_path).allow_private is value


def test_an_unknown_name_in_the_file_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"shoplens\.toml sets 'thread', which does not exist\. There are: store, "
    ) as told:
        settings_from({}, with_file(tmp_path, "thread = 1"))
    assert told.value.exit_code == 2


def test_other_variables_of_the_environment_are_left_alone(tmp_path: Path) -> None:
    assert settings_from({"SHOPLENS_LAUNCHER": "x", "THREADS": "9"}, tmp_path) == Settings()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("threads = 'many'", r"threads in .*shoplens\.toml is 'many'\. It must be a int: CPU threads"),
        ("threads = 1.5", "threads in .* is 1.5"),
        ("threads = true", "threads in .* is True"),
        ("threads = []", r"threads in .* is \[\]"),
        ("fetch_timeout = 'soon'", "fetch_timeout in .* is 'soon'"),
        ("allow_private = 'perhaps'", "allow_private in .* is 'perhaps'"),
        ("allow_private = 2", "allow_private in .* is 2"),
        ("store = 5", "store in .* is 5"),
        ("threads = -1", r"threads is -1\. Set it to 0 or more"),
        ("fetch_timeout = nan", r"fetch_timeout is nan\. Set it to 0.01 or more"),
        ("fetch_per_host = 0", r"fetch_per_host is 0\. Set it to 1 or more"),
        ("user_agent = ''", r"user_agent is ''\. Give 1 to 256 printable ASCII characters"),
        ('user_agent = "a\\r\\nX-Injected: b"', r"user_agent is 'a\\r\\nX-Injected: b'\. Give"),
        ("user_agent = 'Läden'", "user_agent is 'Läden'"),
        ("user_agent = ' a '", "user_agent is ' a '"),
        ("threads =", r"shoplens\.toml is not valid TOML"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from({}, with_file(tmp_path, line))


def test_a_variable_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SHOPLENS_MAX_PHOTO_BYTES is '30 MB'"):
        settings_from({"SHOPLENS_MAX_PHOTO_BYTES": "30 MB"}, tmp_path)


def test_who_fetches_is_named_in_1_to_256_characters() -> None:
    assert Settings().user_agent.startswith("shoplens/")
    for name in ("a", "a" * 256, "Mozilla/5.0 (compatible; our shop; +https://shop.example)"):
        assert Settings(user_agent=name).user_agent == name
    with pytest.raises(SettingsError, match="user_agent is 'aaa"):
        Settings(user_agent="a" * 257)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shoplens.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not valid TOML"):
        settings_from({}, tmp_path)


SINGLE = [field for field in dataclasses.fields(Settings) if field.name != "preferences"]


@pytest.mark.parametrize("field", SINGLE, ids=lambda field: field.name)
def test_every_setting_has_help_and_a_variable(field: dataclasses.Field[object], tmp_path: Path) -> None:
    assert field.metadata["help"]
    samples = {
        "bool": ("true", True),
        "int": ("42", 42),
        "str": ("::1", "::1"),
        "float": ("0.9", 0.9) if field.name == "precision" else ("4.5", 4.5),
    }
    text, value = samples.get(str(field.type), ("/some/where", Path("/some/where")))
    found = settings_from({PREFIX + field.name.upper(): text}, tmp_path)
    assert getattr(found, field.name) == value


def test_tables_of_the_file_become_preferences_beside_the_flat_keys(tmp_path: Path) -> None:
    text = 'threads = 1\n[weights]\ncolor = 2\n[dimensions.season]\nlabels = "season.csv"'
    found = settings_from({"SHOPLENS_PREFERENCES": "color=9"}, with_file(tmp_path, text))
    assert found.threads == 1
    assert found.preferences.weights == {"color": 2}
    assert found.preferences.dimensions.rules["season"].labels == tmp_path / "season.csv"
    assert hash(found) != hash(Settings())


def test_a_table_that_makes_no_sense_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"/shoplens\.toml: \[weights\]: color is -1\. Give a number of 0 to"):
        settings_from({}, with_file(tmp_path, "[weights]\ncolor = -1"))
    with pytest.raises(SettingsError, match=r"sets 'preferences', .* \[dimensions\], \[weights\]"):
        settings_from({}, with_file(tmp_path, "preferences = 1"))


def test_cores() -> None:
    assert Settings(threads=3).cores == 3
    assert 1 <= Settings().cores <= (os.cpu_count() or 1)

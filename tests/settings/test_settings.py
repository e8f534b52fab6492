"""Settings: where they come from, and what they refuse."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from shoplens.errors import SettingsError
from shoplens.settings import Settings, settings_from
from shoplens.settings.settings import PREFIX


def write_toml(folder: Path, text: str) -> Path:
    (folder / "shoplens.toml").write_text(text, "utf-8")
    return folder


def test_given_values_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    folder = write_toml(tmp_path, 'threads = 1\nstore = "from-file"\nlock_wait = 1\nmax_aspect = 9')
    environment = {"SHOPLENS_THREADS": "2", "SHOPLENS_STORE": "from-environment", "SHOPLENS_LOCK_WAIT": "2.5"}
    settings = settings_from(environment, folder, threads=3)
    assert (settings.threads, settings.store, settings.lock_wait, settings.max_aspect, settings.fetch_per_host) == (
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
    monkeypatch.chdir(write_toml(tmp_path, "threads = 5"))
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
        SettingsError, match=r"shoplens\.toml sets the unknown key 'thread'\. Known keys: store, "
    ) as error:
        settings_from({}, write_toml(tmp_path, "thread = 1"))
    assert error.value.exit_code == 2


def test_other_variables_of_the_environment_are_left_alone(tmp_path: Path) -> None:
    assert settings_from({"SHOPLENS_LAUNCHER": "x", "THREADS": "9"}, tmp_path) == Settings()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "threads = 'many'",
            r"threads in .*shoplens\.toml is 'many'\. It must be a whole number: number of CPU threads",
        ),
        ("threads = 1.5", r"threads in .* is 1\.5\. It must be a whole number"),
        ("threads = true", "threads in .* is True"),
        ("threads = []", r"threads in .* is \[\]"),
        ("fetch_timeout = 'soon'", r"fetch_timeout in .* is 'soon'\. It must be a number: seconds"),
        ("allow_private = 'perhaps'", r"allow_private in .* is 'perhaps'\. It must be true or false: whether"),
        ("allow_private = 2", "allow_private in .* is 2"),
        ("store = 5", r"store in .* is 5\. It must be a path: folder"),
        ("threads = -1", r"threads is -1\. Set it to 0 or more"),
        ("precision = 1.0", r"precision is 1\.0\. Set it to a number from 0\.50 to 0\.99\."),
        ("precision = nan", r"precision is nan\. Set it to a number from 0\.50 to 0\.99\."),
        ("fetch_timeout = nan", r"fetch_timeout is nan\. Set it to 0.01 or more"),
        ("fetch_per_host = 0", r"fetch_per_host is 0\. Set it to 1 or more"),
        ("user_agent = ''", r"user_agent is ''\. Give 1 to 256 printable ASCII characters"),
        ('user_agent = "a\\r\\nX-Injected: b"', r"user_agent is 'a\\r\\nX-Injected: b'\. Give"),
        ("user_agent = 'Läden'", "user_agent is 'Läden'"),
        ("currency = 'euro'", "currency is 'euro'. Give the code of a currency, such as EUR"),
        ("url_template = 'javascript:{id}'", r"url_template is .*\. Give an http or https address with \{id\}"),
        ("url_template = 'https://shop.example/'", "url_template is"),
        ("url_template = 'https://shop.example/{sku}'", "url_template is"),
        ("user_agent = ' a '", "user_agent is ' a '"),
        ("threads =", r"shoplens\.toml is not valid TOML: Invalid value .*\. Correct the file\."),
    ],
)
def test_an_invalid_value_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from({}, write_toml(tmp_path, line))


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
        "float": ("0.9", 0.9) if field.name == "precision" else ("4.5", 4.5),
    }
    special = {
        "cors": "https://shop.example, http://localhost:3000",
        "currency": "EUR",
        "url_template": "https://a.example/{id}",
        "shop_logo": "https://a.example/logo.svg",
        "shop_accent": "#1d5c4d",
        "qdrant_read_consistency": "quorum",
        "qdrant_quantization": "binary",
        "qdrant_tenant": "shop-1",
    }
    samples["str"] = (special.get(field.name, "::1"),) * 2
    text, value = samples.get(str(field.type), ("/some/where", Path("/some/where")))
    settings = settings_from({PREFIX + field.name.upper(): text}, tmp_path)
    assert getattr(settings, field.name) == value


@pytest.mark.parametrize("site", ["shop.example", "https://shop.example/search", "https://", "https://a.example b"])
def test_a_site_that_no_browser_sends_is_refused(site: str) -> None:
    with pytest.raises(SettingsError, match="cors names"):
        Settings(cors=f"https://ok.example, {site}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("qdrant_read_consistency", "most"), ("qdrant_quantization", "int4"), ("qdrant_tenant", "../other")],
)
def test_a_setting_of_the_server_is_refused_before_the_server_is_asked(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings(**{name: value})


def test_sites_are_compared_as_browsers_send_them() -> None:
    assert Settings(cors=" https://A.example/ ,http://localhost:3000").cors_sites == (
        "https://a.example",
        "http://localhost:3000",
    )
    assert Settings(cors="*").cors_sites == ("*",)


def test_tables_of_the_file_become_preferences_beside_the_flat_keys(tmp_path: Path) -> None:
    text = 'threads = 1\n[weights]\ncolor = 2\n[dimensions.season]\nlabels = "season.csv"'
    settings = settings_from({"SHOPLENS_PREFERENCES": "color=9"}, write_toml(tmp_path, text))
    assert settings.threads == 1
    assert settings.preferences.weights == {"color": 2}
    assert settings.preferences.dimensions.rules["season"].labels == tmp_path / "season.csv"
    assert hash(settings) != hash(Settings())


def test_an_invalid_table_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"/shoplens\.toml: \[weights\]: color is -1\. Give a number from 0 to"):
        settings_from({}, write_toml(tmp_path, "[weights]\ncolor = -1"))
    with pytest.raises(SettingsError, match=r"sets the unknown key 'preferences'\. .* \[dimensions\], \[weights\]"):
        settings_from({}, write_toml(tmp_path, "preferences = 1"))


def test_cores_are_the_threads_of_the_settings_or_of_the_machine() -> None:
    assert Settings(threads=3).cores == 3
    assert 1 <= Settings().cores <= (os.cpu_count() or 1)

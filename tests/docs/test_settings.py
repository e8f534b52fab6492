"""Every setting stands in docs/store.md with its default and what it is, and all that stands there can be set."""

import dataclasses
import re
from pathlib import Path

from shoplens import __version__
from shoplens.settings import TABLES, Settings
from tests.docs.pages import ALL_PAGES, PAGES, blocks, page, rows

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
VARIABLE = re.compile(r"\bSHOPLENS_[A-Z_]*[A-Z]")


def shown(value: object) -> str:
    """A default as the table shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    return (
        str(value).replace(f"/{__version__}", "/ and its version") if isinstance(value, (str, int, float, Path)) else ""
    )


def test_the_table_has_every_setting_with_its_default_and_help() -> None:
    settings = Settings()
    expected = [[f"`{name}`", shown(getattr(settings, name)), field.metadata["help"]] for name, field in FIELDS.items()]
    assert rows(page("docs/store.md"), "name", "default", "what") == expected


def test_variables_that_are_named_are_settings() -> None:
    named = {name for path in ALL_PAGES for name in VARIABLE.findall(path.read_text("utf-8"))}
    known = {f"SHOPLENS_{name.upper()}" for name in FIELDS} | {"SHOPLENS_QDRANT_URL"}  # the latter is for tests alone
    assert named and named <= known


def test_tables_of_the_file_that_are_named_exist() -> None:
    told = "".join(
        block.text for path in PAGES for block in blocks(path.read_text("utf-8")) if block.language == "toml"
    )
    tables = {name.partition(".")[0] for name in re.findall(r"^\[([^\]\n]+)\]", told, re.MULTILINE)}
    assert tables == set(TABLES)

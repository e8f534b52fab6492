"""The documentation cannot drift: its snippets run, and every command, setting, format and exit code appears."""

import dataclasses
import os
import re
import runpy
import shutil
from pathlib import Path
from typing import get_args

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from shoplens import errors
from shoplens.cli import command_line
from shoplens.embedders.card import Card
from shoplens.evaluation.queries import COLUMNS
from shoplens.evaluation.regression.baseline import GONE
from shoplens.evaluation.regression.corruptions import CORRUPTIONS
from shoplens.evaluation.results import Evaluation
from shoplens.evaluation.runs import CATEGORY_RECALL
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.feedback.events import KINDS
from shoplens.feeds import FORMATS
from shoplens.filters.dimensions.dimension import Kind
from shoplens.preferences import PARTS, TABLES, DimensionRule
from shoplens.ranking.strategies import STRATEGIES
from shoplens.ranking.verdict import VERDICTS
from shoplens.rendered import render_catalogue
from shoplens.search.answer_json import as_json
from shoplens.settings import Settings
from shoplens.training.optimization.losses import LOSSES
from shoplens.types import Answer, Reasons

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EVALUATION_KEYS = ["metrics", *(field.name for field in dataclasses.fields(Evaluation) if field.name != "overall")]
ANSWER_KEYS = [*as_json(Answer("", "", None, "", "", (), {})), "match_probability", "predicted", "reasons"]
REASONS_KEYS = [field.name for field in dataclasses.fields(Reasons)]


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the snippets expect it: ``catalogue.jsonl`` and ``photo.jpg``."""
    folder = tmp_path_factory.mktemp("docs")
    made = render_catalogue(folder, 12, queries=1)
    assert made.queries_file is not None
    shutil.copy(next((made.queries_file.parent / "queries").glob("*.jpg")), folder / "photo.jpg")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```python" in page.read_text("utf-8")], ids=lambda p: p.stem
)
def test_snippets_run(page: Path, shop_folder: Path) -> None:
    snippets = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    before = Path.cwd()
    os.chdir(shop_folder)
    try:
        exec(compile("\n".join(snippets), page.name, "exec"), {"__name__": "snippet"})
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/store.md", [f"| `{field.name}` |" for field in dataclasses.fields(Settings)]),
        ("docs/feeds.md", [f"| `{name}` |" for name in FORMATS]),
        ("docs/models.md", [f"`{field.name}`" for field in dataclasses.fields(Card)]),
        (
            "docs/searching.md",
            [f"| {kind.exit_code} |" for kind in vars(errors).values() if isinstance(kind, type)],
        ),
        ("docs/searching.md", [f"| `{name}` |" for name in VERDICTS]),
        ("docs/searching.md", [f"`{name}`" for name in STRATEGIES]),
        ("docs/searching.md", [f"`{name}`" for name in (*ANSWER_KEYS, *REASONS_KEYS)]),
        ("docs/filters.md", [f"[{table}" for table in TABLES]),
        ("docs/filters.md", [f"\n{field.name} = " for field in dataclasses.fields(DimensionRule)]),
        ("docs/filters.md", [f"`{name}`" for name in (*PARTS, *get_args(Kind))]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in COLUMNS]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in (*METRICS, CATEGORY_RECALL)]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in CORRUPTIONS]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in VERDICTS]),
        ("docs/evaluation.md", [f"`{name}`" for name in GONE]),
        ("docs/evaluation.md", [f"`{name}`" for name in EVALUATION_KEYS]),
        ("docs/training.md", [f"`{name}`" for name in LOSSES]),
        ("docs/feedback.md", [f"`{name}`" for name in KINDS]),
    ],
)
def test_every_name_appears(page: str, names: list[str]) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert [name for name in names if name not in text] == []


def test_the_table_of_formats_is_what_the_readers_say() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_format_table.py"))
    page = (ROOT / "docs" / "feeds.md").read_text("utf-8")
    assert page == tool["page_with_table"](page), "run: python tools/write_format_table.py"


def commands() -> dict[str, TyperCommand]:
    """All commands by name; those of a group with the group's."""
    root = get_command(command_line())
    assert isinstance(root, TyperGroup)
    found: dict[str, TyperCommand] = {}
    for name, one in root.commands.items():
        inside = one.commands if isinstance(one, TyperGroup) else {"": one}
        for inner, command in inside.items():
            assert isinstance(command, TyperCommand)
            found[f"{name} {inner}".strip()] = command
    return found


def test_every_command_appears() -> None:
    pages = ("store", "searching", "filters", "evaluation", "training", "feedback", "service")
    text = "".join((ROOT / f"docs/{page}.md").read_text("utf-8") for page in pages)
    assert len(commands()) > 5
    assert "train filters" in commands()
    assert [name for name in commands() if f"shoplens {name}" not in text] == []


@pytest.mark.parametrize(
    "command",
    [
        "search",
        "similar",
        "dimensions",
        "train filters",
        "train look",
        "train classifier",
        "generations",
    ],
)
def test_every_option_of_searching_and_filters_appears(command: str) -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    options = [name for one in commands()[command].params for name in one.opts if name.startswith("-")]
    assert "--json" in options
    assert [name for name in options if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)] == []


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"

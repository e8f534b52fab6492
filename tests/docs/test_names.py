"""Every format, metric, verdict and other name of the package stands in the page that tells of it."""

import dataclasses
import runpy
from typing import get_args

import pytest

from shoplens import errors
from shoplens.embedders.card import ModelCard
from shoplens.evaluation.queries import COLUMNS
from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.regression.comparison import OMISSION_FIXES
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.feedback.events import KINDS
from shoplens.feeds import FORMATS
from shoplens.filters.dimensions.dimension import Kind
from shoplens.images.corruptions.corruption import CORRUPTIONS
from shoplens.ranking.strategies import STRATEGIES
from shoplens.ranking.verdict import VERDICTS
from shoplens.settings import SCORE_PARTS, TABLES, DimensionRule
from shoplens.training.optimization.losses import LOSSES
from tests.docs.pages import ROOT


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/feeds.md", [f"| `{name}` |" for name in FORMATS]),
        ("docs/models.md", [f"`{field.name}`" for field in dataclasses.fields(ModelCard)]),
        (
            "docs/searching.md",
            [f"| {kind.exit_code} |" for kind in vars(errors).values() if isinstance(kind, type)],
        ),
        ("docs/searching.md", [f"| `{name}` |" for name in VERDICTS]),
        ("docs/searching.md", [f"`{name}`" for name in STRATEGIES]),
        ("docs/filters.md", [f"[{table}" for table in TABLES]),
        ("docs/filters.md", [f"\n{field.name} = " for field in dataclasses.fields(DimensionRule)]),
        ("docs/filters.md", [f"`{name}`" for name in (*SCORE_PARTS, *get_args(Kind))]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in COLUMNS]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in (*METRICS, CATEGORY_RECALL)]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in CORRUPTIONS]),
        ("docs/evaluation.md", [f"| `{name}` |" for name in VERDICTS]),
        ("docs/evaluation.md", [f"`{name}`" for name in OMISSION_FIXES]),
        ("docs/training.md", [f"`{name}`" for name in LOSSES]),
        ("docs/feedback.md", [f"`{name}`" for name in KINDS]),
    ],
)
def test_every_name_appears(page: str, names: list[str]) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert [name for name in names if name not in text] == []


def test_the_table_of_models_is_what_the_registry_says() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_model_table.py"))
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    assert page == tool["page_with_table"](page), "run: python tools/write_model_table.py"


def test_the_table_of_formats_is_what_the_readers_say() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_format_table.py"))
    page = (ROOT / "docs" / "feeds.md").read_text("utf-8")
    assert page == tool["page_with_table"](page), "run: python tools/write_format_table.py"

"""Imports go one way, and every file says by its name what is in it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "shoplens"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))
BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").rglob("*.py"))
LEVELS = (
    ("types", "errors", "settings"),
    ("fetching",),
    ("feeds", "images", "embedders", "filters", "index", "reading"),
    ("rendered",),  # draws its photos with images/, and is imported by the demonstration alone
    ("ranking", "words", "models"),
    ("store",),
    ("build", "feedback"),
    ("search",),
    ("evaluation",),
    ("training",),
    ("shop",),
    ("demo", "web", "service", "client", "agents", "cli"),
)
"""From what is imported by all to what imports all."""
STRANGERS = LEVELS[2]
"""These never import each other."""
CLUSTER = ("shoplens.index.qdrant_server", "shoplens.store.server", "shoplens.build.ray")
CLUSTER_FILES = (
    "shoplens.service.caches.shared_queries",
    "shoplens.service.limits.shared_rates",
    "shoplens.service.limits.shared_redis",
)
"""What speaks to Qdrant servers, object stores, Ray and Redis; others import it in functions only."""
CLUSTER_LIBRARIES = {"qdrant_client", "fsspec", "s3fs", "ray", "redis"}
FORBIDDEN = {"utils", "common", "helpers", "core", "base", "misc", "manager"}
LONGEST, MOST_FILES = 400, 12
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}


def name_of(path: Path) -> str:
    return ".".join(("shoplens", *path.relative_to(PACKAGE).with_suffix("").parts))


def imported(tree: ast.Module) -> Iterator[str]:
    """Modules that a file imports anywhere, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports inside the package are absolute"
            yield str(node.module)
            if node.module == "shoplens":
                yield from (f"shoplens.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """The package or file directly under shoplens; None for the package itself and for others."""
    names = module.split(".")
    return names[1] if names[0] == "shoplens" and len(names) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text("utf-8")
    own = part(name_of(path))
    assert own == "__init__" or own in LEVEL, f"give {own} its level"
    assert not FORBIDDEN & set(path.relative_to(PACKAGE).with_suffix("").parts)
    assert len(text.splitlines()) <= LONGEST
    for module in imported(ast.parse(text)):
        if own != "training":
            assert module.split(".")[0] != "torch", "serving never imports torch"
        other = part(module)
        if own is None or own == "__init__" or other is None or other == own or other.startswith("__"):
            continue
        assert other in LEVEL, f"{module} is no part of the package"
        assert LEVEL[other] <= LEVEL[own], f"{own} must not import {other}"
        assert not (own in STRANGERS and other in STRANGERS), f"{own} and {other} must not know each other"


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda path: path.name)
def test_a_folder_has_at_most_twelve_files(folder: Path) -> None:
    files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES, "give some of these a folder of their own"


@pytest.mark.parametrize("paths", [TESTS, BENCHMARKS], ids=["tests", "benchmarks"])
def test_tests_and_benchmarks_keep_the_limits_of_files_and_folders(paths: list[Path]) -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    assert [str(path) for path, many in lines.items() if many > LONGEST] == []
    files = Counter(path.parent for path in paths if path.name not in ("__init__.py", "conftest.py"))
    assert [str(folder) for folder, many in files.items() if many > MOST_FILES] == []


def test_only_known_files_are_at_the_top_of_the_package() -> None:
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert loose == {"client", "demo", "errors"}


def test_the_rules_find_imports_inside_functions() -> None:
    tree = ast.parse(
        "def late():\n    import torch.nn\n    from shoplens import build\n    from shoplens.store.store import Store"
    )
    assert set(imported(tree)) == {"torch.nn", "shoplens", "shoplens.build", "shoplens.store.store"}
    assert [part(name) for name in ("torch.nn", "shoplens", "shoplens.build", "shoplens.store.store")] == [
        None,
        None,
        "build",
        "store",
    ]


def test_one_machine_loads_nothing_of_clusters() -> None:
    for path in MODULES:
        if name_of(path).startswith((*CLUSTER, *CLUSTER_FILES)):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert not CLUSTER_LIBRARIES & {name.split(".")[0] for name in imported(tree)}, path
        at_once = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert [name for name in imported(at_once) if name.startswith((*CLUSTER, *CLUSTER_FILES))] == [], path


def test_importing_the_package_loads_no_heavy_library() -> None:
    asked = "import sys; from shoplens import Shop; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "onnxruntime", "httpcore", "typer", "rich", "pillow_heif", "jinja2"} & set(loaded)

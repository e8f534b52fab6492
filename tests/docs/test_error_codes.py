"""Every error code that the package raises stands in docs/errors.md, and every one that stands there is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import ShoplensError
from shoplens.images import formats
from shoplens.models import hub
from tests.docs.pages import ROOT, names, page, rows

SOURCES = sorted((ROOT / "src" / "shoplens").rglob("*.py"))
DOCUMENTED = [code for cell, *_ in rows(page("docs/errors.md"), "code", "what is wrong") for code in names(cell)]
IN_TABLES = {
    "formats.py": {code for _, _, code in formats._NEEDED.values()},
    "hub.py": {code for code, _, _ in hub.CAUSES.values()},
}
"""Codes that a file raises from a table of its own."""


def codes(file: Path) -> set[str]:
    """The codes that a file raises, or answers: ``code="…"``, ``code = "…"``, and the key ``"code"``.

    Raises:
        AssertionError: a code comes from somewhere else, so that it cannot be read off the text.
    """
    tree = ast.parse(file.read_text("utf-8"))
    found = set(IN_TABLES.get(file.name, ()))
    for value in _values(tree):
        if isinstance(value, ast.Attribute):  # another error's code
            continue
        if isinstance(value, ast.Name):
            named = _named(tree, value.id)
            assert named or _is_handed_on(tree, value.id) or file.name in IN_TABLES, f"{file.name}: what is {value.id}?"
            found |= named
        else:
            found |= _texts(value)
    return found


def _values(tree: ast.AST) -> Iterator[ast.expr]:
    """What stands for a code anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code":
            yield node.value
        elif isinstance(node, ast.Dict):
            yield from (
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "code"
            )
        elif isinstance(node, ast.Assign) and any(_is_code(target) for target in node.targets):
            yield node.value


def _is_code(target: ast.expr) -> bool:
    if isinstance(target, ast.Subscript):
        return isinstance(target.slice, ast.Constant) and target.slice.value == "code"
    return isinstance(target, ast.Name) and target.id == "code"


def _is_handed_on(tree: ast.AST, name: str) -> bool:
    """Whether this is a parameter ``code`` of a function, whose callers say ``code="…"``."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return name == "code" and any(arg.arg == name for node in functions for arg in node.args.kwonlyargs)


def _named(tree: ast.AST, name: str) -> set[str]:
    """The texts that a name is given anywhere in a file."""
    return {
        text
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        for text in _texts(node.value)
    }


def _texts(value: ast.expr) -> set[str]:
    """The texts that an expression may give."""
    if isinstance(value, ast.IfExp):
        return _texts(value.body) | _texts(value.orelse)
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) else set()


def test_every_error_code_is_documented_and_every_documented_one_is_raised() -> None:
    raised = set().union(*map(codes, SOURCES))
    assert len(raised) > 100 and len(DOCUMENTED) == len(set(DOCUMENTED))
    assert sorted(raised - set(DOCUMENTED)) == [], "docs/errors.md lacks these"
    assert sorted(set(DOCUMENTED) - raised) == [], "nothing raises these"


def test_the_codes_of_all_kinds_of_errors_are_documented() -> None:
    kinds = [ShoplensError]
    while kinds:
        kind = kinds.pop()
        assert kind.code in DOCUMENTED
        kinds += kind.__subclasses__()


def test_codes_are_found_in_every_form(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        "B = 'b'\nraise E('', '', code='a')\nraise E(code=B)\nraise E(code='c' if x else 'd')\n"
        "body = {'code': 'e'}\nbody['code'] = 'f'\nclass G:\n    code = 'g'\nraise E(code=other.code)\n"
    )
    assert codes(file) == set("abcdefg")
    file.write_text("raise E(code=unknown)")
    with pytest.raises(AssertionError, match="what is unknown"):
        codes(file)

"""Scripts as browsers get them: without comments and spaces, and modules that are always loaded together in one file.

The files in ``web/`` are plain ES modules that run as they are. Sent one by one, they would take 25 requests for a
search, and a third more bytes, because every file is compressed for itself.
"""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath, relpath

BUNDLES = ("search/mount.js", "search/session.js", "element.js")
"""Modules that contain those that they import: what every search starts with, what the first search adds, and what only
the element needs. A module that two of them import is in the first."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.M)
_DYNAMIC_IMPORT = re.compile(r'\bimport\("([^"]+)"\)')
_TOKEN = re.compile(
    r"""(?P<comment>(?:/\*.*?\*/|(?:^|(?<=\s))//[^\n]*)\s*)"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"""
    r"""|\s*(?P<end>;)\s*(?=\})"""
    r"""|\s*(?P<sign>[{}()\[\],;:?=<>&|*])\s*|(?P<space>\s+)""",
    re.S | re.M,
)
_STYLE_SPACE = re.compile(r"\s*;\s*(?=\})|\s*([{};,>])\s*|(:) ")


def shorten_script(script: str) -> str:
    """Leave out the comments of a script, and spaces and semicolons that mean nothing; also in a style, which is a text
    of several lines in backticks.

    Statements must end with semicolons, none may be empty, and templates must not contain templates.
    """

    def replace(match: re.Match[str]) -> str:
        if text := match["text"]:
            is_style = text[0] == "`" and "\n" in text and "${" not in text
            return _STYLE_SPACE.sub(r"\1\2", text) if is_style else text
        return "" if match["end"] else match["sign"] or (" " if match["space"] else "")

    return _TOKEN.sub(replace, script).strip()


def bundle_scripts(scripts: dict[str, str]) -> dict[str, str]:
    """Put modules that are always loaded together into one file, and let all others import them from there.

    In a bundle, all modules share one scope, so no name may be declared twice. They export names, no default, and
    rename nothing that they import.

    Args:
        scripts: path -> ES module.

    Returns:
        Path -> script; modules that are in a bundle have none of their own.
    """
    places: dict[str, str] = {}
    contents: dict[str, list[str]] = {}
    for root in BUNDLES:
        contents[root] = [one for one in _dependencies(scripts, root) if one not in places]
        places |= dict.fromkeys(contents[root], root)
    alone = {path: [path] for path in scripts if path not in places}
    return {path: _join_modules(scripts, path, modules, places) for path, modules in (contents | alone).items()}


def _dependencies(scripts: dict[str, str], path: str, seen: tuple[str, ...] = ()) -> list[str]:
    """Return the modules that a module imports, directly or not, each after those that it imports; itself last."""
    found: list[str] = []
    for _, name in _IMPORT.findall(scripts[path]):
        other = _resolve(path, name)
        if other not in seen:
            found += [one for one in _dependencies(scripts, other, (*seen, path)) if one not in found]
    return [*found, path]


def _join_modules(scripts: dict[str, str], path: str, modules: list[str], places: dict[str, str]) -> str:
    imports: dict[str, set[str]] = {}
    bodies = []
    for module in modules:
        for names, name in _IMPORT.findall(scripts[module]):
            other = _resolve(module, name)
            place = places.get(other, other)
            if place != path:
                imports.setdefault(place, set()).update(one.strip() for one in names.split(",") if one.strip())

        def redirect(match: re.Match[str], module: str = module) -> str:
            other = _resolve(module, match[1])
            return f'import("{_relative(path, places.get(other, other))}")'

        bodies.append(_DYNAMIC_IMPORT.sub(redirect, _IMPORT.sub("", scripts[module])))
    lines = [f'import {{{",".join(sorted(names))}}} from "{_relative(path, one)}";' for one, names in imports.items()]
    return "\n".join([*lines, *bodies])


def _resolve(path: str, name: str) -> str:
    return normpath(join(dirname(path), name))


def _relative(path: str, other: str) -> str:
    name = relpath(other, dirname(path) or ".")
    return name if name.startswith("../") else f"./{name}"

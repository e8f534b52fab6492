"""Scripts are sent without comments and spaces, and modules that are always loaded together as one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shoplens.service.responses.scripts import BUNDLES, bundle_scripts, shorten_script

WEB = Path(__file__).parents[3] / "src/shoplens/web"


@pytest.mark.parametrize(
    ("script", "short"),
    [
        ("/** What it is. */\nconst a = 1; // one\nconst b = a ? 2 : [3, 4];\n", "const a=1;const b=a?2:[3,4];"),
        ('const a = "a , b // c", b = \'{ "d" }\';', 'const a="a , b // c",b=\'{ "d" }\';'),
        ("function f() {\n  if (a) {\n    b();\n  }\n  return 1;\n}\n", "function f(){if(a){b()}return 1}"),
        ("say(`${a} : ${b}`); return a + +b;", "say(`${a} : ${b}`);return a + +b;"),
        ("/^https?:\\/\\/\\S+$/i.test(one);", "/^https?:\\/\\/\\S+$/i.test(one);"),
        (
            "const s = `\n.a > .b { color: red; width: calc(1px + 2px); }\n`;",
            "const s=`.a>.b{color:red;width:calc(1px + 2px)}`;",
        ),
    ],
)
def test_comments_and_spaces_go_but_not_those_in_texts(script: str, short: str) -> None:
    assert shorten_script(script).replace("`\n", "`") == short


def test_modules_of_a_bundle_are_one_file_from_which_others_import_them() -> None:
    first, second, element = BUNDLES
    scripts = {
        first: 'import { a } from "./parts/a.js";\nexport const m = a;\n',
        "search/parts/a.js": 'export const a = 1;\nexport const later = () => import("./late.js");\n',
        "search/parts/late.js": 'import { a } from "./a.js";\nimport { b } from "../b.js";\n',
        "search/b.js": 'import { a } from "./parts/a.js";\nexport const b = a;\n',
        second: 'import { a } from "./parts/a.js";\nimport { b } from "./b.js";\nexport const s = b;\n',
        "page.js": 'import { a } from "./search/parts/a.js";\nimport { m } from "./search/mount.js";\n',
        "search/own.js": "export const o = 1;\n",
        element: 'import { m } from "./search/mount.js";\nimport { o } from "./search/own.js";\n',
    }
    bundled = bundle_scripts(scripts)
    assert set(bundled) == {*BUNDLES, "page.js", "search/parts/late.js"}
    assert bundled[first].split("\n")[:2] == [
        "export const a = 1;",
        'export const later = () => import("./parts/late.js");',
    ]
    assert bundled[second].startswith('import {a} from "./mount.js";\nexport const b = a;')
    assert bundled["search/parts/late.js"].startswith(
        'import {a} from "../mount.js";\nimport {b} from "../session.js";'
    )
    assert bundled[element].startswith('import {m} from "./search/mount.js";\nexport const o = 1;')
    assert bundled["page.js"] == 'import {a,m} from "./search/mount.js";\n'


@pytest.mark.parametrize("path", sorted(WEB.rglob("*.js")), ids=lambda path: path.stem)
def test_modules_are_written_so_that_they_can_be_bundled(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "export default" not in text and not re.search(r"import \{[^}]* as ", text)
    assert not re.search(r"\$\{[^}`]*`", text), "no template is in a template"


@pytest.mark.parametrize("root", BUNDLES)
def test_no_name_is_declared_twice_in_a_bundle(root: str) -> None:
    scripts = {str(path.relative_to(WEB)): path.read_text("utf-8") for path in WEB.rglob("*.js")}
    bundled = bundle_scripts(scripts)[root]
    names = re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", bundled, re.M)
    assert len(names) > (3 if root == "element.js" else 20) and len(set(names)) == len(names)

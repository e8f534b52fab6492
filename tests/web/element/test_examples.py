"""The examples of storefronts work in a browser, and the npm package has what the element needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web.element.shop_site import ShopSite
from tests.web.element.test_element import WEB, imports_of
from tests.web.pages import DESK

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/storefront"
PACKAGE = ROOT / "examples/npm"
SERVICE, KEY = "https://search.shop.example", "sl_YOUR_KEY"
REACT = """<div id="app"></div><script type="module">
const element = (tag, { ref, ...attributes }) => {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) one.setAttribute(name, value);
  ref.current = one;
  return one;
};
const effects = [];
const [createElement, useRef] = [element, () => ({ current: null })];
const useEffect = (effect) => effects.push(effect);
COMPONENT
window.found = null;
const onResults = ({ detail }) => (window.found = detail.answer);
const props = { endpoint: "ENDPOINT", productId: "SL-00001", onResults };
document.getElementById("app").append(PhotoSearch(props));
effects.forEach((effect) => effect());
</script>"""


def fill(template: str, values: dict[str, str]) -> str:
    """Fill the few places of a Liquid or PHP template as the shop system does."""
    for pattern, value in values.items():
        template = re.sub(pattern, lambda _, value=value: value, template, flags=re.S)  # type: ignore[misc]
    return template


def markup_of(name: str, address: str) -> str:
    text = (EXAMPLES / name).read_text("utf-8")
    script = f'<script type="module" src="{address}/web/element.js"></script>'
    if name == "plain.html":
        return text.replace(SERVICE, address).replace(f' api-key="{KEY}"', "")
    if name == "PhotoSearch.jsx":
        component = re.sub(r"^(import|//) .*$", "", text, flags=re.M).replace("export function", "function")
        return script + REACT.replace("COMPONENT", component).replace("ENDPOINT", address)
    if name == "shopify-block.liquid":
        json.loads(re.search(r"{% schema %}(.*){% endschema %}", text, re.S)[1])  # type: ignore[index]
        values = {
            r"{% (comment|schema) %}.*?{% end\1 %}": "",
            r"{{ block\.settings\.endpoint }}": address,
            r"{% else %}.*?{% endif %}|{% if product %}": "",
            r"{{ product\.handle \| escape }}": "SL-00001",
            r'api-key="{{[^}]*}}"|{{ block\.shopify_attributes }}': "",
            r"{{ request\.locale\.iso_code }}": "de",
            r"{{ block\.settings\.accent }}": "#123456",
        }
        return fill(text, values)
    if name == "magento.phtml":
        values = {
            r"^<\?php.*?\?>": "",
            r"<\?= \$endpoint \?>": address,
            r' api-key="<\?= \$key \?>"': "",
            r"<\?= \$sku \?>": "SL-00001",
            r"<\?php if \(\$sku\): \?>|<\?php endif \?>": "",
        }
        return fill(text, values)
    written = re.search(r"'(<script.*?</shoplens-search>)'", text, re.S)
    assert written is not None
    return written[1].replace("%1$s", address).replace(' api-key="%2$s"', "").replace("%3$s", ' product-id="SL-00001"')


@pytest.mark.parametrize(
    "name", ["plain.html", "PhotoSearch.jsx", "shopify-block.liquid", "magento.phtml", "woocommerce.php"]
)
def test_an_example_shows_similar_products_on_another_origin(
    browser: Any, shop_site: ShopSite, address: str, name: str
) -> None:
    shop_site.headers, shop_site.body = {}, markup_of(name, address)
    assert not re.search(r"{[{%]|<\?|YOUR_KEY|search\.shop", shop_site.body)
    context = browser.new_context(**DESK)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto(shop_site.origin)
    page.locator("shoplens-search[product-id] .card:not(.skeleton)").first.wait_for(timeout=10_000)
    assert page.locator("shoplens-search[product-id] .card").count() == 12 and problems == []
    if name == "PhotoSearch.jsx":
        assert len(page.evaluate("window.found.results")) == 12
    if name == "plain.html":
        page.get_by_role("button", name="Search by photo").click()
        page.get_by_role("heading", name="Find it with a photo").wait_for()
    context.close()


def test_the_npm_package_holds_the_element_and_its_types(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node.")
    folder = tmp_path / "examples/npm"
    shutil.copytree(PACKAGE, folder)
    shutil.copytree(WEB, tmp_path / "src/shoplens/web")
    subprocess.run([node, "copy.mjs"], cwd=folder, check=True)
    package = json.loads((folder / "package.json").read_text("utf-8"))
    for path in imports_of(WEB / "element.js") | imports_of(WEB / "search/session.js"):
        name = path.relative_to(WEB)
        assert (folder / name).read_bytes() == path.read_bytes() and name.parts[0] in package["files"]
    types = (folder / package["types"]).read_text("utf-8")
    told = set(re.findall(r"`([a-z-]+)`", re.search(r"/\*\* The element;.*?\*/", types, re.S)[0]))  # type: ignore[index]
    observed = re.search(r"observedAttributes = \[(.*?)\]", (WEB / "element.js").read_text("utf-8"))
    assert observed is not None and told == set(re.findall(r'"([a-z-]+)"', observed[1]))

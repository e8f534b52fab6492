/** The desk: what shoppers sought, merchandising, the map, findings and reports. Each view is an entry of the history. */

import { h } from "../search/dom.js";
import { Service } from "../search/service.js";
import { showFindings, showReports } from "./findings.js";
import { CatalogueMap } from "./map.js";
import { Rules } from "./rules.js";
import { showStatistics } from "./statistics.js";

const KEY = "shoplens-desk-key";
const shop = JSON.parse(document.querySelector('meta[name="shoplens"]').content);
const byId = (id) => document.getElementById(id);
const brand = byId("brand");
brand.append(shop.logo ? h("img", { src: shop.logo, alt: shop.name, height: 32 }) : shop.name);
const service = new Service("", sessionStorage.getItem(KEY) || shop.key);
const say = (text) => (byId("status").textContent = text);
let map = null;

const VIEWS = {
  map: () => {
    map ??= new CatalogueMap(byId("map"), service, say, (product) => (location.href = `/#like=${encodeURIComponent(product.id)}`));
    return map.show();
  },
  sought: () => showStatistics(byId("sought"), service),
  rules: () => new Rules(byId("rules"), service, say).show(),
  findings: () => showFindings(byId("findings"), service, say),
  reports: () => showReports(byId("reports"), service, say),
};

/** Show the view of the address. */
async function show() {
  const shown = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "sought";
  for (const name of Object.keys(VIEWS)) {
    byId(name).hidden = name !== shown;
    if (name === shown) byId(`to-${name}`).setAttribute("aria-current", "page");
    else byId(`to-${name}`).removeAttribute("aria-current");
  }
  byId("key-form").hidden = true;
  say("");
  try {
    await VIEWS[shown]();
  } catch (problem) {
    const needsKey = ["unauthenticated", "unknown-key", "insufficient-role"].includes(problem.code);
    byId("key-form").hidden = !needsKey;
    byId(shown).hidden = needsKey;
    say(needsKey ? "" : `${problem.problem ?? problem} ${problem.fix ?? ""}`);
    if (needsKey) byId("key").focus();
  }
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.key = byId("key").value.trim();
  sessionStorage.setItem(KEY, service.key);
  byId("key").value = "";
  show();
});
window.addEventListener("hashchange", show);
await show();

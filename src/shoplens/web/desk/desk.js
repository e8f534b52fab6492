/** The desk: what shoppers sought, merchandising, the map, findings and reports. Each view is an entry of the history. */

import { h } from "../search/dom.js";
import { Service } from "../search/service.js";
import { Texts } from "../search/texts/index.js";
import { showFindings, showReports } from "./findings.js";
import { CatalogueMap } from "./map.js";
import { Rules } from "./rules.js";
import { showStatistics } from "./statistics.js";

const KEY = "shoplens-desk-key";
const SHIPPED = { en: () => import("./texts/en.js"), de: () => import("./texts/de.js"), fr: () => import("./texts/fr.js"), es: () => import("./texts/es.js") };
const shop = JSON.parse(document.querySelector('meta[name="shoplens"]').content);
const byId = (id) => document.getElementById(id);
const brand = byId("brand");
brand.append(shop.logo ? h("img", { src: shop.logo, alt: shop.name, height: 32 }) : shop.name);
const languages = [new URL(location).searchParams.get("lang"), ...(navigator.languages ?? [])];
const lang = languages.find((one) => one?.split("-")[0] in SHIPPED) ?? "en";
const own = await SHIPPED[lang.split("-")[0]]();
const texts = await Texts.load(lang, own.texts);
document.documentElement.lang = texts.lang;
document.documentElement.dir = texts.direction;
for (const one of document.querySelectorAll("[data-text]")) one.textContent = texts.say(one.dataset.text);
for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", texts.say(one.dataset.label));
const service = new Service("", sessionStorage.getItem(KEY) || shop.key);
let current = "";
let map = null;

/** Show a sentence, if its view is still the one that is shown. */
function sayIn(view, text) {
  if (view === current) byId("status").textContent = text;
}

const VIEWS = {
  map: () => {
    map ??= new CatalogueMap(byId("map"), { service, texts, say: (text) => sayIn("map", text) }, (product) => (location.href = `/#like=${encodeURIComponent(product.id)}`));
    return map.show();
  },
  sought: () => showStatistics(byId("sought"), { service, texts }),
  rules: () => new Rules(byId("rules"), { service, texts, say: (text) => sayIn("rules", text) }).show(),
  findings: () => showFindings(byId("findings"), { service, texts, say: (text) => sayIn("findings", text) }),
  reports: () => showReports(byId("reports"), { service, texts, say: (text) => sayIn("reports", text) }),
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
  current = shown;
  sayIn(shown, "");
  try {
    await VIEWS[shown]();
  } catch (problem) {
    if (shown !== current) return;
    const needsKey = ["unauthenticated", "unknown-key", "insufficient-role"].includes(problem.code);
    byId("key-form").hidden = !needsKey;
    byId(shown).hidden = needsKey;
    console.warn("shoplens:", problem.message);
    sayIn(shown, needsKey ? "" : texts.error(problem));
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

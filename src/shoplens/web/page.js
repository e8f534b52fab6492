/** The search page: one search that has the page's history, with the shop's name, logo, colour and key. */

import { addStyle, button, h } from "./search/dom.js";
import { History } from "./search/history.js";
import { mount, sharedStyle } from "./search/mount.js";

const LINK = "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1";
const shop = JSON.parse(document.querySelector('meta[name="shoplens"]')?.content ?? "{}");
const brand = document.getElementById("brand");
if (shop.logo) brand.append(h("img", { src: shop.logo, alt: shop.name, height: 32 }));
else brand.textContent = shop.name;
if (shop.accent) document.documentElement.style.setProperty("--shoplens-accent", shop.accent);

const address = new URL(location.href);
const given = address.searchParams.get("key");
if (given) {
  sessionStorage.setItem("shoplens-key", given);
  address.searchParams.delete("key"); // so that it does not travel in links
  history.replaceState(history.state, "", address);
}
const lang = [address.searchParams.get("lang"), ...(navigator.languages ?? [])];

const host = document.getElementById("search");
const root = host.attachShadow({ mode: "open" });
addStyle(root, sharedStyle);
const app = await mount(root, {
  endpoint: "", key: sessionStorage.getItem("shoplens-key") || shop.key || "", lang, isPage: true, emit: () => true,
  createHistory: (onRestore) => new History(onRestore), createLink,
});
document.documentElement.lang = app.texts.lang;
document.documentElement.dir = app.texts.direction;
const skip = document.getElementById("skip");
skip.textContent = app.texts.say("skip");
skip.addEventListener("click", (event) => {
  event.preventDefault();
  app.results?.element.focus();
});
brand.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  app.reset();
});
await app.begin();

/** Create a button that copies a link to the search, and says so beside it. */
function createLink(app) {
  const { texts } = app;
  const copy = async () => {
    const { query } = app;
    const address = app.history.linkOf(query);
    const isCopied = await navigator.clipboard?.writeText(address).then(() => true, () => false);
    place.querySelector("p")?.remove();
    if (isCopied) place.append(h("p.small.soft", { role: "alert" }, texts.say(query.photo && !query.like ? "copiedPhoto" : "copied")));
    else prompt(texts.say("copyLink"), address); // where the browser does not let pages copy
  };
  const place = h("span", {}, button(texts.say("copyLink"), { glyph: LINK, kind: "plain", onclick: copy }));
  return place;
}

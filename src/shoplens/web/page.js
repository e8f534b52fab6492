/** The search page: one search that has the page's history, with the shop's name, logo, colour and key. */

import { addStyle, h } from "./search/dom.js";
import { History } from "./search/history.js";
import { mount, sharedStyle } from "./search/mount.js";

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
const lang = address.searchParams.get("lang") || navigator.languages?.[0] || "en";

const host = document.getElementById("search");
const root = host.attachShadow({ mode: "open" });
addStyle(root, sharedStyle);
const app = await mount(root, {
  endpoint: "", key: sessionStorage.getItem("shoplens-key") || shop.key || "", lang, isPage: true, emit: () => true,
  createHistory: (onRestore) => new History(onRestore),
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

/** A product as a card: the whole card opens it, and a round button searches for more like it. */

import { h, icon, picture, webAddress } from "../dom.js";

const EAGER = 6;
const MAX_DOTS = 5;

/**
 * Create the card of a product.
 * @param {import("../app.js").SearchApp} app
 * @param {object} result result of an answer
 * @param {object} answer
 * @param {number} place in the list, from 0
 * @returns {{element: HTMLElement, result: object}} `result` is replaced where only the score changes
 */
export function createCard(app, result, answer, place) {
  const card = { result };
  card.element = app.template ? fillTemplate(app, card) : h("li.card", { part: "card" });
  card.element.dataset.key = card.element.dataset.product = result.product_id;
  if (app.template) return card;
  const { texts } = app;
  const isExact = Boolean(result.same_photo || result.barcode || (place === 0 && answer.verdict === "exact" && !app.query.like));
  const image = picture(app.service.photoAddress(result.photo, 384), { loading: place < EAGER ? "eager" : "lazy", part: "card-photo" });
  const like = h("button.act.similar", { type: "button", "aria-label": texts.say("moreLikeOf", { title: result.title }), title: texts.say("moreLike"), onclick: () => app.searchLike(card.result) }, h("span", {}, icon("like")));
  const flags = h("div.flags", {}, isExact && h("span.flag.exact", {}, texts.say("exactBadge")), result.in_stock === false && h("span.flag", {}, texts.say("soldOut")));
  const why = h("button.because", { type: "button", "aria-label": texts.say("whyOf", { title: result.title }), "aria-haspopup": "dialog" }, texts.say("why"));
  why.addEventListener("click", async () => (await import("../on_demand/why.js")).showWhy(app, card.result, why));
  card.element.classList.toggle("out", result.in_stock === false);
  card.element.append(
    h("div.tile", { part: "tile" }, image, flags),
    h("div.text", { part: "card-text" }, h("span.brand", { dir: "auto" }, result.brand || result.category.at(-1) || ""), h("h3", { dir: "auto", part: "card-title" }, createOpener(app, card)),
      h("div.foot", {}, h("span.price", { part: "price" }, texts.price(result.price, result.currency || app.currency)), createDots(app, result, image)), why));
  card.element.firstChild.append(like);
  return card;
}

/** Create what the whole card is: a link to the product, or, where the shop gives none, a search for more like it. */
function createOpener(app, card) {
  const { result } = card;
  const address = webAddress(result.url, app.shop?.base || undefined);
  if (!address) return h("button.open", { type: "button", onclick: () => app.select(card.result) && app.searchLike(card.result) }, result.title);
  return h("a.open", { href: address, rel: "noopener", onclick: (event) => app.select(card.result) || event.preventDefault() }, result.title);
}

/** Create a dot for each colour of the same design; a pointer over it shows the photo of that product. */
function createDots(app, result, image) {
  const variants = result.variants ?? [];
  if (variants.length < 2) return null;
  const names = variants.map((variant) => variant.color).join(", ");
  const dots = variants.filter((variant) => variant.swatch).slice(0, MAX_DOTS).map((variant) => h("i", {
    title: variant.color, style: { background: variant.swatch },
    onpointerenter: () => variant.photo && (image.src = app.service.photoAddress(variant.photo, 384)),
    onpointerleave: () => (image.src = app.service.photoAddress(result.photo, 384)),
  }));
  const more = variants.length > dots.length ? h("span", { dir: "ltr" }, `+${app.texts.number(variants.length - dots.length)}`) : null;
  return h("span.dots", { role: "img", "aria-label": app.texts.say("colors", { count: variants.length, names }) }, ...dots, more);
}

/**
 * Fill a shop's own card: elements with `data-bind` get `title`, `brand`, `price` or `description` as text, `photo` as
 * source, `link` as address, and `similar` as a button for more like it.
 */
function fillTemplate(app, card) {
  const { result } = card;
  const content = app.template.content.cloneNode(true);
  const item = h("li", { part: "card" }, content);
  const texts = { title: result.title, brand: result.brand, description: result.description, price: app.texts.price(result.price, result.currency || app.currency) };
  for (const element of item.querySelectorAll("[data-bind]")) {
    const name = element.dataset.bind;
    if (name === "photo") element.src = app.service.photoAddress(result.photo, 384);
    else if (name === "link") {
      const address = webAddress(result.url);
      if (address) element.href = address;
      element.addEventListener("click", (event) => app.select(card.result) || event.preventDefault());
    } else if (name === "similar") element.addEventListener("click", () => app.searchLike(card.result));
    else if (name in texts) element.textContent = texts[name] ?? "";
    else if (name.startsWith("attributes.")) element.textContent = (result.attributes[name.slice(11)] ?? []).join(", ");
  }
  return item;
}

/** Shows products as cards, with an explanation of each score. */

import { formatPrice } from "./api.js";

const COLOURS = ["#1d5c4d", "#c4622d", "#3f6fb5", "#8a5aa8", "#b08a1e", "#4b8f8c", "#a83e5b", "#6b7a2e", "#586074", "#9c6b4f"];

/** Return the colour of a dimension, which is the same on the whole page. */
export function colourOf(names, name) {
  const place = names.indexOf(name);
  return COLOURS[(place < 0 ? COLOURS.length - 1 : place) % COLOURS.length];
}

const MAX_ROWS = 6;

const createElement = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
};

/** Create the card of a product.
 * @param {object} result result of an answer
 * @param {object} options
 * @param {string[]} options.names names of all dimensions
 * @param {string} [options.base] address of the service; empty for the address of the page
 * @param {(result: object) => void} options.onSimilar is called to search for similar products
 * @param {(result: object) => void} [options.onOpen] is called when the product's page is opened
 * @param {(result: object, place: HTMLElement) => void} [options.onRegions] is called to show where the photos match
 */
export function createCard(result, { names, base = "", onSimilar, onOpen, onRegions }) {
  const picture = createElement("img", { alt: "", loading: "lazy", decoding: "async" });
  if (result.photo) picture.src = `${base}${result.photo}?width=384`;
  const address = shopAddress(result.url);
  const title = address
    ? createElement("a", { href: address, textContent: result.title, rel: "noopener" })
    : createElement("span", { textContent: result.title });
  if (address && onOpen) title.addEventListener("click", () => onOpen(result));
  const similarButton = createElement("button", { type: "button", textContent: "More like this" });
  similarButton.setAttribute("aria-label", `More like ${result.title}`);
  similarButton.addEventListener("click", () => onSimilar(result));
  const percent = Math.round(result.match_probability * 100);
  const probability = result.match_probability === null ? "" : `same product: ${percent} % likely`;
  const proof = (result.barcode && `barcode ${result.barcode}`) || (result.same_photo ? "identical photo" : probability);
  const text = createElement(
    "div",
    { className: "text" },
    createElement("h3", {}, title),
    createElement("span", { className: "price", textContent: formatPrice(result.price, result.currency) }),
    result.in_stock === false ? createElement("span", { className: "match", textContent: "sold out" }) : null,
    proof ? createElement("span", { className: "match", textContent: proof }) : null,
    createExplanation(result, names, onRegions),
    createElement("div", { className: "row" }, similarButton),
  );
  const card = createElement("li", { className: "card" }, picture, text);
  card.dataset.product = result.product_id;
  return card;
}

/** Show the parts of the score as bars that add up to it, and as numbers. */
function createExplanation(result, names, onRegions) {
  const parts = Object.entries(result.parts).filter(([, part]) => Math.abs(part) >= 0.0005);
  parts.sort((first, second) => second[1] - first[1]);
  const bars = createElement("div", { className: "bars", role: "img" });
  bars.setAttribute("aria-label", `score ${result.score.toFixed(2)}`);
  const end = Math.max(1, parts.reduce((sum, [, part]) => sum + Math.max(0, part), 0));
  for (const [name, part] of parts) {
    if (part <= 0) continue;
    const bar = createElement("span", { title: `${name} ${part.toFixed(3)}` });
    bar.style.width = `${(100 * part) / end}%`;
    bar.style.background = colourOf(names, name);
    bars.append(bar);
  }
  const rows = parts.slice(0, MAX_ROWS).map(([name, part]) => {
    const match = result.reasons?.matches?.[name];
    const swatch = createElement("span", { className: "swatch" });
    swatch.style.background = colourOf(names, name);
    const value = match ? ` · ${match.class.split(" > ").pop()}` : "";
    return createElement("tr", {}, createElement("td", {}, swatch, name + value), createElement("td", { textContent: part.toFixed(3) }));
  });
  const rest = parts.slice(MAX_ROWS);
  if (rest.length) {
    const sum = rest.reduce((total, [, part]) => total + part, 0).toFixed(3);
    const cell = createElement("td", { textContent: `${rest.length} more`, title: rest.map(([name]) => name).join(", ") });
    rows.push(createElement("tr", {}, cell, createElement("td", { textContent: sum })));
  }
  rows.push(createElement("tr", {}, createElement("td", { textContent: "score" }), createElement("td", { textContent: result.score.toFixed(3) })));
  return createElement(
    "details",
    { className: "why" },
    createElement("summary", {}, bars),
    createElement("table", {}, createElement("tbody", {}, ...rows)),
    ...(onRegions ? createRegionsButton(result, onRegions) : []),
  );
}

/** Create a button that shows where the photos match, and the place where this is shown. */
function createRegionsButton(result, onRegions) {
  const place = createElement("div", { className: "regions" });
  place.setAttribute("aria-live", "polite");
  const button = createElement("button", { type: "button", textContent: "Show where" });
  button.setAttribute("aria-label", `Show where your photo matches ${result.title}`);
  button.addEventListener("click", () => onRegions(result, place));
  return [button, place];
}

/** Return the address of the product's page if it is http(s), otherwise nothing: it must not be a script. */
function shopAddress(url) {
  try {
    const address = new URL(url);
    return ["http:", "https:"].includes(address.protocol) ? address.href : "";
  } catch {
    return "";
  }
}

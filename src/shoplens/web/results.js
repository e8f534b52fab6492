/** Products as cards, with the reason for each. */

import { money } from "./api.js";

const INKS = ["#1d5c4d", "#c4622d", "#3f6fb5", "#8a5aa8", "#b08a1e", "#4b8f8c", "#a83e5b", "#6b7a2e", "#586074", "#9c6b4f"];

/** A colour for each dimension, the same on the whole page. */
export function inkOf(names, name) {
  const place = names.indexOf(name);
  return INKS[(place < 0 ? INKS.length - 1 : place) % INKS.length];
}

const SHOWN = 6;

const made = (tag, attributes = {}, ...inside) => {
  const one = Object.assign(document.createElement(tag), attributes);
  one.append(...inside.filter((part) => part !== null));
  return one;
};

/** One product.
 * @param {object} result of an answer
 * @param {{names: string[], base?: string, more: (result: object) => void, opened?: (result: object) => void}} how
 */
export function card(result, { names, base = "", more, opened }) {
  const picture = made("img", { alt: "", loading: "lazy", decoding: "async" });
  if (result.photo) picture.src = `${base}${result.photo}?width=384`;
  const address = shopAddress(result.url);
  const title = address
    ? made("a", { href: address, textContent: result.title, rel: "noopener" })
    : made("span", { textContent: result.title });
  if (address && opened) title.addEventListener("click", () => opened(result));
  const likeIt = made("button", { type: "button", textContent: "More like this" });
  likeIt.setAttribute("aria-label", `More like ${result.title}`);
  likeIt.addEventListener("click", () => more(result));
  const sure = result.match_probability === null ? "" : `${Math.round(result.match_probability * 100)} % the same product`;
  const text = made(
    "div",
    { className: "text" },
    made("h3", {}, title),
    made("span", { className: "price", textContent: money(result.price, result.currency) }),
    result.in_stock === false ? made("span", { className: "match", textContent: "sold out" }) : null,
    sure || result.same_photo
      ? made("span", { className: "match", textContent: result.same_photo ? "this very photo" : sure })
      : null,
    why(result, names),
    made("div", { className: "row" }, likeIt),
  );
  const one = made("li", { className: "card" }, picture, text);
  one.dataset.product = result.product_id;
  return one;
}

/** Parts of the score as bars that add up to it, and in figures. */
function why(result, names) {
  const parts = Object.entries(result.parts).filter(([, part]) => Math.abs(part) >= 0.0005);
  parts.sort((one, other) => other[1] - one[1]);
  const bars = made("div", { className: "bars", role: "img" });
  bars.setAttribute("aria-label", `score ${result.score.toFixed(2)}`);
  const end = Math.max(1, parts.reduce((sum, [, part]) => sum + Math.max(0, part), 0));
  for (const [name, part] of parts) {
    if (part <= 0) continue;
    const bar = made("span", { title: `${name} ${part.toFixed(3)}` });
    bar.style.width = `${(100 * part) / end}%`;
    bar.style.background = inkOf(names, name);
    bars.append(bar);
  }
  const rows = parts.slice(0, SHOWN).map(([name, part]) => {
    const match = result.reasons?.matches?.[name];
    const swatch = made("span", { className: "swatch" });
    swatch.style.background = inkOf(names, name);
    const said = match ? ` · ${match.class.split(" > ").pop()}` : "";
    return made("tr", {}, made("td", {}, swatch, name + said), made("td", { textContent: part.toFixed(3) }));
  });
  const rest = parts.slice(SHOWN);
  if (rest.length) {
    const sum = rest.reduce((total, [, part]) => total + part, 0).toFixed(3);
    const told = made("td", { textContent: `${rest.length} more`, title: rest.map(([name]) => name).join(", ") });
    rows.push(made("tr", {}, told, made("td", { textContent: sum })));
  }
  rows.push(made("tr", {}, made("td", { textContent: "score" }), made("td", { textContent: result.score.toFixed(3) })));
  return made(
    "details",
    { className: "why" },
    made("summary", {}, bars),
    made("table", {}, made("tbody", {}, ...rows)),
  );
}

/** The product's page in the shop, if that is what it says; nothing that runs. */
function shopAddress(url) {
  try {
    const found = new URL(url);
    return ["http:", "https:"].includes(found.protocol) ? found.href : "";
  } catch {
    return "";
  }
}

/** A verdict as a shopper reads it. */
export function verdict(answer) {
  const told = {
    exact: "exact: this is the product in your photo.",
    similar: "similar: this very product may not be here; these are like it.",
    "not in this catalogue": "not in this catalogue: this is the nearest there is.",
    uncalibrated: "Most alike first.",
  };
  return told[answer.verdict_words] ?? answer.verdict_words;
}

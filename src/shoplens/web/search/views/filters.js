/** Filters: in a column beside the results, or in a sheet over them where the screen is narrow. */

import { button, h } from "../dom.js";
import { morphChildren } from "../morph.js";
import { SEPARATOR, toggleTick } from "../query.js";
import { createWeights } from "./weights.js";

const SHOWN = 6;
const OPEN = 3;

export class Filters {
  constructor(app) {
    this.app = app;
    const say = (key) => app.texts.say(key);
    this.panel = h("div.filters", { part: "filters" });
    const skip = button(say("skip"), { kind: "skip", onclick: () => app.results.focus() });
    this.column = h("section.column", { "aria-label": say("filters"), hidden: true }, skip);
    this.body = h("div.body");
    this.clear = button(say("clearAll"), { onclick: () => app.clearConditions() });
    this.show = button(say("showResults"), { kind: "primary", onclick: () => this.sheet.close() });
    this.sheet = h("dialog.sheet", { "aria-label": say("filters"), onclick: (event) => event.target === this.sheet && this.sheet.close() },
      h("header", {}, h("h2.title", {}, say("filters")), button(say("close"), { glyph: "close", round: true, onclick: () => this.sheet.close() })),
      this.body, h("footer", {}, this.clear, this.show));
    this.whole = new Set();
    this.opened = new Map();
  }

  /** Put the panel into the column or the sheet. */
  place(isWide) {
    if (this.isWide === isWide) return;
    this.isWide = isWide;
    if (isWide && this.sheet.open) this.sheet.close();
    (isWide ? this.column : this.body).append(this.panel);
    this.column.hidden = !isWide;
  }

  open() {
    if (!this.isWide) this.sheet.showModal();
    else this.panel.querySelector("summary, input, button")?.focus();
  }

  /** Return how a value is called to shoppers: the last step of a path. */
  nameOf(field, value) {
    return value.split(SEPARATOR).at(-1);
  }

  update() {
    const { app } = this;
    this.clear.disabled = !app.conditionCount;
    const facets = app.answer?.facets;
    if (facets && (facets.length || !this.facets)) this.facets = facets;
    if (!this.facets || !app.shop) return;
    morphChildren(this.panel, this.#createGroups());
    this.weights.update();
  }

  #createGroups() {
    const { app } = this;
    const groups = [];
    const facets = app.shop.fields.map((field) => [field, this.facets.find((facet) => facet.field === field.name)]);
    for (const [field, facet] of facets) {
      if (!facet || (facet.values.length < 2 && !app.query.ticks[field.name])) continue;
      groups.push(this.#createGroup(field, facet, groups.length < OPEN));
      if (groups.length === 1 && app.shop.price) groups.push(this.#createPrice());
    }
    this.weights ??= createWeights(app);
    groups.splice(Math.min(3, groups.length), 0, ...this.weights.simple);
    return [...groups, this.weights.advanced];
  }

  #createDetails(name, title, isOpen, ...children) {
    const details = h("details", { open: this.opened.get(name) ?? isOpen, data: { key: name } }, h("summary", {}, title), ...children);
    details.addEventListener("toggle", () => this.opened.set(name, details.open));
    return details;
  }

  #createGroup(field, facet, isOpen) {
    const { app } = this;
    const ticked = app.query.ticks[field.name] ?? [];
    const rows = field.tree.length ? treeRows(field, facet, ticked) : flatRows(facet, ticked);
    const isWhole = this.whole.has(field.name);
    const shown = isWhole ? rows : rows.filter((row, place) => place < SHOWN || row.isTicked);
    const list = h("ul", {}, ...shown.map((row) => h("li", { className: row.depth ? "branch" : "", data: { key: row.value }, style: { "padding-inline-start": `${20 * row.depth}px` } }, this.#createTick(field, row))));
    const more = rows.length > SHOWN
      ? button(app.texts.say(isWhole ? "showLess" : "showMore", { count: rows.length }), { kind: "plain", onclick: () => {
          if (!this.whole.delete(field.name)) this.whole.add(field.name);
          this.update();
        } })
      : null;
    return this.#createDetails(field.name, app.texts.field(field.name), isOpen || ticked.length > 0, h("fieldset", {}, h("legend.quiet", {}, app.texts.field(field.name)), list, more));
  }

  #createTick(field, { value, name, count, isTicked }) {
    const { app } = this;
    const box = h("input", { type: "checkbox", checked: isTicked });
    box.addEventListener("change", () => app.change(toggleTick(app.query, field.name, value)));
    const hasColors = Object.keys(field.swatches).length > 0;
    const color = field.swatches[value.toLocaleLowerCase()] ?? (hasColors ? "transparent" : null);
    return h("label.tick", {}, box, color && h("span.swatch", { style: { background: color } }), h("span", { dir: "auto", className: count ? "" : "none" }, name),
      count !== null && h("span.count", {}, app.texts.number(count)));
  }

  #createPrice() {
    const { app } = this;
    const { texts, shop: { price }, query } = app;
    const isBounded = (end) => end !== null && end !== undefined;
    const inputs = ["priceFrom", "priceTo"].map((key, end) => h("input.field", {
      type: "number", min: 0, step: "any", inputMode: "decimal", "aria-label": texts.say(key), data: { key },
      placeholder: texts.number(end ? Math.ceil(price.max) : Math.floor(price.min)), value: isBounded(query.price[end]) ? query.price[end] : "",
    }));
    const change = () => {
      let [low, high] = inputs.map((input) => (input.value === "" || !(Number(input.value) >= 0) ? null : Number(input.value)));
      if (low !== null && high !== null && low > high) [low, high] = [high, low];
      if (String([low, high]) !== String(app.query.price)) app.change({ ...app.query, price: [low, high] });
    };
    for (const input of inputs) input.addEventListener("change", change);
    const title = app.currency ? `${texts.say("price")} (${app.currency})` : texts.say("price");
    return this.#createDetails("price", title, true, this.#createBars(), h("div.range", {}, inputs[0], h("span", { "aria-hidden": "true" }, "–"), inputs[1]));
  }

  /** Draw how many products there are by price; the bars of the chosen range stand out. */
  #createBars() {
    const { price } = this.app.shop;
    const [low, high] = this.app.query.price;
    if (!price.counts?.length) return null;
    const width = (price.max - price.min) / price.counts.length;
    const most = Math.max(...price.counts);
    return h("div.bars", { "aria-hidden": "true" }, ...price.counts.map((count, place) => {
      const begin = price.min + place * width;
      const isIn = (low === null || begin + width > low) && (high === null || begin <= high);
      return h(isIn ? "i.in" : "i", { style: { height: `${Math.max(6, (100 * count) / most)}%` } });
    }));
  }
}

/** Return the rows of a field without levels; ticks stay even where no product has them any more. */
function flatRows(facet, ticked) {
  const rows = facet.values.map(({ value, all }) => ({ value, name: value, count: all, depth: 0, isTicked: isIn(ticked, value) }));
  const missing = ticked.filter((value) => !rows.some((row) => isIn([value], row.value)));
  return [...missing.map((value) => ({ value, name: value, count: 0, depth: 0, isTicked: true })), ...rows];
}

const isIn = (values, value) => values.some((one) => one.toLocaleLowerCase() === value.toLocaleLowerCase());

/** Return the rows of a tree that are open: the roots, the branches of ticks, and what is directly below these. */
function treeRows(field, facet, ticked) {
  const counts = new Map(facet.values.map(({ value, all }) => [value.toLocaleLowerCase(), all]));
  const names = new Map();
  for (const path of field.tree) {
    const name = path.split(SEPARATOR).at(-1);
    names.set(name, (names.get(name) ?? 0) + 1);
  }
  const parentOf = (path) => path.split(SEPARATOR).slice(0, -1).join(SEPARATOR);
  const isOpen = (path) => !path || ticked.some((one) => one === path || one.startsWith(path + SEPARATOR) || parentOf(one) === path);
  const shown = field.tree.filter((path) => {
    const steps = path.split(SEPARATOR).slice(0, -1);
    return steps.every((_, place) => isOpen(steps.slice(0, place + 1).join(SEPARATOR))) || ticked.includes(path);
  });
  for (const path of ticked) if (!shown.includes(path)) shown.unshift(path);
  return shown.map((path) => {
    const steps = path.split(SEPARATOR);
    const name = steps.at(-1);
    const count = names.get(name) > 1 ? null : (counts.get(name.toLocaleLowerCase()) ?? 0);
    return { value: path, name, count, depth: steps.length - 1, isTicked: ticked.includes(path) };
  });
}

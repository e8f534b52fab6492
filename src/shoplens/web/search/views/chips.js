/** What a search asks for, as chips that can be taken back: words, ticks, prices and conditions. */

import { button, h, icon } from "../dom.js";
import { toggleTick } from "../query.js";

export class Chips {
  constructor(app) {
    this.app = app;
    this.element = h("ul.chips", { "aria-label": app.texts.say("filters") });
  }

  update() {
    const { app } = this;
    const wishes = [...meaningWishes(app), ...conditionWishes(app)];
    const key = JSON.stringify(wishes.map(({ name, kind }) => [name, kind]));
    if (key === this.key) return;
    this.key = key;
    const hadFocus = this.element.contains(this.element.getRootNode().activeElement);
    const chips = wishes.map(({ name, kind, next }) => {
      const remove = h("button", { type: "button", "aria-label": app.texts.say("remove", { name }), onclick: () => app.change(next) }, icon("close"));
      return h(kind ? `li.chip.${kind}` : "li.chip", { part: "chip" }, h("span", { dir: "auto" }, name), remove);
    });
    if (conditionWishes(app).length > 1) chips.push(h("li", {}, button(app.texts.say("clearAll"), { kind: "plain", onclick: () => app.clearConditions() })));
    this.element.replaceChildren(...chips);
    if (hadFocus) (this.element.querySelector("button") ?? app.tools.field).focus();
  }
}

/** Return the words of an answer as wishes: each with its name, and the search without it. */
export function meaningWishes(app) {
  const { query, answer, texts } = app;
  if (!query.text) return [];
  const meanings = answer?.words ?? [];
  if (!meanings.length) return [{ name: query.text, kind: "", next: { ...query, text: "" } }];
  return meanings.map((meaning) => {
    const letters = Array.from(query.text); // places are counted in whole characters
    letters.splice(meaning.start, meaning.end - meaning.start);
    const rest = letters.join("").replace(/\s+/g, " ").replace(/\s*,(\s*,)*/g, ",").replace(/^[\s,;]+|[\s,;]+$/g, "");
    return { name: describeMeaning(meaning, texts), kind: meaning.kind === "unknown" ? "unknown" : "", next: { ...query, text: meanings.length === 1 ? "" : rest } };
  });
}

/** Return the conditions of a search as wishes. */
export function conditionWishes(app) {
  const { query } = app;
  const wishes = Object.entries(query.ticks).flatMap(([field, values]) =>
    values.map((value) => ({ name: app.filters.nameOf(field, value), kind: "", next: toggleTick(query, field, value) })));
  const [low, high] = query.price;
  if (low !== null || high !== null) wishes.push({ name: describePrice(low, high, app), kind: "", next: { ...query, price: [null, null] } });
  if (query.where) wishes.push({ name: query.where, kind: "", next: { ...query, where: "" } });
  return wishes;
}

function describePrice(low, high, app) {
  const { texts, currency } = app;
  const values = { low: texts.price(low, currency), high: texts.price(high, currency) };
  if (low !== null && high !== null) return texts.say("between", values);
  return low === null ? texts.say("under", { price: values.high }) : texts.say("over", { price: values.low });
}

/** Return what a chip says of some words: the words, and in brackets what was read in them where that is not the same. */
function describeMeaning({ words, kind, classes, corrected }, texts) {
  if (kind === "unknown") return `${words} (${texts.say("notUnderstood")})`;
  const names = Object.values(classes ?? {}).flatMap((shares) => Object.keys(shares).map((name) => name.split(" > ").at(-1)));
  const read = [...new Set(names)].slice(0, 2).join(", ") || corrected;
  const isSame = !read || words.toLocaleLowerCase().includes(read.toLocaleLowerCase());
  return isSame ? words : `${words} (${kind === "unwanted" ? texts.say("not", { name: read }) : read})`;
}

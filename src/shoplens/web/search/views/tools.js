/** The field for words, the number of products, the order, and the button for filters. */

import { button, h } from "../dom.js";

const ORDERS = [["", "sortLike"], ["price", "sortCheap"], ["-price", "sortDear"]];

export class Tools {
  constructor(app) {
    this.app = app;
    const say = (key) => app.texts.say(key);
    this.field = h("input.field", { type: "text", maxLength: 500, autocomplete: "off", enterKeyHint: "search", dir: "auto", placeholder: say("wordsHint"), "aria-label": say("words") });
    const form = h("form.words", { role: "search", "aria-label": say("words") }, this.field, button(say("find"), { glyph: "search", round: true, type: "submit" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.field.value.trim();
      if (text !== app.query.text) app.change({ ...app.query, text }, { focus: true });
    });
    this.sort = h("select", { "aria-label": say("sort") }, ...ORDERS.map(([value, key]) => h("option", { value }, say(key))));
    this.sort.addEventListener("change", () => app.change({ ...app.query, sort: this.sort.value }));
    this.badge = h("span.badge", { "aria-hidden": "true" });
    this.open = button(say("filters"), { glyph: "filters", part: "filters-button", onclick: () => app.filters.open() });
    this.open.append(this.badge);
    this.element = h("div", {}, form, h("div.tools", { style: { "margin-top": "8px" } }, this.open, h("span.space"), this.sort));
  }

  update() {
    const { app } = this;
    const { texts } = app;
    this.element.hidden = app.answer?.verdict === "no-product";
    if (this.field.getRootNode().activeElement !== this.field || this.shown !== app.query.text) this.field.value = app.query.text;
    this.shown = app.query.text;
    this.sort.value = app.query.sort;
    this.sort.hidden = Boolean(app.shop) && !app.shop.price;
    const count = app.conditionCount;
    this.badge.textContent = count;
    this.badge.hidden = !count;
    this.open.setAttribute("aria-label", count ? texts.say("filtersActive", { count }) : texts.say("filters"));
  }
}

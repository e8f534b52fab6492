/** Under "Advanced": how much every dimension counts, and a condition. */

import { button, h } from "../dom.js";

const MAX_FACTOR = 4;
const WAIT_MS = 160;
const CONDITION_HINT = "price < 60 and in_stock = true"; // a condition is written in every language alike

/**
 * Fill the details with the controls.
 * @param {import("../app.js").SearchApp} app
 * @param {HTMLDetailsElement} details
 * @returns {() => void} shows the weights and the condition of the present search
 */
export function createAdvanced(app, details) {
  const { texts } = app;
  const sliders = app.shop.dimensions.map(({ name }) => {
    const input = h("input", { type: "range", min: 0, max: MAX_FACTOR, step: 0.25, "aria-label": texts.field(name) });
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => app.change({ ...app.query, factors: { ...app.query.factors, [name]: Number(input.value) } }, { keep: true }), WAIT_MS);
    });
    const share = h("span.small.soft", { "aria-hidden": "true" });
    return { name, input, share, row: h("div.slider", {}, h("span", { dir: "auto", "aria-hidden": "true" }, texts.field(name)), share, input) };
  });
  const condition = h("input.field", { type: "text", autocomplete: "off", spellcheck: false, placeholder: CONDITION_HINT, "aria-label": texts.say("condition") });
  const form = h("form", { style: { "margin-top": "12px" } }, h("p.small", { "aria-hidden": "true" }, texts.say("condition")), h("div.words", {}, condition, button(texts.say("apply"), { glyph: "check", round: true, type: "submit" })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    app.change({ ...app.query, where: condition.value.trim() });
  });
  const reset = button(texts.say("reset"), { onclick: () => app.change({ ...app.query, factors: {} }) });
  details.append(h("p.small.soft", {}, texts.say("weights")), ...sliders.map(({ row }) => row), reset, form);

  return () => {
    const { factors } = app.query;
    for (const { name, input, share } of sliders) {
      if (!input.matches(":active")) input.value = String(factors[name] ?? 1); // a drag goes on
      const part = texts.percent(app.answer?.importances?.[name] ?? 0);
      share.textContent = part;
      input.setAttribute("aria-valuetext", texts.say("weightOf", { name: texts.field(name), factor: factors[name] ?? 1, share: part }));
    }
    if (condition.getRootNode().activeElement !== condition) condition.value = app.query.where;
  };
}

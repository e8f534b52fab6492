/** What counts, and how much: "colour matters less, normally, more", and under "Advanced" every weight and a condition. */

import { button, h } from "../dom.js";

const CHOICES = [["less", 0.25], ["normal", 1], ["more", 3]];
const MAX_FACTOR = 4;
const WAIT_MS = 160;

/**
 * Create the controls.
 * @returns {{simple: HTMLElement[], advanced: HTMLElement, update: () => void}}
 */
export function createWeights(app) {
  const { texts, shop } = app;
  const main = shop.dimensions.find((one) => one.name === "color") ?? shop.dimensions.find((one) => one.name === shop.fields[1]?.name);
  const setFactor = (name, factor, keep = false) => app.change({ ...app.query, factors: { ...app.query.factors, [name]: factor } }, { keep });
  const radios = !main ? [] : CHOICES.map(([key, factor]) => {
    const input = h("input", { type: "radio", name: "matters", value: factor, data: { held: `matters ${key}` }, onchange: () => setFactor(main.name, factor) });
    return h("label", {}, input, h("span", {}, texts.say(key)));
  });
  const title = main && texts.say("matters", { name: texts.field(main.name) });
  const simple = main ? [h("section", {}, h("h3", { "aria-hidden": "true" }, title), h("div.choice", { role: "radiogroup", "aria-label": title }, ...radios))] : [];

  const sliders = shop.dimensions.map(({ name }) => {
    const input = h("input", { type: "range", min: 0, max: MAX_FACTOR, step: 0.25, data: { held: `weight ${name}` }, "aria-label": texts.field(name) });
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => setFactor(name, Number(input.value), true), WAIT_MS);
    });
    const share = h("span.small.soft", { "aria-hidden": "true" });
    return { name, input, share, row: h("div.slider", {}, h("span", { dir: "auto", "aria-hidden": "true" }, texts.field(name)), share, input) };
  });
  const condition = h("input.field", { type: "text", autocomplete: "off", spellcheck: false, placeholder: texts.say("conditionHint"), "aria-label": texts.say("condition") });
  const form = h("form", { style: { "margin-top": "12px" } }, h("p.small", { "aria-hidden": "true" }, texts.say("condition")), h("div.words", {}, condition, button(texts.say("apply"), { glyph: "check", round: true, type: "submit" })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    app.change({ ...app.query, where: condition.value.trim() });
  });
  const reset = button(texts.say("reset"), { onclick: () => app.change({ ...app.query, factors: {} }) });
  const advanced = h("details", {}, h("summary", {}, texts.say("advanced")), h("p.small.soft", {}, texts.say("weights")), ...sliders.map(({ row }) => row), reset, form);

  const update = () => {
    const { factors } = app.query;
    const factor = main ? (factors[main.name] ?? 1) : 1;
    for (const label of radios) label.firstChild.checked = Number(label.firstChild.value) === factor;
    for (const { name, input, share } of sliders) {
      input.value = String(factors[name] ?? 1);
      const part = texts.percent(app.answer?.importances?.[name] ?? 0);
      share.textContent = part;
      input.setAttribute("aria-valuetext", texts.say("weightOf", { name: texts.field(name), factor: factors[name] ?? 1, share: part }));
    }
    if (condition.getRootNode().activeElement !== condition) condition.value = app.query.where;
  };
  update();
  return { simple, advanced, update };
}

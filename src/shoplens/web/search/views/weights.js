/** "Colour matters less, normally, more"; and under "Advanced", every weight and a condition, loaded when it is opened. */

import { h } from "../dom.js";

const CHOICES = [["less", 0.25], ["normal", 1], ["more", 3]];

/**
 * Create the controls.
 * @returns {{simple: HTMLElement[], advanced: HTMLElement, update: () => void}}
 */
export function createWeights(app) {
  const { texts, shop } = app;
  const main = shop.dimensions.find((one) => one.name === "color") ?? shop.dimensions.find((one) => one.name === shop.fields[1]?.name);
  const setFactor = (factor) => app.change({ ...app.query, factors: { ...app.query.factors, [main.name]: factor } });
  const radios = !main ? [] : CHOICES.map(([key, factor]) => {
    const input = h("input", { type: "radio", name: "matters", value: factor, onchange: () => setFactor(factor) });
    return h("label", {}, input, h("span", {}, texts.say(key)));
  });
  const title = main && texts.say("matters", { name: texts.field(main.name) });
  const simple = main ? [h("section", {}, h("h3", { "aria-hidden": "true" }, title), h("div.choice", { role: "radiogroup", "aria-label": title }, ...radios))] : [];

  let updateAdvanced = null;
  const fill = async () => {
    advanced.ontoggle = null;
    const { createAdvanced } = await import("../on_demand/advanced.js");
    updateAdvanced = createAdvanced(app, advanced);
    updateAdvanced();
  };
  const advanced = h("details", {}, h("summary", {}, texts.say("advanced")));
  advanced.ontoggle = fill;

  const update = () => {
    const factor = main ? (app.query.factors[main.name] ?? 1) : 1;
    for (const label of radios) label.firstChild.checked = Number(label.firstChild.value) === factor;
    updateAdvanced?.();
  };
  update();
  return { simple, advanced, update };
}

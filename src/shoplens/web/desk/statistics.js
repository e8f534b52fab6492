/** What shoppers sought, saw and clicked: searches a day, what was not found, words, and products. */

import { h } from "../search/dom.js";
import { createProducts, createSection } from "./parts.js";

/**
 * Fill the section.
 * @param {HTMLElement} section
 * @param {import("../search/service.js").Service} service with a key of the role desk
 */
export async function showStatistics(section, service) {
  const known = await service.request("/v1/desk/statistics?days=30");
  const most = Math.max(1, ...known.days.map((day) => day.searches));
  const days = known.days.map(({ day, searches, clicked }) => h("i", { title: `${day}: ${searches} searches, ${clicked} with a click`, style: { height: `${(100 * searches) / most}%` } }));
  const group = (one) => h("li", { data: { name: one.name } }, h("strong", { dir: "auto" }, one.name), h("span", {}, `${one.searches} searches, ${one.not_found} not found`), createProducts(service, one.nearest));
  const products = (title, rows) => h("section", {}, h("h2", {}, title), rows.length ? createProducts(service, rows, (one) => `${one.clicked} of ${one.shown}`) : h("p.soft", {}, "Nothing yet."));
  const off = known.remember ? "" : " Nothing is counted, since answers are not remembered: the setting “remember” is off.";
  section.querySelector(".body").replaceChildren(
    h("p.soft", {}, `${known.answers} answers in 30 days, ${known.without_click} without a click. What fewer than ${known.min_shoppers} shoppers did is not told.${off}`),
    h("div.days", { role: "img", "aria-label": `Searches a day, at most ${most}` }, ...days),
    createSection("Sought, and not found: by category of the nearest product", known.not_found.map(group), "Nothing was sought in vain."),
    createSection("Words", known.words.map(group), "No words yet."),
    products("Clicked most: clicks of answers that showed it", known.most_clicked), products("Shown most", known.most_shown));
}

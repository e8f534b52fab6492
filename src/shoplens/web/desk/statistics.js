/** What shoppers sought, saw and clicked: searches a day, what was not found, words, and products. */

import { h } from "../search/dom.js";
import { createProducts, createSection } from "./parts.js";

const DAYS = 30;

/**
 * Fill the section.
 * @param {HTMLElement} section
 * @param {object} desk its `service`, with a key of the role desk, and its `texts`
 */
export async function showStatistics(section, { service, texts }) {
  const say = (key, values) => texts.say(key, values);
  const known = await service.request(`/v1/desk/statistics?days=${DAYS}`);
  const most = Math.max(1, ...known.days.map((day) => day.searches));
  const days = known.days.map(({ day, searches, clicked }) => h("i", { title: say("day", { day, searches, clicked }), style: { height: `${(100 * searches) / most}%` } }));
  const group = (one) => h("li", { data: { name: one.name } }, h("strong", { dir: "auto" }, one.name), h("span", {}, say("group", { searches: one.searches, missing: one.not_found })), createProducts(service, one.nearest));
  const products = (title, rows) => h("section", {}, h("h2", {}, title), rows.length ? createProducts(service, rows, ({ clicked, shown }) => say("share", { clicked, shown })) : h("p.soft", {}, say("nothingYet")));
  section.querySelector(".body").replaceChildren(
    h("p.soft", {}, say("answers", { answers: known.answers, days: DAYS, without: known.without_click, shoppers: known.min_shoppers })),
    ...(known.remember ? [] : [h("p.soft", {}, say("notRemembered"))]),
    h("div.days", { role: "img", "aria-label": say("searchesADay", { most }) }, ...days),
    createSection(say("notFound"), known.not_found.map(group), say("noneInVain")),
    createSection(say("wordsTitle"), known.words.map(group), say("noWords")),
    products(say("clickedMost"), known.most_clicked), products(say("shownMost"), known.most_shown));
}

/** What shoppers sought and did not find: counts by category and day, and the products that came nearest. */

import { h } from "../search/dom.js";

const DAYS = 60;
const NEAREST = 8;

/**
 * Fill the section.
 * @param {HTMLElement} section
 * @param {import("../search/service.js").Service} service with a key of the role admin
 */
export async function showMissing(section, service) {
  const { searches } = await service.request("/v1/missing");
  const days = Object.entries(searches).sort().slice(-DAYS);
  const totals = new Map();
  for (const [, counts] of days) for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
  const sums = days.map(([day, counts]) => [day, Object.values(counts).reduce((sum, count) => sum + count, 0)]);
  const most = Math.max(1, ...sums.map(([, sum]) => sum));
  section.querySelector(".days").replaceChildren(...sums.map(([day, sum]) => h("i", { title: `${day}: ${sum}`, style: { height: `${(100 * sum) / most}%` } })));
  const rows = [...totals].sort((first, second) => second[1] - first[1]);
  const list = section.querySelector("ol");
  if (!rows.length) {
    list.replaceChildren(h("li", {}, "Nothing was sought in vain so far, or the store is not calibrated: run `shoplens calibrate`."));
    return;
  }
  list.replaceChildren(...rows.map(([name, count]) => h("li", { data: { category: name } }, h("strong", { dir: "auto" }, name), h("span", {}, `${count}`), h("div.near"))));
  await Promise.all([...list.children].map((row) => showNearest(row, service)));
}

async function showNearest(row, service) {
  const steps = row.dataset.category.split(" > ").filter((step) => !step.startsWith("("));
  if (!steps.length) return;
  const where = steps.map((step) => `category = "${step.replaceAll('"', '\\"')}"`);
  const answer = await service.send("/v1/search", { text: steps.at(-1), where, k: NEAREST, per_group: 1 }).catch(() => null);
  row.querySelector(".near").append(...(answer?.results ?? []).map((result) =>
    h("a", { href: `/#like=${encodeURIComponent(result.product_id)}`, title: result.title }, h("img", { src: service.photoAddress(result.photo, 192), alt: result.title, loading: "lazy" }))));
}

/** The doctor's findings, accepted one by one or exported as a corrected feed; and the reports of the store. */

import { h } from "../search/dom.js";
import { createProducts, createSection } from "./parts.js";

const TIMEOUT_MS = 600_000;
const MOST = 200;

/** Fill the section with what the doctor finds now. */
export async function showFindings(section, desk) {
  const { service, texts, say } = desk;
  say(texts.say("examining"));
  const found = await service.request("/v1/desk/findings", { timeout: TIMEOUT_MS });
  say("");
  for (const note of found.notes) console.info("shoplens:", note);
  const rows = found.findings.slice(0, MOST).map((finding) => {
    const row = h("li", { data: { kind: finding.kind } }, h("strong", { dir: "auto" }, `${nameProducts(finding)}: ${describe(finding, texts)}`), h("span.soft"), createProducts(service, finding.photos, (one) => one.product_id));
    console.info("shoplens:", finding.sentence, finding.fix);
    if (finding.dimension && finding.photo_value) row.append(createAccept(finding, desk));
    return row;
  });
  section.querySelector(".body").replaceChildren(h("p.soft", {}, texts.say("count", { count: found.products })),
    h("button", { type: "button", onclick: () => save(desk, "/v1/desk/corrected-feed", "corrected-feed.jsonl") }, texts.say("saveFeed")),
    createSection(texts.say("findings"), rows, texts.say("noFindings")));
}

/** Return the title of a finding's product, and the ids of its products. */
function nameProducts({ product_ids: ids, photos }) {
  const title = photos.find((one) => one.product_id === ids[0])?.title;
  const names = ids.length > 3 ? `${ids.slice(0, 3).join(", ")}, …` : ids.join(", ");
  return title ? `${title} (${names})` : names;
}

/** Return what was found, by its kind; the words of the doctor are in the console. */
function describe({ kind, dimension, feed_value: feed, photo_value: photo }, texts) {
  return texts.say(`kind ${kind}`, { field: dimension && texts.field(dimension), feed, photo });
}

function createAccept(finding, { service, texts, say }) {
  const accept = h("button", { type: "button" }, texts.say("accept", { value: finding.photo_value }));
  accept.addEventListener("click", async () => {
    try {
      const body = { product_id: finding.product_ids[0], dimension: finding.dimension, value: finding.photo_value };
      await service.send("/v1/desk/findings/accept", body);
      accept.replaceWith(h("span", {}, texts.say("accepted")));
    } catch (problem) {
      console.warn("shoplens:", problem.message);
      say(texts.error(problem));
    }
  });
  return accept;
}

/** Fill the section with the reports of the store. */
export async function showReports(section, desk) {
  const { service, texts } = desk;
  const { reports } = await service.request("/v1/desk/reports");
  const rows = reports.map(({ name, created, bytes }) => h("li", {}, h("button", { type: "button", onclick: () => save(desk, `/v1/desk/reports/${encodeURIComponent(name)}`, name) }, name),
    h("span.soft", {}, `${new Date(created * 1000).toLocaleString(texts.lang)}, ${texts.number(Math.ceil(bytes / 1024))} kB`)));
  section.querySelector(".body").replaceChildren(createSection(texts.say("reports"), rows, texts.say("noReports")));
}

/** Save a file that needs a key. */
async function save({ service, texts, say }, path, name) {
  const headers = service.key ? { Authorization: `Bearer ${service.key}` } : {};
  const response = await fetch(service.endpoint + path, { headers });
  if (!response.ok) return say(texts.say("cannotSave", { name }));
  const address = URL.createObjectURL(await response.blob());
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

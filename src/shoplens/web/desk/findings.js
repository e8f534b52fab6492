/** The doctor's findings, accepted one by one or exported as a corrected feed; and the reports of the store. */

import { h } from "../search/dom.js";
import { createProducts, createSection } from "./parts.js";

const TIMEOUT_MS = 600_000;
const MOST = 200;

/** Fill the section with what the doctor finds now. */
export async function showFindings(section, service, say) {
  say("The doctor examines the catalogue. This takes from seconds to minutes …");
  const found = await service.request("/v1/desk/findings", { timeout: TIMEOUT_MS });
  say(found.notes.join(" "));
  const rows = found.findings.slice(0, MOST).map((finding) => {
    const row = h("li", { data: { kind: finding.kind } }, h("strong", { dir: "auto" }, `${nameProducts(finding)}: ${finding.sentence}`), h("span.soft", {}, finding.fix), createProducts(service, finding.photos, (one) => one.role));
    if (finding.dimension && finding.photo_value) row.append(createAccept(finding, service, say));
    return row;
  });
  const counts = Object.entries(found.counts).map(([kind, count]) => `${kind}: ${count}`).join(" · ");
  section.querySelector(".body").replaceChildren(h("p.soft", {}, `${found.products} products. ${counts}`),
    h("button", { type: "button", onclick: () => save(service, "/v1/desk/corrected-feed", "corrected-feed.jsonl", say) }, "Save the corrected feed"),
    createSection("Findings", rows, "The doctor found nothing."));
}

/** Return the title of a finding's product, and the ids of its products. */
function nameProducts({ product_ids: ids, photos }) {
  const title = photos.find((one) => one.product_id === ids[0])?.title;
  const names = ids.length > 3 ? `${ids.slice(0, 3).join(", ")}, …` : ids.join(", ");
  return title ? `${title} (${names})` : names;
}

function createAccept(finding, service, say) {
  const accept = h("button", { type: "button" }, `Accept ${finding.photo_value}`);
  accept.addEventListener("click", async () => {
    try {
      const body = { product_id: finding.product_ids[0], dimension: finding.dimension, value: finding.photo_value };
      await service.send("/v1/desk/findings/accept", body);
      accept.replaceWith(h("span", {}, "Accepted"));
    } catch (problem) {
      say(`${problem.problem ?? problem} ${problem.fix ?? ""}`);
    }
  });
  return accept;
}

/** Fill the section with the reports of the store. */
export async function showReports(section, service, say) {
  const { reports } = await service.request("/v1/desk/reports");
  const rows = reports.map(({ name, created, bytes }) => h("li", {}, h("button", { type: "button", onclick: () => save(service, `/v1/desk/reports/${encodeURIComponent(name)}`, name, say) }, name),
    h("span.soft", {}, `${new Date(created * 1000).toLocaleString()}, ${Math.ceil(bytes / 1024)} kB`)));
  section.querySelector(".body").replaceChildren(createSection("Reports", rows, "There is no report yet."));
}

/** Save a file that needs a key. */
async function save(service, path, name, say) {
  const headers = service.key ? { Authorization: `Bearer ${service.key}` } : {};
  const response = await fetch(service.endpoint + path, { headers });
  if (!response.ok) return say(`${name} cannot be saved now.`);
  const address = URL.createObjectURL(await response.blob());
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Shows where the photo and the photo of a result match: both things enlarged, with numbered dots. */

import { fetchJson } from "./api.js";

const MARGIN = 0.08;
const MAX_POINTS = 8;
const COLOURS = ["#c4162f", "#1f7a33", "#2f4fb8", "#b3530b", "#7d1d94", "#00696a", "#7a5a00", "#6b0f0f", "#23236e"];

/** Ask the service where a photo and a result match, and show it.
 * @param {HTMLElement} place is filled
 * @param {object} result result of an answer
 * @param {{blob: Blob, size: number[] | undefined, region: number[] | null}} photo the photo that was searched with,
 *   its width and height, and the part of it that was searched for
 */
export async function showRegions(place, result, { blob, size, region }) {
  place.textContent = "Comparing …";
  try {
    const fields = { image: await encodeBase64(blob), product_id: result.product_id, photo: result.photo };
    if (region) fields.region = region;
    const headers = { "Content-Type": "application/json" };
    const match = await fetchJson("", "/v1/regions", { method: "POST", headers, body: JSON.stringify(fields) });
    if (!match.points.length || !size) {
      place.textContent = "No place of the two photos is alike.";
      return;
    }
    const points = match.points.slice(0, MAX_POINTS);
    const address = URL.createObjectURL(blob);
    const yours = createFigure("Your photo", address, size, match.query, points.map((point) => point.query));
    yours.querySelector("img").addEventListener("load", () => URL.revokeObjectURL(address));
    const places = points.map((point) => point.product);
    place.replaceChildren(yours, createFigure("Product", `${result.photo}?width=768`, match.product_size, match.product, places));
  } catch (problem) {
    place.textContent = problem.problem ? `${problem.problem} ${problem.fix}` : String(problem);
  }
}

/** Create a figure that shows the box of a photo with a margin, and numbered dots on it. */
function createFigure(name, address, [width, height], [x, y, w, h], points) {
  const left = Math.max(0, x - MARGIN * w);
  const top = Math.max(0, y - MARGIN * h);
  const wide = Math.min(width, x + w + MARGIN * w) - left;
  const high = Math.min(height, y + h + MARGIN * h) - top;
  const figure = document.createElement("figure");
  const frame = document.createElement("div");
  frame.className = "part";
  frame.style.aspectRatio = `${wide} / ${high}`;
  const image = Object.assign(document.createElement("img"), { alt: "", src: address });
  const percent = (share) => `${100 * share}%`;
  Object.assign(image.style, { width: percent(width / wide), left: percent(-left / wide), top: percent(-top / high) });
  const dots = points.map(([across, down], place) => {
    const dot = Object.assign(document.createElement("span"), { className: "dot", textContent: place + 1 });
    const colour = COLOURS[place % COLOURS.length];
    Object.assign(dot.style, { left: percent((across - left) / wide), top: percent((down - top) / high), background: colour });
    return dot;
  });
  frame.append(image, ...dots);
  const caption = Object.assign(document.createElement("figcaption"), { textContent: name });
  figure.append(frame, caption);
  return figure;
}

function encodeBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",", 2)[1]));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

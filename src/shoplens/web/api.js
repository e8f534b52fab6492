/**
 * Requests to the service, and the texts that the page and the search element have in common. Every failure is an Error
 * with `code`, `problem` and `fix`.
 */

export class ServiceError extends Error {
  constructor({ code, problem, fix }) {
    super(`${problem} ${fix}`);
    Object.assign(this, { code, problem, fix });
  }
}

/** Return the JSON body of a response.
 * @param {string} base address of the service; empty for the address of the page
 * @param {string} path path of the endpoint, with its query
 * @param {RequestInit} [options] options of `fetch`
 */
export async function fetchJson(base, path, options = {}) {
  let response;
  try {
    response = await fetch(base + path, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ServiceError({
      code: "offline",
      problem: "The shop cannot be reached.",
      fix: "Check your connection and try again.",
    });
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const problem = `The shop answered with the status ${response.status}.`;
  throw new ServiceError(body?.error ?? { code: "unforeseen", problem, fix: "Try again." });
}

/** Search: a photo is sent as a form, anything else as JSON.
 * @param {string} base address of the service; empty for the address of the page
 * @param {object} fields fields of `/v1/search`; `image` is a Blob
 * @param {{key?: string, signal?: AbortSignal}} [options] API key, and a signal that cancels the request
 */
export function postSearch(base, fields, { key, signal } = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (fields.image === undefined) {
    headers["Content-Type"] = "application/json";
    return fetchJson(base, "/v1/search", { method: "POST", headers, signal, body: JSON.stringify(fields) });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (name === "image") form.append(name, value, "photo");
    else if (name === "where" || name === "facets") value.forEach((item) => form.append(name, item));
    else form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return fetchJson(base, "/v1/search", { method: "POST", headers, signal, body: form });
}

/** Prepare a photo for sending: at most `maxSide` pixels on a side, upright, and without metadata. */
export async function preparePhoto(file, maxSide = 1600) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) return { blob: file, width: 0, height: 0, bitmap: null }; // e.g. HEIC, which the service can read
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const original = scale === 1 && file.size < 400_000 && file.type === "image/png" ? file : null;
  const blob = original ?? (await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92)));
  return { blob, width: canvas.width, height: canvas.height, bitmap: canvas };
}

/** Return a price with its currency, in the format of the browser's language; empty where there is no price. */
export const formatPrice = (price, currency) => {
  if (price === null || price === undefined) return "";
  try {
    return new Intl.NumberFormat(undefined, currency ? { style: "currency", currency } : {}).format(price);
  } catch {
    return `${price} ${currency}`;
  }
};

/** Return the verdict as a sentence for shoppers. */
export function describeVerdict(answer) {
  const barcode = answer.results[0]?.barcode;
  if (barcode && answer.verdict === "exact") return `The first result has the barcode ${barcode} that is in your photo.`;
  const sentences = {
    exact: "The first result is the product in your photo.",
    similar: "These products are similar. The product in your photo may not be among them.",
    "not in this catalogue": "The product in your photo is not in this catalogue. These are the most similar products.",
    "no product in this photo": "We see no product in this photo. Try one with more light, or from nearer.",
    uncalibrated: "The most similar products come first.",
  };
  const isInWords = answer.words.some((meaning) => meaning.kind !== "unknown") && answer.verdict === "uncalibrated";
  if (isInWords) return "The products that fit your words best come first.";
  return sentences[answer.verdict_words] ?? answer.verdict_words;
}

/** Asking the service; every failure is an Error with `code`, `problem` and `fix`. */

export class Failure extends Error {
  constructor({ code, problem, fix }) {
    super(`${problem} ${fix}`);
    Object.assign(this, { code, problem, fix });
  }
}

/** JSON of an answer.
 * @param {string} base address of the service; empty for where the page came from
 * @param {string} path
 * @param {RequestInit} [options]
 */
export async function asked(base, path, options = {}) {
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Failure({ code: "offline", problem: "The shop cannot be reached.", fix: "Are you online? Try again." });
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new Failure(body?.error ?? { code: "unforeseen", problem: `The shop answers ${answer.status}.`, fix: "Try again." });
}

/** A search: with a photo as a form, else as JSON.
 * @param {string} base
 * @param {object} fields as `/v1/search` knows them; `image` a Blob
 * @param {{key?: string, signal?: AbortSignal}} [how]
 */
export function searched(base, fields, { key, signal } = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (fields.image === undefined) {
    headers["Content-Type"] = "application/json";
    return asked(base, "/v1/search", { method: "POST", headers, signal, body: JSON.stringify(fields) });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (name === "image") form.append(name, value, "photo");
    else if (name === "where" || name === "facets") value.forEach((one) => form.append(name, one));
    else form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return asked(base, "/v1/search", { method: "POST", headers, signal, body: form });
}

/** The photo as it is sent: at most 1,600 pixels on a side, upright, without what else the file says. */
export async function prepared(file, most = 1600) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) return { blob: file, width: 0, height: 0, bitmap: null }; // e.g. HEIC in most browsers: the service reads it
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const ink = canvas.getContext("2d");
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, canvas.width, canvas.height);
  ink.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const small = scale === 1 && file.size < 400_000 && file.type === "image/png" ? file : null;
  const blob = small ?? (await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92)));
  return { blob, width: canvas.width, height: canvas.height, bitmap: canvas };
}

export const money = (price, currency) => {
  if (price === null || price === undefined) return "";
  try {
    return new Intl.NumberFormat(undefined, currency ? { style: "currency", currency } : {}).format(price);
  } catch {
    return `${price} ${currency}`;
  }
};

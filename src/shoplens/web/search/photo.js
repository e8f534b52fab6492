/** Photos of a shopper: prepared for sending, shown from memory, and kept until the tab is closed. */

import { removeMetadata } from "./metadata.js";

const MAX_SIDE = 3000;
const MAX_BYTES = 800_000;
const SENT_SIDE = 1600;
const SLOW = { bytes: 250_000, side: 1024 };
const KEPT_SIDE = 640;
const KEPT = "shoplens-photo-";
const MAX_KEPT = 6;

/**
 * A photo: `blob` is sent, `address` shows it, `size` is its width and height in pixels; null where the browser cannot
 * decode it (HEIC outside of Safari), which the service can. `sentSize` is the size that the service has seen.
 */
export class Photo {
  constructor(id, blob, size, sentSize = size) {
    Object.assign(this, { id, blob, size, sentSize, address: URL.createObjectURL(blob) });
  }
}

/**
 * Prepare a file: within the limits it keeps its pixels, and only loses its metadata; else it is made smaller.
 * @param {Blob} file
 */
export async function preparePhoto(file) {
  const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) {
    await file.slice(0, 1).arrayBuffer(); // a folder cannot be read, and would seem to be the network's fault
    return new Photo(id, file, null);
  }
  const size = [bitmap.width, bitmap.height];
  const network = navigator.connection;
  const isSlow = network?.saveData || ["slow-2g", "2g"].includes(network?.effectiveType) || network?.downlink < 0.6;
  const isWithin = file.size <= (isSlow ? SLOW.bytes : MAX_BYTES) && Math.max(...size) <= MAX_SIDE;
  const clean = isWithin ? removeMetadata(new Uint8Array(await file.arrayBuffer())) : null;
  if (clean) return new Photo(id, new Blob([clean], { type: file.type }), size);
  const { blob, size: sent } = await encode(bitmap, isSlow ? SLOW.side : SENT_SIDE, 0.9);
  return new Photo(id, blob, sent);
}

async function encode(bitmap, maxSide, quality) {
  const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
  const size = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width: size[0], height: size[1] });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, ...size);
  context.drawImage(bitmap, 0, 0, ...size);
  return { blob: await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality)), size };
}

/** The photos of this tab. With `keep`, a reload finds small copies of the last ones in the tab's own storage. */
export class Photos {
  constructor(keep) {
    this.keep = keep;
    this.known = new Map();
  }

  add(photo) {
    this.known.set(photo.id, photo);
    if (this.keep && photo.size) this.#store(photo).catch((problem) => console.warn("shoplens:", problem.message));
    return photo;
  }

  /** Return a photo; after a reload it is a smaller copy. Null where it is of another tab. */
  async get(id) {
    if (this.known.has(id)) return this.known.get(id);
    const text = this.keep ? sessionStorage.getItem(KEPT + id) : null;
    if (!text) return null;
    const { size, sentSize, data } = JSON.parse(text);
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const photo = new Photo(id, new Blob([bytes], { type: "image/jpeg" }), size, sentSize);
    this.known.set(id, photo);
    return photo;
  }

  async #store(photo) {
    const { blob, size } = await encode(await createImageBitmap(photo.blob), KEPT_SIDE, 0.85);
    const data = await encodeBase64(blob);
    const names = Object.keys(sessionStorage).filter((name) => name.startsWith(KEPT));
    for (const name of names.slice(0, Math.max(0, names.length - MAX_KEPT + 1))) sessionStorage.removeItem(name);
    sessionStorage.setItem(KEPT + photo.id, JSON.stringify({ size, sentSize: photo.size, data }));
  }
}

/** Return a blob's bytes in base64. */
export function encodeBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.split(",", 2)[1]));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

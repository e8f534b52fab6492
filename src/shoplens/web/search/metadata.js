/**
 * Removes metadata (place, device, time, thumbnails) from photo files without touching their pixels, so that the shop
 * recognises its own photos. A JPEG keeps how it is turned, its colour profile, and what decoding needs.
 */

const PNG = [0x89, 0x50, 0x4e, 0x47];
const PNG_DROPPED = new Set(["tEXt", "zTXt", "iTXt", "eXIf", "tIME"]);
const WEBP_DROPPED = new Set(["EXIF", "XMP "]);

/**
 * Return a file's bytes without metadata; null for a kind of file that it does not know.
 * @param {Uint8Array} bytes
 * @returns {Uint8Array | null}
 */
export function removeMetadata(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return cleanJpeg(bytes);
  if (PNG.every((byte, place) => bytes[place] === byte)) return cleanPng(bytes);
  if (name(bytes, 0) === "RIFF" && name(bytes, 8) === "WEBP") return cleanWebp(bytes);
  return null;
}

const name = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Segments of applications and comments go, but for JFIF, the colour profile (ICC) and Adobe's colour transform. */
function cleanJpeg(bytes) {
  const view = viewOf(bytes);
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // padding
      continue;
    }
    if (marker === 0xda) break; // the pixels, up to the end
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length || end < at + 4) return null;
    const isMetadata = (marker >= 0xe1 && marker <= 0xef && marker !== 0xee && !isProfile(bytes, at, marker)) || marker === 0xfe;
    if (!isMetadata) kept.push(bytes.subarray(at, end));
    else if (marker === 0xe1) {
      const turn = orientation(bytes.subarray(at + 4, end));
      if (turn > 1 && turn <= 8) kept.push(orientationSegment(turn));
    }
    at = end;
  }
  if (bytes[at] !== 0xff || bytes[at + 1] !== 0xda) return null;
  return join([...kept, scans(bytes, at)]);
}

/** Return the scans up to the end of the picture; phones append videos and further pictures behind it. */
function scans(bytes, begin) {
  let at = begin;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return bytes.subarray(begin);
    if (bytes[at + 1] === 0xd9) return bytes.subarray(begin, at + 2);
    const marker = bytes[at + 1];
    const hasLength = marker === 0xda || marker === 0xc4 || marker === 0xdb || marker === 0xdd || marker === 0xfe || (marker >= 0xe0 && marker <= 0xef);
    if (hasLength && at + 4 <= bytes.length) at += 2 + viewOf(bytes).getUint16(at + 2);
    else at += 2;
  }
}

const isProfile = (bytes, at, marker) => marker === 0xe2 && String.fromCharCode(...bytes.subarray(at + 4, at + 15)) === "ICC_PROFILE";

/** Return how an Exif segment says that the photo is turned, 1 to 8; 0 where it says nothing. */
function orientation(exif) {
  if (exif.length < 14 || name(exif, 0) !== "Exif") return 0;
  const view = viewOf(exif.subarray(6));
  const isLittle = view.getUint16(0) === 0x4949;
  const first = view.getUint32(4, isLittle);
  if (first + 2 > view.byteLength) return 0;
  const count = view.getUint16(first, isLittle);
  for (let entry = 0; entry < count; entry++) {
    const at = first + 2 + 12 * entry;
    if (at + 12 > view.byteLength) return 0;
    if (view.getUint16(at, isLittle) === 0x0112) return view.getUint16(at + 8, isLittle);
  }
  return 0;
}

/** Return an Exif segment that says nothing but how the photo is turned. */
function orientationSegment(turn) {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0, 0, 0, 0, 0];
  const body = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  return Uint8Array.from([0xff, 0xe1, 0, body.length + 2, ...body]);
}

function cleanPng(bytes) {
  const view = viewOf(bytes);
  const kept = [bytes.subarray(0, 8)];
  let at = 8;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) return null;
    if (!PNG_DROPPED.has(name(bytes, at + 4))) kept.push(bytes.subarray(at, end));
    if (name(bytes, at + 4) === "IEND") return join(kept);
    at = end;
  }
  return null;
}

function cleanWebp(bytes) {
  const view = viewOf(bytes);
  const kept = [];
  let at = 12;
  while (at + 8 <= bytes.length) {
    const size = view.getUint32(at + 4, true);
    const end = Math.min(bytes.length, at + 8 + size + (size % 2));
    const chunk = bytes.slice(at, end);
    if (name(bytes, at) === "VP8X") chunk[8] &= ~0x0c; // the flags of Exif and XMP
    if (!WEBP_DROPPED.has(name(bytes, at))) kept.push(chunk);
    at = end;
  }
  const body = join(kept);
  const head = bytes.slice(0, 12);
  viewOf(head).setUint32(4, body.length + 4, true);
  return join([head, body]);
}

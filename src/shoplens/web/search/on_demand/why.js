/** Why a product was found: a sentence, the parts of its score, and the places where the photos match. */

import { addStyle, button, h } from "../dom.js";
import { encodeBase64 } from "../photo.js";
import { whyStyle } from "../styles/why.js";

const SAME = 0.85;
const SIMILAR = 0.6;
const MAX_REASONS = 3;
const MAX_PARTS = 6;
const MAX_POINTS = 8;
const MARGIN = 0.08;
const COLOURS = ["#c4162f", "#1f7a33", "#2f4fb8", "#b3530b", "#7d1d94", "#00696a", "#7a5a00", "#6b0f0f"];
let number = 0;

/** Open the popover beside the button that asked for it; Escape or a tap elsewhere closes it. */
export function showWhy(app, result, opener) {
  const { texts } = app;
  const id = `why-${++number}`;
  const popover = h("div.why", { popover: "auto", role: "dialog", part: "why", "aria-labelledby": id });
  const close = button(texts.say("close"), { glyph: "close", round: true, onclick: () => popover.hidePopover() });
  popover.append(h("header", {}, h("p.sentence", { id }, describeReasons(result, texts)), close));
  if (!result.same_photo) popover.append(...createParts(result, texts));
  if (app.photo?.size && !app.query.like) popover.append(createRegions(app, result, popover, opener));
  popover.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    popover.remove();
    opener.focus({ preventScroll: true });
  });
  addStyle(app.root, whyStyle);
  app.root.append(popover);
  popover.showPopover();
  place(popover, opener);
  close.focus();
}

function place(popover, opener) {
  const near = opener.getBoundingClientRect();
  const own = popover.getBoundingClientRect();
  const left = Math.min(Math.max(12, near.left), window.innerWidth - own.width - 12);
  const below = near.bottom + 8;
  const top = below + own.height < window.innerHeight - 12 ? below : Math.max(12, Math.min(near.top - own.height - 8, window.innerHeight - own.height - 12));
  Object.assign(popover.style, { left: `${left}px`, top: `${top}px` });
}

/** Return the reasons as a sentence: what is the same and what is similar, the heaviest parts first. */
export function describeReasons(result, texts) {
  if (result.same_photo) return texts.say("whyIdentical");
  if (result.barcode) return texts.say("whyBarcode", { code: result.barcode });
  const { similarities = {}, matches = {} } = result.reasons ?? {};
  const heaviest = Object.entries(result.parts).filter(([name]) => name in similarities).sort((first, second) => second[1] - first[1]);
  const reasons = [];
  for (const [name] of heaviest) {
    const likeness = similarities[name];
    const isSaid = name === "object" && likeness < SAME === similarities.look < SAME; // the look says as much
    if (likeness < SIMILAR || reasons.length === MAX_REASONS || isSaid) continue;
    const match = likeness >= SAME ? matches[name]?.class?.split(" > ").at(-1) : null;
    const own = texts.table.fields[name] ?? texts.field(name);
    reasons.push(texts.say(likeness >= SAME ? "whySame" : "whyNear", { name: texts.lang.startsWith("de") ? own : own.toLocaleLowerCase(texts.lang) }) + (match ? ` (${match})` : ""));
  }
  if (!reasons.length) return texts.say("whyNothing");
  const list = new Intl.ListFormat(texts.lang, { type: "conjunction" }).format(reasons);
  return `${list.charAt(0).toLocaleUpperCase(texts.lang)}${list.slice(1)}.`;
}

function createParts(result, texts) {
  const parts = Object.entries(result.parts).filter(([, part]) => Math.abs(part) >= 0.0005).sort((first, second) => second[1] - first[1]);
  const rest = parts.slice(MAX_PARTS).reduce((sum, [, part]) => sum + part, 0);
  const shown = [...parts.slice(0, MAX_PARTS), ...(Math.abs(rest) >= 0.0005 ? [["…", rest]] : [])];
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const rows = shown.flatMap(([name, part]) => [
    h("span", { dir: "auto" }, name === "…" ? name : texts.field(name)), h("span.amount", { data: { part } }, texts.number(part, digits)),
    h("span.meter", {}, h("i", { style: { width: `${Math.min(100, Math.max(0, 100 * part))}%` } })),
  ]);
  const chance = result.match_probability === null ? null : h("p", {}, texts.say("whyChance", { share: texts.percent(result.match_probability) }));
  return [chance, h("p.small.soft", {}, texts.say("whyParts", { score: texts.number(result.score, digits) })), h("div.parts", {}, ...rows)].filter(Boolean);
}

function createRegions(app, result, popover, opener) {
  const { texts } = app;
  const shown = h("div", { "aria-live": "polite" });
  const ask = button(texts.say("showWhere"), { onclick: async () => {
    ask.hidden = true;
    shown.textContent = texts.say("comparing");
    try {
      shown.replaceChildren(...(await compareRegions(app, result)));
    } catch (problem) {
      console.warn("shoplens:", problem.message);
      shown.textContent = texts.say("noPlaces");
    }
    place(popover, opener);
  } });
  return h("div", {}, ask, shown);
}

/** Return both things enlarged, with numbered dots on the places that they share. */
async function compareRegions(app, result) {
  const { photo, query, texts } = app;
  const [width, height] = photo.size;
  const region = query.region ? { region: query.region.map((share, side) => Math.round(share * (side % 2 ? height : width))) } : {};
  const body = { image: await encodeBase64(photo.blob), product_id: result.product_id, photo: result.photo, ...region };
  const match = await app.service.send("/v1/regions", body);
  if (!match.points.length) return [texts.say("noPlaces")];
  const points = match.points.slice(0, MAX_POINTS);
  const yours = createFigure(texts.say("yourPhoto"), photo.address, photo.size, match.query, points.map((point) => point.query));
  const theirs = createFigure(texts.say("product"), app.service.photoAddress(result.photo, 768), match.product_size, match.product, points.map((point) => point.product));
  return [h("div.regions", {}, yours, theirs)];
}

function createFigure(name, address, [width, height], [x, y, w, tall], points) {
  const left = Math.max(0, x - MARGIN * w);
  const top = Math.max(0, y - MARGIN * tall);
  const wide = Math.min(width, x + w + MARGIN * w) - left;
  const high = Math.min(height, y + tall + MARGIN * tall) - top;
  const percent = (share) => `${100 * share}%`;
  const image = h("img", { alt: "", src: address, style: { width: percent(width / wide), left: percent(-left / wide), top: percent(-top / high) } });
  const dots = points.map(([across, down], place) => h("span.dot", { style: { left: percent((across - left) / wide), top: percent((down - top) / high), background: COLOURS[place] } }, String(place + 1)));
  return h("figure", {}, h("div.part", { style: { "aspect-ratio": `${wide} / ${high}` } }, image, ...dots), h("figcaption", {}, name));
}

/** The page: a photo in, products out; sliders, ticks and a box that ask again. */

import { asked, prepared, searched } from "./api.js";
import { Crop } from "./crop.js";
import { card, inkOf, verdict } from "./results.js";
import { CatalogueMap } from "./map.js";

const at = (id) => document.getElementById(id);
const PAGE = 24;
const FIRST = 5;
const DYNAMIC = new Set(["hybrid", "filters-dynamic"]);

/** What is asked for. `factors` are the sliders: 1 leaves a dimension as it is, 0 leaves it out. */
const now = { photo: null, like: null, queryId: null, region: null, where: "", ticks: {}, factors: {}, offset: 0 };
let dimensions = [];
let facetNames = [];
let running = null;
let map = null;

const names = () => dimensions.map((one) => one.name);

function conditions() {
  const quoted = (value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const ticked = Object.entries(now.ticks)
    .filter(([, values]) => values.length)
    .map(([field, values]) => values.map((value) => `${fieldName(field)} = ${quoted(value)}`).join(" or "))
    .map((one) => `(${one})`);
  return [...(now.where.trim() ? [now.where.trim()] : []), ...ticked];
}

const fieldName = (field) => (/^[\w.]+$/.test(field) ? field : `"${field}"`);

function weights(strategy) {
  const touched = Object.entries(now.factors).filter(([, factor]) => factor !== 1);
  if (!touched.length) return {};
  if (DYNAMIC.has(strategy)) return Object.fromEntries(touched);
  const usual = Object.fromEntries(dimensions.map((one) => [one.name, one.weight]));
  return Object.fromEntries(touched.map(([name, factor]) => [name, factor * usual[name]]));
}

let strategy = "";

async function search({ more = false } = {}) {
  if (!now.photo && !now.like && !now.queryId) return;
  running?.abort();
  running = new AbortController();
  const mine = running;
  now.offset = more ? now.offset : 0;
  const fields = { k: PAGE, offset: now.offset, where: conditions(), facets: facetNames, explain: true };
  fields.weights = weights(strategy);
  if (now.like) fields.product_id = now.like;
  else if (now.queryId) fields.query_id = now.queryId;
  else Object.assign(fields, { image: now.photo }, now.region ? { region: now.region } : {});
  document.body.classList.add("busy");
  if (!more) say("Looking …");
  try {
    const answer = await searched("", fields, { signal: mine.signal });
    if (!now.like) now.queryId = answer.query_id;
    strategy = answer.strategy.used;
    show(answer, more);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    if (now.photo && now.queryId && ["unknown-query", "model-changed"].includes(problem.code)) {
      now.queryId = null;
      return search();
    }
    if (problem.code === "another-generation") return search();
    say(problem.problem ?? String(problem), problem.fix);
  } finally {
    if (mine === running) document.body.classList.remove("busy");
  }
}

function say(text, fix = "") {
  const line = document.createElement("span");
  line.textContent = fix ? `${text} ${fix}` : text;
  if (fix) line.className = "problem";
  at("status").replaceChildren(line);
}

function show(answer, more) {
  const cards = answer.results.map((result) => card(result, { names: names(), more: likeThis, opened: clicked(answer) }));
  if (more) at("grid").append(...cards);
  else at("grid").replaceChildren(...cards);
  const words = document.createElement("span");
  words.className = "verdict";
  words.textContent = answer.results.length ? verdict(answer) : "Nothing was found.";
  const notes = answer.notes.length ? ` ${answer.notes.join(" ")}` : "";
  at("status").replaceChildren(words, `${notes} ${Math.round(answer.took_ms.total)} ms.`);
  now.offset = answer.next_offset ?? 0;
  at("more").hidden = answer.next_offset === null;
  at("link").hidden = false;
  if (!more) drawFacets(answer.facets);
  drawSliders(answer.importances);
  history.replaceState(null, "", `#${new URLSearchParams(saved())}`);
}

/** Clicks are told of where the shop remembers answers. */
function clicked(answer) {
  if (!answer.remembered) return undefined;
  return (result) => {
    const events = [{ query_id: answer.query_id, product_id: result.product_id, kind: "click" }];
    const options = { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" } };
    asked("", "/v1/feedback", { ...options, body: JSON.stringify({ events }) }).catch(() => {});
  };
}

function drawFacets(facets) {
  const open = document.activeElement?.dataset?.tick;
  at("facets").replaceChildren(
    ...facets
      .filter((facet) => Object.keys(facet.values).length || facet.values.length)
      .map((facet) => {
        const group = document.createElement("fieldset");
        const title = document.createElement("legend");
        title.textContent = facet.field;
        group.append(title);
        for (const { value, relevant, all } of facet.values.slice(0, 8)) {
          const label = document.createElement("label");
          label.className = "tick";
          const box = document.createElement("input");
          box.type = "checkbox";
          box.checked = (now.ticks[facet.field] ?? []).includes(value);
          box.dataset.tick = `${facet.field}=${value}`;
          box.addEventListener("change", () => {
            const held = new Set(now.ticks[facet.field] ?? []);
            if (box.checked) held.add(value);
            else held.delete(value);
            now.ticks[facet.field] = [...held];
            search();
          });
          const count = document.createElement("span");
          count.className = "count";
          count.textContent = `${relevant} of ${all}`;
          count.title = "alike, of all";
          label.append(box, value, count);
          group.append(label);
        }
        return group;
      }),
  );
  if (open) at("facets").querySelector(`[data-tick="${CSS.escape(open)}"]`)?.focus();
}

function drawSliders(shares) {
  const homes = [at("sliders"), at("more-sliders")];
  if (!homes[0].children.length) {
    for (const [place, { name }] of dimensions.entries()) {
      const label = document.createElement("label");
      label.className = "slider";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = inkOf(names(), name);
      const title = document.createElement("span");
      title.append(swatch, name);
      const told = document.createElement("output");
      const slider = document.createElement("input");
      Object.assign(slider, { type: "range", min: "0", max: "4", step: "0.25", value: "1" });
      slider.dataset.dimension = name;
      slider.addEventListener("input", () => {
        now.factors[name] = Number(slider.value);
        clearTimeout(drawSliders.resting);
        drawSliders.resting = setTimeout(search, 150);
      });
      label.append(title, told, slider);
      homes[place < FIRST ? 0 : 1].append(label);
    }
    at("all-weights").hidden = dimensions.length <= FIRST;
  }
  for (const label of homes.flatMap((home) => [...home.children])) {
    const slider = label.querySelector("input");
    const name = slider.dataset.dimension;
    slider.value = String(now.factors[name] ?? 1);
    const share = Math.round(100 * (shares?.[name] ?? 0));
    label.querySelector("output").textContent = `${share} %`;
    slider.setAttribute("aria-valuetext", `${slider.value} times as usual, counts ${share} %`);
  }
}

const wide = window.matchMedia("(min-width: 760px)");
const unfold = () => {
  at("refine").open = wide.matches || at("refine").open;
};
wide.addEventListener("change", unfold);
unfold();

const crop = new Crop(at("crop"), (region) => {
  now.region = region;
  now.queryId = null;
  search();
});

async function look(file) {
  stopCamera();
  const photo = await prepared(file);
  Object.assign(now, { photo: photo.blob, like: null, queryId: null, region: null });
  panel(photo.bitmap ? "photo" : "drop");
  if (photo.bitmap) crop.show(photo.bitmap);
  search();
}

function likeThis(result) {
  Object.assign(now, { like: result.product_id, queryId: null, region: null });
  showLike(result.title, result.photo);
  search();
  at("results").focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

function showLike(title, photo) {
  const picture = document.createElement("img");
  picture.alt = "";
  if (photo) picture.src = `${photo}?width=192`;
  const text = document.createElement("span");
  text.textContent = `Like ${title}`;
  const back = document.createElement("button");
  back.type = "button";
  back.textContent = now.photo ? "Back to your photo" : "Start anew";
  back.addEventListener("click", () => {
    Object.assign(now, { like: null, queryId: null });
    panel(now.photo ? "photo" : "drop");
    if (now.photo) search();
    else start();
  });
  at("like").replaceChildren(picture, text, back);
  panel("like");
}

function start() {
  at("grid").replaceChildren();
  at("status").replaceChildren();
  for (const id of ["more", "link"]) at(id).hidden = true;
  history.replaceState(null, "", location.pathname);
}

function panel(shown) {
  for (const id of ["drop", "live", "photo", "like"]) at(id).hidden = id !== shown;
}

/** What a link restores: everything but the photo itself, which is held by the service for half an hour. */
function saved() {
  const found = {};
  if (now.like) found.like = now.like;
  else if (now.queryId) found.query = now.queryId;
  if (now.where) found.where = now.where;
  if (Object.values(now.ticks).some((one) => one.length)) found.ticks = JSON.stringify(now.ticks);
  if (Object.values(now.factors).some((one) => one !== 1)) found.factors = JSON.stringify(now.factors);
  return found;
}

async function restored() {
  const told = new URLSearchParams(location.hash.slice(1));
  const object = (name) => {
    try {
      const found = JSON.parse(told.get(name) ?? "{}");
      return found && typeof found === "object" && !Array.isArray(found) ? found : {};
    } catch {
      return {};
    }
  };
  now.where = told.get("where") ?? "";
  at("condition").value = now.where;
  for (const [field, values] of Object.entries(object("ticks")))
    if (Array.isArray(values)) now.ticks[field] = values.map(String);
  for (const [name, factor] of Object.entries(object("factors")))
    if (Number.isFinite(factor)) now.factors[name] = Math.min(4, Math.max(0, factor));
  if (told.get("like")) {
    now.like = told.get("like");
    try {
      const product = await asked("", `/v1/products/${encodeURIComponent(now.like)}`);
      showLike(product.title, product.photos[0]);
    } catch (problem) {
      return say(problem.problem, problem.fix);
    }
    search();
  } else if (told.get("query")) {
    now.queryId = told.get("query");
    search();
  }
}

let stream = null;
async function openCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return say("The camera cannot be used.", "Allow it for this page, or choose a photo.");
  }
  at("video").srcObject = stream;
  panel("live");
  await at("video").play();
}
function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
}
function shoot() {
  const video = at("video");
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => look(blob), "image/jpeg", 0.92);
}

function view(shown) {
  const onMap = shown === "map";
  at("map").hidden = !onMap;
  for (const id of ["ask", "results"]) at(id).hidden = onMap;
  at("show-map").setAttribute("aria-pressed", String(onMap));
  at("show-search").setAttribute("aria-pressed", String(!onMap));
  if (onMap) {
    map ??= new CatalogueMap(at("map"), (product) => {
      view("search");
      likeThis({ product_id: product.id, title: product.title, photo: product.photo });
    });
    map.show();
  }
}

at("choose").addEventListener("change", () => {
  const file = at("choose").files[0];
  at("choose").value = ""; // so that the same one can be chosen again
  if (file) look(file);
});
at("camera").addEventListener("click", openCamera);
at("shoot").addEventListener("click", shoot);
at("no-camera").addEventListener("click", () => {
  stopCamera();
  panel(now.photo ? "photo" : "drop");
});
at("whole").addEventListener("click", () => crop.whole());
at("another").addEventListener("click", () => panel("drop"));
at("more").addEventListener("click", () => search({ more: true }));
at("even").addEventListener("click", () => {
  now.factors = {};
  search();
});
at("where").addEventListener("submit", (event) => {
  event.preventDefault();
  now.where = at("condition").value;
  search();
});
at("link").addEventListener("click", async () => {
  const told = now.like ? "" : " Your photo is held for half an hour; after that the link opens the page alone.";
  try {
    await navigator.clipboard.writeText(location.href);
    say(`The link is copied.${told}`);
  } catch {
    say(`The link is in the address bar.${told}`);
  }
});
at("show-map").addEventListener("click", () => view("map"));
at("show-search").addEventListener("click", () => view("search"));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
  if (file) look(file);
});
window.addEventListener("offline", () => say("You are offline.", "Searching goes on once you are back."));

try {
  const [told, fields] = await Promise.all([asked("", "/v1/dimensions"), asked("", "/v1/facets?limit=2")]);
  dimensions = told.dimensions.sort((one, other) => other.weight - one.weight);
  const shown = Object.entries(fields.facets).filter(([name, values]) => Object.keys(values).length > 1 && name !== "group_id");
  const order = ["category", "color", "brand"];
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  facetNames = shown.map(([name]) => name).sort((one, other) => place(one) - place(other)).slice(0, 6);
  drawSliders({});
} catch (problem) {
  at("weights").hidden = true;
  say(problem.problem ?? String(problem), problem.fix);
}
await restored();

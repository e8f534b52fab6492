/** The search page: finds products by a photo; sliders, filters and the box on the photo search again. */

import { describeVerdict, fetchJson, postSearch, preparePhoto } from "./api.js";
import { Camera } from "./camera.js";
import { Crop } from "./crop.js";
import { showRegions } from "./regions.js";
import { colourOf, createCard } from "./results.js";
import { CatalogueMap } from "./map.js";
import { Words } from "./words.js";

const byId = (id) => document.getElementById(id);
const PAGE_SIZE = 24;
const MAIN_SLIDERS = 5;
const DYNAMIC = new Set(["hybrid", "filters-dynamic"]);

/** The current query. `factors` are the sliders' values: 1 leaves a dimension unchanged, 0 leaves it out. */
const query = { photo: null, like: null, queryId: null, region: null, where: "", ticks: {}, factors: {}, offset: 0 };
let dimensions = [];
let facetNames = [];
let controller = null;
let map = null;

const dimensionNames = () => dimensions.map((dimension) => dimension.name);

function conditions() {
  const quote = (value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const ticked = Object.entries(query.ticks)
    .filter(([, values]) => values.length)
    .map(([field, values]) => values.map((value) => `${fieldName(field)} = ${quote(value)}`).join(" or "))
    .map((condition) => `(${condition})`);
  return [...(query.where.trim() ? [query.where.trim()] : []), ...ticked];
}

const fieldName = (field) => (/^[\w.]+$/.test(field) ? field : `"${field}"`);

function weights(strategy) {
  const changed = Object.entries(query.factors).filter(([, factor]) => factor !== 1);
  if (!changed.length) return {};
  if (DYNAMIC.has(strategy)) return Object.fromEntries(changed);
  const defaults = Object.fromEntries(dimensions.map((dimension) => [dimension.name, dimension.weight]));
  return Object.fromEntries(changed.map(([name, factor]) => [name, factor * defaults[name]]));
}

let strategy = "";

async function search({ more = false } = {}) {
  if (!query.photo && !query.like && !query.queryId && !words.text) return;
  controller?.abort();
  controller = new AbortController();
  const ownController = controller;
  query.offset = more ? query.offset : 0;
  const fields = { k: PAGE_SIZE, offset: query.offset, where: conditions(), facets: facetNames, explain: true };
  fields.weights = weights(strategy);
  if (words.text) fields.text = words.text;
  if (query.like) fields.product_id = query.like;
  else if (query.queryId) fields.query_id = query.queryId;
  else if (query.photo) Object.assign(fields, { image: query.photo }, query.region ? { region: query.region } : {});
  document.body.classList.add("busy");
  if (!more) showMessage("Searching …");
  try {
    const answer = await postSearch("", fields, { signal: ownController.signal });
    if (!query.like && (query.photo || query.queryId)) query.queryId = answer.query_id;
    strategy = answer.strategy.used;
    showAnswer(answer, more);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    if (query.photo && query.queryId && ["unknown-query", "model-changed"].includes(problem.code)) {
      query.queryId = null;
      return search();
    }
    if (problem.code === "another-generation") return search();
    showMessage(problem.problem ?? String(problem), problem.fix);
  } finally {
    if (ownController === controller) document.body.classList.remove("busy");
  }
}

function showMessage(text, fix = "") {
  const line = document.createElement("span");
  line.textContent = fix ? `${text} ${fix}` : text;
  if (fix) line.className = "problem";
  byId("status").replaceChildren(line);
}

function showAnswer(answer, more) {
  const options = { names: dimensionNames(), onSimilar: searchSimilar, onOpen: clickReporter(answer) };
  if (query.photo && !query.like) {
    options.onRegions = (result, place) => showRegions(place, result, { blob: query.photo, size: crop.size, region: query.region });
  }
  const cards = answer.results.map((result) => createCard(result, options));
  if (more) byId("grid").append(...cards);
  else byId("grid").replaceChildren(...cards);
  const verdict = document.createElement("span");
  verdict.className = "verdict";
  const isAnswered = answer.results.length || answer.verdict === "no-product";
  verdict.textContent = isAnswered ? describeVerdict(answer) : "Nothing was found.";
  words.show(answer.words);
  const notes = answer.notes.length ? ` ${answer.notes.join(" ")}` : "";
  byId("status").replaceChildren(verdict, `${notes} ${Math.round(answer.took_ms.total)} ms.`);
  if (query.photo && !query.like && !query.region) crop.markObjects(answer.query.objects, answer.query.mask);
  query.offset = answer.next_offset ?? 0;
  byId("more").hidden = answer.next_offset === null;
  byId("link").hidden = false;
  if (!more) drawFacets(answer.facets);
  drawSliders(answer.importances);
  history.replaceState(null, "", `#${new URLSearchParams(linkParameters())}`);
}

/** Return a function that reports clicks; nothing where the shop does not record answers. */
function clickReporter(answer) {
  if (!answer.remembered) return undefined;
  return (result) => {
    const events = [{ query_id: answer.query_id, product_id: result.product_id, kind: "click" }];
    const options = { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" } };
    fetchJson("", "/v1/feedback", { ...options, body: JSON.stringify({ events }) }).catch(() => {});
  };
}

function drawFacets(facets) {
  const focused = document.activeElement?.dataset?.tick;
  byId("facets").replaceChildren(
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
          box.checked = (query.ticks[facet.field] ?? []).includes(value);
          box.dataset.tick = `${facet.field}=${value}`;
          box.addEventListener("change", () => {
            const values = new Set(query.ticks[facet.field] ?? []);
            if (box.checked) values.add(value);
            else values.delete(value);
            query.ticks[facet.field] = [...values];
            search();
          });
          const count = document.createElement("span");
          count.className = "count";
          count.textContent = `${relevant} of ${all}`;
          count.title = "similar products, of all products";
          label.append(box, value, count);
          group.append(label);
        }
        return group;
      }),
  );
  if (focused) byId("facets").querySelector(`[data-tick="${CSS.escape(focused)}"]`)?.focus();
}

function drawSliders(shares) {
  const containers = [byId("sliders"), byId("more-sliders")];
  if (!containers[0].children.length) {
    for (const [place, { name }] of dimensions.entries()) {
      const label = document.createElement("label");
      label.className = "slider";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colourOf(dimensionNames(), name);
      const title = document.createElement("span");
      title.append(swatch, name);
      const output = document.createElement("output");
      const slider = document.createElement("input");
      Object.assign(slider, { type: "range", min: "0", max: "4", step: "0.25", value: "1" });
      slider.dataset.dimension = name;
      slider.addEventListener("input", () => {
        query.factors[name] = Number(slider.value);
        clearTimeout(drawSliders.timer);
        drawSliders.timer = setTimeout(search, 150);
      });
      label.append(title, output, slider);
      containers[place < MAIN_SLIDERS ? 0 : 1].append(label);
    }
    byId("all-weights").hidden = dimensions.length <= MAIN_SLIDERS;
  }
  for (const label of containers.flatMap((container) => [...container.children])) {
    const slider = label.querySelector("input");
    const name = slider.dataset.dimension;
    slider.value = String(query.factors[name] ?? 1);
    const share = Math.round(100 * (shares?.[name] ?? 0));
    label.querySelector("output").textContent = `${share} %`;
    slider.setAttribute("aria-valuetext", `weight ${slider.value} times the default, ${share} % of the score`);
  }
}

const wideScreen = window.matchMedia("(min-width: 760px)");
const openFilters = () => {
  byId("refine").open = wideScreen.matches || byId("refine").open;
};
wideScreen.addEventListener("change", openFilters);
openFilters();

const camera = new Camera(byId("video"));
const crop = new Crop(byId("crop"), (region) => {
  query.region = region;
  query.queryId = null;
  search();
});

const words = new Words(byId("words"), byId("chips"), () => {
  if (words.text || query.photo || query.like || query.queryId) search();
  else resetPage();
});

async function searchPhoto(file) {
  camera.stop();
  const photo = await preparePhoto(file);
  Object.assign(query, { photo: photo.blob, like: null, queryId: null, region: null });
  showPanel(photo.bitmap ? "photo" : "drop");
  if (photo.bitmap) crop.show(photo.bitmap);
  search();
}

function searchSimilar(result) {
  Object.assign(query, { like: result.product_id, queryId: null, region: null });
  showSimilarPanel(result.title, result.photo);
  search();
  byId("results").focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

function showSimilarPanel(title, photo) {
  const picture = document.createElement("img");
  picture.alt = "";
  if (photo) picture.src = `${photo}?width=192`;
  const text = document.createElement("span");
  text.textContent = `Similar to ${title}`;
  const back = document.createElement("button");
  back.type = "button";
  back.textContent = query.photo ? "Back to your photo" : "New search";
  back.addEventListener("click", () => {
    Object.assign(query, { like: null, queryId: null });
    showPanel(query.photo ? "photo" : "drop");
    if (query.photo || words.text) search();
    else resetPage();
  });
  byId("like").replaceChildren(picture, text, back);
  showPanel("like");
}

function resetPage() {
  byId("grid").replaceChildren();
  byId("status").replaceChildren();
  words.show([]);
  for (const id of ["more", "link"]) byId(id).hidden = true;
  history.replaceState(null, "", location.pathname);
}

function showPanel(shown) {
  for (const id of ["drop", "live", "photo", "like"]) byId(id).hidden = id !== shown;
}

/** Return what a link restores: all but the photo itself, which the service keeps in memory for half an hour. */
function linkParameters() {
  const parameters = {};
  if (words.text) parameters.text = words.text;
  if (query.like) parameters.like = query.like;
  else if (query.queryId) parameters.query = query.queryId;
  if (query.where) parameters.where = query.where;
  if (Object.values(query.ticks).some((values) => values.length)) parameters.ticks = JSON.stringify(query.ticks);
  if (Object.values(query.factors).some((factor) => factor !== 1)) parameters.factors = JSON.stringify(query.factors);
  return parameters;
}

/** Restore the search of a link. */
async function restoreSearch() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const parseObject = (name) => {
    try {
      const value = JSON.parse(parameters.get(name) ?? "{}");
      return value && typeof value === "object" && !Array.isArray(value) ? value : {};
    } catch {
      return {};
    }
  };
  query.where = parameters.get("where") ?? "";
  byId("condition").value = query.where;
  words.set(parameters.get("text") ?? "");
  for (const [field, values] of Object.entries(parseObject("ticks")))
    if (Array.isArray(values)) query.ticks[field] = values.map(String);
  for (const [name, factor] of Object.entries(parseObject("factors")))
    if (Number.isFinite(factor)) query.factors[name] = Math.min(4, Math.max(0, factor));
  if (parameters.get("like")) {
    query.like = parameters.get("like");
    try {
      const product = await fetchJson("", `/v1/products/${encodeURIComponent(query.like)}`);
      showSimilarPanel(product.title, product.photos[0]);
    } catch (problem) {
      return showMessage(problem.problem, problem.fix);
    }
    search();
  } else if (parameters.get("query")) {
    query.queryId = parameters.get("query");
    search();
  } else search();
}

async function openCamera() {
  try {
    await camera.open();
  } catch {
    return showMessage("The camera cannot be used.", "Allow it for this page, or choose a photo.");
  }
  showPanel("live");
  await camera.play();
}

function showView(shown) {
  const onMap = shown === "map";
  byId("map").hidden = !onMap;
  for (const id of ["ask", "results"]) byId(id).hidden = onMap;
  byId("show-map").setAttribute("aria-pressed", String(onMap));
  byId("show-search").setAttribute("aria-pressed", String(!onMap));
  if (onMap) {
    map ??= new CatalogueMap(byId("map"), (product) => {
      showView("search");
      searchSimilar({ product_id: product.id, title: product.title, photo: product.photo });
    });
    map.show();
  }
}

byId("choose").addEventListener("change", () => {
  const file = byId("choose").files[0];
  byId("choose").value = ""; // so that the same file can be chosen again
  if (file) searchPhoto(file);
});
byId("camera").addEventListener("click", openCamera);
byId("shoot").addEventListener("click", async () => searchPhoto(await camera.takePhoto()));
byId("no-camera").addEventListener("click", () => {
  camera.stop();
  showPanel(query.photo ? "photo" : "drop");
});
byId("whole").addEventListener("click", () => crop.selectAll());
byId("another").addEventListener("click", () => showPanel("drop"));
byId("more").addEventListener("click", () => search({ more: true }));
byId("reset-weights").addEventListener("click", () => {
  query.factors = {};
  search();
});
byId("where").addEventListener("submit", (event) => {
  event.preventDefault();
  query.where = byId("condition").value;
  search();
});
byId("link").addEventListener("click", async () => {
  const note = query.like ? "" : " It can show your photo's results for half an hour. After that it opens an empty page.";
  try {
    await navigator.clipboard.writeText(location.href);
    showMessage(`The link was copied.${note}`);
  } catch {
    showMessage(`The link is in the address bar.${note}`);
  }
});
byId("show-map").addEventListener("click", () => showView("map"));
byId("show-search").addEventListener("click", () => showView("search"));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) searchPhoto(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
  if (file) searchPhoto(file);
});
window.addEventListener("offline", () => showMessage("You are offline.", "You can search again when you are online."));

try {
  const [settings, facets] = await Promise.all([fetchJson("", "/v1/dimensions"), fetchJson("", "/v1/facets?limit=2")]);
  const needsWords = (one) => Number(one.name === "text"); // it counts only for queries with words, so it comes last
  dimensions = settings.dimensions.sort((one, two) => needsWords(one) - needsWords(two) || two.weight - one.weight);
  const useful = Object.entries(facets.facets).filter(
    ([name, values]) => Object.keys(values).length > 1 && name !== "group_id",
  );
  const order = ["category", "color", "brand"];
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  facetNames = useful.map(([name]) => name).sort((first, second) => place(first) - place(second)).slice(0, 6);
  drawSliders({});
} catch (problem) {
  byId("weights").hidden = true;
  showMessage(problem.problem ?? String(problem), problem.fix);
}
await restoreSearch();

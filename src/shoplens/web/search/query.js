/** What a search is: plain values that become a request, a link and an entry of the history. */

export const SEPARATOR = " > ";
const DYNAMIC = new Set(["hybrid", "filters-dynamic"]);

/**
 * A search. `photo` is the id of a photo of this tab, `address` that of one on the web, `queryId` of an answer of the service by it, `region` a part of it
 * ([x, y, width, height] as shares of its size), `like` a product, `ticks` field -> values (paths `A > B` of categories),
 * `price` [lowest, highest], `factors` dimension -> times its usual weight.
 */
export const EMPTY = Object.freeze({
  photo: "", address: "", queryId: "", region: null, like: "", text: "", ticks: {}, price: [null, null], where: "", factors: {}, sort: "",
});

export const isEmpty = (query) => !(query.photo || query.address || query.queryId || query.like || query.text);

/** Return the number of conditions that a shopper has set. */
export function countConditions(query) {
  const ticks = Object.values(query.ticks).reduce((sum, values) => sum + values.length, 0);
  return ticks + Number(query.price.some((end) => end !== null)) + Number(Boolean(query.where));
}

export const withoutConditions = (query) => ({ ...query, ticks: {}, price: [null, null], where: "" });

/** Add or remove a tick. A value below or above it in the same tree gives way: the deeper one is meant. */
export function toggleTick(query, field, value) {
  const values = query.ticks[field] ?? [];
  const isSameBranch = (other) => other.startsWith(value + SEPARATOR) || value.startsWith(other + SEPARATOR);
  const next = values.includes(value) ? values.filter((one) => one !== value) : [...values.filter((one) => !isSameBranch(one)), value];
  const ticks = { ...query.ticks, [field]: next };
  if (!next.length) delete ticks[field];
  return { ...query, ticks };
}

const quote = (value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
const quoteField = (field) => (/^[\w.]+$/.test(field) ? field : `"${field}"`);

/** Return the conditions of a search: one per field, siblings joined by `or`, the levels of a tree by `and`. */
export function conditionsOf(query) {
  const conditions = query.where.trim() ? [query.where.trim()] : [];
  for (const [field, values] of Object.entries(query.ticks)) {
    const branch = (value) => value.split(SEPARATOR).map((step) => `${quoteField(field)} = ${quote(step)}`).join(" and ");
    conditions.push(values.map((value) => `(${branch(value)})`).join(" or "));
  }
  const [low, high] = query.price;
  if (low !== null) conditions.push(`price >= ${low}`);
  if (high !== null) conditions.push(`price <= ${high}`);
  return conditions;
}

/** Return the weights of a request: factors for a strategy that sets weights by itself, else weights. */
export function weightsOf(query, dimensions, strategy) {
  const changed = Object.entries(query.factors).filter(([, factor]) => factor !== 1);
  const usual = Object.fromEntries(dimensions.map((one) => [one.name, one.weight]));
  const known = changed.filter(([name]) => name in usual);
  return Object.fromEntries(DYNAMIC.has(strategy) ? known : known.map(([name, factor]) => [name, factor * usual[name]]));
}

/** Return the part of an address that restores the search. */
export function toHash(query) {
  const parts = {};
  for (const name of ["address", "like", "text", "where", "sort"]) if (query[name]) parts[name] = query[name];
  if (query.photo) parts.photo = query.photo;
  if (query.queryId && !query.like) parts.query = query.queryId;
  if (query.region) parts.region = query.region.map((share) => share.toFixed(4)).join(",");
  if (Object.keys(query.ticks).length) parts.ticks = JSON.stringify(query.ticks);
  if (Object.values(query.factors).some((factor) => factor !== 1)) parts.factors = JSON.stringify(query.factors);
  if (query.price.some((end) => end !== null)) parts.price = query.price.map((end) => end ?? "").join("-");
  return new URLSearchParams(parts).toString();
}

/** Return the search of a link; what cannot be read in it is left out. */
export function fromHash(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (name) => parts.get(name) ?? "";
  const numbers = (name, separator) => text(name).split(separator).map((one) => (one === "" ? null : Number(one)));
  const region = numbers("region", ",");
  const price = numbers("price", "-");
  const ticks = Object.entries(parseObject(text("ticks"))).filter(([, values]) => Array.isArray(values) && values.length);
  const factors = Object.entries(parseObject(text("factors"))).filter(([, factor]) => Number.isFinite(factor));
  return {
    ...EMPTY,
    photo: text("photo"), address: text("address"), queryId: text("query"), like: text("like"), text: text("text"), where: text("where"),
    sort: ["price", "-price"].includes(text("sort")) ? text("sort") : "",
    region: region.length === 4 && region.every((share) => share !== null && share >= 0 && share <= 1) ? region : null,
    price: price.length === 2 && price.every((end) => end === null || end >= 0) ? price : [null, null],
    ticks: Object.fromEntries(ticks.map(([field, values]) => [field, values.map(String)])),
    factors: Object.fromEntries(factors.map(([name, factor]) => [name, Math.min(4, Math.max(0, factor))])),
  };
}

function parseObject(text) {
  try {
    const value = JSON.parse(text || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

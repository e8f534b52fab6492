/** Small tools for elements: creating, icons, styles, pictures and addresses. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 17a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20",
  close: "M6 6l12 12M18 6 6 18",
  crop: "M7 3v14h14M3 7h14v14",
  filters: "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
  like: "M4 8V6a2 2 0 0 1 2-2h2M16 4h2a2 2 0 0 1 2 2v2M20 16v2a2 2 0 0 1-2 2h-2M8 20H6a2 2 0 0 1-2-2v-2M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  check: "M5 12l5 5 9-10",
  back: "M19 12H5M11 6l-6 6 6 6",
};

/**
 * Create an element.
 * @param {string} tag name, with classes after dots, such as `p.lead`
 * @param {object} [props] properties; `on…` are listeners, names with a dash and `role` are attributes
 * @param {...(Node | string | null | false)} children what is false or null is left out
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2).toLowerCase(), value);
    else if (key.includes("-") || key === "role" || key === "part" || key === "for") element.setAttribute(key, value);
    else if (key === "style") for (const [one, is] of Object.entries(value)) element.style.setProperty(one, is);
    else if (key === "data") Object.assign(element.dataset, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Create an icon, which screen readers do not see, by its name or by its path. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name] ?? name);
  svg.append(path);
  return svg;
}

/** Create a button with an icon; `label` is shown, or only said where `round`. */
export function button(label, { glyph, round, kind = "", ...props } = {}) {
  const classes = ["button.button", kind, round && "round"].filter(Boolean).join(".");
  const named = round ? { "aria-label": label, title: label } : {};
  return h(classes, { type: "button", ...named, ...props }, glyph && icon(glyph), !round && h("span", {}, label));
}

const sheets = new Map();

/** Add a style, which is parsed once, to the shadow root of an element. */
export function addStyle(element, css) {
  if (!sheets.has(css)) {
    sheets.set(css, new CSSStyleSheet());
    sheets.get(css).replaceSync(css);
  }
  const { adoptedStyleSheets: added } = element.getRootNode();
  if (!added.includes(sheets.get(css))) added.push(sheets.get(css));
}

const RETRY_MS = [800, 2_500, 8_000];

/** Create a picture that is loaded again where the service was too busy to send it, and is hidden meanwhile. */
export function picture(src, props = {}) {
  const image = h("img", { alt: "", decoding: "async", ...props, onerror: () => {
    const wait = RETRY_MS[image.tries ?? 0];
    image.tries = (image.tries ?? 0) + 1;
    image.style.visibility = "hidden";
    if (wait) setTimeout(() => (image.src = image.src), wait);
  } });
  image.addEventListener("load", () => (image.style.visibility = ""));
  if (src) image.src = src;
  return image;
}

/** Return an http(s) address, or nothing: it must not be a script. */
export function webAddress(url, base) {
  if (!url || !URL.canParse(url, base)) return "";
  const address = new URL(url, base);
  return ["http:", "https:"].includes(address.protocol) ? address.href : "";
}

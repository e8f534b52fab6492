/** The map of the catalogue, on which similar products lie together; dragging, pinching, the wheel or keys move it. */

import { h } from "../search/dom.js";

const COLOURS = ["#2f7d6b", "#c4622d", "#3f6fb5", "#8a5aa8", "#b08a1e", "#a83e5b", "#6b7a2e", "#4b8f8c", "#9c6b4f", "#586074"];
const MAX_SCALE = 60;
const MAX_THUMBNAILS = 150;
const TIMEOUT_MS = 600_000;

export class CatalogueMap {
  /**
   * @param {HTMLElement} container section of the page
   * @param {object} desk its `service`, its `texts`, and `say`, which shows what happens
   * @param {(product: {id: string, title: string, photo: string}) => void} onSelect is called when a product is selected
   */
  constructor(container, desk, onSelect) {
    Object.assign(this, desk, { onSelect });
    this.tip = container.querySelector("#map-tip");
    this.canvas = container.querySelector("#map-canvas");
    this.colour = container.querySelector("#map-colour");
    this.legend = container.querySelector("#map-legend");
    this.products = [];
    this.chosen = null;
    this.pictures = new Map();
    this.view = { x: 0.5, y: 0.5, scale: 1 };
    this.pointers = new Map();
    this.minScale = 1;
    container.querySelector("#map-in").addEventListener("click", () => this.#zoom(1.5));
    container.querySelector("#map-out").addEventListener("click", () => this.#zoom(1 / 1.5));
    this.colour.addEventListener("change", () => this.#recolour());
    this.canvas.addEventListener("keydown", (event) => this.#handleKey(event));
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 400), this.#position(event));
    });
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointerleave", () => this.#showTip(null));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.canvas.addEventListener(kind, (event) => this.#up(event));
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /** Load the map the first time, and draw it. */
  async show() {
    if (this.products.length) return this.#draw();
    this.say(this.texts.say("drawing"));
    const map = await this.service.request("/v1/map", { timeout: TIMEOUT_MS });
    this.products = map.products;
    this.#fit();
    console.info("shoplens:", map.note);
    this.say(this.texts.say("mapNote", { count: map.products.length }));
    const fields = [...new Set(this.products.flatMap((product) => Object.keys(product.dimensions)))];
    this.colour.replaceChildren(...fields.map((name) => new Option(this.texts.field(name), name)));
    this.#recolour();
  }

  /** Fit all products into the view. */
  #fit() {
    const range = (name) => {
      const values = this.products.map((product) => product[name]);
      return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    };
    const [[left, right], [top, bottom]] = [range("x"), range("y")];
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const unit = Math.min(width, height) * 0.92;
    const scale = Math.min(width / unit / (right - left || 1), height / unit / (bottom - top || 1)) * 0.92;
    this.minScale = Math.min(1, scale);
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, scale };
  }

  #recolour() {
    const counts = new Map();
    for (const product of this.products) {
      const value = product.dimensions[this.colour.value] ?? "";
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const order = [...counts.keys()].filter(Boolean).sort((first, second) => counts.get(second) - counts.get(first));
    this.colours = new Map(order.slice(0, COLOURS.length).map((value, place) => [value, COLOURS[place]]));
    this.chosen = null;
    this.legend.replaceChildren(...[...this.colours].map(([value, colour]) => {
      const name = `${value.split(" > ").at(-1)} (${counts.get(value)})`;
      const entry = h("button", { type: "button", "aria-pressed": "false", title: value }, h("i", { style: { background: colour } }), name);
      entry.addEventListener("click", () => this.#choose(value));
      entry.dataset.value = value;
      return h("li", {}, entry);
    }));
    this.#draw();
  }

  /** Show one class alone, or all again. */
  #choose(value) {
    this.chosen = this.chosen === value ? null : value;
    for (const entry of this.legend.querySelectorAll("button")) entry.setAttribute("aria-pressed", String(entry.dataset.value === this.chosen));
    this.#draw();
  }

  /** Show a product beside the pointer; nothing for null. */
  #showTip(product, x = 0, y = 0) {
    this.tip.hidden = !product;
    if (!product) return;
    const [image, caption] = this.tip.children;
    const address = this.service.photoAddress(product.photo, 192);
    if (image.getAttribute("src") !== address) image.src = address;
    caption.textContent = `${product.title}. ${Object.values(product.dimensions).slice(0, 3).join(", ")}`;
    const left = Math.min(x + 16, this.canvas.clientWidth - 300);
    Object.assign(this.tip.style, { left: `${Math.max(0, left)}px`, top: `${y + 16}px` });
  }

  #handleKey(event) {
    const step = 0.1 / this.view.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      this.view.x += moves[event.key][0];
      this.view.y += moves[event.key][1];
    } else if (event.key === "+" || event.key === "=") this.#zoom(1.3);
    else if (event.key === "-") this.#zoom(1 / 1.3);
    else if (event.key === "Enter") {
      const product = this.#nearest({ x: this.view.x, y: this.view.y }, Infinity);
      if (product) this.onSelect(product);
    } else return;
    event.preventDefault();
    this.#draw();
  }

  /** Return the position of an event in the coordinates of the map. */
  #position(event) {
    const area = this.canvas.getBoundingClientRect();
    const unit = Math.min(area.width, area.height) * 0.92 * this.view.scale;
    return {
      x: this.view.x + (event.clientX - area.left - area.width / 2) / unit,
      y: this.view.y + (event.clientY - area.top - area.height / 2) / unit,
    };
  }

  #zoom(factor, about = this.#nearest(this.view, Infinity) ?? this.view) {
    const scale = Math.min(MAX_SCALE, Math.max(this.minScale * 0.8, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    this.view = { x: about.x + (this.view.x - about.x) / ratio, y: about.y + (this.view.y - about.y) / ratio, scale };
    this.#draw();
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = 0;
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.#showTip(this.#nearest(this.#position(event), 0.015 / this.view.scale), event.offsetX, event.offsetY);
    this.#showTip(null);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, pointer]) => pointer);
    const area = this.canvas.getBoundingClientRect();
    const unit = Math.min(area.width, area.height) * 0.92 * this.view.scale;
    if (others.length) {
      const distance = (pointer) => Math.hypot(pointer.x - others[0].x, pointer.y - others[0].y) || 1;
      this.#zoom(distance({ x: event.clientX, y: event.clientY }) / distance(before), this.#position(event));
    } else {
      this.view.x -= (event.clientX - before.x) / unit;
      this.view.y -= (event.clientY - before.y) / unit;
    }
    this.moved += Math.hypot(event.clientX - before.x, event.clientY - before.y);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#draw();
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
    if (event.type === "pointerup" && this.moved < 5) {
      const product = this.#nearest(this.#position(event), 0.03 / this.view.scale);
      if (product) this.onSelect(product);
    }
  }

  #nearest(position, maxDistance) {
    let nearest = null;
    for (const product of this.products) {
      const distance = Math.hypot(product.x - position.x, product.y - position.y);
      if (distance < maxDistance) [nearest, maxDistance] = [product, distance];
    }
    return nearest;
  }

  #draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.#paint();
    });
  }

  #paint() {
    const pixelRatio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    Object.assign(this.canvas, { width: width * pixelRatio, height: height * pixelRatio });
    const context = this.canvas.getContext("2d");
    context.scale(pixelRatio, pixelRatio);
    const unit = Math.min(width, height) * 0.92 * this.view.scale;
    const visible = [];
    for (const product of this.products) {
      const x = (product.x - this.view.x) * unit + width / 2;
      const y = (product.y - this.view.y) * unit + height / 2;
      if (x > -60 && y > -60 && x < width + 60 && y < height + 60) visible.push([product, x, y]);
    }
    const side = visible.length <= MAX_THUMBNAILS ? Math.min(72, 26 + unit / 60) : 0;
    for (const [product, x, y] of visible) {
      const value = product.dimensions[this.colour.value] ?? "";
      context.globalAlpha = this.chosen === null || this.chosen === value ? 1 : 0.12;
      context.fillStyle = this.colours?.get(value) ?? "#9aa09a";
      const picture = side ? this.#loadPicture(product) : null;
      if (picture) {
        context.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
        context.drawImage(picture, x - side / 2, y - side / 2, side, side);
      } else {
        context.beginPath();
        context.arc(x, y, 5, 0, 7);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    if (!side) this.#paintNames(context, visible);
  }

  /** Write the name of each class over the middle of its products. */
  #paintNames(context, visible) {
    const places = new Map();
    for (const [product, x, y] of visible) {
      const value = product.dimensions[this.colour.value];
      if (!this.colours?.has(value) || (this.chosen !== null && this.chosen !== value)) continue;
      if (!places.has(value)) places.set(value, []);
      places.get(value).push([x, y]);
    }
    const median = (values) => values.sort((first, second) => first - second)[Math.floor(values.length / 2)];
    const { color } = getComputedStyle(this.canvas);
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "center";
    context.lineWidth = 4;
    context.strokeStyle = getComputedStyle(this.canvas).backgroundColor;
    context.fillStyle = color;
    for (const [value, points] of places) {
      const name = value.split(" > ").at(-1);
      const [x, y] = [median(points.map(([one]) => one)), median(points.map(([, one]) => one))];
      context.strokeText(name, x, y);
      context.fillText(name, x, y);
    }
  }

  /** Return the picture of a product, or null while it loads. */
  #loadPicture(product) {
    const loaded = this.pictures.get(product.photo);
    if (loaded) return loaded.complete && loaded.naturalWidth ? loaded : null;
    const picture = new Image();
    picture.src = this.service.photoAddress(product.photo, 96);
    picture.addEventListener("load", () => this.#draw());
    this.pictures.set(product.photo, picture);
    return null;
  }
}

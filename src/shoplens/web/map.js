/** The map of the catalogue: what looks alike lies together. Drag, pinch, wheel or keys move it. */

import { asked } from "./api.js";

const INKS = ["#2f7d6b", "#c4622d", "#3f6fb5", "#8a5aa8", "#b08a1e", "#a83e5b", "#6b7a2e", "#4b8f8c", "#9c6b4f", "#586074"];
const FAR = 60;
const THUMBNAILS = 150;

export class CatalogueMap {
  /**
   * @param {HTMLElement} home
   * @param {(product: {id: string, title: string, photo: string}) => void} chosen
   */
  constructor(home, chosen) {
    this.chosen = chosen;
    this.canvas = home.querySelector("#map-canvas");
    this.told = home.querySelector("#map-told");
    this.colour = home.querySelector("#map-colour");
    this.legend = home.querySelector("#map-legend");
    this.products = [];
    this.pictures = new Map();
    this.view = { x: 0.5, y: 0.5, scale: 1 };
    this.pointers = new Map();
    this.least = 1;
    home.querySelector("#map-in").addEventListener("click", () => this.#zoom(1.5));
    home.querySelector("#map-out").addEventListener("click", () => this.#zoom(1 / 1.5));
    this.colour.addEventListener("change", () => this.#recolour());
    this.canvas.addEventListener("keydown", (event) => this.#typed(event));
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 400), this.#place(event));
    });
    this.canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.canvas.addEventListener(kind, (event) => this.#up(event));
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  async show() {
    if (this.products.length) return this.#draw();
    this.told.textContent = "Drawing the map, which takes a while the first time …";
    try {
      const found = await asked("", "/v1/map");
      this.products = found.products;
      this.#fit();
      this.told.textContent = found.note;
      const fields = [...new Set(this.products.flatMap((one) => Object.keys(one.dimensions)))];
      this.colour.replaceChildren(...fields.map((name) => new Option(name, name)));
      this.#recolour();
    } catch (problem) {
      this.told.textContent = `${problem.problem ?? problem} ${problem.fix ?? ""}`;
    }
  }

  /** All products in view. */
  #fit() {
    const range = (name) => {
      const all = this.products.map((one) => one[name]);
      return all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    };
    const [[left, right], [top, bottom]] = [range("x"), range("y")];
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const unit = Math.min(width, height) * 0.92;
    const scale = Math.min(width / unit / (right - left || 1), height / unit / (bottom - top || 1)) * 0.92;
    this.least = Math.min(1, scale);
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, scale };
  }

  #recolour() {
    const counts = new Map();
    for (const one of this.products) {
      const value = one.dimensions[this.colour.value] ?? "";
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const order = [...counts.keys()].filter(Boolean).sort((one, other) => counts.get(other) - counts.get(one));
    this.inks = new Map(order.slice(0, INKS.length).map((value, place) => [value, INKS[place]]));
    this.legend.replaceChildren(
      ...[...this.inks].map(([value, ink]) => {
        const one = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.style.background = ink;
        one.append(swatch, `${value} (${counts.get(value)})`);
        return one;
      }),
    );
    this.#draw();
  }

  #typed(event) {
    const step = 0.1 / this.view.scale;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      this.view.x += moves[event.key][0];
      this.view.y += moves[event.key][1];
    } else if (event.key === "+" || event.key === "=") this.#zoom(1.3);
    else if (event.key === "-") this.#zoom(1 / 1.3);
    else if (event.key === "Enter") {
      const found = this.#nearest({ x: this.view.x, y: this.view.y }, Infinity);
      if (found) this.chosen(found);
    } else return;
    event.preventDefault();
    this.#draw();
  }

  /** Where an event is, in places of the map. */
  #place(event) {
    const area = this.canvas.getBoundingClientRect();
    const unit = Math.min(area.width, area.height) * 0.92 * this.view.scale;
    return {
      x: this.view.x + (event.clientX - area.left - area.width / 2) / unit,
      y: this.view.y + (event.clientY - area.top - area.height / 2) / unit,
    };
  }

  #zoom(factor, about = this.#nearest(this.view, Infinity) ?? this.view) {
    const scale = Math.min(FAR, Math.max(this.least * 0.8, this.view.scale * factor));
    const real = scale / this.view.scale;
    this.view = { x: about.x + (this.view.x - about.x) / real, y: about.y + (this.view.y - about.y) / real, scale };
    this.#draw();
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.moved = 0;
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const area = this.canvas.getBoundingClientRect();
    const unit = Math.min(area.width, area.height) * 0.92 * this.view.scale;
    if (others.length) {
      const apart = (one) => Math.hypot(one.x - others[0].x, one.y - others[0].y) || 1;
      this.#zoom(apart({ x: event.clientX, y: event.clientY }) / apart(before), this.#place(event));
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
      const found = this.#nearest(this.#place(event), 0.03 / this.view.scale);
      if (found) this.chosen(found);
    }
  }

  #nearest(place, reach) {
    let best = null;
    for (const one of this.products) {
      const apart = Math.hypot(one.x - place.x, one.y - place.y);
      if (apart < reach) [best, reach] = [one, apart];
    }
    return best;
  }

  #draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.#paint();
    });
  }

  #paint() {
    const dots = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    Object.assign(this.canvas, { width: width * dots, height: height * dots });
    const ink = this.canvas.getContext("2d");
    ink.scale(dots, dots);
    const unit = Math.min(width, height) * 0.92 * this.view.scale;
    const seen = [];
    for (const one of this.products) {
      const x = (one.x - this.view.x) * unit + width / 2;
      const y = (one.y - this.view.y) * unit + height / 2;
      if (x > -60 && y > -60 && x < width + 60 && y < height + 60) seen.push([one, x, y]);
    }
    const side = seen.length <= THUMBNAILS ? Math.min(72, 26 + unit / 60) : 0;
    for (const [one, x, y] of seen) {
      ink.fillStyle = this.inks?.get(one.dimensions[this.colour.value] ?? "") ?? "#9aa09a";
      const picture = side ? this.#picture(one) : null;
      if (picture) {
        ink.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
        ink.drawImage(picture, x - side / 2, y - side / 2, side, side);
      } else {
        ink.beginPath();
        ink.arc(x, y, 5, 0, 7);
        ink.fill();
      }
    }
  }

  #picture(one) {
    const held = this.pictures.get(one.photo);
    if (held) return held.complete && held.naturalWidth ? held : null;
    const picture = new Image();
    picture.src = `${one.photo}?width=96`;
    picture.addEventListener("load", () => this.#draw());
    this.pictures.set(one.photo, picture);
    return null;
  }
}

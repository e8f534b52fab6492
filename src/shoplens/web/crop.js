/** A box on a photo, which is move and resized by mouse, touch and keyboard. */

const SIDES = ["nw", "ne", "sw", "se"];
const MIN_SIZE = 0.06;

export class Crop {
  /**
   * @param {HTMLElement} container element that shows the photo
   * @param {(region: number[] | null) => void} onChange is called with x, y, width and height in pixels when the box has
   *   stopped moving; with null for the whole photo
   */
  constructor(container, onChange) {
    this.container = container;
    this.onChange = onChange;
    this.box = document.createElement("div");
    this.box.className = "box";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "The part of the photo to search for");
    for (const side of SIDES) {
      const corner = document.createElement("span");
      corner.className = "corner";
      corner.dataset.side = side;
      this.box.append(corner);
    }
    this.box.addEventListener("pointerdown", (event) => this.#startDrag(event));
    this.box.addEventListener("keydown", (event) => this.#handleKey(event));
    this.marks = [];
  }

  /** Show a photo with a box around the whole of it. */
  show(canvas) {
    this.size = [canvas.width, canvas.height];
    this.part = { left: 0, top: 0, right: 1, bottom: 1 };
    this.container.style.setProperty("--aspect", canvas.width / canvas.height);
    this.container.replaceChildren(canvas, this.box);
    this.marks = [];
    this.#draw();
  }

  /** Put the box around the whole photo. */
  selectAll() {
    this.#select([0, 0, ...this.size]);
  }

  /**
   * Mark the things that were found in the photo, and offer to search for each alone.
   * @param {{box: number[]}[]} objects each with x, y, width and height in pixels
   * @param {string | null} mask where they are in the photo: a PNG in base64; null for none
   */
  markObjects(objects, mask) {
    for (const mark of this.marks) mark.remove();
    this.marks = [];
    if (!this.size) return;
    if (mask) {
      const shade = Object.assign(document.createElement("div"), { className: "shade" });
      shade.style.maskImage = `url("data:image/png;base64,${mask}"), linear-gradient(#000, #000)`;
      this.marks.push(shade);
    }
    objects.forEach(({ box }, place) => {
      const label = objects.length > 1 ? `Search for thing ${place + 1} of ${objects.length} only` : "Search for this thing only";
      this.marks.push(...this.#createMark(box, label));
    });
    this.container.append(...this.marks);
  }

  /** Create the outline of a thing, and the button on it. */
  #createMark([x, y, w, h], label) {
    const [width, height] = this.size;
    const outline = Object.assign(document.createElement("div"), { className: "object" });
    const place = { left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%` };
    Object.assign(outline.style, place, { width: `${(100 * w) / width}%`, height: `${(100 * h) / height}%` });
    const spot = Object.assign(document.createElement("button"), { type: "button", className: "spot", title: label });
    spot.setAttribute("aria-label", label);
    Object.assign(spot.style, { left: `${(100 * (x + w / 2)) / width}%`, top: `${(100 * (y + h / 2)) / height}%` });
    spot.addEventListener("click", () => this.#select([x, y, w, h]));
    return [outline, spot];
  }

  #select([x, y, w, h]) {
    const [width, height] = this.size;
    this.part = { left: x / width, top: y / height, right: (x + w) / width, bottom: (y + h) / height };
    this.#draw();
    this.onChange(this.region);
  }

  /** The box as x, y, width and height in pixels; null for the whole photo. */
  get region() {
    const { left, top, right, bottom } = this.part;
    if (left <= 0.001 && top <= 0.001 && right >= 0.999 && bottom >= 0.999) return null;
    const [width, height] = this.size;
    const [x, y] = [Math.round(left * width), Math.round(top * height)];
    return [x, y, Math.max(1, Math.round(right * width) - x), Math.max(1, Math.round(bottom * height) - y)];
  }

  #draw() {
    const { left, top, right, bottom } = this.part;
    Object.assign(this.box.style, {
      left: `${left * 100}%`,
      top: `${top * 100}%`,
      width: `${(right - left) * 100}%`,
      height: `${(bottom - top) * 100}%`,
    });
    const percent = (share) => `${Math.round(share * 100)} %`;
    this.box.setAttribute(
      "aria-description",
      `from ${percent(left)} to ${percent(right)} across, ${percent(top)} to ${percent(bottom)} down`,
    );
  }

  #startDrag(event) {
    event.preventDefault();
    this.box.focus();
    const side = event.target.dataset.side ?? "";
    const start = { ...this.part };
    const area = this.container.getBoundingClientRect();
    const move = (current) => {
      const across = (current.clientX - event.clientX) / area.width;
      const down = (current.clientY - event.clientY) / area.height;
      this.#shift(start, across, down, side);
    };
    const end = () => {
      this.box.removeEventListener("pointermove", move);
      this.box.removeEventListener("pointerup", end);
      this.box.removeEventListener("pointercancel", end);
      this.onChange(this.region);
    };
    this.box.setPointerCapture(event.pointerId);
    this.box.addEventListener("pointermove", move);
    this.box.addEventListener("pointerup", end);
    this.box.addEventListener("pointercancel", end);
  }

  #handleKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#shift({ ...this.part }, step[0] * 0.03, step[1] * 0.03, event.shiftKey ? "se" : "");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onChange(this.region), 500);
  }

  #shift(start, across, down, side) {
    const part = { ...start };
    const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
    if (!side) {
      across = clamp(across, -start.left, 1 - start.right);
      down = clamp(down, -start.top, 1 - start.bottom);
      part.left += across;
      part.right += across;
      part.top += down;
      part.bottom += down;
    } else {
      if (side.endsWith("w")) part.left = clamp(start.left + across, 0, start.right - MIN_SIZE);
      if (side.endsWith("e")) part.right = clamp(start.right + across, start.left + MIN_SIZE, 1);
      if (side.startsWith("n")) part.top = clamp(start.top + down, 0, start.bottom - MIN_SIZE);
      if (side.startsWith("s")) part.bottom = clamp(start.bottom + down, start.top + MIN_SIZE, 1);
    }
    this.part = part;
    this.#draw();
  }
}

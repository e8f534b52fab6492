/** A box on a photo, moved and sized by mouse, touch and keyboard. */

const SIDES = ["nw", "ne", "sw", "se"];
const LEAST = 0.06;

export class Crop {
  /**
   * @param {HTMLElement} home where it is drawn
   * @param {(region: number[] | null) => void} changed told x, y, width, height in pixels when it has come to rest; null
   *   for the whole photo
   */
  constructor(home, changed) {
    this.home = home;
    this.changed = changed;
    this.box = document.createElement("div");
    this.box.className = "box";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "The part that is searched for");
    for (const side of SIDES) {
      const corner = document.createElement("span");
      corner.className = "corner";
      corner.dataset.side = side;
      this.box.append(corner);
    }
    this.box.addEventListener("pointerdown", (event) => this.#grabbed(event));
    this.box.addEventListener("keydown", (event) => this.#typed(event));
  }

  /** Show a photo, all of it chosen. */
  show(canvas) {
    this.size = [canvas.width, canvas.height];
    this.part = { left: 0, top: 0, right: 1, bottom: 1 };
    this.home.style.setProperty("--aspect", canvas.width / canvas.height);
    this.home.replaceChildren(canvas, this.box);
    this.#draw();
  }

  whole() {
    this.part = { left: 0, top: 0, right: 1, bottom: 1 };
    this.#draw();
    this.changed(this.region);
  }

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

  #grabbed(event) {
    event.preventDefault();
    this.box.focus();
    const side = event.target.dataset.side ?? "";
    const start = { ...this.part };
    const area = this.home.getBoundingClientRect();
    const moved = (now) => {
      this.#shift(start, (now.clientX - event.clientX) / area.width, (now.clientY - event.clientY) / area.height, side);
    };
    const ended = () => {
      this.box.removeEventListener("pointermove", moved);
      this.box.removeEventListener("pointerup", ended);
      this.box.removeEventListener("pointercancel", ended);
      this.changed(this.region);
    };
    this.box.setPointerCapture(event.pointerId);
    this.box.addEventListener("pointermove", moved);
    this.box.addEventListener("pointerup", ended);
    this.box.addEventListener("pointercancel", ended);
  }

  #typed(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#shift({ ...this.part }, step[0] * 0.03, step[1] * 0.03, event.shiftKey ? "se" : "");
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.changed(this.region), 500);
  }

  #shift(start, across, down, side) {
    const part = { ...start };
    const within = (value, low, high) => Math.min(high, Math.max(low, value));
    if (!side) {
      across = within(across, -start.left, 1 - start.right);
      down = within(down, -start.top, 1 - start.bottom);
      part.left += across;
      part.right += across;
      part.top += down;
      part.bottom += down;
    } else {
      if (side.endsWith("w")) part.left = within(start.left + across, 0, start.right - LEAST);
      if (side.endsWith("e")) part.right = within(start.right + across, start.left + LEAST, 1);
      if (side.startsWith("n")) part.top = within(start.top + down, 0, start.bottom - LEAST);
      if (side.startsWith("s")) part.bottom = within(start.bottom + down, start.top + LEAST, 1);
    }
    this.part = part;
    this.#draw();
  }
}

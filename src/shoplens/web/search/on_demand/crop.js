/** The editor for a part of the photo: draw a box, move it, drag its corners, or use the arrow keys. */

import { addStyle, button, h } from "../dom.js";
import { editorsStyle } from "../styles/editors.js";
import { placeOf } from "../views/strip.js";

const SIDES = ["nw", "ne", "sw", "se"];
const SMALLEST = 0.05;
const STEP = 0.02;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * Let a shopper choose a part of a photo.
 * @returns {Promise<number[] | null | undefined>} x, y, width and height as shares; null for the whole photo; undefined
 *   where nothing was chosen
 */
export function chooseRegion(app, photo, region) {
  const { texts } = app;
  const say = (key, values) => texts.say(key, values);
  const image = h("img", { alt: say("yourPhoto"), src: photo.address, draggable: false });
  const box = h("div.box", { tabIndex: 0, role: "group", "aria-label": say("cropBox") }, ...SIDES.map((side) => {
    const place = { top: side[0] === "n" ? "0" : "100%", left: side[1] === "w" ? "0" : "100%" };
    return h("span.handle", { data: { side }, style: place });
  }));
  const area = h("div.crop", {}, image, h("div.clip", {}, box));
  let part = edgesOf(region ?? [0, 0, 1, 1]);

  const draw = () => {
    const shares = sharesOf(part);
    for (const [name, value] of Object.entries(placeOf(shares))) box.style.setProperty(name, value);
    const [left, top, right, bottom] = part.map((share) => texts.percent(share));
    box.setAttribute("aria-description", say("cropState", { left, top, right, bottom }));
  };
  const shift = (start, across, down, side) => {
    let [left, top, right, bottom] = start;
    if (!side) {
      const [dx, dy] = [clamp(across, -left, 1 - right), clamp(down, -top, 1 - bottom)];
      part = [left + dx, top + dy, right + dx, bottom + dy];
    } else {
      if (side.includes("w")) left = clamp(left + across, 0, right - SMALLEST);
      if (side.includes("e")) right = clamp(right + across, left + SMALLEST, 1);
      if (side.includes("n")) top = clamp(top + down, 0, bottom - SMALLEST);
      if (side.includes("s")) bottom = clamp(bottom + down, top + SMALLEST, 1);
      part = [left, top, right, bottom];
    }
    draw();
  };
  area.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    const frame = area.getBoundingClientRect();
    const at = ({ clientX, clientY }) => [clamp((clientX - frame.left) / frame.width, 0, 1), clamp((clientY - frame.top) / frame.height, 0, 1)];
    const [x, y] = at(event);
    const begun = [...part];
    const isWhole = part[0] <= 0 && part[1] <= 0 && part[2] >= 1 && part[3] >= 1;
    const side = event.target.dataset.side;
    const isInside = !isWhole && !side && event.target === box;
    const move = (current) => {
      const [nowX, nowY] = at(current);
      if (side || isInside) return shift(begun, nowX - x, nowY - y, side);
      if (Math.abs(nowX - x) < 0.02 && Math.abs(nowY - y) < 0.02) return;
      const [left, right] = [Math.min(x, nowX), Math.max(x, nowX)];
      const [top, bottom] = [Math.min(y, nowY), Math.max(y, nowY)];
      part = [clamp(left, 0, 1 - SMALLEST), clamp(top, 0, 1 - SMALLEST), Math.max(right, left + SMALLEST), Math.max(bottom, top + SMALLEST)];
      draw();
    };
    const end = () => {
      area.removeEventListener("pointermove", move);
      box.focus({ preventScroll: true });
    };
    area.addEventListener("pointermove", move);
    for (const kind of ["pointerup", "pointercancel"]) area.addEventListener(kind, end, { once: true });
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    shift([...part], step[0] * STEP, step[1] * STEP, event.shiftKey ? "se" : "");
  });

  return new Promise((resolve) => {
    let chosen;
    const done = button(say("done"), { kind: "primary", onclick: () => close(true) });
    const whole = button(say("wholePhoto"), { onclick: () => { part = [0, 0, 1, 1]; draw(); box.focus(); } });
    const title = h("h2.title", {}, say("cropTitle"));
    const stage = h("div.stage", {}, area);
    const dialog = h("dialog.modal", { "aria-label": say("editCrop") },
      h("header", {}, title, button(say("cancel"), { glyph: "close", round: true, onclick: () => close(false) })), stage,
      h("footer", {}, whole, done));
    dialog.insertBefore(h("p.small.soft.pointer-fine", { style: { padding: "8px 20px 0" } }, say("cropHelp")), stage.nextSibling);
    const fit = () => {
      const [width, height] = photo.size;
      const scale = Math.min((stage.clientWidth - 40) / width, (stage.clientHeight - 40) / height);
      area.style.width = `${width * scale}px`;
      image.style.width = "100%";
    };
    const close = (isChosen) => {
      const isWhole = part[0] <= 0.005 && part[1] <= 0.005 && part[2] >= 0.995 && part[3] >= 0.995;
      chosen = isChosen ? (isWhole ? null : sharesOf(part)) : undefined;
      dialog.close();
    };
    window.addEventListener("resize", fit);
    dialog.addEventListener("close", () => {
      window.removeEventListener("resize", fit);
      dialog.remove();
      resolve(chosen);
    });
    addStyle(app.root, editorsStyle);
    app.root.append(dialog);
    dialog.showModal();
    fit();
    draw();
    box.focus();
  });
}

const edgesOf = ([x, y, w, h]) => [x, y, x + w, y + h];
const sharesOf = ([left, top, right, bottom]) => [left, top, right - left, bottom - top];

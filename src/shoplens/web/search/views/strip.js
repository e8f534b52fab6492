/** The photo that is searched with: small, with a spot on each thing in it, and a button to choose a part of it. */

import { button, h, icon, picture } from "../dom.js";

export class Strip {
  constructor(app) {
    this.app = app;
    this.element = h("section.strip", { part: "photo", "aria-label": app.texts.say("yourPhoto") });
  }

  update() {
    const { app } = this;
    const { query, photo, texts } = app;
    const isByPhoto = Boolean(query.photo || query.queryId || query.address) && !query.like;
    this.element.hidden = !isByPhoto && !query.like;
    const objects = isByPhoto && photo ? (photo.objects ?? []) : [];
    const key = JSON.stringify([query.like, query.photo, query.region, photo?.id, app.likes?.[query.like]?.title, objects, app.isBusy && !app.answer]);
    if (key === this.key) return;
    this.key = key;
    const focused = this.element.getRootNode().activeElement;
    const held = this.element.contains(focused) ? focused.dataset.spot : null;
    const again = button(texts.say(query.like ? "newSearch" : "newPhoto"), { glyph: query.like ? "close" : "camera", round: true, onclick: () => app.reset() });
    if (query.like) {
      const like = app.likes?.[query.like];
      this.element.replaceChildren(
        h("div.likeness", {}, like?.photo ? picture(app.service.photoAddress(like.photo, 384), { width: 112, height: 136 }) : h("span"),
          h("p", { dir: "auto" }, texts.say("likeProduct", { title: like?.title ?? query.like }))),
        h("div.corner", {}, app.before && button(texts.say("back"), { glyph: "back", round: true, onclick: () => app.change(app.before, { focus: true }) }), again));
    } else if (!photo?.size) {
      const words = texts.say(photo || query.address ? "yourPhoto" : "sharedPhoto");
      this.element.replaceChildren(h("div.likeness", {}, icon("picture"), h("p", {}, words)), h("div.corner", {}, again));
    } else this.element.replaceChildren(this.#createPhoto(photo, objects), this.#createCorner(again));
    if (held !== null) this.element.querySelector(`[data-spot="${held}"]`)?.focus();
  }

  #createCorner(again) {
    const { app } = this;
    return h("div.corner", {}, button(app.texts.say("editCrop"), { glyph: "crop", round: true, onclick: () => this.edit() }), again);
  }

  #createPhoto(photo, objects) {
    const { app } = this;
    const { query, texts } = app;
    const image = h("img", { alt: texts.say("yourPhoto"), src: photo.address, width: photo.size[0], height: photo.size[1] });
    const frame = query.region && h("div.frame", { style: placeOf(query.region) });
    const shown = h("div.photo", {}, h("div.shown", { onclick: () => this.edit() }, image, frame));
    objects.forEach(({ box }, place) => {
      const region = sharesOf(box, photo.sentSize);
      const isChosen = query.region !== null && region.every((share, side) => Math.abs(share - query.region[side]) < 0.01);
      const label = objects.length > 1 ? texts.say("thingOf", { place: place + 1, count: objects.length }) : texts.say("thing");
      const [x, y, width, height] = region;
      const spot = h("button.spot", {
        type: "button", "aria-label": label, title: label, "aria-pressed": String(isChosen), data: { spot: place },
        style: { left: `${100 * (x + width / 2)}%`, top: `${100 * (y + height / 2)}%` },
        onclick: () => app.searchRegion(isChosen ? null : region),
      });
      shown.append(spot);
    });
    if (app.isBusy && !app.answer) shown.append(h("div.sweep"));
    return shown;
  }

  async edit() {
    const { app } = this;
    if (!app.photo?.size) return;
    const { chooseRegion } = await import("../on_demand/crop.js");
    const region = await chooseRegion(app, app.photo, app.query.region);
    if (region !== undefined && String(region) !== String(app.query.region)) app.searchRegion(region);
  }
}

const sharesOf = ([x, y, w, h], [width, height]) => [x / width, y / height, w / width, h / height];

/** Return the style of a part of a photo that fills its container. */
export const placeOf = ([x, y, w, h]) => ({ left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * w}%`, height: `${100 * h}%` });

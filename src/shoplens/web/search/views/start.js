/** The cold start: a photo by camera, file, drop, paste or address, words, and sample photos of the shop. */

import { button, h, picture } from "../dom.js";

export class Start {
  constructor(app) {
    this.app = app;
    const say = (key) => app.texts.say(key);
    this.file = h("input", { type: "file", accept: "image/*,.heic,.heif", hidden: true, tabIndex: -1 });
    this.file.addEventListener("change", () => {
      const file = this.file.files[0];
      this.file.value = ""; // so that the same file can be chosen again
      if (file) app.searchFile(file);
    });
    const isPhone = window.matchMedia("(pointer: coarse)").matches;
    const take = button(say("take"), { glyph: "camera", kind: isPhone ? "primary" : "", onclick: () => this.takePhoto() });
    const choose = button(say("choose"), { glyph: "picture", kind: isPhone ? "" : "primary", onclick: () => this.choosePhoto() });
    const field = h("input.field", { type: "text", maxLength: 500, autocomplete: "off", placeholder: say("describe"), "aria-label": say("describe"), dir: "auto" });
    const form = h("form.words", { role: "search", "aria-label": say("find") }, field, button(say("find"), { glyph: "search", round: true, type: "submit" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim()) app.searchText(field.value.trim());
      field.value = "";
    });
    this.message = h("p.small", { role: "alert" });
    this.samples = h("ul");
    this.gallery = h("div.samples", { hidden: true }, h("p.soft", {}, say("samples")), this.samples);
    this.element = h("section.start", { part: "start" },
      h("h2.title", { tabIndex: -1 }, say("title")), h("p.lead", {}, say("lead")),
      h("div.actions", {}, ...(isPhone ? [take, choose] : [choose, take]), this.file),
      h("p.small.soft.pointer-fine", {}, say("drop")), this.message, form, h("p.small.soft", {}, say("privacy")), this.gallery);
    this.element.lastChild.previousSibling.style.marginTop = "12px";
  }

  choosePhoto() {
    this.file.click();
  }

  async takePhoto() {
    const { takePhoto } = await import("../on_demand/camera.js");
    try {
      const blob = await takePhoto(this.app);
      if (blob) this.app.searchFile(blob);
    } catch (problem) {
      console.warn("shoplens:", problem.message);
      this.app.problem = { code: "no-camera" };
      this.message.textContent = this.app.texts.say("noCamera");
    }
  }

  update() {
    const { app } = this;
    const isProblem = !this.element.hidden && app.problem && app.problem.code !== "no-camera"; // results tell their own
    if (isProblem || !app.problem) this.message.textContent = isProblem && !app.keyForm ? app.texts.error(app.problem) : "";
    if (!this.samples.children.length && app.shop) this.samples.append(...createSamples(app));
    this.gallery.hidden = !this.samples.children.length;
  }
}

/** Create the sample photos of the shop, which search as if a shopper had sent them. */
export function createSamples(app) {
  return (app.shop?.samples ?? []).map((sample) => {
    const image = picture(app.service.photoAddress(sample.photo, 192), { width: 192, height: 192 });
    const name = app.texts.say("sample", { title: sample.title });
    const search = async () => {
      const blob = await fetch(app.service.photoAddress(sample.photo, 768)).then((response) => response.blob()).catch(() => null);
      if (blob) app.searchFile(blob);
      else app.searchLike(sample);
    };
    return h("li", {}, h("button", { type: "button", "aria-label": name, title: sample.title, onclick: search }, image));
  });
}


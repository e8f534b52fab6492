/**
 * <shoplens-search endpoint="https://search.shop.example" api-key="sl_…"></shoplens-search>
 *
 * A visual search for any page. Attributes: `endpoint` (address of the service), `api-key` (a key with the role search),
 * `mode` (`dialog`, a button that opens the search over the page, or `inline`), `product-id` (shows only products like
 * this one), `results` (number of results of a page), `where` (a condition that all results meet), `label` (text of the
 * button), `lang`, `scheme` (`light` where the shop has no dark pages). The property `texts` replaces texts. Slots: `button` (what opens the dialog), and a
 * `<template slot="card">` for cards. Events, which all bubble: shoplens-open, shoplens-search, shoplens-results,
 * shoplens-select (if it is cancelled, the link is not followed), shoplens-close, shoplens-error. docs/storefront.md
 * describes all of it.
 */

import { addStyle, h, icon } from "./search/dom.js";
import { Memory } from "./search/memory.js";
import { mount, sharedStyle } from "./search/mount.js";
import { Texts } from "./search/texts/index.js";

const OWN_STYLE = `
:host { display: inline-block; }
:host([mode="inline"]), :host([product-id]) { display: block; }
:host([hidden]) { display: none; }
.trigger { font: var(--shoplens-font, inherit); }
.overlay { position: fixed; width: min(1280px, 96vw); height: 92dvh; max-width: none; max-height: none; border-radius: 20px; overflow: hidden; }
.overlay:not([open]) { display: none; }
.overlay[open] { display: flex; flex-direction: column; animation: rise .24s cubic-bezier(.2,.7,.2,1); }
@media (max-width: 700px) { .overlay { width: 100vw; height: 100dvh; border-radius: 0; } }
.overlay > .shut { display: flex; align-items: center; justify-content: space-between; min-height: 56px; padding: 0 6px 0 20px; }
.overlay > .scroll { flex: 1; min-height: 0; overflow: auto; overscroll-behavior: contain; }
`;

export class ShoplensSearch extends HTMLElement {
  #app = null;
  #texts = {};
  #began = false;
  #memory = null;

  static observedAttributes = ["endpoint", "api-key", "mode", "product-id", "results", "where", "label", "lang", "scheme"];

  connectedCallback() {
    if (!this.shadowRoot) {
      const root = this.attachShadow({ mode: "open" });
      for (const style of [sharedStyle, OWN_STYLE]) addStyle(root, style);
      const place = [...document.querySelectorAll(this.localName)].indexOf(this);
      this.#memory = new Memory(this.id || String(place));
    }
    window.addEventListener("pagehide", this.#keepPlace);
    this.#start();
  }

  disconnectedCallback() {
    window.removeEventListener("pagehide", this.#keepPlace);
    this.#stop();
  }

  #keepPlace = () => {
    if (this.dialog?.open) this.#memory.keep({ scroll: this.container.scrollTop });
  };

  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now || !this.shadowRoot) return;
    this.#stop();
    this.#start();
  }

  /** Texts by key that replace the shipped ones; search/texts/en.js lists the keys. */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = texts ?? {};
    if (!this.isConnected) return;
    this.#stop();
    this.#start();
  }

  /** Open the search, where it is a dialog. */
  async open() {
    await this.ready;
    if (!this.dialog || this.dialog.open) return;
    this.dialog.showModal();
    const app = await this.#ensureApp();
    app.isOpen = true;
    this.#memory.keep({ isOpen: true });
    this.#emit("open", {});
  }

  /** Close the dialog. */
  close() {
    this.dialog?.close();
  }

  /** Search for the products in a photo (a File or Blob). */
  async search(photo) {
    await this.open();
    await (await this.#ensureApp()).searchFile(photo);
  }

  #start() {
    this.generation = (this.generation ?? 0) + 1;
    this.ready = this.#build(this.generation);
    if (this.#memory.isOpen) this.ready.then(() => this.open());
  }

  async #build(generation) {
    const root = this.shadowRoot;
    const isDialog = this.getAttribute("mode") !== "inline" && !this.hasAttribute("product-id");
    if (!isDialog) {
      const holder = h("div");
      root.replaceChildren(holder);
      this.container = holder;
      await this.#ensureApp();
      return;
    }
    const texts = await Texts.load(this.#lang, this.#texts);
    if (generation !== this.generation) return;
    const label = this.getAttribute("label") || texts.say("open");
    const trigger = h("slot", { name: "button", onclick: () => this.open() },
      h("button.button.primary.trigger", { type: "button", part: "button", "aria-haspopup": "dialog" }, icon("camera"), h("span", {}, label)));
    const shut = h("button.button.round", { type: "button", part: "close", "aria-label": texts.say("close"), title: texts.say("close"), onclick: () => this.close() }, icon("close"));
    this.container = h("div.scroll");
    const data = this.#data;
    this.dialog = h("dialog.overlay.app", { part: "panel", "aria-label": label, data }, h("div.app.shut", { data }, h("strong", { dir: "auto" }, label), shut), this.container);
    this.dialog.addEventListener("close", () => {
      if (this.#app) this.#app.isOpen = false;
      this.#memory.keep({ isOpen: false });
      this.#emit("close", {});
    });
    root.replaceChildren(h("span.app", { data, style: { background: "none", display: "inline-block" } }, trigger), this.dialog);
  }

  async #ensureApp() {
    if (this.#app) return this.#app;
    if (this.#began) return this.#began;
    const template = this.querySelector('template[slot="card"]');
    const options = {
      endpoint: this.getAttribute("endpoint") || new URL(import.meta.url).origin,
      key: this.getAttribute("api-key") ?? "", lang: this.#lang, ownTexts: this.#texts, template, data: this.#data,
      where: this.getAttribute("where") ?? "", productId: this.getAttribute("product-id") ?? "",
      count: Number(this.getAttribute("results")) || (this.hasAttribute("product-id") ? 12 : 24),
      emit: (name, detail) => this.#emit(name, detail),
      createHistory: this.hasAttribute("product-id") ? undefined : () => this.#memory,
    };
    const generation = this.generation;
    this.#began = mount(this.container, options).then(async (app) => {
      if (generation !== this.generation) return app.dispose() ?? app;
      this.#app = app;
      const { scroll } = this.#memory;
      app.begin().then(() => scroll && this.container.scrollTo({ top: scroll }));
      return app;
    });
    return this.#began;
  }

  #stop() {
    this.#app?.dispose();
    this.#app = null;
    this.#began = false;
    this.dialog = null;
  }

  get #data() {
    return { scheme: this.getAttribute("scheme") ?? "" };
  }

  get #lang() {
    return this.getAttribute("lang") || this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language;
  }

  #emit(name, detail) {
    return this.dispatchEvent(new CustomEvent(`shoplens-${name}`, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

if (!customElements.get("shoplens-search")) customElements.define("shoplens-search", ShoplensSearch);

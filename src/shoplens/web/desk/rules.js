/** Merchandising: pin, boost, bury and hide; with a preview on real searches, set live, and undone. */

import { h } from "../search/dom.js";
import { createProducts } from "./parts.js";

const ACTIONS = ["pin", "boost", "bury", "hide"];
const AMOUNT = 0.1;

/** The editor of the rules. Changes stay a draft until they are set. */
export class Rules {
  /**
   * @param {HTMLElement} section
   * @param {import("../search/service.js").Service} service with a key of the role desk
   * @param {(text: string) => void} say
   */
  constructor(section, service, say) {
    Object.assign(this, { section, service, say });
    this.body = section.querySelector(".body");
  }

  async show() {
    this.#take(await this.service.request("/v1/merchandising"));
  }

  #take(state) {
    this.state = state;
    this.draft = state.rules.map((rule) => ({ ...rule }));
    this.preview = null;
    this.#draw();
  }

  #draw() {
    const { state } = this;
    const rows = this.draft.map((rule, place) => this.#createRow(rule, place));
    const button = (text, onclick, disabled = false) => h("button", { type: "button", onclick, disabled }, text);
    const settings = Object.values(state.settings).some((held) => (held.length ?? Object.keys(held).length) > 0);
    this.body.replaceChildren(
      h("p.soft", {}, state.version ? `Version ${state.version}, set by ${state.by || "nobody"} on ${state.at}.` : "No rule was set so far."),
      ...state.notes.map((note) => h("p", { role: "alert" }, note)),
      ...(settings ? [h("p.soft", {}, "shoplens.toml has pins, boosts or buries, too; rules override them.")] : []),
      h("ol.rules", {}, ...rows),
      h("div.bar", {}, button("Add a rule", () => this.#change([...this.draft, { action: "boost", products: [], where: "", amount: AMOUNT, start: "", end: "", note: "" }])),
        button("Preview", () => this.#run(() => this.#try())), button("Set live", () => this.#run(() => this.#set())),
        button("Undo the last change", () => this.#run(() => this.#undo()), !state.before.length)),
      h("div.preview", {}, ...(this.preview?.notes ?? []).map((note) => h("p", { role: "alert" }, note)), ...(this.preview?.searches ?? []).map((row) => this.#createPreview(row))));
  }

  #createRow(rule, place) {
    const field = (name, label, props = {}) => h("label", {}, label, h("input", { value: rule[name], ...props, onchange: (event) => (rule[name] = event.target.value.trim()) }));
    const action = h("select", { "aria-label": "Action", onchange: (event) => this.#change(this.draft.map((one) => (one === rule ? { ...one, action: event.target.value, amount: ["boost", "bury"].includes(event.target.value) ? one.amount || AMOUNT : 0 } : one))) },
      ...ACTIONS.map((name) => h("option", { value: name, selected: name === rule.action }, name)));
    const products = h("label", {}, "Products, by id", h("input", { value: rule.products.join(", "), placeholder: "MH01-Black, MH02-Blue", onchange: (event) => (rule.products = event.target.value.split(",").map((one) => one.trim()).filter(Boolean)) }));
    const amount = h("label", {}, "Amount", h("input", { type: "number", min: 0.01, max: 1, step: 0.01, value: rule.amount, onchange: (event) => (rule.amount = Number(event.target.value)) }));
    return h("li", { data: { place } }, action, products, rule.action !== "pin" && field("where", "or all with", { placeholder: "brand = Acme" }), ["boost", "bury"].includes(rule.action) && amount,
      field("start", "From", { type: "date" }), field("end", "Until", { type: "date" }), field("note", "Why"),
      h("button", { type: "button", onclick: () => this.#change(this.draft.filter((one) => one !== rule)) }, "Remove"));
  }

  #createPreview(row) {
    const mark = (products, names, name) => products.map((product) => ({ ...product, mark: names.includes(product.product_id) ? name : "" }));
    const title = row.product_id ? `More like ${row.product_id}` : "A recent search";
    const isSame = JSON.stringify(row.before) === JSON.stringify(row.after);
    return h("section", {}, h("h2", {}, title), isSame ? h("p.soft", {}, "Nothing changes.") : h("div", {}, h("p.soft", {}, "Now"), createProducts(this.service, mark(row.before, row.removed, "removed")), h("p.soft", {}, "Then"), createProducts(this.service, mark(row.after, row.added, "added"))));
  }

  #change(draft) {
    this.draft = draft;
    this.#draw();
  }

  /** Do something that may be refused, and say why. */
  async #run(act) {
    this.say("");
    try {
      await act();
    } catch (problem) {
      this.say(`${problem.problem ?? problem} ${problem.fix ?? ""}`);
    }
  }

  async #try() {
    const ids = this.draft.flatMap((rule) => rule.products).slice(0, 3);
    const recent = await this.service.send("/v1/merchandising/preview", { rules: this.draft });
    this.preview = recent.searches.length || !ids.length ? recent : await this.service.send("/v1/merchandising/preview", { rules: this.draft, product_ids: ids });
    if (!this.preview.searches.length) this.say("There was no search in the last half hour to try the rules on.");
    this.#draw();
  }

  async #set() {
    this.#take(await this.service.send("/v1/merchandising", { rules: this.draft, version: this.state.version }, { method: "PUT" }));
    this.say("The rules are live.");
  }

  async #undo() {
    this.#take(await this.service.send("/v1/merchandising/undo", {}));
    this.say("The rules before are live again.");
  }
}

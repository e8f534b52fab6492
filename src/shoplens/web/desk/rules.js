/** Merchandising: pin, boost, bury and hide; with a preview on real searches, set live, and undone. */

import { h } from "../search/dom.js";
import { createProducts } from "./parts.js";

const ACTIONS = ["pin", "boost", "bury", "hide"];
const AMOUNT = 0.1;
const NOTES = { nothing: "unknownProduct", "old-id": "renamedProduct", identifier: "rowOfProduct" };

/** The editor of the rules. Changes stay a draft until they are set. */
export class Rules {
  /**
   * @param {HTMLElement} section
   * @param {object} desk its `service`, with a key of the role desk, its `texts`, and `say`
   */
  constructor(section, desk) {
    Object.assign(this, desk, { section });
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
    const { state, texts } = this;
    const rows = this.draft.map((rule, place) => this.#createRow(rule, place));
    const button = (text, onclick, disabled = false) => h("button", { type: "button", onclick, disabled }, text);
    const settings = Object.values(state.settings).some((held) => (held.length ?? Object.keys(held).length) > 0);
    this.body.replaceChildren(
      h("p.soft", {}, state.version ? texts.say("version", { version: state.version, by: state.by || "–", at: state.at }) : texts.say("noRules")),
      ...state.notes.map((note) => this.#createNote(note)),
      ...(settings ? [h("p.soft", {}, texts.say("tomlRules"))] : []),
      h("ol.rules", {}, ...rows),
      h("div.bar", {}, button(texts.say("add"), () => this.#change([...this.draft, { action: "boost", products: [], where: "", amount: AMOUNT, start: "", end: "", note: "" }])),
        button(texts.say("preview"), () => this.#run(() => this.#try())), button(texts.say("setLive"), () => this.#run(() => this.#set())),
        button(texts.say("undo"), () => this.#run(() => this.#undo()), !state.before.length)),
      h("div.preview", {}, ...(this.preview?.notes ?? []).map((note) => this.#createNote(note)), ...(this.preview?.searches ?? []).map((row) => this.#createPreview(row))));
  }

  /** Create the sentence about a name that stands for no product, or for another one. */
  #createNote({ name, by, products }) {
    return h("p", { role: "alert" }, this.texts.say(NOTES[by], { name, id: products.join(", ") }));
  }

  #createRow(rule, place) {
    const say = (key) => this.texts.say(key);
    const field = (name, label, props = {}) => h("label", {}, label, h("input", { value: rule[name], ...props, onchange: (event) => (rule[name] = event.target.value.trim()) }));
    const action = h("select", { "aria-label": say("action"), onchange: (event) => this.#change(this.draft.map((one) => (one === rule ? { ...one, action: event.target.value, amount: ["boost", "bury"].includes(event.target.value) ? one.amount || AMOUNT : 0 } : one))) },
      ...ACTIONS.map((name) => h("option", { value: name, selected: name === rule.action }, say(`action ${name}`))));
    const products = h("label", {}, say("productIds"), h("input", { value: rule.products.join(", "), placeholder: "MH01-Black, MH02-Blue", onchange: (event) => (rule.products = event.target.value.split(",").map((one) => one.trim()).filter(Boolean)) }));
    const amount = h("label", {}, say("amount"), h("input", { type: "number", min: 0.01, max: 1, step: 0.01, value: rule.amount, onchange: (event) => (rule.amount = Number(event.target.value)) }));
    return h("li", { data: { place } }, action, products, rule.action !== "pin" && field("where", say("allWith"), { placeholder: "brand = Acme" }), ["boost", "bury"].includes(rule.action) && amount,
      field("start", say("start"), { type: "date" }), field("end", say("end"), { type: "date" }), field("note", say("note")),
      h("button", { type: "button", onclick: () => this.#change(this.draft.filter((one) => one !== rule)) }, say("removeRule")));
  }

  #createPreview(row) {
    const mark = (products, names, name) => products.map((product) => ({ ...product, mark: names.includes(product.product_id) ? name : "" }));
    const title = row.product_id ? this.texts.say("moreLikeId", { id: row.product_id }) : this.texts.say("recentSearch");
    const isSame = JSON.stringify(row.before) === JSON.stringify(row.after);
    return h("section", {}, h("h2", {}, title), isSame ? h("p.soft", {}, this.texts.say("unchanged")) : h("div", {}, h("p.soft", {}, this.texts.say("now")), createProducts(this.service, mark(row.before, row.removed, "removed")), h("p.soft", {}, this.texts.say("then")), createProducts(this.service, mark(row.after, row.added, "added"))));
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
      console.warn("shoplens:", problem.message);
      this.say(this.texts.error(problem));
    }
  }

  async #try() {
    const recent = await this.service.send("/v1/merchandising/preview", { rules: this.draft });
    const unknown = recent.notes.filter(({ by }) => by === "nothing").map(({ name }) => name);
    const ids = this.draft.flatMap((rule) => rule.products).filter((id) => !unknown.includes(id)).slice(0, 3);
    this.preview = recent.searches.length || !ids.length ? recent : await this.service.send("/v1/merchandising/preview", { rules: this.draft, product_ids: ids });
    if (!this.preview.searches.length) this.say(this.texts.say("noRecent"));
    this.#draw();
  }

  async #set() {
    this.#take(await this.service.send("/v1/merchandising", { rules: this.draft, version: this.state.version }, { method: "PUT" }));
    this.say(this.texts.say("live"));
  }

  async #undo() {
    this.#take(await this.service.send("/v1/merchandising/undo", {}));
    this.say(this.texts.say("undone"));
  }
}

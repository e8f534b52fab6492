/** The results: a sentence, the grid of cards, and friendly screens where there are none. */

import { button, h, icon } from "../dom.js";
import { createCard } from "./card.js";
import { conditionWishes, meaningWishes } from "./chips.js";
import { createSamples } from "./start.js";

const SKELETONS = 8;
const MAX_PAGED = 500;

export class Results {
  constructor(app) {
    this.app = app;
    this.said = h("p.said", { role: "status", dir: "auto" });
    this.grid = h("ol.grid", { part: "grid" });
    if (app.productId) this.grid.classList.add("line");
    this.amount = h("span.amount.small.soft");
    this.screen = h("div", { part: "message" });
    this.foot = h("div.foot-row");
    this.element = h("section.results", { tabIndex: -1, part: "results", "aria-label": app.texts.say("results") }, h("div.headline", {}, this.said, this.amount), this.screen, this.grid, this.foot);
    this.cards = new Map();
  }

  focus() {
    if (!this.app.productId) this.element.focus({ preventScroll: true });
  }

  update() {
    const { app } = this;
    const { answer, problem, texts } = app;
    const isFirst = app.isBusy && (!answer || !answer.results.length);
    if (app.isBusy && !isFirst && Object.keys(app.query.factors).length) import("../on_demand/glide.js").then(({ glide }) => (this.glide = glide), () => {});
    this.#say(problem ? texts.error(problem) : app.waiting ? describeWait(app.waiting, texts) : isFirst ? texts.say("searching") : answer ? describeAnswer(answer, app) : "", Boolean(problem || app.waiting));
    this.said.classList.toggle("quiet", Boolean(answer && !problem && !isFirst && !answer.results.length)); // the screen says it in large
    this.amount.textContent = answer && !problem && !isFirst && !app.productId ? describeAmount(answer, texts) : "";
    this.screen.replaceChildren(...this.#createScreen(isFirst));
    this.grid.classList.toggle("waiting", isFirst);
    if (isFirst) {
      this.shown = null;
      this.grid.replaceChildren(...Array.from({ length: Math.min(SKELETONS, app.count) }, createSkeleton));
    } else if (problem || !answer) {
      this.shown = null;
      this.grid.replaceChildren();
    } else if (this.shown !== answer) {
      this.shown = answer;
      const cards = this.#createCards(answer);
      if (this.glide) this.glide(this.grid, cards);
      else this.grid.replaceChildren(...cards);
    }
    this.#updateFoot(answer, problem);
  }

  /** Reuse the cards that stay the same, so that photos and open popovers stay. */
  #createCards(answer) {
    const { app } = this;
    const cards = sortResults(answer.results, app.query.sort).map((result, place) => {
      const key = result.product_id;
      const known = this.cards.get(key);
      const shown = JSON.stringify([result.photo, result.price, result.in_stock, result.same_photo, result.barcode, result.rank === 1 && answer.verdict === "exact", result.variants]);
      if (known?.shown === shown) {
        known.card.result = result;
        return [key, known];
      }
      return [key, { shown, card: createCard(app, result, answer, place) }];
    });
    this.cards = new Map(cards);
    return cards.map(([, { card }]) => card.element);
  }

  #say(text, isWarning) {
    const key = `${text}${isWarning}`;
    if (this.saidKey === key) return; // a text that is written again would be read aloud again
    this.saidKey = key;
    this.said.replaceChildren(isWarning ? h("span.warn", {}, text) : text);
  }

  #createScreen(isFirst) {
    const { app } = this;
    const { answer, problem, texts } = app;
    const screen = (glyph, title, lead, ...rest) => [h("div.empty", {}, h("span.mark", {}, icon(glyph)), h("h2.title", {}, title), h("p", {}, lead), ...rest)];
    const choices = (...buttons) => h("div.choices", {}, ...buttons);
    if (isFirst || app.productId) return [];
    if (problem) {
      const isGone = ["unknown-query", "model-changed"].includes(problem.code);
      const again = isGone ? button(texts.say("choose"), { kind: "primary", onclick: () => app.start.choosePhoto() })
        : button(texts.say("retry"), { kind: "primary", onclick: () => app.change(app.query, { keep: true }) });
      return [h("div.empty", {}, choices(again, ...this.#createTakeBacks(), button(texts.say("newSearch"), { onclick: () => app.reset() })))];
    }
    if (answer?.verdict === "no-product") {
      const samples = createSamples(app);
      return screen("camera", texts.say("noProduct"), texts.say("noProductLead"),
        choices(button(texts.say("take"), { glyph: "camera", kind: "primary", onclick: () => app.start.takePhoto() }), button(texts.say("choose"), { glyph: "picture", onclick: () => app.start.choosePhoto() }),
          app.query.region && button(texts.say("wholePhoto"), { onclick: () => app.searchRegion(null) })),
        samples.length > 0 && h("div.samples", {}, h("p", {}, texts.say("samples")), h("ul", {}, ...samples)));
    }
    if (answer && !answer.results.length) {
      const backs = this.#createTakeBacks();
      return screen("search", texts.say("nothing"), texts.say(backs.length ? "nothingLead" : "nothingAtAll"), choices(...backs,
        app.conditionCount > 1 && button(texts.say("clearAll"), { kind: "primary", onclick: () => app.clearConditions() }), !backs.length && button(texts.say("newSearch"), { onclick: () => app.reset() })));
    }
    return [];
  }

  /** Create a button for each thing that a search asks for, which takes it back. */
  #createTakeBacks() {
    const { app } = this;
    const understood = meaningWishes(app).filter((wish) => wish.kind !== "unknown");
    return [...conditionWishes(app), ...understood].map(({ name, next }) => button(app.texts.say("nothingBy", { name }), { onclick: () => app.change(next, { focus: true }) }));
  }

  #updateFoot(answer, problem) {
    const { app } = this;
    const { texts } = app;
    if (app.productId || problem || !answer?.results.length) return this.foot.replaceChildren();
    const more = answer.next_offset !== null && !app.query.sort;
    const isEnd = answer.next_offset === null && answer.results.length >= MAX_PAGED;
    const told = app.moreProblem ? texts.error(app.moreProblem) : app.waiting ? describeWait(app.waiting, texts) : "";
    const key = `${more} ${isEnd} ${app.isBusy} ${told}`;
    if (this.foot.children.length && this.footKey === key) return undefined;
    this.footKey = key;
    return this.foot.replaceChildren(...[isEnd && h("p.small.soft", {}, texts.say("pagesEnd")), told && h("p.small.warn", { role: "alert" }, told), more && button(texts.say("moreResults"), { disabled: app.isBusy, onclick: () => this.#showMore() }), app.createLink?.(app)].filter(Boolean));
  }

  async #showMore() {
    const count = this.grid.children.length;
    await this.app.showMore();
    this.grid.children[count]?.querySelector(".open")?.focus({ preventScroll: true });
  }
}

/** Return results in another order; products without a price come last. */
function sortResults(results, order) {
  if (!order) return results;
  const sign = order === "price" ? 1 : -1;
  const place = (result) => (result.in_stock === false ? 1e12 : 0) + (result.price === null ? 1e11 : sign * result.price);
  return [...results].sort((first, second) => place(first) - place(second));
}

function createSkeleton() {
  return h("li.card.skeleton", { "aria-hidden": "true", data: { key: "" } }, h("div.tile"), h("div.text", {}, h("i", { style: { width: "40%" } }), h("i", { style: { width: "90%" } }), h("i", { style: { width: "30%" } })));
}

function describeWait({ problem, seconds }, texts) {
  if (problem.code === "unreachable") return texts.say(navigator.onLine ? "waiting" : "offline");
  return texts.say("retrying", { seconds });
}

/** Return the verdict of an answer as a sentence for shoppers. */
function describeAnswer(answer, { query, texts }) {
  if (!answer.results.length) return texts.say(answer.verdict === "no-product" ? "noProduct" : "nothing");
  if (query.like) return texts.say("likeThis");
  if (!query.photo && !query.queryId && !query.address) return texts.say("byWords");
  if (answer.verdict === "exact") return texts.say(answer.results[0].barcode ? "barcode" : "exact");
  return texts.say(answer.verdict === "not-in-catalogue" ? "absent" : "similar");
}

/** Return how many products are similar enough to count, where the service has counted them. */
function describeAmount(answer, texts) {
  const facet = answer.facets?.[0];
  if (!answer.results.length) return "";
  const shown = answer.results.length, count = Math.max(facet?.relevant ?? 0, shown);
  if (count === shown && answer.next_offset !== null) return texts.say("countFirst", { count });
  return texts.say(facet && !facet.complete ? "countMany" : "count", { count });
}

/**
 * A visual search in some element: keeps what the search is, asks the service, and shows the parts of the page. The page
 * and every <shoplens-search> run one each; nothing is shared between them.
 */

import { h } from "./dom.js";
import { conditionsOf, countConditions, EMPTY, isEmpty, toHash, weightsOf, withoutConditions } from "./query.js";
import { ServiceError } from "./service.js";
import { Start } from "./views/start.js";

const PAGE = 24;
const SORTED = 96;
const KEPT_ANSWERS = 40;
const WIDE = 860;
const AGAIN = new Set(["unknown-query", "model-changed", "another-generation"]);

export class SearchApp {
  /**
   * @param {HTMLElement} root is filled
   * @param {object} options
   * @param {import("./service.js").Service} options.service
   * @param {import("./texts/index.js").Texts} options.texts
   * @param {(name: string, detail: object) => boolean} options.emit tells others what happens; false if they prevent it
   * @param {boolean} [options.isPage] whether it has the whole page: its drops and its pastes
   * @param {(onRestore: (query: object, scroll: number) => void) => object} [options.createHistory] returns what remembers
   *   the search: a History, or a Memory
   * @param {(app: SearchApp) => HTMLElement} [options.createLink] returns what gives a link to the search, below the results
   * @param {string} [options.where] condition that all results meet
   * @param {number} [options.count] number of results of a page
   * @param {HTMLTemplateElement | null} [options.template] of cards
   * @param {object} [options.data] further data attributes of the root
   * @param {string} [options.productId] only products like this one are shown, in a line
   */
  constructor(root, options) {
    Object.assign(this, { count: PAGE, where: "", template: null, productId: "", isPage: false, data: {} }, options);
    this.query = EMPTY;
    this.answer = null;
    this.problem = null;
    this.photo = null;
    this.isBusy = false;
    this.answers = new Map();
    this.queryIds = new Map();
    this.shop = null;
    this.history = this.createHistory?.((query, scroll) => this.#restore(query, scroll)) ?? null;
    this.#build(root);
  }

  #build(root) {
    const { texts } = this;
    this.root = h("div.app", { lang: texts.lang, dir: texts.direction, data: { ...this.data, drop: texts.say("dropNow") } });
    this.start = new Start(this);
    this.root.append(this.start.element);
    root.append(this.root);
    const measure = () => {
      const isWide = this.root.clientWidth >= WIDE;
      if (isWide !== ("wide" in this.root.dataset)) {
        if (isWide) this.root.dataset.wide = "";
        else delete this.root.dataset.wide;
      }
      this.filters?.place(isWide);
    };
    this.measure = measure;
    measure();
    this.observer = new ResizeObserver(measure);
    this.observer.observe(this.root);
    this.render();
  }

  /** Load and create what a search shows; the cold start does without it. */
  prepare() {
    this.prepared ??= import("./session.js").then(({ createSession }) => {
      createSession(this);
      this.measure();
    });
    return this.prepared;
  }

  /** Begin: with a product, with the search that is remembered, or with the cold start. */
  async begin() {
    if (this.productId) return this.change({ ...EMPTY, like: this.productId });
    const known = this.load();
    if (this.history) await this.#restore(this.history.begin(), this.history.scroll);
    else this.render();
    window.requestIdleCallback?.(() => this.prepare());
    return known;
  }

  /** Load what the service says of the shop, once: its fields, dimensions and sample photos. */
  load() {
    this.loading ??= this.service
      .request("/v1/storefront")
      .then((shop) => {
        this.shop = shop;
        this.problem = null;
        this.root.style.setProperty("--ratio", shop.photo_ratio);
        this.start.update();
        this.filters?.update();
      })
      .catch((problem) => {
        this.loading = null;
        this.#fail(problem);
      });
    return this.loading;
  }

  /** Search by a file, as a new search: conditions of the one before would only surprise. */
  async searchFile(file) {
    await this.prepare();
    const prepared = await this.preparePhoto(file).catch(({ message }) => this.#fail({ code: "photo-unreadable", problem: message }));
    if (!prepared) return;
    const photo = this.photos.add(prepared);
    await this.change({ ...EMPTY, photo: photo.id }, { focus: true });
  }

  /** Search by an address or by words. */
  async searchText(text) {
    const isAddress = /^https?:\/\/\S+$/i.test(text);
    return this.change({ ...EMPTY, [isAddress ? "address" : "text"]: text }, { focus: true });
  }

  /** Search by a product; conditions stay, and are shown. */
  searchLike(result) {
    const { ticks, price, where } = this.query;
    this.likes = { ...this.likes, [result.product_id]: result };
    if (!this.query.like) this.before = this.query;
    return this.change({ ...EMPTY, like: result.product_id, ticks, price, where }, { focus: true });
  }

  /** Search by a part of the photo; null for the whole. */
  searchRegion(region) {
    return this.change({ ...this.query, region, queryId: "", like: "" });
  }

  clearConditions() {
    return this.change(withoutConditions(this.query));
  }

  /** Go back to the cold start. */
  reset() {
    return this.change(EMPTY, { focus: true });
  }

  /**
   * Make this the search, and show its results.
   * @param {object} query
   * @param {object} [how] `keep`: the entry of the history is replaced, for steps of a slider; `focus`: the results get
   *   the focus
   */
  async change(query, { keep = false, focus = false } = {}) {
    this.query = query;
    if (keep) this.history?.replace(query);
    else this.history?.push(query);
    if (focus && this.isPage) window.scrollTo({ top: 0 });
    else if (focus && this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView();
    await this.#run({ focus });
  }

  async #restore(query, scroll) {
    this.query = query;
    await this.#run({ scroll });
  }

  async #run({ focus = false, scroll = null } = {}) {
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    this.problem = this.waiting = this.moreProblem = null;
    if (!isEmpty(this.query)) await this.prepare();
    if (controller.signal.aborted) return;
    const before = this.photo;
    this.photo = this.query.photo ? await this.photos.get(this.query.photo) : null;
    if (controller.signal.aborted) return;
    if (before !== this.photo) this.answer = null;
    this.isBusy = false;
    if (isEmpty(this.query)) {
      this.answer = null;
      this.render();
      if (focus) this.start.element.querySelector("h2").focus();
      return;
    }
    const kept = this.answers.get(keyOf(this.query));
    if (kept) {
      this.answer = kept;
      this.likes = { ...this.likes, ...kept.likes };
      this.render();
    } else {
      this.isBusy = true;
      this.render();
      if (focus) this.results.focus();
      await this.#ask(controller, 0);
    }
    if (controller.signal.aborted) return;
    if (focus) this.results.focus();
    if (scroll !== null && this.isPage) window.scrollTo({ top: scroll });
  }

  /** Show the next page of results below the others. */
  async showMore() {
    const controller = (this.controller = new AbortController());
    this.isBusy = true;
    this.moreProblem = null;
    this.results.update();
    await this.#ask(controller, this.answer.next_offset);
  }

  async #ask(controller, offset) {
    const { signal } = controller;
    try {
      if (!this.shop) await this.load();
      if (!this.shop) return;
      const query = this.query;
      this.emit("search", { query: toHash(query) });
      if (query.like && !this.likes?.[query.like]) this.#loadLike(query.like);
      const page = await this.#send(query, offset, signal);
      const answer = offset ? mergePages(this.answer, page) : page;
      this.#keep(query, answer);
      this.answer = answer;
      this.emit("results", { answer });
    } catch (problem) {
      if (signal.aborted) return;
      if (offset) this.moreProblem = this.#tell(problem);
      else this.#fail(problem);
    } finally {
      if (!signal.aborted) {
        this.isBusy = false;
        this.waiting = null;
        this.render();
      }
    }
  }

  /** Send a search; a photo that the service does not know any more is sent again. */
  async #send(query, offset, signal) {
    const photoKey = photoKeyOf(query);
    const onWait = (problem, seconds) => {
      if (!this.waiting) this.#tell(problem);
      this.waiting = { problem, seconds };
      this.results.update();
    };
    for (let attempt = 0; ; attempt++) {
      const known = query.like ? "" : this.queryIds.get(photoKey) || query.queryId;
      try {
        return await this.service.search(this.#fieldsOf(query, offset, known), { signal, onWait });
      } catch (problem) {
        const canRepeat = AGAIN.has(problem.code) && attempt === 0 && (problem.code === "another-generation" || (known && (this.photo || query.address)));
        if (!canRepeat) throw problem;
        if (problem.code === "another-generation") offset = 0;
        else {
          this.queryIds.delete(photoKey);
          query.queryId = "";
        }
      }
    }
  }

  #fieldsOf(query, offset, queryId) {
    const fields = { k: query.sort ? SORTED : this.count, offset, explain: true, per_group: 1, variants: true, sold_out: "last" };
    fields.where = [...(this.where ? [this.where] : []), ...conditionsOf(query)];
    fields.facets = this.productId ? [] : this.shop.fields.map((field) => field.name);
    fields.weights = weightsOf(query, this.shop.dimensions, this.answer?.strategy.used ?? "");
    if (query.text) fields.text = query.text;
    if (query.like) fields.product_id = query.like;
    else if (queryId) fields.query_id = queryId;
    else if (query.address) fields.url = query.address;
    else if (this.photo) {
      fields.image = this.photo.blob;
      this.photo.sentSize = this.photo.size;
      if (query.region && this.photo.size) fields.region = pixelsOf(query.region, this.photo.size);
    } else if (query.photo || query.region) throw new ServiceError({ code: "unknown-query", problem: "The photo is not in this tab.", fix: "Choose it again." });
    return fields;
  }

  /** Keep an answer, so that Back shows it at once, and the photo need not be sent again. */
  #keep(query, answer) {
    if (!query.like && (query.photo || query.queryId || query.address)) {
      if (query.photo || query.address) this.queryIds.set(photoKeyOf(query), answer.query_id);
      query = { ...query, queryId: answer.query_id };
      if (this.query.photo === query.photo && String(this.query.region) === String(query.region)) this.query = query;
      this.history?.replace(this.query);
    }
    const first = answer.query?.objects?.length && !query.region ? answer.query.objects : this.photo?.objects;
    if (this.photo && first) this.photo.objects = first;
    this.answers.delete(keyOf(query));
    this.answers.set(keyOf(query), answer);
    if (this.answers.size > KEPT_ANSWERS) this.answers.delete(this.answers.keys().next().value);
  }

  async #loadLike(productId) {
    try {
      const product = await this.service.request(`/v1/products/${encodeURIComponent(productId)}`);
      this.likes = { ...this.likes, [productId]: { product_id: productId, title: product.title, photo: product.photos[0] } };
      this.strip.update();
    } catch (problem) {
      console.warn("shoplens:", problem.message);
    }
  }

  /** Tell others what failed, and return it. */
  #tell(problem) {
    console.warn("shoplens:", problem.code ?? "", problem.message);
    this.emit("error", { code: problem.code ?? "unforeseen", problem: problem.problem ?? String(problem), fix: problem.fix ?? "" });
    return problem;
  }

  #fail(problem) {
    this.problem = this.#tell(problem);
    if (["unauthenticated", "unknown-key"].includes(problem.code) && this.isPage) this.#askForKey();
    this.render();
  }

  /** Ask for a key where the service needs one. */
  async #askForKey() {
    if (this.keyForm) return;
    const { createKeyForm } = await import("./on_demand/key_form.js");
    if (!this.keyForm) createKeyForm(this);
    this.render();
  }

  /** Show everything as it is now. */
  render() {
    const isCold = isEmpty(this.query);
    this.start.element.hidden = !isCold || Boolean(this.keyForm) || Boolean(this.productId);
    if (this.session) this.session.hidden = isCold || Boolean(this.keyForm);
    this.root.classList.toggle("busy", this.isBusy);
    this.root.setAttribute("aria-busy", String(this.isBusy));
    for (const view of [this.start, ...(this.views ?? [])]) view.update();
  }

  get currency() {
    return this.shop?.currency || this.answer?.results.find((result) => result.currency)?.currency || "";
  }

  get conditionCount() {
    return countConditions(this.query);
  }

  /** Tell others that a product was chosen; false if they prevent that its page opens. */
  select(result) {
    const isAllowed = this.emit("select", { result, answer: this.answer });
    if (this.answer?.remembered) this.service.reportClick(this.answer, result.product_id);
    return isAllowed;
  }

  dispose() {
    this.controller?.abort();
    this.observer.disconnect();
    this.onDispose?.();
  }
}

/** Return what distinguishes an answer; ids of answers by the same photo do not. */
const keyOf = (query) => JSON.stringify({ ...query, queryId: query.photo || query.address ? "" : query.queryId });

/** Return what distinguishes a photo, or the part of it that is searched for, which the service has seen. */
const photoKeyOf = (query) => `${query.photo || query.address} ${query.region}`;

const pixelsOf = ([x, y, w, h], [width, height]) => {
  const [left, top] = [Math.round(x * width), Math.round(y * height)];
  return [left, top, Math.max(1, Math.min(width - left, Math.round(w * width))), Math.max(1, Math.min(height - top, Math.round(h * height)))];
};

/** Return an answer with the results of a further page; a product that moved is not shown twice. */
function mergePages(first, next) {
  const shown = new Set(first.results.map((result) => result.product_id));
  const results = [...first.results, ...next.results.filter((result) => !shown.has(result.product_id))];
  return { ...first, results, next_offset: next.next_offset };
}

/**
 * <shoplens-search endpoint="https://search.shop.example" api-key="…" results="8"></shoplens-search>
 *
 * A button that finds the shop's products in a shopper's photo. Attributes: `endpoint` (address of the service),
 * `api-key` (a key with the role search), `results`, `label`, `where`. Events, which all bubble: `shoplens-results`
 * ({answer}), `shoplens-click` ({result, answer}; if it is cancelled, the link is not followed), `shoplens-error`
 * ({code, problem, fix}). The style is set by the CSS custom properties --shoplens-accent, --shoplens-ink,
 * --shoplens-ground, --shoplens-radius and --shoplens-font, and by ::part(button), ::part(panel) and ::part(card).
 */

import { describeVerdict, fetchJson, formatPrice, postSearch, preparePhoto } from "./api.js";

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: inline-block; font: var(--shoplens-font, inherit); color: var(--shoplens-ink, inherit); }
  * { box-sizing: border-box; }
  button, .choose { font: inherit; min-height: 44px; padding: 8px 16px; cursor: pointer; display: inline-flex;
    align-items: center; border: 0; color: #fff; background: var(--shoplens-accent, #1d5c4d);
    border-radius: var(--shoplens-radius, 8px); }
  input { position: absolute; width: 1px; height: 1px; opacity: 0; }
  .choose:focus-within, a:focus-visible, button:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
  dialog { border: 0; padding: 16px; width: min(960px, 96vw); max-height: 90vh; color: var(--shoplens-ink, #1b1d1a);
    background: var(--shoplens-ground, #fff); border-radius: calc(1.5 * var(--shoplens-radius, 8px)); }
  dialog::backdrop { background: rgb(0 0 0 / 55%); }
  header { display: flex; gap: 12px; align-items: center; justify-content: space-between; margin-bottom: 12px; }
  p { margin: 0; }
  ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px;
    grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
  a { color: inherit; text-decoration: none; display: block; }
  img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff; border-radius: var(--shoplens-radius, 8px); }
  .title { display: block; overflow-wrap: anywhere; }
  .price { font-weight: 600; }
`);

class ShoplensSearch extends HTMLElement {
  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = `
      <label class="choose" part="button"><span></span><input type="file" accept="image/*"></label>
      <dialog part="panel" aria-label="Products in your photo">
        <header><p role="status"></p><button type="button" part="close" aria-label="Close">×</button></header>
        <ul></ul>
      </dialog>`;
    this.input = root.querySelector("input");
    this.dialog = root.querySelector("dialog");
    this.status = root.querySelector("p");
    this.list = root.querySelector("ul");
    this.input.addEventListener("change", () => this.input.files[0] && this.search(this.input.files[0]));
    root.querySelector("button").addEventListener("click", () => this.dialog.close());
  }

  static observedAttributes = ["label"];

  attributeChangedCallback() {
    this.connectedCallback();
  }

  connectedCallback() {
    this.shadowRoot.querySelector("span").textContent = this.getAttribute("label") || "Search by photo";
  }

  get endpoint() {
    return (this.getAttribute("endpoint") || new URL(import.meta.url).origin).replace(/\/$/, "");
  }

  get #headers() {
    const key = this.getAttribute("api-key");
    return key ? { Authorization: `Bearer ${key}` } : {};
  }

  /** Search for the products in a photo (a File or Blob), and show the results. */
  async search(photo) {
    this.list.replaceChildren();
    this.status.textContent = "Searching …";
    if (!this.dialog.open) this.dialog.showModal();
    const fields = { image: (await preparePhoto(photo)).blob, k: Number(this.getAttribute("results")) || 8 };
    if (this.getAttribute("where")) fields.where = [this.getAttribute("where")];
    try {
      const answer = await postSearch(this.endpoint, fields, { key: this.getAttribute("api-key") ?? undefined });
      this.#dispatch("shoplens-results", { answer });
      const verdict = describeVerdict(answer);
      this.status.textContent = answer.results.length ? verdict : "Nothing was found.";
      this.list.replaceChildren(...answer.results.map((result) => this.#createCard(result, answer)));
    } catch (problem) {
      this.status.textContent = `${problem.problem ?? problem} ${problem.fix ?? ""}`;
      this.#dispatch("shoplens-error", { code: problem.code, problem: problem.problem, fix: problem.fix });
    } finally {
      this.input.value = "";
    }
  }

  #createCard(result, answer) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.part = "card";
    const address = URL.canParse(result.url) ? new URL(result.url) : null;
    link.href = address && ["http:", "https:"].includes(address.protocol) ? address.href : "#";
    link.addEventListener("click", (event) => {
      const isFollowed = this.#dispatch("shoplens-click", { result, answer });
      if (!isFollowed || link.getAttribute("href") === "#") event.preventDefault();
      if (answer.remembered) this.#reportClick(result, answer);
    });
    const picture = document.createElement("img");
    picture.alt = "";
    if (result.photo) picture.src = `${this.endpoint}${result.photo}?width=384`;
    const title = document.createElement("span");
    title.className = "title";
    title.textContent = result.title;
    const price = document.createElement("span");
    price.className = "price";
    price.textContent = formatPrice(result.price, result.currency);
    link.append(picture, title, price);
    item.append(link);
    return item;
  }

  #reportClick(result, answer) {
    const events = [{ query_id: answer.query_id, product_id: result.product_id, kind: "click" }];
    const headers = { ...this.#headers, "Content-Type": "application/json" };
    const options = { method: "POST", keepalive: true, headers, body: JSON.stringify({ events }) };
    fetchJson(this.endpoint, "/v1/feedback", options).catch(() => {});
  }

  #dispatch(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

customElements.define("shoplens-search", ShoplensSearch);

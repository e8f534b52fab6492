/** What a search on a shop's page remembers until its tab is closed, so that a reload, and Back from a product, find it again. */

import { EMPTY, fromHash, toHash } from "./query.js";

const AGAIN = new Set(["reload", "back_forward"]);

/** Remembers one search, as History does for the search page, but leaves the browser's history to the shop. */
export class Memory {
  #key;

  /** @param {string} name of the search on its page */
  constructor(name) {
    this.#key = `shoplens-search-${name} ${location.pathname}${location.search}`;
    this.query = EMPTY;
    this.isOpen = false;
    this.scroll = 0;
    if (AGAIN.has(performance.getEntriesByType("navigation")[0]?.type)) this.#load();
  }

  /** Return the search to begin with. */
  begin() {
    return this.query;
  }

  push(query) {
    this.keep({ query, scroll: 0 });
  }

  replace(query) {
    this.keep({ query });
  }

  /** Keep what has changed: `query`, `isOpen`, or `scroll`, the place in the dialog. */
  keep(changes) {
    Object.assign(this, changes);
    const { query, isOpen, scroll } = this;
    try {
      sessionStorage.setItem(this.#key, JSON.stringify([toHash(query), isOpen, scroll]));
    } catch {
      // a page that may keep nothing is searched all the same
    }
  }

  #load() {
    try {
      const [search, isOpen, scroll] = JSON.parse(sessionStorage.getItem(this.#key));
      Object.assign(this, { query: fromHash(search), isOpen, scroll });
    } catch {
      // nothing was kept
    }
  }
}

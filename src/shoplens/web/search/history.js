/** The entries of the browser's history: each search is one, and Back restores it with its place on the page. */

import { fromHash, isEmpty, toHash } from "./query.js";

export class History {
  /** @param {(query: object, scroll: number) => void} onRestore is called when Back, Forward or a new link show a search */
  constructor(onRestore) {
    history.scrollRestoration = "manual";
    window.addEventListener("popstate", (event) => {
      clearTimeout(this.timer); // the place belongs to the entry that was left
      const own = event.state?.shoplens;
      onRestore(own?.query ?? fromHash(location.hash), own?.scroll ?? 0);
    });
    window.addEventListener("scroll", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#write(history.state?.shoplens?.query), 120);
    }, { passive: true });
  }

  /** Return the search of the address. */
  begin() {
    return history.state?.shoplens?.query ?? fromHash(location.hash);
  }

  /** The place on the page, of the entry that is shown. */
  get scroll() {
    return history.state?.shoplens?.scroll ?? 0;
  }

  push(query) {
    clearTimeout(this.timer);
    this.#write(history.state?.shoplens?.query);
    history.pushState({ shoplens: { query, scroll: 0 } }, "", addressOf(query));
  }

  replace(query) {
    this.#write(query);
  }

  /** Return a link for others: the photo itself stays in this tab, the service knows it for half an hour. */
  linkOf(query) {
    return new URL(addressOf({ ...query, photo: "" }), location.href).href;
  }

  #write(query = fromHash(location.hash)) {
    history.replaceState({ shoplens: { query, scroll: window.scrollY } }, "", addressOf(query));
  }
}

/** Return the address of a search on this page; the cold start's has no hash. */
function addressOf(query) {
  const hash = isEmpty(query) ? "" : toHash(query);
  return location.pathname + location.search + (hash && `#${hash}`);
}

/** Starts a search in a shadow root: its style, its texts, and its requests. */

import { SearchApp } from "./app.js";
import { Service } from "./service.js";
import { startStyle } from "./styles/start.js";
import { tokensStyle } from "./styles/tokens.js";
import { Texts } from "./texts/index.js";

/** The style of all cold starts; the root of a search gets it before it is shown. */
export const sharedStyle = tokensStyle + startStyle;

/**
 * Start a search.
 * @param {HTMLElement | ShadowRoot} container is filled; its root has the shared style
 * @param {object} options those of SearchApp without `service` and `texts`, and:
 * @param {string} options.endpoint address of the service
 * @param {string} options.key
 * @param {string} options.lang
 * @param {object} [options.ownTexts] texts that replace the shipped ones
 * @returns {Promise<SearchApp>}
 */
export async function mount(container, { endpoint, key, lang, ownTexts, ...options }) {
  const texts = await Texts.load(lang, ownTexts);
  const app = new SearchApp(container, { ...options, texts, service: new Service(endpoint, key) });
  listenForPhotos(app);
  return app;
}

/** Take photos that are dropped on the search, or on the page if it is its own; and pasted, where it is used. */
function listenForPhotos(app) {
  if (app.productId) return;
  const area = app.isPage ? document : app.root;
  let depth = 0;
  const show = (isOver) => app.root.classList.toggle("over", isOver);
  const listeners = {
    dragenter: () => show(++depth > 0),
    dragover: (event) => event.preventDefault(),
    dragleave: () => show((depth = Math.max(0, depth - 1)) > 0),
    drop: (event) => {
      event.preventDefault();
      show((depth = 0) > 0);
      const [file] = event.dataTransfer.files;
      const address = event.dataTransfer.getData("text/uri-list");
      if (file) app.searchFile(file);
      else if (address) app.searchText(address);
    },
  };
  for (const [kind, listener] of Object.entries(listeners)) area.addEventListener(kind, listener);
  const paste = (event) => {
    const isOurs = app.isPage || app.isOpen || event.composedPath().includes(app.root);
    const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
    if (!isOurs || !file) return;
    event.preventDefault();
    app.searchFile(file);
  };
  document.addEventListener("paste", paste);
  app.onDispose = () => {
    document.removeEventListener("paste", paste);
    if (app.isPage) for (const [kind, listener] of Object.entries(listeners)) area.removeEventListener(kind, listener);
  };
}

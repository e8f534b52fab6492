/** What a search shows once there is one: the photo, the tools, the filters and the results, and their style. */

import { addStyle, h } from "./dom.js";
import { Photos, preparePhoto } from "./photo.js";
import { resultsStyle } from "./styles/results.js";
import { sessionStyle } from "./styles/session.js";
import { Chips } from "./views/chips.js";
import { Filters } from "./views/filters.js";
import { Results } from "./views/results.js";
import { Strip } from "./views/strip.js";
import { Tools } from "./views/tools.js";

/** Create the parts of a search, and put them behind its cold start. */
export function createSession(app) {
  Object.assign(app, { photos: new Photos(Boolean(app.history)), preparePhoto });
  addStyle(app.root, sessionStyle + resultsStyle);
  app.strip = new Strip(app);
  app.tools = new Tools(app);
  app.chips = new Chips(app);
  app.results = new Results(app);
  app.filters = new Filters(app);
  const side = h("div.side", {}, app.strip.element, app.filters.column);
  const parts = app.productId ? [app.results.element] : [side, app.tools.element, app.chips.element, app.results.element];
  app.session = h("div.session", { part: "session", hidden: true }, ...parts);
  if (app.productId) app.root.dataset.plain = "";
  app.root.append(app.session, app.filters.sheet);
  app.views = [app.strip, app.tools, app.chips, app.filters, app.results];
}

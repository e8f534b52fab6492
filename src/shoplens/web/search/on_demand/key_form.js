/** Asks for a key, on the page of a service that needs one. */

import { button, h } from "../dom.js";

/**
 * Show a form in place of the search until a key is given.
 * @param {import("../app.js").SearchApp} app gets the form as `keyForm`, and begins when there is a key
 */
export function createKeyForm(app) {
  const { texts } = app;
  const field = h("input.field", { type: "password", autocomplete: "off", "aria-label": texts.say("key"), required: true });
  app.keyForm = h("form.empty", {}, h("h2.title", {}, texts.say("keyTitle")), h("p", {}, texts.say("keyLead")),
    h("div.row", {}, field, button(texts.say("apply"), { kind: "primary", type: "submit" })),
    app.problem?.code === "unknown-key" && h("p", { role: "alert" }, texts.say("keyWrong")));
  app.keyForm.addEventListener("submit", (event) => {
    event.preventDefault();
    app.service.key = field.value.trim();
    sessionStorage.setItem("shoplens-key", app.service.key);
    app.keyForm.remove();
    app.keyForm = null;
    app.problem = null;
    app.begin();
  });
  app.root.prepend(app.keyForm);
  field.focus();
}

/** The OpenAPI document as a page. */

import { asked } from "./api.js";

const made = (tag, text = "", ...inside) => {
  const one = document.createElement(tag);
  one.append(text, ...inside);
  return one;
};
const home = document.getElementById("api");

try {
  const api = await asked("", "/v1/openapi.json");
  const schema = (one) => (one?.$ref ? api.components.schemas[one.$ref.split("/").pop()] : one);
  const kind = (one) => {
    if (one.$ref) return one.$ref.split("/").pop();
    if (one.anyOf) return one.anyOf.map(kind).join(" or ");
    if (one.type === "array") return `list of ${kind(one.items ?? {})}`;
    return one.enum ? one.enum.map((value) => JSON.stringify(value)).join(" or ") : (one.type ?? "anything");
  };
  const fields = (one) => {
    const found = schema(one);
    if (!found?.properties) return "";
    const rows = Object.entries(found.properties).map(([name, value]) =>
      made("tr", "", made("td", "", made("code", name)), made("td", kind(value)), made("td", value.description ?? "")),
    );
    return made("table", "", made("tbody", "", ...rows));
  };
  const about = made("article", "", made("p", api.info.description));
  const curl = `curl -F image=@photo.jpg -F k=5 ${location.origin}/v1/search`;
  about.append(made("pre", curl));
  home.replaceChildren(about);
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, told] of Object.entries(operations)) {
      const one = made("article", "", made("h2", "", made("code", method.toUpperCase()), path), made("p", told.summary));
      if (told.description) one.append(made("p", told.description));
      const parameters = (told.parameters ?? []).map((value) =>
        made("tr", "", made("td", "", made("code", value.name)), made("td", value.in), made("td", value.description ?? "")),
      );
      if (parameters.length) one.append(made("h3", "Parameters"), made("table", "", made("tbody", "", ...parameters)));
      const body = told.requestBody?.content?.["application/json"]?.schema;
      if (body) one.append(made("h3", "Sent"), fields(body));
      const answer = told.responses["200"]?.content?.["application/json"]?.schema;
      if (answer?.$ref) one.append(made("h3", "Answered"), fields(answer));
      home.append(one);
    }
  }
} catch (problem) {
  home.replaceChildren(made("p", `${problem.problem ?? problem} ${problem.fix ?? ""}`));
}
home.removeAttribute("aria-busy");

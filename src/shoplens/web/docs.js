/** Shows the OpenAPI document as a page. */

import { fetchJson } from "./api.js";

const createElement = (tag, text = "", ...children) => {
  const element = document.createElement(tag);
  element.append(text, ...children);
  return element;
};
const createRow = (name, type, description) =>
  createElement(
    "tr",
    "",
    createElement("td", "", createElement("code", name)),
    createElement("td", type),
    createElement("td", description ?? ""),
  );
const createTable = (rows) => createElement("table", "", createElement("tbody", "", ...rows));
const container = document.getElementById("api");

try {
  const api = await fetchJson("", "/v1/openapi.json");
  const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);
  const typeName = (schema) => {
    if (schema.$ref) return schema.$ref.split("/").pop();
    if (schema.anyOf) return schema.anyOf.map(typeName).join(" or ");
    if (schema.type === "array") return `list of ${typeName(schema.items ?? {})}`;
    return schema.enum ? schema.enum.map((value) => JSON.stringify(value)).join(" or ") : (schema.type ?? "anything");
  };
  const fieldTable = (reference) => {
    const schema = resolve(reference);
    if (!schema?.properties) return "";
    const rows = Object.entries(schema.properties).map(([name, value]) =>
      createRow(name, typeName(value), value.description),
    );
    return createTable(rows);
  };
  const introduction = createElement("article", "", createElement("p", api.info.description));
  const curl = `curl -F image=@photo.jpg -F k=5 ${location.origin}/v1/search`;
  introduction.append(createElement("pre", curl));
  container.replaceChildren(introduction);
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const title = createElement("h2", "", createElement("code", method.toUpperCase()), path);
      const article = createElement("article", "", title, createElement("p", operation.summary));
      if (operation.description) article.append(createElement("p", operation.description));
      const parameters = (operation.parameters ?? []).map((value) =>
        createRow(value.name, value.in, value.description),
      );
      if (parameters.length) article.append(createElement("h3", "Parameters"), createTable(parameters));
      const body = operation.requestBody?.content?.["application/json"]?.schema;
      if (body) article.append(createElement("h3", "Request body"), fieldTable(body));
      const response = operation.responses["200"]?.content?.["application/json"]?.schema;
      if (response?.$ref) article.append(createElement("h3", "Response"), fieldTable(response));
      container.append(article);
    }
  }
} catch (problem) {
  container.replaceChildren(createElement("p", `${problem.problem ?? problem} ${problem.fix ?? ""}`));
}
container.removeAttribute("aria-busy");

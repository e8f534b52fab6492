/** The example storefront: writes down the events of the elements, and shows products like the first sample. */

const log = document.getElementById("log");
const describe = {
  "shoplens-open": () => "",
  "shoplens-search": ({ query }) => query,
  "shoplens-results": ({ answer }) => `${answer.results.length} results`,
  "shoplens-select": ({ result }) => result.product_id,
  "shoplens-close": () => "",
  "shoplens-error": ({ code }) => code,
};
for (const [name, text] of Object.entries(describe)) {
  document.addEventListener(name, ({ detail }) => (log.textContent += `${name} ${text(detail)}\n`));
}

const answer = await fetch("/v1/storefront");
const [sample] = answer.ok ? (await answer.json()).samples : [];
if (sample) {
  const similar = document.createElement("shoplens-search");
  similar.setAttribute("product-id", sample.product_id);
  document.getElementById("similar").append(similar);
}

const log = document.getElementById("log");
for (const name of ["shoplens-results", "shoplens-click", "shoplens-error"]) {
  document.addEventListener(name, ({ detail }) => {
    const summary = detail.result?.product_id ?? detail.code ?? `${detail.answer.results.length} results`;
    log.textContent += `${name}: ${summary}\n`;
  });
}

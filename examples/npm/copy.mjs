// Copies the element out of the Python package, so that `npm pack` finds it here.
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const web = fileURLToPath(new URL("../../src/shoplens/web/", import.meta.url));
for (const name of ["element.js", "search"]) {
  rmSync(here + name, { recursive: true, force: true });
  cpSync(web + name, here + name, { recursive: true });
}

/** What the views of the desk have in common: a row of products. */

import { h, picture } from "../search/dom.js";

/** Create a row of products; each leads to a search for more like it. */
export function createProducts(service, products, describe = () => "") {
  return h("div.near", {}, ...products.map((product) => h(product.mark ? `a.${product.mark}` : "a", {
    href: `/#like=${encodeURIComponent(product.product_id)}`, title: product.title || product.product_id,
  }, picture(service.photoAddress(product.photo, 192), { loading: "lazy", alt: product.title }), h("span", {}, describe(product)))));
}

/** Create a section with a heading; a sentence where it is empty. */
export const createSection = (title, rows, empty) => h("section", {}, h("h2", {}, title), rows.length ? h("ol", {}, ...rows) : h("p.soft", {}, empty));

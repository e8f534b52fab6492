/** Changes what is shown without replacing it: focus, typing and drags in what stays go on. */

/**
 * Give an element other children. Those that stay are changed, and keep their listeners.
 * @param {Element} element
 * @param {Node[]} children one that is there already, or has the tag and the `data-key` of one that is, stays
 */
export function morphChildren(element, children) {
  const left = [...element.childNodes];
  const kept = children.map((fresh) => {
    const node = left.find((one) => (children.includes(one) ? one === fresh : one.nodeName === fresh.nodeName && one.dataset?.key === fresh.dataset?.key));
    if (!node) return fresh;
    left.splice(left.indexOf(node), 1);
    if (node !== fresh) morph(node, fresh);
    return node;
  });
  for (const node of left) node.remove();
  kept.forEach((node, place) => element.childNodes[place] === node || element.insertBefore(node, element.childNodes[place]));
}

function morph(node, fresh) {
  if (!node.attributes) {
    node.data = fresh.data; // of a text
    return;
  }
  for (const { name } of [...node.attributes, ...fresh.attributes]) {
    const value = fresh.getAttribute(name);
    if (name === "style") node.style.cssText = fresh.style.cssText; // an attribute would need the page's leave
    else if (value === null) node.removeAttribute(name);
    else if (value !== node.getAttribute(name)) node.setAttribute(name, value);
  }
  if (node.nodeName === "INPUT") {
    node.checked = fresh.checked;
    if (node.getRootNode().activeElement !== node) node.value = fresh.value;
  }
  morphChildren(node, [...fresh.childNodes]);
}

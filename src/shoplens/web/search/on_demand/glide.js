/** Movement that says what stays, and where it goes; with reduced motion nothing moves. */

const isCalm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Replace children, and let those that stay glide from their old places to the new ones (FLIP).
 * @param {HTMLElement} list its children have a `data-key`
 * @param {HTMLElement[]} children in their new order
 */
export function glide(list, children) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child.getBoundingClientRect()]));
  list.replaceChildren(...children);
  if (isCalm()) return;
  for (const child of children) {
    const old = before.get(child.dataset.key);
    const now = child.getBoundingClientRect();
    if (now.top > window.innerHeight && (!old || old.top > window.innerHeight)) continue;
    if (!old) child.animate({ opacity: [0, 1] }, { duration: 200, easing: "ease-out" });
    else if (old.left !== now.left || old.top !== now.top) {
      const from = `translate(${old.left - now.left}px, ${old.top - now.top}px)`;
      child.animate({ transform: [from, "none"] }, { duration: 260, easing: "cubic-bezier(.2,.7,.2,1)" });
    }
  }
}

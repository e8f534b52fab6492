/** The field for a shopper's words, and a chip for each thing that was understood, which can be taken back. */

const UNKNOWN = "not understood";

export class Words {
  /**
   * @param {HTMLFormElement} form with one input
   * @param {HTMLElement} chips list of the chips
   * @param {() => void} onChange called when the shopper sends other words, or takes some back
   */
  constructor(form, chips, onChange) {
    Object.assign(this, { input: form.querySelector("input"), chips, onChange, text: "" });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.set(this.input.value);
      onChange();
    });
  }

  /** Show a text in the field; nothing was understood of it yet. */
  set(text) {
    this.text = text.trim();
    this.input.value = this.text;
    this.chips.replaceChildren();
  }

  /** Show what the words of an answer were read as.
   * @param {{words: string, kind: string, start: number, end: number}[]} meanings
   */
  show(meanings) {
    const focused = this.chips.contains(document.activeElement);
    this.chips.replaceChildren(...meanings.map((meaning) => this.#createChip(meaning, meanings.length === 1)));
    if (focused) (this.chips.querySelector("button") ?? this.input).focus();
  }

  #createChip(meaning, isLast) {
    const chip = document.createElement("li");
    chip.className = `chip ${meaning.kind}`;
    const words = Object.assign(document.createElement("strong"), { textContent: meaning.words });
    const said = Object.assign(document.createElement("span"), { textContent: describeMeaning(meaning) });
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    remove.setAttribute("aria-label", `Take back “${meaning.words}”`);
    remove.addEventListener("click", () => {
      const letters = Array.from(this.text); // places are counted in whole characters
      letters.splice(meaning.start, meaning.end - meaning.start);
      const text = letters.join("").replace(/\s+/g, " ").replace(/\s*,(\s*,)*/g, ",").replace(/^[\s,;]+|[\s,;]+$/g, "");
      this.text = this.input.value = isLast ? "" : text;
      this.onChange();
    });
    chip.append(words, said, remove);
    return chip;
  }
}

/** Return what a chip says beside the words. */
function describeMeaning({ kind, classes, color, condition, corrected }) {
  const lastSteps = (names) => [...new Set(names.map((name) => name.split(" > ").at(-1)))].join(", ");
  const named = Object.entries(classes).map(([dimension, shares]) => `${dimension}: ${lastSteps(Object.keys(shares))}`);
  const said = named.length ? named.join("; ") : color ? `color: ${color}` : condition || (kind === "unknown" ? UNKNOWN : kind);
  return `${kind === "unwanted" ? "not " : ""}${said}${corrected ? ` (read as “${corrected}”)` : ""}`;
}

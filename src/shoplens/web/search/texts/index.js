/** The texts of a language, and how numbers and prices are written in it. */

const SHIPPED = { en: () => import("./en.js"), de: () => import("./de.js"), fr: () => import("./fr.js"), es: () => import("./es.js") };
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);

/** Error codes, and which of the texts of `errors` says what happened. */
const CODES = {
  "photo-too-many-bytes": "big", "photo-too-many-pixels": "big", "photo-too-many-scans": "big", "too-large": "big",
  "bad-url": "address", "not-understood": "words", "unknown-query": "gone", "model-changed": "gone",
  "unknown-product": "product", "ambiguous-product": "product", "unknown-photo": "product", "bad-condition": "condition",
  "bad-syntax": "condition", "wrong-type": "condition", "unknown-field": "condition", unauthenticated: "unavailable",
  "unknown-key": "unavailable", "insufficient-role": "unavailable", "too-slow": "slow", timeout: "slow",
};
/** Beginnings of error codes that stand for many. */
const CODE_FAMILIES = { "photo-": "photo", "fetch-": "address" };

export class Texts {
  /**
   * @param {string} lang language, such as `de` or `de-AT`
   * @param {object} table texts by key
   */
  constructor(lang, table) {
    Object.assign(this, { lang, table, direction: RIGHT_TO_LEFT.has(lang.split("-")[0]) ? "rtl" : "ltr" });
    this.plural = new Intl.PluralRules(lang);
  }

  /**
   * Load the texts of a language: of `own` where it has them, else the shipped ones. Of several languages it is the first
   * that has texts; if none has, it is English.
   */
  static async load(lang, own = {}) {
    const hasTexts = (one) => isLanguage(one) && (SHIPPED[one.split("-")[0]] || Object.keys(own).length);
    const wanted = [lang].flat().find(hasTexts) ?? "en";
    const { texts } = await (SHIPPED[wanted.split("-")[0]] ?? SHIPPED.en)();
    const table = { ...texts, ...own };
    for (const group of ["fields", "errors"]) table[group] = { ...texts[group], ...own[group] };
    return new Texts(wanted, table);
  }

  /** Return a text with its values; `count` chooses the plural. */
  say(key, values = {}) {
    let text = this.table[key] ?? key;
    if (typeof text === "object") text = text[this.plural.select(values.count ?? 0)] ?? text.other;
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === "number" ? this.number(value) : (value ?? "");
    });
  }

  /** Return how a field or dimension is called: by the texts, else its own name made readable. */
  field(name) {
    const own = this.table.fields[name] ?? name.replace(/^attributes\./, "").replaceAll("_", " ");
    return own.charAt(0).toLocaleUpperCase(this.lang) + own.slice(1);
  }

  /** Return the sentence for shoppers about an error of the service, by its code. */
  error(problem) {
    const { errors } = this.table;
    const code = problem?.code ?? "";
    const family = Object.keys(CODE_FAMILIES).find((one) => code.startsWith(one));
    return errors[code] ?? errors[CODES[code] ?? CODE_FAMILIES[family] ?? "any"];
  }

  number(value, options = {}) {
    return new Intl.NumberFormat(this.lang, options).format(value);
  }

  percent(share) {
    return this.number(share, { style: "percent", maximumFractionDigits: 0 });
  }

  /** Return a price with its currency; empty where there is no price. */
  price(price, currency) {
    if (price === null || price === undefined) return "";
    try {
      const digits = Number.isInteger(price) ? { minimumFractionDigits: 0 } : {};
      return this.number(price, currency ? { style: "currency", currency, ...digits } : {});
    } catch {
      return `${price} ${currency}`;
    }
  }
}

/** Whether a text is a language tag that the browser can format numbers for. */
function isLanguage(lang) {
  try {
    return Boolean(lang) && Intl.getCanonicalLocales(lang).length === 1;
  } catch {
    return false;
  }
}

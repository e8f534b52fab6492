/** A product that was found, as in the answers of the service. */
export interface Result {
  rank: number;
  product_id: string;
  title: string;
  score: number;
  photo: string;
  photos: string[];
  same_photo: boolean;
  barcode: string;
  match_probability: number | null;
  parts: Record<string, number>;
  url: string;
  price: number | null;
  currency: string;
  brand: string;
  category: string[];
  attributes: Record<string, Array<string | number | boolean>>;
  group_id: string;
  in_stock: boolean | null;
}

/** The answer to a search. */
export interface Answer {
  query_id: string;
  remembered: boolean;
  verdict: "exact" | "similar" | "not-in-catalogue" | "no-product" | "uncalibrated";
  results: Result[];
  next_offset: number | null;
}

export interface ShoplensEvents {
  "shoplens-open": CustomEvent<Record<string, never>>;
  "shoplens-search": CustomEvent<{ query: string }>;
  "shoplens-results": CustomEvent<{ answer: Answer }>;
  "shoplens-select": CustomEvent<{ result: Result; answer: Answer }>;
  "shoplens-close": CustomEvent<Record<string, never>>;
  "shoplens-error": CustomEvent<{ code: string; problem: string; fix: string }>;
}

/** The element; its attributes are `endpoint`, `api-key`, `mode`, `product-id`, `results`, `where`, `label`, `lang` and `scheme`. */
export class ShoplensSearch extends HTMLElement {
  /** Texts by key that replace the shipped ones. */
  texts: Record<string, unknown>;
  open(): Promise<void>;
  close(): void;
  search(photo: Blob): Promise<void>;
}

declare global {
  interface HTMLElementTagNameMap {
    "shoplens-search": ShoplensSearch;
  }
  interface HTMLElementEventMap extends ShoplensEvents {}
}

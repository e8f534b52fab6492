// A React component around the element: properties become attributes, and events become callbacks.
// Load the script once, in the page: <script type="module" src="https://search.shop.example/web/element.js"></script>
import { createElement, useEffect, useRef } from "react";

export function PhotoSearch({ endpoint, apiKey, mode, productId, results, where, label, lang, texts, onResults, onSelect, onError }) {
  const element = useRef(null);
  useEffect(() => {
    const listeners = { "shoplens-results": onResults, "shoplens-select": onSelect, "shoplens-error": onError };
    const added = Object.entries(listeners).filter(([, listener]) => listener);
    for (const [name, listener] of added) element.current.addEventListener(name, listener);
    return () => added.forEach(([name, listener]) => element.current?.removeEventListener(name, listener));
  }, [onResults, onSelect, onError]);
  useEffect(() => {
    if (texts) element.current.texts = texts;
  }, [texts]);
  return createElement("shoplens-search", {
    ref: element, endpoint, "api-key": apiKey, mode, "product-id": productId, results, where, label, lang,
  });
}

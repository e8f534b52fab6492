/**
 * Requests to the service. Every failure is a ServiceError with `code`, `problem` and `fix`, which are for the console;
 * what shoppers read is chosen by the code.
 */

const TIMEOUT_MS = 40_000;
const ATTEMPTS = 6;
const MAX_WAIT_S = 20;
const TEMPORARY = new Set(["too-many-requests", "busy", "waited-too-long", "closed-store", "store-in-use", "unreachable"]);

export class ServiceError extends Error {
  constructor({ code, problem, fix }, wait = 0) {
    super(`${problem} ${fix}`);
    Object.assign(this, { code, problem, fix, wait });
  }
}

export class Service {
  /**
   * @param {string} endpoint address of the service; empty for that of the page
   * @param {string} [key] API key with the role search
   */
  constructor(endpoint, key = "") {
    Object.assign(this, { endpoint: endpoint.replace(/\/$/, ""), key });
  }

  /**
   * Return the JSON body of a response.
   * @param {string} path path with its query
   * @param {RequestInit & {timeout?: number}} [options] options of `fetch`, and milliseconds to wait for the answer
   */
  async request(path, { headers = {}, signal, timeout = TIMEOUT_MS, ...options } = {}) {
    const limit = AbortSignal.timeout(timeout);
    const sent = this.key ? { ...headers, Authorization: `Bearer ${this.key}` } : headers;
    let response;
    try {
      response = await fetch(this.endpoint + path, { ...options, headers: sent, signal: signal ? AbortSignal.any([signal, limit]) : limit });
      if (response.ok) return response.status === 204 ? null : await response.json();
    } catch (problem) {
      if (signal?.aborted) throw problem;
      const code = limit.aborted ? "timeout" : "unreachable";
      throw new ServiceError({ code, problem: `${path}: ${problem.message}`, fix: "Check the connection." });
    }
    const body = await response.json().catch(() => null);
    const problem = `${path} answered with the status ${response.status}.`;
    const error = body?.error ?? { code: response.status >= 502 ? "unreachable" : "unforeseen", problem, fix: "See the log of the service." };
    throw new ServiceError(error, Number(response.headers.get("retry-after")) || 0);
  }

  send(path, body, options = {}) {
    const headers = { "Content-Type": "application/json" };
    return this.request(path, { method: "POST", headers, body: JSON.stringify(body), ...options });
  }

  /**
   * Search; a photo (`image`, a Blob) is sent as a form. What is temporary is tried again by itself.
   * @param {object} fields fields of `/v1/search`
   * @param {{signal: AbortSignal, onWait: (problem: ServiceError, seconds: number) => void}} options
   */
  async search(fields, { signal, onWait }) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await (fields.image ? this.request("/v1/search", { method: "POST", body: formOf(fields), signal }) : this.send("/v1/search", fields, { signal }));
      } catch (problem) {
        if (!TEMPORARY.has(problem.code) || (attempt >= ATTEMPTS && problem.code !== "unreachable")) throw problem;
        const seconds = Math.min(MAX_WAIT_S, Math.max(problem.wait, 2 ** Math.min(attempt - 1, 3)));
        onWait(problem, seconds);
        await pause(seconds * 1000, signal, problem.code === "unreachable");
      }
    }
  }

  /** Report that a shopper chose a product of an answer; it is sent even if the page closes. */
  reportClick(answer, productId) {
    const events = [{ query_id: answer.query_id, product_id: productId, kind: "click" }];
    this.send("/v1/feedback", { events }, { keepalive: true }).catch((problem) => console.warn("shoplens:", problem.message));
  }

  /** Return the address of a product's photo in a width. */
  photoAddress(photo, width) {
    return photo ? `${this.endpoint}${photo}?width=${width}` : "";
  }
}

function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (name === "image") form.append(name, value, "photo");
    else if (name === "where" || name === "facets") value.forEach((item) => form.append(name, item));
    else form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form;
}

/** Wait; shorter where the browser goes online again meanwhile. */
function pause(milliseconds, signal, untilOnline) {
  return new Promise((resolve, reject) => {
    const end = (settle) => {
      clearTimeout(timer);
      window.removeEventListener("online", goOn);
      settle(signal.reason);
    };
    const goOn = () => end(resolve);
    const timer = setTimeout(goOn, milliseconds);
    if (untilOnline) window.addEventListener("online", goOn);
    signal.addEventListener("abort", () => end(reject), { once: true });
  });
}

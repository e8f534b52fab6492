(() => {
  "use strict";
  const section = document.currentScript.closest(".catalogue-map");
  const one = (selector) => section.querySelector(selector);
  const data = JSON.parse(one(".cm-data").textContent);
  const [stage, canvas, card, legend] = [one(".cm-stage"), one(".cm-stage > canvas"), one(".cm-card"), one(".cm-legend")];
  const [choice, find, count, switches] = [one(".cm-by select"), one(".cm-find"), one(".cm-count"), one(".cm-queries")];
  const context = canvas.getContext("2d");
  const look = getComputedStyle(section); // live: follows the page from light to dark
  const total = data.ids.length;
  const OTHER = "(other)"; // what dimensions_of calls the rarest values together
  const MOST_ZOOM = 40;
  const EDGE = 40;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const made = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  // ---- thumbnails ----------------------------------------------------------------------------------------------

  const sheets = data.sheets.map((source) => {
    const image = new Image();
    image.onload = () => { redraw(); if (shown) describe(shown, kept); };
    image.src = source;
    return image;
  });
  const perSheet = data.columns * data.columns;

  /** Width and height of photo `number` when its longer side is `side`. Photos of queries follow those of products. */
  const sizeOf = (number, side) => data.sizes[number].map((length) => (length * side) / data.cell);

  function drawPhoto(target, number, x, y, w, h) {
    const place = number % perSheet;
    const [width, height] = data.sizes[number];
    const sheet = sheets[Math.floor(number / perSheet)];
    if (!sheet.complete || !sheet.naturalWidth) return;
    const [left, top] = [(place % data.columns) * data.cell, Math.floor(place / data.columns) * data.cell];
    target.drawImage(sheet, left, top, width, height, x, y, w, h);
  }

  // ---- colours -------------------------------------------------------------------------------------------------

  // Lightness step, chroma, hue in OKLCH; neighbours in the list differ in more than hue.
  const SLOTS = [
    [0, .17, 258], [.08, .17, 55], [0, .16, 148], [-.06, .2, 22], [.02, .2, 312], [.13, .15, 95], [.05, .12, 205],
    [-.14, .17, 285], [.1, .17, 355], [.15, .2, 128], [-.14, .08, 60], [-.1, .1, 180], [.17, .09, 300], [.17, .09, 20],
  ];
  const isDark = () => luminance(look.backgroundColor) < .4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.match(/[\d.]+/g).map(Number);
    return (.3 * r + .59 * g + .11 * b) / 255;
  };
  const oklch = (lightness, chroma, hue) => `oklch(${lightness.toFixed(3)} ${chroma} ${hue})`;

  function slotColour(slot) {
    const [step, chroma, hue] = SLOTS[slot % SLOTS.length];
    const round = Math.floor(slot / SLOTS.length); // further rounds: paler, then deeper and turned
    const lightness = (isDark() ? .7 : .6) + step * (isDark() ? .9 : 1) + [0, .1, -.12, .05][round % 4];
    return oklch(clamp(lightness, .34, .9), chroma * [1, .55, .8, .35][round % 4], (hue + 12 * round) % 360);
  }

  const rampColour = (share) => // yellow to violet, as of little to much
    oklch((isDark() ? .9 : .82) - share * (isDark() ? .4 : .46), .15, (95 + 200 * share) % 360);

  const hash = (text) => {
    let sum = 2166136261;
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619);
    return sum >>> 0;
  };

  // Words as shops use them, and softer tones where CSS has a glaring one.
  const TONES = {
    red: "#d63a30", green: "#2f9a4a", blue: "#2f6fdb", yellow: "#f0c52e", orange: "#ef8a24", purple: "#8a48c4", pink: "#ee86b4",
    black: "#1b1b1d", white: "#fdfdfb", gray: "#8d8d90", grey: "#8d8d90", brown: "#8a5a34", lilac: "#c3a2dc", mustard: "#d0a020",
    rust: "#b0522a", denim: "#4a6a95", cream: "#f5ecd2", camel: "#c19a6b", burgundy: "#7a1f35", charcoal: "#3e4044",
    taupe: "#8f8175", mint: "#9fdcc0", rose: "#d9909c", petrol: "#1f6a78", mole: "#7b6a5e", nude: "#e3bfa5", silver: "#c4c6ca",
    offwhite: "#f3eee0", beige: "#dcc7a0", khaki: "#8c8758", turquoise: "#2fb5b0", olive: "#7d7f3a",
  };
  const NO_COLOURS = new Set(["transparent", "currentcolor", "inherit", "initial", "unset", "revert", "mark", "field", "canvas"]);
  const PALE = new Set(["light", "pale", "pastel"]);
  const DEEP = new Set(["dark", "deep"]);
  const toneOf = (word) => TONES[word] ?? (word && !NO_COLOURS.has(word) && CSS.supports("color", word) ? word : undefined);
  /** The colour that a value names, "Light Pink" or "Greenish khaki"; undefined for other words. */
  function named(value) {
    const words = value.toLowerCase().split(/[^a-z]+/).filter(Boolean);
    const rest = words.filter((word) => !PALE.has(word) && !DEEP.has(word));
    const tone = toneOf(rest.join("")) ?? toneOf(rest.at(-1));
    if (!tone || rest.length === words.length) return tone;
    const mixed = words.some((word) => PALE.has(word)) ? "52%, white" : "62%, black";
    return `color-mix(in oklab, ${tone} ${mixed})`;
  }

  /** A colour per value. A value keeps its slot whatever other values there are, unless two want the same one. */
  function coloursOf(dimension) {
    const { values, ordered } = dimension;
    if (ordered) return values.map((_, i) => rampColour(values.length > 1 ? i / (values.length - 1) : 0));
    const names = values.map(named);
    const speaking = names.filter(Boolean).length >= .6 * values.length;
    const room = [8, SLOTS.length, 2 * SLOTS.length, 4 * SLOTS.length].find((size) => size >= values.length) ?? values.length;
    const taken = new Set();
    const slots = new Map();
    for (const value of values.filter((each) => each !== OTHER).sort()) {
      let slot = hash(value) % room;
      while (taken.has(slot)) slot = (slot + 1) % room;
      taken.add(slot);
      slots.set(value, slot);
    }
    return values.map((value, i) => value === OTHER ? theme.none : (speaking && names[i]) || slotColour(slots.get(value)));
  }

  const probe = section.appendChild(made("span")); // turns the style's light-dark() colours into plain ones
  probe.hidden = true;
  const styled = (name) => {
    probe.style.color = `var(--cm-${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = { dark: null, dimension: null, colours: [] };
  function refreshTheme() {
    if (theme.dark === isDark() && theme.dimension === dimension) return false;
    for (const name of ["none", "mat", "ground", "outline", "good", "bad", "focus"]) theme[name] = styled(name);
    Object.assign(theme, { dark: isDark(), dimension, colours: dimension ? coloursOf(dimension) : [] });
    return true;
  }
  const colourOf = (value) => (value < 0 ? theme.none : theme.colours[value]);

  // ---- where things are ----------------------------------------------------------------------------------------

  const world = { x: Float64Array.from(data.x), y: Float64Array.from(data.y) };
  // Products in the very same spot are fanned out, or only one of them could ever be seen.
  const spots = new Map();
  for (let i = 0; i < total; i++) {
    const spot = `${data.x[i]} ${data.y[i]}`;
    const before = spots.get(spot) ?? 0;
    spots.set(spot, before + 1);
    world.x[i] += .004 * Math.sqrt(before) * Math.cos(before * 2.4);
    world.y[i] += .004 * Math.sqrt(before) * Math.sin(before * 2.4);
  }
  const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [left, right] = range(world.x);
  const [top, bottom] = range(world.y);

  // On a tall screen the map lies on its side, so `screen` swaps the axes.
  const view = { width: 0, height: 0, ratio: 1, turned: false, fit: 1, scale: 0, x: .5, y: .5 };
  const axes = (x, y) => (view.turned ? [y, x] : [x, y]);
  function screen(x, y) {
    const [a, b] = axes(x, y);
    return [(a - view.x) * view.scale + view.width / 2, (b - view.y) * view.scale + view.height / 2];
  }
  const zoom = () => view.scale / view.fit;
  const middle = () => axes((left + right) / 2, (top + bottom) / 2);

  function measure() {
    const { clientWidth: width, clientHeight: height } = stage;
    if (!width || !height) return;
    const before = view.scale ? zoom() : 1;
    const turned = height > 1.15 * width;
    const [across, down] = [Math.max(right - left, .05), Math.max(bottom - top, .05)];
    if (turned !== view.turned || !view.scale) {
      view.turned = turned;
      [view.x, view.y] = middle();
    }
    Object.assign(view, { width, height, ratio: Math.min(devicePixelRatio || 1, 3) });
    const [a, b] = turned ? [down, across] : [across, down];
    view.fit = Math.min((width - 2 * EDGE) / a, (height - 2 * EDGE) / b);
    view.scale = before * view.fit;
    canvas.width = Math.round(width * view.ratio);
    canvas.height = Math.round(height * view.ratio);
    draw(); // at once: setting the size has wiped the canvas
  }

  let motion = 0;
  /** Moves the middle of the view, gently where the reader allows it. */
  function go(x, y, scale, gently = true) {
    cancelAnimationFrame(motion);
    const end = { scale: clamp(scale, .7 * view.fit, MOST_ZOOM * view.fit) };
    const margin = .5 * Math.max(0, 1 - view.fit / end.scale) + .25;
    const [mx, my] = middle();
    [end.x, end.y] = [clamp(x, mx - margin, mx + margin), clamp(y, my - margin, my + margin)];
    const start = { x: view.x, y: view.y, scale: view.scale };
    const began = performance.now();
    const step = (now) => {
      const t = gently && !calm.matches ? clamp((now - began) / 260, 0, 1) : 1;
      const ease = 1 - (1 - t) ** 3;
      view.scale = start.scale * (end.scale / start.scale) ** ease;
      // The middle moves by how far the zoom has come, so the point zoomed at stays under the pointer.
      const part = Math.abs(end.scale / start.scale - 1) < 1e-6 ? ease
        : (1 / start.scale - 1 / view.scale) / (1 / start.scale - 1 / end.scale);
      view.x = start.x + (end.x - start.x) * part;
      view.y = start.y + (end.y - start.y) * part;
      if (t < 1) motion = requestAnimationFrame(step);
      stage.classList.toggle("cm-near", zoom() > 1.02);
      if (shown) placeCard();
      redraw();
    };
    if (gently && !calm.matches) motion = requestAnimationFrame(step);
    else step(began);
  }

  function zoomAt(px, py, factor, gently) {
    const scale = clamp(view.scale * factor, .7 * view.fit, MOST_ZOOM * view.fit);
    const [dx, dy] = [px - view.width / 2, py - view.height / 2];
    go(view.x + dx / view.scale - dx / scale, view.y + dy / view.scale - dy / scale, scale, gently);
  }
  const atMiddle = (dx, dy) => [view.x + dx / view.scale, view.y + dy / view.scale];
  const zoomBy = (factor) => zoomAt(view.width / 2, view.height / 2, factor, true);
  const showAll = () => go(...middle(), view.fit);

  // ---- what is pointed out -------------------------------------------------------------------------------------

  let dimension = data.dimensions.find(({ values }) => values.length > 3) ?? data.dimensions[0] ?? null;
  const chosen = new Set(); // values of the dimension, -1 for none
  let words = [];
  const texts = data.ids.map((id, i) => `${id} ${data.titles[i]}`.toLowerCase());
  let meant = []; // the products that are pointed out, as numbers
  let isMeant = new Uint8Array(total);
  const room = new Float64Array(total); // world distance to the nearest product that is drawn before; 0: never a photo
  let order = []; // photos come in this order: each the farthest from all before it

  /** Farthest-point order of the products meant. Those whose `room` fits a thumbnail can never overlap. */
  function spread() {
    room.fill(0);
    order = [];
    const left = Int32Array.from(meant);
    const distance = new Float64Array(left.length).fill(Infinity);
    for (let size = left.length, next = 0; size > 0; ) {
      const point = left[next];
      room[point] = distance[next];
      order.push(point);
      size -= 1;
      [left[next], distance[next]] = [left[size], distance[size]];
      next = 0;
      const [x, y] = [world.x[point], world.y[point]];
      for (let i = 0; i < size; i++) {
        const apart = Math.max(Math.abs(world.x[left[i]] - x), Math.abs(world.y[left[i]] - y));
        if (apart < distance[i]) distance[i] = apart;
        if (distance[i] > distance[next]) next = i;
      }
    }
  }

  function point() {
    meant = [];
    for (let i = 0; i < total; i++) {
      const fits = (!chosen.size || chosen.has(dimension.of[i])) && words.every((word) => texts[i].includes(word));
      isMeant[i] = fits ? 1 : 0;
      if (fits) meant.push(i);
    }
    spread();
    const all = meant.length === total;
    count.textContent = all ? "" : `${meant.length.toLocaleString("en")} of ${total.toLocaleString("en")} products`;
    redraw();
  }

  // ---- drawing -------------------------------------------------------------------------------------------------

  const thumbnails = []; // drawn in the last frame: [product, x, y, side]
  const rings = []; // [query, x, y, radius]
  let planned = 0;
  const redraw = () => { planned ||= requestAnimationFrame(() => { planned = 0; draw(); }); };
  const onScreen = (x, y, margin) => x > -margin && y > -margin && x < view.width + margin && y < view.height + margin;

  function draw() {
    if (!view.scale) return;
    if (refreshTheme()) drawLegend();
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    context.imageSmoothingQuality = "medium";
    drawDots();
    drawThumbnails();
    drawQueries();
    drawShown();
  }

  const breadth = () => clamp(Math.sqrt(view.width * view.height) / 800, .6, 1.6);
  const dotRadius = () => clamp(clamp(100 / Math.sqrt(total), 2.2, 5) * breadth() * zoom() ** .3, 1.8, 8);

  /** Dots, one path per colour; those that are not meant are small and lie below. */
  function drawDots() {
    const [faint, plain] = [new Map(), new Map()];
    for (let i = 0; i < total; i++) {
      const [x, y] = screen(world.x[i], world.y[i]);
      if (!onScreen(x, y, 10)) continue;
      const value = dimension ? dimension.of[i] : -1;
      const layer = isMeant[i] ? plain : faint;
      if (!layer.has(value)) layer.set(value, []);
      layer.get(value).push(x, y);
    }
    const [speaking, radius] = [theme.colours.some((colour) => colour !== theme.none && !colour.startsWith("oklch")), dotRadius()];
    for (const [layer, alpha, r] of [[faint, .28, radius * .6], [plain, 1, radius]]) {
      context.globalAlpha = alpha;
      context.strokeStyle = speaking ? theme.outline : theme.ground;
      context.lineWidth = Math.min(2.2, .55 * r + (speaking ? 0 : .8));
      for (const [value, places] of layer) {
        context.fillStyle = colourOf(value);
        context.beginPath();
        for (let i = 0; i < places.length; i += 2) {
          context.moveTo(places[i] + r, places[i + 1]);
          context.arc(places[i], places[i + 1], r, 0, 7);
        }
        context.stroke(); // first: an outline around what overlaps, not through it
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  /** A photo wherever there is room; from afar some space stays between them, for the dots. */
  function drawThumbnails() {
    const far = clamp(Math.min(view.width, view.height) / 17, 30, 64);
    const side = clamp(far * zoom() ** .4, far, Math.max(far, Math.min(data.cell * 1.25, 144)));
    const needed = (side * clamp(1.5 - .4 * Math.log2(Math.max(1, zoom())), 1.08, 1.5)) / view.scale;
    thumbnails.length = 0;
    for (const i of order) {
      if (room[i] < needed) break;
      const [x, y] = screen(world.x[i], world.y[i]);
      if (!onScreen(x, y, side)) continue;
      const grown = clamp((room[i] / needed - 1) * 6, 0, 1); // comes in growing, as one zooms
      thumbnails.push([i, x, y, side * (.55 + .45 * grown)]);
    }
    for (const [i, x, y, s] of thumbnails) drawFramed(i, x, y, s, dimension ? colourOf(dimension.of[i]) : theme.none);
  }

  function drawFramed(number, x, y, side, colour, width = side > 60 ? 3 : 2) {
    const [w, h] = sizeOf(number, side).map((length) => length + 2 * width);
    context.beginPath();
    context.roundRect(x - w / 2 - 1, y - h / 2 - 1, w + 2, h + 2, width + 2);
    context.fillStyle = theme.mat;
    context.fill();
    context.beginPath();
    context.roundRect(x - w / 2, y - h / 2, w, h, width + 1);
    context.fillStyle = colour;
    context.fill();
    drawPhoto(context, number, x - w / 2 + width, y - h / 2 + width, w - 2 * width, h - 2 * width);
  }

  const wanted = { right: true, missed: true };
  const isWanted = (query) => (query.first ? wanted.right : wanted.missed);

  function drawLine(query, target, alpha) {
    const [fromX, fromY] = screen(query.x, query.y);
    const [toX, toY] = screen(world.x[target], world.y[target]);
    context.globalAlpha = alpha;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
    context.globalAlpha = 1;
  }

  function drawQueries() {
    rings.length = 0;
    const seen = data.queries.map((query, i) => [query, i]).filter(([query]) => isWanted(query));
    context.lineWidth = 1.5;
    const faint = clamp(12 / seen.length, .08, .55); // many lines together hide what lies below; the shown one is bold
    for (const [query] of seen) {
      context.strokeStyle = query.first ? theme.good : theme.bad;
      if (query.right.length) drawLine(query, query.right[0], faint);
    }
    const radius = zoom() > 3 ? clamp(7 * zoom() ** .5, 12, 26) : (seen.length > 150 ? 4 : 5.5) * breadth();
    for (const [query, i] of seen) {
      const [x, y] = screen(query.x, query.y);
      if (!onScreen(x, y, radius)) continue;
      rings.push([i, x, y, radius]);
      drawRing(i, x, y, radius);
    }
  }

  function drawRing(i, x, y, radius) {
    const ring = new Path2D();
    ring.arc(x, y, radius, 0, 7);
    if (radius >= 12) { // near enough for the photo itself
      context.save();
      context.clip(ring);
      context.fillStyle = theme.ground;
      context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      const [w, h] = sizeOf(total + i, (2 * radius * data.cell) / Math.min(...data.sizes[total + i]));
      drawPhoto(context, total + i, x - w / 2, y - h / 2, w, h);
      context.restore();
    }
    const line = radius < 12 ? 2.2 : 3;
    for (const [width, colour] of [[line + 2, theme.ground], [line, data.queries[i].first ? theme.good : theme.bad]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke(ring);
    }
  }

  /** Whatever the card describes, drawn over everything else. */
  function drawShown() {
    if (!shown) return;
    context.lineWidth = 2.5;
    if (shown.query !== undefined) {
      const query = data.queries[shown.query];
      context.strokeStyle = query.first ? theme.good : theme.bad;
      for (const target of query.right) {
        drawLine(query, target, 1);
        drawFramed(target, ...screen(world.x[target], world.y[target]), 56, theme.good, 3);
      }
      drawRing(shown.query, ...screen(query.x, query.y), 24);
      return;
    }
    const i = shown.product;
    const [x, y] = screen(world.x[i], world.y[i]);
    const large = thumbnails.find(([product]) => product === i);
    if (large) drawFramed(i, x, y, Math.max(large[3], 48) * 1.12, theme.focus, 4);
    else {
      context.beginPath();
      context.arc(x, y, dotRadius() + 3, 0, 7);
      context.fillStyle = dimension ? colourOf(dimension.of[i]) : theme.none;
      context.fill();
      context.strokeStyle = theme.focus;
      context.stroke();
    }
  }

  // ---- legend and tools ----------------------------------------------------------------------------------------

  function swatch(value) {
    const dot = made("span", undefined, "cm-swatch");
    dot.style.backgroundColor = colourOf(value);
    return dot;
  }

  function drawLegend() {
    legend.replaceChildren();
    if (!dimension) return;
    const times = new Map();
    for (const value of dimension.of) times.set(value, (times.get(value) ?? 0) + 1);
    const values = dimension.values.map((name, value) => [value, name]);
    if (times.has(-1)) values.push([-1, "not said"]);
    for (const [value, name] of values) {
      const button = made("button");
      button.type = "button";
      button.title = name;
      const often = (times.get(value) ?? 0).toLocaleString("en");
      button.append(swatch(value), made("span", name, "cm-name"), made("span", often, "cm-times"));
      button.addEventListener("click", () => {
        if (!chosen.delete(value)) chosen.add(value);
        markLegend();
        point();
      });
      button.dataset.value = value;
      legend.append(made("li"));
      legend.lastChild.append(button);
    }
    markLegend();
  }

  function markLegend() {
    legend.classList.toggle("cm-chosen", chosen.size > 0);
    for (const button of legend.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", chosen.has(Number(button.dataset.value)));
    }
  }

  function makeTools() {
    for (const [i, { name }] of data.dimensions.entries()) choice.append(new Option(name.replaceAll("_", " "), i));
    choice.value = data.dimensions.indexOf(dimension);
    one(".cm-by").hidden = !data.dimensions.length;
    choice.addEventListener("change", () => {
      dimension = data.dimensions[choice.value];
      chosen.clear();
      point();
      if (shown) describe(shown, kept);
    });
    find.addEventListener("input", () => {
      words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      point();
    });
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") goTo(meant);
      if (event.key === "Escape" && find.value) { find.value = ""; words = []; point(); }
    });
    for (const [kind, first, label] of [["right", true, "found first"], ["missed", false, "not found first"]]) {
      const times = data.queries.filter((query) => query.first === first).length;
      if (times) switches.append(madeSwitch(kind, label, times));
    }
  }

  function madeSwitch(kind, label, times) {
    const [row, box, ring] = [made("label"), made("input"), made("i", undefined, kind === "right" ? "cm-good" : "cm-bad")];
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { wanted[kind] = box.checked; close(); redraw(); });
    row.append(box, ring, `${times.toLocaleString("en")} query photo${times === 1 ? "" : "s"} ${label}`);
    return row;
  }

  /** Moves to where these products are. */
  function goTo(products) {
    if (!products.length) return;
    const places = products.map((i) => axes(world.x[i], world.y[i]));
    const [left, right] = range(places.map(([x]) => x));
    const [top, bottom] = range(places.map(([, y]) => y));
    const scale = Math.min((view.width - 4 * EDGE) / (right - left || 1e-9), (view.height - 4 * EDGE) / (bottom - top || 1e-9));
    go((left + right) / 2, (top + bottom) / 2, Math.min(scale, Math.max(12 * view.fit, view.scale)));
  }

  // ---- the card ------------------------------------------------------------------------------------------------

  let shown = null; // {product} or {query}
  let kept = false;
  const isNarrow = () => view.width <= 760; // as in the style

  function photo(number, side) {
    const picture = made("canvas");
    const [width, height] = sizeOf(number, side);
    const ratio = Math.max(1, view.ratio);
    [picture.width, picture.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    [picture.style.width, picture.style.height] = [`${width}px`, `${height}px`];
    const target = picture.getContext("2d");
    target.imageSmoothingQuality = "high";
    drawPhoto(target, number, 0, 0, picture.width, picture.height);
    return picture;
  }

  function described(i) {
    const list = made("dl");
    const sorted = [...data.dimensions].sort((a, b) => (b === dimension) - (a === dimension));
    const said = sorted.filter((each) => each.of[i] >= 0);
    const value = (each) => each.values[each.of[i]];
    const tells = (each) => each === dimension
      || !(/^(no|false)$/i.test(value(each)) || said.some((other) => value(other).startsWith(`${value(each)} / `)));
    for (const one of said.filter(tells).slice(0, isNarrow() ? 5 : 10)) {
      const told = made("dd", value(one), one === dimension ? "cm-now" : "");
      if (one === dimension) told.prepend(swatch(one.of[i]));
      list.append(made("dt", one.name.replaceAll("_", " ")), told);
    }
    return list;
  }

  function productCard(i) {
    const side = isNarrow() ? 88 : clamp(data.cell * 1.3, 96, 166);
    const photos = made("div", undefined, "cm-photos");
    photos.append(photo(i, side));
    return [photos, made("h3", data.titles[i] || data.ids[i]), made("p", data.ids[i], "cm-id"), described(i)];
  }

  function queryCard(i) {
    const query = data.queries[i];
    const photos = made("div", undefined, "cm-photos");
    photos.append(photo(total + i, 128));
    const told = query.first ? "its product came first" : "its product did not come first";
    const parts = [photos, made("h3", "Query photo"), made("p", told, `cm-verdict ${query.first ? "cm-good" : "cm-bad"}`)];
    if (!query.right.length) return [...parts, made("p", "The right product is not on this map.", "cm-id")];
    const right = query.right[0];
    photos.append(photo(right, 128));
    const more = query.right.length > 1 ? ` and ${query.right.length - 1} more` : "";
    return [...parts, made("p", `${data.titles[right]} (${data.ids[right]})${more}`)];
  }

  function describe(what, keep) {
    [shown, kept] = [what, keep];
    const button = made("button", "×", "cm-close");
    button.type = "button";
    button.setAttribute("aria-label", "close");
    button.addEventListener("click", () => { close(); canvas.focus({ preventScroll: true }); });
    const isQuery = what.query !== undefined;
    card.replaceChildren(...(isQuery ? queryCard(what.query) : productCard(what.product)), button);
    card.classList.toggle("cm-kept", keep);
    card.classList.toggle("cm-one", !isQuery);
    card.hidden = false;
    placeCard();
    if (keep) uncover();
    redraw();
  }

  function placeOf({ product, query }) {
    return query === undefined ? screen(world.x[product], world.y[product]) : screen(data.queries[query].x, data.queries[query].y);
  }

  /** Moves the map where what is described lies outside, or below a card at the bottom. */
  function uncover() {
    const [x, y] = placeOf(shown);
    const height = isNarrow() ? card.offsetTop : view.height;
    const inside = x > 0 && x < view.width && y > 0 && y < height - (isNarrow() ? 40 : 0);
    if (!inside) go(...atMiddle(x - view.width / 2, y - height / 2), view.scale);
  }

  /** Beside what it describes, on the side where there is room; on a narrow screen the style puts it at the bottom. */
  function placeCard() {
    const [x, y] = placeOf(shown);
    const { offsetWidth: width, offsetHeight: height } = card;
    if (isNarrow()) return;
    const gap = 44 + Math.min(thumbnails[0]?.[3] ?? 0, 60) / 2;
    const left = x + gap + width < view.width - 8 ? x + gap : x - gap - width;
    card.style.left = `${clamp(left, 8, Math.max(8, view.width - width - 8))}px`;
    card.style.top = `${clamp(y - height / 2, 8, Math.max(8, view.height - height - 8))}px`;
  }

  function close() {
    if (!shown) return;
    [shown, kept, card.hidden] = [null, false, true];
    redraw();
  }

  /** What lies under a point: a query's ring, a photo, else the nearest dot within reach. */
  function under(px, py, reach) {
    for (const [query, x, y, radius] of [...rings].reverse()) {
      if (Math.hypot(px - x, py - y) <= Math.max(radius + 3, reach / 2)) return { query };
    }
    for (const [product, x, y, side] of thumbnails) {
      const [w, h] = sizeOf(product, side);
      if (Math.abs(px - x) <= w / 2 + 2 && Math.abs(py - y) <= h / 2 + 2) return { product };
    }
    return nearest(px, py, reach);
  }

  function nearest(px, py, reach) {
    let [found, least] = [-1, reach];
    for (const i of meant) {
      const [x, y] = screen(world.x[i], world.y[i]);
      const apart = Math.hypot(px - x, py - y);
      if (apart < least) [found, least] = [i, apart];
    }
    return found < 0 ? null : { product: found };
  }

  const same = (a, b) => a?.product === b?.product && a?.query === b?.query;

  // ---- pointers, wheel, keys -----------------------------------------------------------------------------------

  const fingers = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, at(event));
    cancelAnimationFrame(motion);
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") hover(x, y);
      return;
    }
    const pinched = [...fingers.entries()].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, [x, y]);
    moved += Math.hypot(x - before[0], y - before[1]);
    if (moved < 4) return;
    stage.classList.add("cm-dragged");
    if (!kept) close();
    const share = pinched ? .5 : 1; // of two fingers, each moves the map by half
    go(...atMiddle(share * (before[0] - x), share * (before[1] - y)), view.scale, false);
    if (pinched) {
      const apart = (place) => Math.max(1, Math.hypot(place[0] - pinched[0], place[1] - pinched[1]));
      zoomAt((x + pinched[0]) / 2, (y + pinched[1]) / 2, apart([x, y]) / apart(before), false);
    }
  });

  function hover(x, y) {
    if (kept) return;
    const what = under(x, y, 14);
    stage.classList.toggle("cm-over", Boolean(what));
    if (same(what, shown)) return;
    if (what) describe(what, false);
    else close();
  }

  const lift = (event) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    stage.classList.remove("cm-dragged");
    if (event.type !== "pointerup" || moved >= 4) return;
    const what = under(...at(event), event.pointerType === "mouse" ? 14 : 24);
    if (what && !(kept && same(what, shown))) describe(what, true);
    else close();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => { if (!kept && !fingers.size) close(); });
  canvas.addEventListener("dblclick", (event) => zoomAt(...at(event), 2, true));

  // A page that is being scrolled goes on scrolling when the map comes under the pointer.
  let [scrolled, wheeled] = [-1e9, -1e9];
  addEventListener("scroll", () => { scrolled = performance.now(); }, { passive: true });
  canvas.addEventListener("wheel", (event) => {
    const now = performance.now();
    const scrolling = now - scrolled < 300 && now - wheeled > 300;
    const out = event.deltaY > 0 && zoom() <= .71;
    if (!event.ctrlKey && (scrolling || out)) return;
    event.preventDefault();
    wheeled = now;
    const pixels = event.deltaY * [1, 16, 240][event.deltaMode];
    zoomAt(...at(event), Math.exp(-clamp(pixels, -240, 240) * (event.ctrlKey ? .01 : .0022)), false);
    hover(...at(event));
  }, { passive: false });

  const pan = (x, y) => go(...atMiddle((x * view.width) / 6, (y * view.height) / 6), view.scale);
  const KEYS = {
    ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
    "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: showAll, Escape: close,
    Enter: () => {
      const what = nearest(view.width / 2, view.height / 2, Infinity);
      if (what) describe(what, true);
    },
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    if (event.key !== "Escape" && event.key !== "Enter") close();
    KEYS[event.key]();
  });
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { close(); canvas.focus({ preventScroll: true }); }
  });
  const BUTTONS = { in: () => zoomBy(1.7), out: () => zoomBy(1 / 1.7), all: showAll };
  for (const button of section.querySelectorAll(".cm-zoom button")) {
    button.addEventListener("click", () => { close(); BUTTONS[button.dataset.do](); });
  }

  makeTools();
  one(".cm-tools").hidden = one(".cm-body").hidden = false;
  point();
  measure();
  new ResizeObserver(measure).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true }); // a page's own switch
})();

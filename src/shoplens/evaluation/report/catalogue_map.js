(() => {
  "use strict";
  const section = document.currentScript.closest(".catalogue-map");
  const select = (selector) => section.querySelector(selector);
  const data = JSON.parse(select(".cm-data").textContent);
  const [stage, canvas, card, legend] = [select(".cm-stage"), select(".cm-stage > canvas"), select(".cm-card"), select(".cm-legend")];
  const [dimensionSelect, searchInput] = [select(".cm-by select"), select(".cm-find")];
  const [matchCount, queryToggles] = [select(".cm-count"), select(".cm-queries")];
  const context = canvas.getContext("2d");
  const style = getComputedStyle(section); // live: it follows a change of the page from light to dark
  const productCount = data.ids.length;
  const OTHER = "(other)"; // the value that dimensions_of gives to the rarest values
  const MAX_ZOOM = 40;
  const MARGIN = 40;
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  const createElement = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  // ---- thumbnails ----------------------------------------------------------------------------------------------

  const sheets = data.sheets.map((source) => {
    const image = new Image();
    image.onload = () => { redraw(); if (subject) showCard(subject, pinned); };
    image.src = source;
    return image;
  });
  const photosPerSheet = data.columns * data.columns;

  /** Return width and height of photo `number` if its cell is `side` pixels; photos of queries follow those of products. */
  const sizeOf = (number, side) => data.sizes[number].map((length) => (length * side) / data.cell);

  /** Draw photo `number` into a rectangle; draw nothing while its sheet is being loaded. */
  function drawPhoto(target, number, x, y, w, h) {
    const cell = number % photosPerSheet;
    const [width, height] = data.sizes[number];
    const sheet = sheets[Math.floor(number / photosPerSheet)];
    if (!sheet.complete || !sheet.naturalWidth) return;
    const [left, top] = [(cell % data.columns) * data.cell, Math.floor(cell / data.columns) * data.cell];
    target.drawImage(sheet, left, top, width, height, x, y, w, h);
  }

  // ---- colours -------------------------------------------------------------------------------------------------

  // Lightness step, chroma and hue in OKLCH; neighbours in the list differ in more than hue.
  const PALETTE = [
    [0, .17, 258], [.08, .17, 55], [0, .16, 148], [-.06, .2, 22], [.02, .2, 312], [.13, .15, 95], [.05, .12, 205],
    [-.14, .17, 285], [.1, .17, 355], [.15, .2, 128], [-.14, .08, 60], [-.1, .1, 180], [.17, .09, 300], [.17, .09, 20],
  ];
  const isDark = () => luminance(style.backgroundColor) < .4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.match(/[\d.]+/g).map(Number);
    return (.3 * r + .59 * g + .11 * b) / 255;
  };
  const oklch = (lightness, chroma, hue) => `oklch(${lightness.toFixed(3)} ${chroma} ${hue})`;

  /** Return a colour of the palette; numbers beyond its length repeat the hues with another lightness and chroma. */
  function paletteColour(slot) {
    const [step, chroma, hue] = PALETTE[slot % PALETTE.length];
    const round = Math.floor(slot / PALETTE.length); // later rounds are paler, then darker, and their hues are shifted
    const lightness = (isDark() ? .7 : .6) + step * (isDark() ? .9 : 1) + [0, .1, -.12, .05][round % 4];
    return oklch(clamp(lightness, .34, .9), chroma * [1, .55, .8, .35][round % 4], (hue + 12 * round) % 360);
  }

  const rampColour = (share) => // from yellow for the lowest value to violet for the highest
    oklch((isDark() ? .9 : .82) - share * (isDark() ? .4 : .46), .15, (95 + 200 * share) % 360);

  const hash = (text) => {
    let sum = 2166136261;
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619);
    return sum >>> 0;
  };

  // Colour words that shops use, and softer tones for some colours that are glaring in CSS.
  const COLOUR_WORDS = {
    red: "#d63a30", green: "#2f9a4a", blue: "#2f6fdb", yellow: "#f0c52e", orange: "#ef8a24", purple: "#8a48c4", pink: "#ee86b4",
    black: "#1b1b1d", white: "#fdfdfb", gray: "#8d8d90", grey: "#8d8d90", brown: "#8a5a34", lilac: "#c3a2dc", mustard: "#d0a020",
    rust: "#b0522a", denim: "#4a6a95", cream: "#f5ecd2", camel: "#c19a6b", burgundy: "#7a1f35", charcoal: "#3e4044",
    taupe: "#8f8175", mint: "#9fdcc0", rose: "#d9909c", petrol: "#1f6a78", mole: "#7b6a5e", nude: "#e3bfa5", silver: "#c4c6ca",
    offwhite: "#f3eee0", beige: "#dcc7a0", khaki: "#8c8758", turquoise: "#2fb5b0", olive: "#7d7f3a",
  };
  const NON_COLOUR_WORDS = new Set(["transparent", "currentcolor", "inherit", "initial", "unset", "revert", "mark", "field", "canvas"]);
  const LIGHT_WORDS = new Set(["light", "pale", "pastel"]);
  const DARK_WORDS = new Set(["dark", "deep"]);
  const isCssColour = (word) => word && !NON_COLOUR_WORDS.has(word) && CSS.supports("color", word);
  const colourOfWord = (word) => COLOUR_WORDS[word] ?? (isCssColour(word) ? word : undefined);

  /** Return the CSS colour that a value names, such as "Light Pink" or "Greenish khaki"; undefined for other values. */
  function namedColour(value) {
    const words = value.toLowerCase().split(/[^a-z]+/).filter(Boolean);
    const colourWords = words.filter((word) => !LIGHT_WORDS.has(word) && !DARK_WORDS.has(word));
    const colour = colourOfWord(colourWords.join("")) ?? colourOfWord(colourWords.at(-1));
    if (!colour || colourWords.length === words.length) return colour;
    const mixture = words.some((word) => LIGHT_WORDS.has(word)) ? "52%, white" : "62%, black";
    return `color-mix(in oklab, ${colour} ${mixture})`;
  }

  /** Return a colour per value. The hash of a value decides its slot in the palette, unless that slot is already used. */
  function coloursOf(dimension) {
    const { values, ordered } = dimension;
    if (ordered) return values.map((_, i) => rampColour(values.length > 1 ? i / (values.length - 1) : 0));
    const namedColours = values.map(namedColour);
    const usesNames = namedColours.filter(Boolean).length >= .6 * values.length;
    const slotCount = [8, PALETTE.length, 2 * PALETTE.length, 4 * PALETTE.length].find((size) => size >= values.length) ?? values.length;
    const usedSlots = new Set();
    const slots = new Map();
    for (const value of values.filter((each) => each !== OTHER).sort()) {
      let slot = hash(value) % slotCount;
      while (usedSlots.has(slot)) slot = (slot + 1) % slotCount;
      usedSlots.add(slot);
      slots.set(value, slot);
    }
    return values.map((value, i) => value === OTHER ? theme.none : (usesNames && namedColours[i]) || paletteColour(slots.get(value)));
  }

  const probe = section.appendChild(createElement("span")); // resolves the light-dark() colours of the style
  probe.hidden = true;
  const themeColour = (name) => {
    probe.style.color = `var(--cm-${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = { dark: null, dimension: null, colours: [] };
  function refreshTheme() {
    if (theme.dark === isDark() && theme.dimension === dimension) return false;
    for (const name of ["none", "mat", "ground", "outline", "good", "bad", "focus"]) theme[name] = themeColour(name);
    Object.assign(theme, { dark: isDark(), dimension, colours: dimension ? coloursOf(dimension) : [] });
    return true;
  }
  const colourOf = (value) => (value < 0 ? theme.none : theme.colours[value]);

  // ---- positions and view --------------------------------------------------------------------------------------

  const world = { x: Float64Array.from(data.x), y: Float64Array.from(data.y) };
  // Products at exactly the same position are moved apart, because otherwise only one of them could be seen.
  const productsAt = new Map();
  for (let i = 0; i < productCount; i++) {
    const position = `${data.x[i]} ${data.y[i]}`;
    const earlier = productsAt.get(position) ?? 0;
    productsAt.set(position, earlier + 1);
    world.x[i] += .004 * Math.sqrt(earlier) * Math.cos(earlier * 2.4);
    world.y[i] += .004 * Math.sqrt(earlier) * Math.sin(earlier * 2.4);
  }
  const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [left, right] = range(world.x);
  const [top, bottom] = range(world.y);

  // On a tall screen `toScreen` swaps the axes. `scale` and `fitScale` are pixels per unit of the map.
  const view = { width: 0, height: 0, ratio: 1, swapped: false, fitScale: 1, scale: 0, x: .5, y: .5 };
  const orient = (x, y) => (view.swapped ? [y, x] : [x, y]);
  function toScreen(x, y) {
    const [a, b] = orient(x, y);
    return [(a - view.x) * view.scale + view.width / 2, (b - view.y) * view.scale + view.height / 2];
  }
  const zoom = () => view.scale / view.fitScale;
  const centre = () => orient((left + right) / 2, (top + bottom) / 2);

  /** Adapt canvas, orientation and scale to the size of the stage. */
  function resize() {
    const { clientWidth: width, clientHeight: height } = stage;
    if (!width || !height) return;
    const previousZoom = view.scale ? zoom() : 1;
    const swapped = height > 1.15 * width;
    const [mapWidth, mapHeight] = [Math.max(right - left, .05), Math.max(bottom - top, .05)];
    if (swapped !== view.swapped || !view.scale) {
      view.swapped = swapped;
      [view.x, view.y] = centre();
    }
    Object.assign(view, { width, height, ratio: Math.min(devicePixelRatio || 1, 3) });
    const [a, b] = swapped ? [mapHeight, mapWidth] : [mapWidth, mapHeight];
    view.fitScale = Math.min((width - 2 * MARGIN) / a, (height - 2 * MARGIN) / b);
    view.scale = previousZoom * view.fitScale;
    canvas.width = Math.round(width * view.ratio);
    canvas.height = Math.round(height * view.ratio);
    draw(); // immediately, because setting the size has cleared the canvas
  }

  let animation = 0;
  /** Move the centre of the view to a point of the map, animated unless the reader prefers reduced motion. */
  function moveView(x, y, scale, animated = true) {
    cancelAnimationFrame(animation);
    const end = { scale: clamp(scale, .7 * view.fitScale, MAX_ZOOM * view.fitScale) };
    const margin = .5 * Math.max(0, 1 - view.fitScale / end.scale) + .25;
    const [mx, my] = centre();
    [end.x, end.y] = [clamp(x, mx - margin, mx + margin), clamp(y, my - margin, my + margin)];
    const start = { x: view.x, y: view.y, scale: view.scale };
    const startTime = performance.now();
    const step = (now) => {
      const t = animated && !reducedMotion.matches ? clamp((now - startTime) / 260, 0, 1) : 1;
      const ease = 1 - (1 - t) ** 3;
      view.scale = start.scale * (end.scale / start.scale) ** ease;
      // The centre moves in proportion to the zoom, so the point under the pointer stays there.
      const progress = Math.abs(end.scale / start.scale - 1) < 1e-6 ? ease
        : (1 / start.scale - 1 / view.scale) / (1 / start.scale - 1 / end.scale);
      view.x = start.x + (end.x - start.x) * progress;
      view.y = start.y + (end.y - start.y) * progress;
      if (t < 1) animation = requestAnimationFrame(step);
      stage.classList.toggle("cm-near", zoom() > 1.02);
      if (subject) placeCard();
      redraw();
    };
    if (animated && !reducedMotion.matches) animation = requestAnimationFrame(step);
    else step(startTime);
  }

  /** Zoom by a factor while the point (px, py) of the screen keeps its place. */
  function zoomAt(px, py, factor, animated) {
    const scale = clamp(view.scale * factor, .7 * view.fitScale, MAX_ZOOM * view.fitScale);
    const [dx, dy] = [px - view.width / 2, py - view.height / 2];
    moveView(view.x + dx / view.scale - dx / scale, view.y + dy / view.scale - dy / scale, scale, animated);
  }
  const offsetCentre = (dx, dy) => [view.x + dx / view.scale, view.y + dy / view.scale];
  const zoomBy = (factor) => zoomAt(view.width / 2, view.height / 2, factor, true);
  const showAll = () => moveView(...centre(), view.fitScale);

  // ---- selected values and matching products -------------------------------------------------------------------

  let dimension = data.dimensions.find(({ values }) => values.length > 3) ?? data.dimensions[0] ?? null;
  const selectedValues = new Set(); // numbers of values of the dimension; -1 stands for products without a value
  let searchWords = [];
  const productTexts = data.ids.map((id, i) => `${id} ${data.titles[i]}`.toLowerCase());
  let matches = []; // numbers of the products that match the selected values and the search words
  let isMatch = new Uint8Array(productCount);
  const clearance = new Float64Array(productCount); // distance to the nearest product earlier in `photoOrder`; 0: no photo
  let photoOrder = []; // order in which photos are drawn: each product is the farthest from all earlier ones

  /** Sort the matches in farthest-point order. Thumbnails that are smaller than their `clearance` never overlap. */
  function orderPhotos() {
    clearance.fill(0);
    photoOrder = [];
    const remaining = Int32Array.from(matches);
    const distances = new Float64Array(remaining.length).fill(Infinity);
    for (let size = remaining.length, next = 0; size > 0; ) {
      const product = remaining[next];
      clearance[product] = distances[next];
      photoOrder.push(product);
      size -= 1;
      [remaining[next], distances[next]] = [remaining[size], distances[size]];
      next = 0;
      const [x, y] = [world.x[product], world.y[product]];
      for (let i = 0; i < size; i++) {
        const distance = Math.max(Math.abs(world.x[remaining[i]] - x), Math.abs(world.y[remaining[i]] - y));
        if (distance < distances[i]) distances[i] = distance;
        if (distances[i] > distances[next]) next = i;
      }
    }
  }

  /** Find the products that match the selected values and the search words, and draw them. */
  function updateMatches() {
    matches = [];
    for (let i = 0; i < productCount; i++) {
      const isSelected = !selectedValues.size || selectedValues.has(dimension.of[i]);
      const matched = isSelected && searchWords.every((word) => productTexts[i].includes(word));
      isMatch[i] = matched ? 1 : 0;
      if (matched) matches.push(i);
    }
    orderPhotos();
    const all = matches.length === productCount;
    matchCount.textContent = all ? "" : `${matches.length.toLocaleString("en")} of ${productCount.toLocaleString("en")} products`;
    redraw();
  }

  // ---- drawing -------------------------------------------------------------------------------------------------

  const thumbnails = []; // those of the last frame: [product, x, y, side]
  const queryRings = []; // those of the last frame: [query, x, y, radius]
  let requestedFrame = 0;
  const redraw = () => { requestedFrame ||= requestAnimationFrame(() => { requestedFrame = 0; draw(); }); };
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
    drawSubject();
  }

  const sizeFactor = () => clamp(Math.sqrt(view.width * view.height) / 800, .6, 1.6);
  const dotRadius = () => clamp(clamp(100 / Math.sqrt(productCount), 2.2, 5) * sizeFactor() * zoom() ** .3, 1.8, 8);

  /** Draw a dot per product, one path per colour; products that do not match are smaller and below the others. */
  function drawDots() {
    const [others, matching] = [new Map(), new Map()];
    for (let i = 0; i < productCount; i++) {
      const [x, y] = toScreen(world.x[i], world.y[i]);
      if (!onScreen(x, y, 10)) continue;
      const value = dimension ? dimension.of[i] : -1;
      const layer = isMatch[i] ? matching : others;
      if (!layer.has(value)) layer.set(value, []);
      layer.get(value).push(x, y);
    }
    const [hasNamedColours, radius] = [theme.colours.some((colour) => colour !== theme.none && !colour.startsWith("oklch")), dotRadius()];
    for (const [layer, alpha, r] of [[others, .28, radius * .6], [matching, 1, radius]]) {
      context.globalAlpha = alpha;
      context.strokeStyle = hasNamedColours ? theme.outline : theme.ground;
      context.lineWidth = Math.min(2.2, .55 * r + (hasNamedColours ? 0 : .8));
      for (const [value, positions] of layer) {
        context.fillStyle = colourOf(value);
        context.beginPath();
        for (let i = 0; i < positions.length; i += 2) {
          context.moveTo(positions[i] + r, positions[i + 1]);
          context.arc(positions[i], positions[i + 1], r, 0, 7);
        }
        context.stroke(); // before fill, so that overlapping dots have one common outline
        context.fill();
      }
    }
    context.globalAlpha = 1;
  }

  /** Draw a photo at every match that has room for it; at a low zoom, photos keep a distance so that dots stay visible. */
  function drawThumbnails() {
    const smallest = clamp(Math.min(view.width, view.height) / 17, 30, 64);
    const side = clamp(smallest * zoom() ** .4, smallest, Math.max(smallest, Math.min(data.cell * 1.25, 144)));
    const needed = (side * clamp(1.5 - .4 * Math.log2(Math.max(1, zoom())), 1.08, 1.5)) / view.scale;
    thumbnails.length = 0;
    for (const i of photoOrder) {
      if (clearance[i] < needed) break;
      const [x, y] = toScreen(world.x[i], world.y[i]);
      if (!onScreen(x, y, side)) continue;
      const growth = clamp((clearance[i] / needed - 1) * 6, 0, 1); // a new photo grows while the reader zooms in
      thumbnails.push([i, x, y, side * (.55 + .45 * growth)]);
    }
    for (const [i, x, y, s] of thumbnails) drawFramed(i, x, y, s, dimension ? colourOf(dimension.of[i]) : theme.none);
  }

  /** Draw photo `number` around (x, y) in a frame of this colour. */
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

  const visibleKinds = { right: true, missed: true }; // queries whose first result is right, and the others
  const isVisible = (query) => (query.first ? visibleKinds.right : visibleKinds.missed);

  function drawLine(query, target, alpha) {
    const [fromX, fromY] = toScreen(query.x, query.y);
    const [toX, toY] = toScreen(world.x[target], world.y[target]);
    context.globalAlpha = alpha;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Draw a ring per query, and a line to its first right product. */
  function drawQueries() {
    queryRings.length = 0;
    const visible = data.queries.map((query, i) => [query, i]).filter(([query]) => isVisible(query));
    context.lineWidth = 1.5;
    const faint = clamp(12 / visible.length, .08, .55); // many lines would hide the products below; the line of the card is bold
    for (const [query] of visible) {
      context.strokeStyle = query.first ? theme.good : theme.bad;
      if (query.right.length) drawLine(query, query.right[0], faint);
    }
    const radius = zoom() > 3 ? clamp(7 * zoom() ** .5, 12, 26) : (visible.length > 150 ? 4 : 5.5) * sizeFactor();
    for (const [query, i] of visible) {
      const [x, y] = toScreen(query.x, query.y);
      if (!onScreen(x, y, radius)) continue;
      queryRings.push([i, x, y, radius]);
      drawRing(i, x, y, radius);
    }
  }

  function drawRing(i, x, y, radius) {
    const ring = new Path2D();
    ring.arc(x, y, radius, 0, 7);
    if (radius >= 12) { // large enough for the photo of the query
      context.save();
      context.clip(ring);
      context.fillStyle = theme.ground;
      context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      const [w, h] = sizeOf(productCount + i, (2 * radius * data.cell) / Math.min(...data.sizes[productCount + i]));
      drawPhoto(context, productCount + i, x - w / 2, y - h / 2, w, h);
      context.restore();
    }
    const line = radius < 12 ? 2.2 : 3;
    for (const [width, colour] of [[line + 2, theme.ground], [line, data.queries[i].first ? theme.good : theme.bad]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke(ring);
    }
  }

  /** Draw the subject of the card, with the right products of a query, above everything else. */
  function drawSubject() {
    if (!subject) return;
    context.lineWidth = 2.5;
    if (subject.query !== undefined) {
      const query = data.queries[subject.query];
      context.strokeStyle = query.first ? theme.good : theme.bad;
      for (const target of query.right) {
        drawLine(query, target, 1);
        drawFramed(target, ...toScreen(world.x[target], world.y[target]), 56, theme.good, 3);
      }
      drawRing(subject.query, ...toScreen(query.x, query.y), 24);
      return;
    }
    const i = subject.product;
    const [x, y] = toScreen(world.x[i], world.y[i]);
    const thumbnail = thumbnails.find(([product]) => product === i);
    if (thumbnail) drawFramed(i, x, y, Math.max(thumbnail[3], 48) * 1.12, theme.focus, 4);
    else {
      context.beginPath();
      context.arc(x, y, dotRadius() + 3, 0, 7);
      context.fillStyle = dimension ? colourOf(dimension.of[i]) : theme.none;
      context.fill();
      context.strokeStyle = theme.focus;
      context.stroke();
    }
  }

  // ---- legend and controls -------------------------------------------------------------------------------------

  function createSwatch(value) {
    const dot = createElement("span", undefined, "cm-swatch");
    dot.style.backgroundColor = colourOf(value);
    return dot;
  }

  function drawLegend() {
    legend.replaceChildren();
    if (!dimension) return;
    const counts = new Map();
    for (const value of dimension.of) counts.set(value, (counts.get(value) ?? 0) + 1);
    const values = dimension.values.map((name, value) => [value, name]);
    if (counts.has(-1)) values.push([-1, "no value"]);
    for (const [value, name] of values) {
      const button = createElement("button");
      button.type = "button";
      button.title = name;
      const count = (counts.get(value) ?? 0).toLocaleString("en");
      button.append(createSwatch(value), createElement("span", name, "cm-name"), createElement("span", count, "cm-times"));
      button.addEventListener("click", () => {
        if (!selectedValues.delete(value)) selectedValues.add(value);
        updateLegend();
        updateMatches();
      });
      button.dataset.value = value;
      legend.append(createElement("li"));
      legend.lastChild.append(button);
    }
    updateLegend();
  }

  function updateLegend() {
    legend.classList.toggle("cm-chosen", selectedValues.size > 0);
    for (const button of legend.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", selectedValues.has(Number(button.dataset.value)));
    }
  }

  function createControls() {
    for (const [i, { name }] of data.dimensions.entries()) dimensionSelect.append(new Option(name.replaceAll("_", " "), i));
    dimensionSelect.value = data.dimensions.indexOf(dimension);
    select(".cm-by").hidden = !data.dimensions.length;
    dimensionSelect.addEventListener("change", () => {
      dimension = data.dimensions[dimensionSelect.value];
      selectedValues.clear();
      updateMatches();
      if (subject) showCard(subject, pinned);
    });
    searchInput.addEventListener("input", () => {
      searchWords = searchInput.value.toLowerCase().split(/\s+/).filter(Boolean);
      updateMatches();
    });
    searchInput.addEventListener("keydown", (event) => {
      if (event.key === "Enter") showProducts(matches);
      if (event.key === "Escape" && searchInput.value) { searchInput.value = ""; searchWords = []; updateMatches(); }
    });
    for (const [kind, first, verdict] of [["right", true, "right"], ["missed", false, "wrong"]]) {
      const count = data.queries.filter((query) => query.first === first).length;
      if (count) queryToggles.append(createToggle(kind, verdict, count));
    }
  }

  function createToggle(kind, verdict, count) {
    const [row, box] = [createElement("label"), createElement("input")];
    const ring = createElement("i", undefined, kind === "right" ? "cm-good" : "cm-bad");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { visibleKinds[kind] = box.checked; closeCard(); redraw(); });
    row.append(box, ring, `${count.toLocaleString("en")} query photo${count === 1 ? "" : "s"} with a ${verdict} first result`);
    return row;
  }

  /** Move and zoom the view so that these products fill it. */
  function showProducts(products) {
    if (!products.length) return;
    const positions = products.map((i) => orient(world.x[i], world.y[i]));
    const [left, right] = range(positions.map(([x]) => x));
    const [top, bottom] = range(positions.map(([, y]) => y));
    const scale = Math.min((view.width - 4 * MARGIN) / (right - left || 1e-9), (view.height - 4 * MARGIN) / (bottom - top || 1e-9));
    moveView((left + right) / 2, (top + bottom) / 2, Math.min(scale, Math.max(12 * view.fitScale, view.scale)));
  }

  // ---- card ----------------------------------------------------------------------------------------------------

  let subject = null; // what the card describes: {product} or {query}
  let pinned = false; // whether the card stays when the pointer leaves
  const isNarrow = () => view.width <= 760; // the same limit as in catalogue_map.css

  function createPhoto(number, side) {
    const photo = createElement("canvas");
    const [width, height] = sizeOf(number, side);
    const ratio = Math.max(1, view.ratio);
    [photo.width, photo.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    [photo.style.width, photo.style.height] = [`${width}px`, `${height}px`];
    const target = photo.getContext("2d");
    target.imageSmoothingQuality = "high";
    drawPhoto(target, number, 0, 0, photo.width, photo.height);
    return photo;
  }

  /** List the values of a product, that of the current dimension first; omit "no" and values that another one contains. */
  function createValueList(i) {
    const list = createElement("dl");
    const sorted = [...data.dimensions].sort((a, b) => (b === dimension) - (a === dimension));
    const known = sorted.filter((each) => each.of[i] >= 0);
    const valueOf = (each) => each.values[each.of[i]];
    const isShown = (each) => each === dimension
      || !(/^(no|false)$/i.test(valueOf(each)) || known.some((other) => valueOf(other).startsWith(`${valueOf(each)} / `)));
    for (const each of known.filter(isShown).slice(0, isNarrow() ? 5 : 10)) {
      const description = createElement("dd", valueOf(each), each === dimension ? "cm-now" : "");
      if (each === dimension) description.prepend(createSwatch(each.of[i]));
      list.append(createElement("dt", each.name.replaceAll("_", " ")), description);
    }
    return list;
  }

  function createProductCard(i) {
    const side = isNarrow() ? 88 : clamp(data.cell * 1.3, 96, 166);
    const photos = createElement("div", undefined, "cm-photos");
    photos.append(createPhoto(i, side));
    return [photos, createElement("h3", data.titles[i] || data.ids[i]), createElement("p", data.ids[i], "cm-id"), createValueList(i)];
  }

  function createQueryCard(i) {
    const query = data.queries[i];
    const photos = createElement("div", undefined, "cm-photos");
    photos.append(createPhoto(productCount + i, 128));
    const verdict = query.first ? "The first result is right." : "The first result is wrong.";
    const verdictLine = createElement("p", verdict, `cm-verdict ${query.first ? "cm-good" : "cm-bad"}`);
    const parts = [photos, createElement("h3", "Query photo"), verdictLine];
    if (!query.right.length) return [...parts, createElement("p", "The right product is not on this map.", "cm-id")];
    const right = query.right[0];
    photos.append(createPhoto(right, 128));
    const more = query.right.length > 1 ? ` and ${query.right.length - 1} more` : "";
    return [...parts, createElement("p", `Right product${more && "s"}: ${data.titles[right]} (${data.ids[right]})${more}`)];
  }

  /** Show the card of a product or query; a pinned card stays until it is closed. */
  function showCard(item, pin) {
    [subject, pinned] = [item, pin];
    const button = createElement("button", "×", "cm-close");
    button.type = "button";
    button.setAttribute("aria-label", "close");
    button.addEventListener("click", () => { closeCard(); canvas.focus({ preventScroll: true }); });
    const isQuery = item.query !== undefined;
    card.replaceChildren(...(isQuery ? createQueryCard(item.query) : createProductCard(item.product)), button);
    card.classList.toggle("cm-kept", pin);
    card.classList.toggle("cm-one", !isQuery);
    card.hidden = false;
    placeCard();
    if (pin) moveSubjectIntoView();
    redraw();
  }

  function positionOfItem({ product, query }) {
    return query === undefined ? toScreen(world.x[product], world.y[product]) : toScreen(data.queries[query].x, data.queries[query].y);
  }

  /** Move the map if the subject is outside the view or behind the card at the bottom. */
  function moveSubjectIntoView() {
    const [x, y] = positionOfItem(subject);
    const height = isNarrow() ? card.offsetTop : view.height;
    const inside = x > 0 && x < view.width && y > 0 && y < height - (isNarrow() ? 40 : 0);
    if (!inside) moveView(...offsetCentre(x - view.width / 2, y - height / 2), view.scale);
  }

  /** Place the card beside its subject, on the side with room; on a narrow screen the style puts it at the bottom. */
  function placeCard() {
    const [x, y] = positionOfItem(subject);
    const { offsetWidth: width, offsetHeight: height } = card;
    if (isNarrow()) return;
    const gap = 44 + Math.min(thumbnails[0]?.[3] ?? 0, 60) / 2;
    const left = x + gap + width < view.width - 8 ? x + gap : x - gap - width;
    card.style.left = `${clamp(left, 8, Math.max(8, view.width - width - 8))}px`;
    card.style.top = `${clamp(y - height / 2, 8, Math.max(8, view.height - height - 8))}px`;
  }

  function closeCard() {
    if (!subject) return;
    [subject, pinned, card.hidden] = [null, false, true];
    redraw();
  }

  /** Return what is at a point of the screen: the ring of a query, a photo, or the nearest dot within reach; else null. */
  function itemAt(px, py, reach) {
    for (const [query, x, y, radius] of [...queryRings].reverse()) {
      if (Math.hypot(px - x, py - y) <= Math.max(radius + 3, reach / 2)) return { query };
    }
    for (const [product, x, y, side] of thumbnails) {
      const [w, h] = sizeOf(product, side);
      if (Math.abs(px - x) <= w / 2 + 2 && Math.abs(py - y) <= h / 2 + 2) return { product };
    }
    return nearestProduct(px, py, reach);
  }

  function nearestProduct(px, py, reach) {
    let [nearest, smallest] = [-1, reach];
    for (const i of matches) {
      const [x, y] = toScreen(world.x[i], world.y[i]);
      const distance = Math.hypot(px - x, py - y);
      if (distance < smallest) [nearest, smallest] = [i, distance];
    }
    return nearest < 0 ? null : { product: nearest };
  }

  const isSame = (a, b) => a?.product === b?.product && a?.query === b?.query;

  // ---- pointers, wheel and keys --------------------------------------------------------------------------------

  const pointers = new Map();
  let dragDistance = 0;
  const pointOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (!pointers.size) dragDistance = 0;
    pointers.set(event.pointerId, pointOf(event));
    cancelAnimationFrame(animation);
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = pointOf(event);
    const previous = pointers.get(event.pointerId);
    if (!previous) {
      if (event.pointerType === "mouse") hover(x, y);
      return;
    }
    const other = [...pointers.entries()].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, [x, y]);
    dragDistance += Math.hypot(x - previous[0], y - previous[1]);
    if (dragDistance < 4) return;
    stage.classList.add("cm-dragged");
    if (!pinned) closeCard();
    const share = other ? .5 : 1; // each of two fingers moves the map by half
    moveView(...offsetCentre(share * (previous[0] - x), share * (previous[1] - y)), view.scale, false);
    if (other) {
      const distance = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      zoomAt((x + other[0]) / 2, (y + other[1]) / 2, distance([x, y]) / distance(previous), false);
    }
  });

  function hover(x, y) {
    if (pinned) return;
    const item = itemAt(x, y, 14);
    stage.classList.toggle("cm-over", Boolean(item));
    if (isSame(item, subject)) return;
    if (item) showCard(item, false);
    else closeCard();
  }

  const releasePointer = (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    stage.classList.remove("cm-dragged");
    if (event.type !== "pointerup" || dragDistance >= 4) return;
    const item = itemAt(...pointOf(event), event.pointerType === "mouse" ? 14 : 24);
    if (item && !(pinned && isSame(item, subject))) showCard(item, true);
    else closeCard();
  };
  canvas.addEventListener("pointerup", releasePointer);
  canvas.addEventListener("pointercancel", releasePointer);
  canvas.addEventListener("pointerleave", () => { if (!pinned && !pointers.size) closeCard(); });
  canvas.addEventListener("dblclick", (event) => zoomAt(...pointOf(event), 2, true));

  // If the reader is scrolling the page and the map comes under the pointer, the page continues to scroll.
  let [lastScroll, lastWheel] = [-1e9, -1e9]; // times in milliseconds
  addEventListener("scroll", () => { lastScroll = performance.now(); }, { passive: true });
  canvas.addEventListener("wheel", (event) => {
    const now = performance.now();
    const isScrolling = now - lastScroll < 300 && now - lastWheel > 300;
    const isSmallest = event.deltaY > 0 && zoom() <= .71;
    if (!event.ctrlKey && (isScrolling || isSmallest)) return;
    event.preventDefault();
    lastWheel = now;
    const pixels = event.deltaY * [1, 16, 240][event.deltaMode];
    zoomAt(...pointOf(event), Math.exp(-clamp(pixels, -240, 240) * (event.ctrlKey ? .01 : .0022)), false);
    hover(...pointOf(event));
  }, { passive: false });

  const pan = (x, y) => moveView(...offsetCentre((x * view.width) / 6, (y * view.height) / 6), view.scale);
  const KEYS = {
    ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
    "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: showAll, Escape: closeCard,
    Enter: () => {
      const item = nearestProduct(view.width / 2, view.height / 2, Infinity);
      if (item) showCard(item, true);
    },
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    if (event.key !== "Escape" && event.key !== "Enter") closeCard();
    KEYS[event.key]();
  });
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { closeCard(); canvas.focus({ preventScroll: true }); }
  });
  const BUTTONS = { in: () => zoomBy(1.7), out: () => zoomBy(1 / 1.7), all: showAll };
  for (const button of section.querySelectorAll(".cm-zoom button")) {
    button.addEventListener("click", () => { closeCard(); BUTTONS[button.dataset.do](); });
  }

  createControls();
  select(".cm-tools").hidden = select(".cm-body").hidden = false;
  updateMatches();
  resize();
  new ResizeObserver(resize).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true }); // the page may have a switch between light and dark
})();

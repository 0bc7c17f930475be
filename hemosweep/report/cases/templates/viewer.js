// The slice viewer: a case's CT with the masks of the reference, of IVH and of both predictions.

const view = {
  picture: null, sheet: null, layers: null, slice: 0, zoom: 1, centre: [0.5, 0.5], level: 40, width: 80,
  shown: { reference: true, ivh: true, a: true, b: true, right: true }, together: false, bare: false, asked: 0,
};
const COLOURS = { reference: "#ffffff", ivh: "#f0e442", a: "#e69f00", b: "#56b4e9" };
// Alpha, blue, green, red of the fills.
const FILLS = { a: 0x8c009fe6, b: 0x8ce9b456 };
const DASHES = { reference: [], ivh: [1.5, 3.5], a: [], b: [7, 4] };
const panels = [...document.querySelectorAll(".panel")];
const textsOfPictures = [...document.querySelectorAll("script.picture")];
const onlyOne = () => view.together || state.a === state.b;

async function openCase(index, { slice = null, focus = false } = {}) {
  const asked = ++view.asked;
  state.case = index;
  document.body.classList.add("open");
  $("list").inert = narrow.matches;
  if (focus) $("panels").focus({ preventScroll: true });
  renderCase();
  markCurrent();
  const picture = JSON.parse(textsOfPictures[index].textContent);
  const read = picture.missing ? null : await readPicture(picture, index);
  if (asked !== view.asked) return;
  Object.assign(view, { picture, sheet: read?.sheet ?? null, layers: read?.layers ?? null, zoom: 1, centre: [0.5, 0.5] });
  $("viewer").classList.toggle("blind", !read);
  $("said").textContent = read ? "" : `No picture: ${picture.missing}.`;
  if (read) {
    const { num } = picture.slices;
    $("slice").max = num - 1;
    view.slice = slice === null ? -1 : slice;
    profileOf();
    if (view.slice < 0 || view.slice >= num) view.slice = telling();
  }
  renderCase();
  render();
  remember();
  readAhead(index);
}

const readPictures = new Map();
/** The sheet and the masks of a case; the last few are kept. */
function readPicture(picture, index) {
  const key = `${index}/${state.a}/${state.b}/${state.seed}`;
  if (!readPictures.has(key)) {
    readPictures.set(key, readLayers(picture));
    while (readPictures.size > 6) readPictures.delete(readPictures.keys().next().value);
  }
  return readPictures.get(key);
}
async function readLayers(picture) {
  const [height, width] = picture.grid, { num } = picture.slices;
  const mask = text => typeof text === "string" ? maskOf(text, height, width, num) : null;
  const [sheet, reference, ivh, a, b] = await Promise.all([
    createImageBitmap(new Blob([bytesOf(picture.sheet)], { type: "image/webp" })),
    mask(picture.reference), mask(picture.ivh),
    ...[state.a, state.b].map(arm => mask(picture.predictions[arm][seedOf(arm)])),
  ]);
  return { sheet, layers: { masks: { reference, ivh, a, b }, contours: {}, right: [] } };
}
/** Read the case that comes next, while the user looks at this one. */
function readAhead(index) {
  const order = ordered(), next = order[order.indexOf(index) + 1];
  if (next === undefined) return;
  setTimeout(() => {
    const picture = JSON.parse(textsOfPictures[next].textContent);
    if (!picture.missing) readPicture(picture, next);
  }, 150);
}

/** The training of an arm that is shown: the chosen one, or its first where it has none of that name. */
function seedOf(arm) {
  const place = page.arms[arm].trainings.indexOf(seeds()[state.seed]);
  return Math.max(place, 0);
}
const seeds = () => [...new Set([state.a, state.b].flatMap(arm => page.arms[arm].trainings))];

function maskAt(layer, slice = view.slice) {
  return view.layers.masks[layer]?.[slice];
}
function contourAt(layer) {
  const [height, width] = view.picture.grid, key = `${layer}/${view.slice}`;
  return view.layers.contours[key] ??= contourOf(maskAt(layer), height, width);
}
function rightAt(slice) {
  const { masks, right } = view.layers, [height, width] = view.picture.grid;
  if (!masks.reference || !masks.a || !masks.b) return { a: 0, b: 0, image: null };
  return right[slice] ??= rightOf(masks.reference[slice], masks.a[slice], masks.b[slice], height, width, FILLS);
}

/** Areas of each slice: the reference, and where only one prediction is right. */
function profileOf() {
  view.areas = Array.from({ length: view.picture.slices.num }, (_, slice) => {
    const { a, b } = rightAt(slice);
    return { reference: countOf(maskAt("reference", slice)), a, b };
  });
}
/** The slice where the predictions differ most, else that of the largest lesion, else the middle one. */
function telling() {
  for (const area of [area => area.a + area.b, area => area.reference]) {
    const values = view.areas.map(area), largest = Math.max(...values);
    if (largest > 0) return values.indexOf(largest);
  }
  return view.areas.length >> 1;
}

function renderCase() {
  if (state.case < 0) return;
  const case_ = page.cases[state.case], order = ordered(), place = order.indexOf(state.case);
  $("case").textContent = case_.id;
  $("facts").textContent = [case_.ivh === "yes" ? "IVH" : case_.ivh === "no" ? "no IVH" : "IVH not known",
    isNumber(case_.ml) ? `reference ${volumeText(case_.ml)} mL` : "", place >= 0 ? `${place + 1} of ${order.length}` : "not in the table's choice"].filter(Boolean).join(" · ");
  $("previous").disabled = place <= 0;
  $("next").disabled = place < 0 || place >= order.length - 1;
  const all = seeds();
  $("seed-label").hidden = all.length < 2;
  $("seed").replaceChildren(...all.map((name, index) => make("option", { value: index }, name)));
  $("seed").value = state.seed = Math.min(state.seed, Math.max(all.length - 1, 0));
  const side = (letter, arm) => {
    const values = trainingsOf(state.case, arm), value = values.length ? values[seedOf(arm)] : false;
    const [text, reason] = scoreText(state.case, value);
    return [make("dt", { class: letter, title: page.arms[arm].name }, page.arms[arm].name), make("dd", { title: reason || null }, text), value];
  };
  const [nameA, scoreA, a] = side("a", state.a), [nameB, scoreB, b] = side("b", state.b);
  const metric = page.metrics[state.metric];
  const change = isNumber(a) && isNumber(b) ? [make("dt", {}, `B ${MINUS} A`),
    make("dd", { class: b === a ? null : `word ${sideOf(b - a)}` }, `${textOf(b - a, true)}`)] : [];
  $("scores").title = metric.label;
  $("scores").replaceChildren(...(state.a === state.b ? [[nameA, scoreA]] : [[nameA, scoreA], [nameB, scoreB], change])
    .filter(entry => entry.length).map(entry => make("div", {}, ...entry)));
}

/** Draw everything that depends on the slice, the window, the zoom and the layers. */
function render() {
  const { picture, layers } = view;
  $("viewer").classList.toggle("one", onlyOne());
  for (const name of Object.keys(view.shown)) $(name).setAttribute("aria-pressed", String(view.shown[name]));
  $("together").setAttribute("aria-pressed", String(view.together));
  if (!layers) return;
  renderWindow();
  const { first, step, num, total } = picture.slices;
  $("ivh").disabled = !layers.masks.ivh;
  $("ivh").title = layers.masks.ivh ? "Intraventricular hemorrhage (V)" : "This case has no mask of its IVH";
  $("reference").disabled = !layers.masks.reference;
  $("right").disabled = !(layers.masks.reference && layers.masks.a && layers.masks.b);
  $("a").disabled = !layers.masks.a;
  $("b").disabled = !layers.masks.b;
  $("slice").value = view.slice;
  const text = `Slice ${first + step * view.slice + 1} of ${total}`;
  $("place").textContent = text + (step > 1 ? `, every ${step}${step === 2 ? "nd" : step === 3 ? "rd" : "th"} is shown` : "")
    + (picture.quality < 50 ? `; CT in pixels of ${picture.pixel_mm.toFixed(2)} mm, quality ${picture.quality} of 100` : "");
  $("place").title = "The CT's pixels, and the quality of its WebP, are what the size of the page leaves.";
  $("slice").setAttribute("aria-valuetext", text);
  $("remarks").textContent = picture.remarks.join(" ");
  for (const panel of panels) renderPanel(panel);
  renderProfile();
}

function renderPanel(panel) {
  const { side } = panel.dataset, one = onlyOne();
  if (side === "b" && one) return;
  const sides = one && state.a !== state.b ? ["a", "b"] : [side], { picture, layers } = view;
  const caption = sides.map(letter => make("span", { class: `word ${letter}` },
    `${letter.toUpperCase()} ${page.arms[state[letter]].name}`));
  panel.querySelector("figcaption").replaceChildren(...caption);
  const said = sides.map(letter => absence(letter)).filter(Boolean);
  panel.querySelector(".said").textContent = said.join(" ");
  const [ct, marks] = panel.querySelectorAll("canvas"), scale = Math.min(devicePixelRatio || 1, 2);
  const box = panel.getBoundingClientRect();
  if (box.width < 2 || box.height < 2) return;
  for (const canvas of [ct, marks]) {
    canvas.width = Math.round(box.width * scale);
    canvas.height = Math.round(box.height * scale);
  }
  const [tileHeight, tileWidth] = picture.tile, [height, width] = picture.grid;
  const size = Math.min(ct.width / tileWidth, ct.height / tileHeight) * view.zoom;
  const left = ct.width / 2 - view.centre[0] * tileWidth * size, top = ct.height / 2 - view.centre[1] * tileHeight * size;
  const context = ct.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(view.sheet, view.slice % picture.columns * tileWidth, Math.floor(view.slice / picture.columns) * tileHeight,
    tileWidth, tileHeight, left, top, tileWidth * size, tileHeight * size);
  const over = marks.getContext("2d");
  if (view.bare) return;
  over.setTransform(tileWidth * size / width, 0, 0, tileHeight * size / height, left, top);
  const { image } = rightAt(view.slice);
  if (view.shown.right && image) {
    over.imageSmoothingEnabled = false;
    over.drawImage(image, 0, 0);
  }
  const thickness = 1.6 * scale;
  for (const layer of ["ivh", "reference", ...sides]) {
    if (!view.shown[layer] || !maskAt(layer)) continue;
    const path = new Path2D();
    path.addPath(contourAt(layer), over.getTransform());
    over.save();
    over.resetTransform();
    over.lineJoin = "round";
    over.lineCap = layer === "ivh" ? "round" : "butt";
    over.strokeStyle = "rgba(0, 0, 0, 0.55)";
    over.lineWidth = thickness + 1.6 * scale;
    over.stroke(path);
    over.strokeStyle = COLOURS[layer];
    over.lineWidth = layer === "ivh" ? thickness * 1.3 : thickness;
    over.setLineDash(DASHES[layer].map(length => length * scale));
    over.stroke(path);
    over.restore();
  }
}

/** The reason why a side shows no contour; no text where it has one. */
function absence(letter) {
  const arm = page.arms[state[letter]], text = view.picture.predictions[state[letter]][seedOf(state[letter])];
  if (text === undefined) return `${arm.name}: ${arm.missing || "not trained"}.`;
  if (text === "") return `${arm.name} predicts no lesion in this case.`;
  if (typeof text !== "string") return `${arm.name}, ${arm.trainings[seedOf(state[letter])]}: ${text.missing}.`;
  if (view.picture.reference === "") return "The reference has no lesion.";
  return "";
}

function renderProfile() {
  const { areas } = view, largest = Math.max(...areas.map(area => Math.max(area.reference, area.a, area.b)), 1);
  const bars = areas.flatMap((area, slice) => [
    draw("rect", { class: "reference", x: slice + 0.1, width: 0.8, y: 50 - 48 * area.reference / largest, height: 48 * area.reference / largest }),
    draw("rect", { class: "b", x: slice + 0.25, width: 0.5, y: 50 - 48 * area.b / largest, height: 48 * area.b / largest }),
    draw("rect", { class: "a", x: slice + 0.25, width: 0.5, y: 50, height: 48 * area.a / largest }),
  ]);
  $("profile").setAttribute("viewBox", `0 0 ${areas.length} 100`);
  $("profile").replaceChildren(draw("rect", { class: "current", x: view.slice, width: 1, y: 0, height: 100 }), ...bars,
    draw("line", { class: "zero", x1: 0, x2: areas.length, y1: 50, y2: 50 }));
}

/** Map the window's bounds to black and white, by the filter of the CT. */
function renderWindow() {
  const [low, high] = page.window, from = (view.level - view.width / 2 - low) / (high - low);
  const slope = (high - low) / view.width;
  for (const part of document.querySelectorAll("#window feFuncR, #window feFuncG, #window feFuncB")) {
    part.setAttribute("slope", slope);
    part.setAttribute("intercept", -slope * from);
  }
  $("level").value = view.level;
  $("width").value = view.width;
  $("window-text").textContent = `${Math.round(view.level)} / ${Math.round(view.width)} HU`;
  for (const preset of document.querySelectorAll("[data-window]")) {
    preset.setAttribute("aria-pressed", String(preset.dataset.window === `${Math.round(view.level)} ${Math.round(view.width)}`));
  }
}

function goTo(slice) {
  if (!view.layers) return;
  view.slice = Math.max(0, Math.min(view.picture.slices.num - 1, slice));
  render();
  remember();
}
function goBy(step) {
  const order = ordered(), next = order[order.indexOf(state.case) + step];
  if (next !== undefined && order.includes(state.case)) openCase(next);
}
function zoomBy(factor, at = null) {
  const zoom = Math.max(1, Math.min(12, view.zoom * factor));
  if (at) view.centre = view.centre.map((value, axis) => value + (at[axis] - value) * (1 - view.zoom / zoom));
  view.zoom = zoom;
  keepInside();
  render();
}
function keepInside() {
  const margin = 0.5 / view.zoom;
  view.centre = view.zoom === 1 ? [0.5, 0.5] : view.centre.map(value => Math.max(margin, Math.min(1 - margin, value)));
}
function setWindow(level, width) {
  view.level = Math.max(-10, Math.min(110, level));
  view.width = Math.max(5, Math.min(140, width));
  renderWindow();
}
function toggle(name) {
  if ($(name).disabled) return;
  if (name === "together") view.together = !view.together;
  else view.shown[name] = !view.shown[name];
  render();
}

// What the user does: choices, keys, gestures, and the address.

const narrow = matchMedia("(max-width: 60rem)");

function setOrder(order) {
  state.order = order in ORDERS ? order : "difference-size";
  $("order").value = state.order;
  renderRows();
  renderCase();
}
function setPair(a, b) {
  Object.assign(state, { a, b });
  renderAll();
  if (document.body.classList.contains("open")) openCase(state.case, { slice: view.slice });
  else remember();
}
function renderAll() {
  const all = page.arms.map((arm, place) => make("option", { value: place }, arm.name));
  $("arm-a").replaceChildren(...all);
  $("arm-b").replaceChildren(...all.map(option => option.cloneNode(true)));
  $("arm-a").value = state.a;
  $("arm-b").value = state.b;
  const place = page.pairs.indexOf(declared());
  $("pair").replaceChildren(...page.pairs.map((pair, index) =>
    make("option", { value: index }, `${page.arms[pair.a].name} ${ARROW} ${page.arms[pair.b].name}: ${pair.verdict}`)),
    ...(place < 0 ? [make("option", { value: -1 }, "none that was declared")] : []));
  $("pair").value = place;
  $("metric").value = state.metric;
  const several = page.arms.length > 2;
  $("order").replaceChildren(...Object.entries(ORDERS).filter(([key]) => several || !key.startsWith("spread"))
    .map(([key, [name]]) => make("option", { value: key }, typeof name === "string" ? name : name())));
  $("order").value = state.order;
  renderVerdict();
  renderWaterfall();
  renderRows();
}
function markCurrent() {
  for (const row of document.querySelectorAll("#rows tr")) {
    const current = Number(row.dataset.index) === state.case;
    row.toggleAttribute("aria-current", current);
    if (current) {
      row.setAttribute("aria-current", "true");
      if (!narrow.matches) row.scrollIntoView({ block: "nearest" });
    }
  }
  for (const bar of document.querySelectorAll("#waterfall g")) bar.classList.toggle("current", Number(bar.dataset.index) === state.case);
}
function closeCase() {
  if (!narrow.matches) return;
  document.body.classList.remove("open");
  $("list").inert = false;
  document.querySelector(`#rows tr[data-index="${state.case}"] button`)?.focus();
}

// The address names the comparison, the case and the slice, where the frame of the page lets it.
function remember() {
  const asked = new URLSearchParams({ a: page.arms[state.a].name, b: page.arms[state.b].name });
  if (state.case >= 0) asked.set("case", page.cases[state.case].id);
  if (state.case >= 0 && view.layers && document.body.classList.contains("open")) asked.set("slice", view.picture.slices.first + view.picture.slices.step * view.slice + 1);
  if (state.metric) asked.set("score", page.metrics[state.metric].name);
  try {
    history.replaceState(null, "", `#${asked}`);
  } catch {
    // A frame without an address of its own.
  }
}
function openAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const arm = name => page.arms.findIndex(one => one.name === asked.get(name));
  const metric = page.metrics.findIndex(one => one.name === asked.get("score"));
  if (arm("a") >= 0) state.a = arm("a");
  if (arm("b") >= 0) state.b = arm("b");
  state.metric = Math.max(metric, 0);
  renderAll();
  const index = page.cases.findIndex(one => one.id === asked.get("case"));
  if (index >= 0) {
    openCase(index).then(() => {
      const number = parseInt(asked.get("slice"), 10);
      if (number > 0 && view.layers) goTo(Math.round((number - 1 - view.picture.slices.first) / view.picture.slices.step));
    });
  } else if (!narrow.matches && page.cases.length) {
    openCase(ordered()[0]);
  }
}

const KEYS = {
  ArrowUp: () => goTo(view.slice + 1), ArrowDown: () => goTo(view.slice - 1),
  PageUp: () => goTo(view.slice + 5), PageDown: () => goTo(view.slice - 5),
  Home: () => goTo(0), End: () => goTo(Infinity),
  ArrowLeft: () => goBy(-1), ArrowRight: () => goBy(1),
  j: () => view.layers && goTo(telling()),
  r: () => toggle("reference"), v: () => toggle("ivh"), a: () => toggle("a"), b: () => toggle("b"), d: () => toggle("right"),
  m: () => toggle("together"), s: () => nextSeed(),
  1: () => preset(0), 2: () => preset(1), 3: () => preset(2), 4: () => preset(3),
  "+": () => zoomBy(1.25), "=": () => zoomBy(1.25), "-": () => zoomBy(0.8), 0: () => zoomBy(0),
  " ": () => setBare(true), "?": () => $("keys").showModal(), Escape: () => closeCase(),
};
const preset = place => setWindow(...document.querySelectorAll("[data-window]")[place].dataset.window.split(" ").map(Number));
function setBare(bare) {
  if (view.bare === bare) return;
  view.bare = bare;
  render();
}
function nextSeed() {
  if (seeds().length < 2) return;
  state.seed = (state.seed + 1) % seeds().length;
  openCase(state.case, { slice: view.slice });
}

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open || state.case < 0) return;
  if (narrow.matches && !document.body.classList.contains("open")) return;
  const { target } = event, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (target.matches("input, select, textarea") && !(key === "Escape")) return;
  if (target.matches("button") && (key === " " || key === "Enter")) return;
  if (target.closest("#scroll") && /^(Arrow(Up|Down)|Page|Home|End)/.test(key)) return;
  if (!(key in KEYS)) return;
  event.preventDefault();
  KEYS[key]();
});
addEventListener("keyup", event => event.key === " " && setBare(false));
addEventListener("blur", () => setBare(false));
addEventListener("hashchange", openAddress);
new ResizeObserver(() => view.layers && render()).observe($("panels"));
narrow.addEventListener("change", () => {
  $("list").inert = narrow.matches && document.body.classList.contains("open");
});

// Gestures: the wheel and one finger go through the slices, a mouse's drag sets the window, two fingers zoom.
const stage = $("panels"), pointers = new Map();
let wheel = 0, swipe = 0;
/** The box of the panel at a place of the window; that of A between the two. A captured pointer's target is no panel. */
function boxAt(x, y) {
  const boxes = panels.map(panel => panel.getBoundingClientRect());
  return boxes.find(box => x >= box.left && x < box.right && y >= box.top && y < box.bottom) ?? boxes[0];
}
/** A place of the window in shares of the picture there. */
function shareOf(x, y) {
  const box = boxAt(x, y), [height, width] = view.picture.tile;
  const size = Math.min(box.width / width, box.height / height) * view.zoom;
  return [view.centre[0] + (x - box.left - box.width / 2) / (width * size),
    view.centre[1] + (y - box.top - box.height / 2) / (height * size)];
}
stage.addEventListener("wheel", event => {
  if (!view.layers) return;
  event.preventDefault();
  if (event.ctrlKey) return zoomBy(Math.exp(-event.deltaY / 200), shareOf(event.clientX, event.clientY));
  wheel += event.deltaMode ? event.deltaY * 40 : event.deltaY;
  const steps = Math.trunc(wheel / 40);
  if (!steps) return;
  wheel = 0;
  goTo(view.slice - Math.sign(steps) * Math.min(Math.abs(steps), 3));
}, { passive: false });
stage.addEventListener("pointerdown", event => {
  if (!view.layers || event.button === 1) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  stage.setPointerCapture(event.pointerId);
  swipe = 0;
});
stage.addEventListener("pointermove", event => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY], [dx, dy] = now.map((value, axis) => value - before[axis]);
  if (pointers.size === 2) {
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const distance = place => Math.hypot(place[0] - other[0], place[1] - other[1]);
    pointers.set(event.pointerId, now);
    return zoomBy(distance(now) / Math.max(distance(before), 1), shareOf((now[0] + other[0]) / 2, (now[1] + other[1]) / 2));
  }
  pointers.set(event.pointerId, now);
  if (view.zoom > 1 && !event.shiftKey) {
    const box = panels[0].getBoundingClientRect(), [height, width] = view.picture.tile;
    const size = Math.min(box.width / width, box.height / height) * view.zoom;
    view.centre = [view.centre[0] - dx / (width * size), view.centre[1] - dy / (height * size)];
    keepInside();
    render();
  } else if (event.pointerType === "touch") {
    swipe += dy;
    const steps = Math.trunc(swipe / 14);
    if (steps) {
      swipe -= 14 * steps;
      goTo(view.slice - steps);
    }
  } else {
    setWindow(view.level - dy / 4, view.width + dx / 3);
  }
});
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, event => pointers.delete(event.pointerId));
stage.addEventListener("contextmenu", event => event.preventDefault());
stage.addEventListener("dblclick", event => view.layers && (view.zoom > 1 ? zoomBy(0) : zoomBy(3, shareOf(event.clientX, event.clientY))));
const onProfile = event => {
  if (!view.layers || (event.type === "pointermove" && !event.buttons)) return;
  const box = $("profile").getBoundingClientRect();
  goTo(Math.floor((event.clientX - box.left) / box.width * view.picture.slices.num));
};
$("profile").addEventListener("pointerdown", onProfile);
$("profile").addEventListener("pointermove", onProfile);

for (const name of ["reference", "ivh", "a", "b", "right", "together"]) $(name).addEventListener("click", () => toggle(name));
for (const button of document.querySelectorAll("[data-window]")) {
  button.addEventListener("click", () => setWindow(...button.dataset.window.split(" ").map(Number)));
}
for (const form of document.querySelectorAll("form:not([method])")) form.addEventListener("submit", event => event.preventDefault());
$("level").addEventListener("input", () => setWindow(Number($("level").value), view.width));
$("width").addEventListener("input", () => setWindow(view.level, Number($("width").value)));
$("slice").addEventListener("input", () => goTo(Number($("slice").value)));
$("jump").addEventListener("click", () => view.layers && goTo(telling()));
$("previous").addEventListener("click", () => goBy(-1));
$("next").addEventListener("click", () => goBy(1));
$("close").addEventListener("click", closeCase);
$("help").addEventListener("click", () => $("keys").showModal());
$("seed").addEventListener("change", () => {
  state.seed = Number($("seed").value);
  openCase(state.case, { slice: view.slice });
});
$("arm-a").addEventListener("change", () => setPair(Number($("arm-a").value), state.b));
$("arm-b").addEventListener("change", () => setPair(state.a, Number($("arm-b").value)));
$("swap").addEventListener("click", () => setPair(state.b, state.a));
$("pair").addEventListener("change", () => {
  const pair = page.pairs[Number($("pair").value)];
  if (pair) setPair(pair.a, pair.b);
});
$("metric").addEventListener("change", () => {
  state.metric = Number($("metric").value);
  renderAll();
  renderCase();
  remember();
});
$("order").addEventListener("change", () => setOrder($("order").value));
$("find").addEventListener("input", () => {
  state.find = $("find").value.trim();
  renderRows();
  renderCase();
});

$("title").append(page.sweep, make("span", {}, " cases"));
$("question").textContent = page.question;
$("notices").hidden = !page.notices.length;
$("notices").firstElementChild.textContent = page.notices.map(text => text.split(/[,:.]/)[0]).join(" · ");
$("notices").append(...page.notices.map(text => make("p", {}, text)));
$("range").textContent = `eight bits from ${page.window[0]} to ${page.window[1]} HU`.replace("-", MINUS);
$("metric").replaceChildren(...page.metrics.map((metric, place) => make("option", { value: place },
  `${metric.label}${metric.unit ? ` (${metric.unit})` : ""}`)));
const opening = page.pairs.find(pair => isNumber(pair.mean)) ?? page.pairs[0];
Object.assign(state, opening ? { a: opening.a, b: opening.b } : { a: 0, b: Math.min(1, page.arms.length - 1) });
view.together = narrow.matches;
openAddress();

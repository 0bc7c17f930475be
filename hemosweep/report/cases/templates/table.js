// The table of cases: its scores, its order and its rows.

const $ = id => document.getElementById(id);
const page = JSON.parse($("summary").textContent);
const MINUS = "\u2212", DASH = "\u2013", ARROW = "\u2192";
const state = { a: 0, b: 0, metric: 0, order: "difference-size", find: "", case: -1, seed: 0 };

/** An element with attributes and children; texts are never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  return dress(element, attributes, children);
}
function draw(name, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}
function dress(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Scores: a number, null where undefined, false where there is none.
const isNumber = value => typeof value === "number";
const trainingsOf = (index, arm) => page.cases[index].scores[state.metric][arm] ?? [];

/** Mean over the trainings of an arm; null where one of them is undefined, false where one has no score. */
function meanOf(index, arm) {
  const values = trainingsOf(index, arm);
  if (!values.length || values.includes(false)) return false;
  if (values.includes(null)) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
function differenceOf(index) {
  const a = meanOf(index, state.a), b = meanOf(index, state.b);
  return isNumber(a) && isNumber(b) ? b - a : null;
}
/** What a gain of a side is: a metric without a better direction has only a higher side. */
const better = () => page.metrics[state.metric].higher === null ? "higher" : "better";
/** Gain of B over A: positive where B is better, or higher. */
const gainOf = difference => page.metrics[state.metric].higher === false ? -difference : difference;
const sideOf = difference => gainOf(difference) > 0 ? "b" : "a";
const known = index => page.arms.map((_, arm) => [arm, meanOf(index, arm)]).filter(([, value]) => isNumber(value));
function worstOf(index) {
  const direction = page.metrics[state.metric].higher === false ? -1 : 1;
  const scores = known(index).sort((one, other) => direction * (one[1] - other[1]) || one[0] - other[0]);
  return scores.length ? { arm: scores[0][0], score: scores[0][1] } : null;
}
function spreadOf(index) {
  const values = known(index).map(([, value]) => value);
  return values.length > 1 ? Math.max(...values) - Math.min(...values) : null;
}

function textOf(value, signed = false) {
  const metric = page.metrics[state.metric];
  if (Math.abs(value) < 1e-9) value = 0;
  let text = metric.share ? Math.abs(value).toFixed(3) : String(Number(Math.abs(value).toPrecision(3)));
  if (value && !Number(text)) text = Math.abs(value).toPrecision(1);
  return (value < 0 ? MINUS : signed ? "+" : "") + text;
}
/** Text of a score, or the reason why there is none. */
function scoreText(index, value) {
  if (isNumber(value)) return [textOf(value), ""];
  if (value === false) return [DASH, "not tested, or not computed"];
  return ["undefined", page.cases[index].ml === 0 ? "The reference has no lesion." : "This score is not defined here."];
}
const volumeText = ml => isNumber(ml) ? (ml >= 100 ? ml.toFixed(0) : ml >= 10 ? ml.toFixed(1) : ml.toFixed(2)) : DASH;

// Orders of the table: what to compare, and whether the largest comes first. Cases without a value come last.
const COLLATOR = new Intl.Collator("en", { numeric: true });
const ORDERS = {
  "difference-size": ["Largest difference first", index => absolute(differenceOf(index)), true],
  "difference-down": [() => `${page.arms[state.b].name} (B) ${better()} first`, index => signed(differenceOf(index)), true],
  "difference-up": [() => `${page.arms[state.a].name} (A) ${better()} first`, index => signed(differenceOf(index)), false],
  "id-up": ["Case id", index => page.cases[index].id, false],
  "id-down": ["Case id, from the last", index => page.cases[index].id, true],
  "ml-down": ["Largest reference first", index => page.cases[index].ml, true],
  "ml-up": ["Smallest reference first", index => page.cases[index].ml, false],
  "ivh-down": ["With IVH first", index => ({ yes: 1, no: 0 })[page.cases[index].ivh] ?? null, true],
  "ivh-up": ["Without IVH first", index => ({ yes: 1, no: 0 })[page.cases[index].ivh] ?? null, false],
  "worst-up": [() => `${worst()} score of any arm first`, index => worstOf(index) && gainOf(worstOf(index).score), false],
  "worst-down": [() => `${better() === "better" ? "Best" : "Highest"} of the ${worst().toLowerCase()} scores first`, index => worstOf(index) && gainOf(worstOf(index).score), true],
  "spread-down": ["Widest range over the arms first", spreadOf, true],
  "spread-up": ["Narrowest range over the arms first", spreadOf, false],
};
page.arms.forEach((arm, place) => {
  ORDERS[`arm${place}-down`] = [`${arm.name}: highest first`, index => numberOr(meanOf(index, place)), true];
  ORDERS[`arm${place}-up`] = [`${arm.name}: lowest first`, index => numberOr(meanOf(index, place)), false];
});
const worst = () => better() === "better" ? "Worst" : "Lowest";
const numberOr = value => isNumber(value) ? value : null;
const absolute = value => value === null ? null : Math.abs(value);
const signed = value => value === null ? null : gainOf(value);

/** Indices of the cases in the order of the table, those that are looked for. */
function ordered() {
  const [, key, down] = ORDERS[state.order];
  const keys = new Map(page.cases.map((_, index) => [index, key(index)]));
  const found = [...keys.keys()].filter(index => page.cases[index].id.toLowerCase().includes(state.find.toLowerCase()));
  return found.sort((one, other) => {
    const [x, y] = [keys.get(one), keys.get(other)];
    if (x === null || y === null) return (x === null) - (y === null) || one - other;
    const sign = typeof x === "string" ? COLLATOR.compare(x, y) : x - y;
    return (down ? -sign : sign) || one - other;
  });
}

/** Columns of the table: the comparison first, then what is known of the case, and the other arms. */
function columns() {
  const { label } = page.metrics[state.metric], several = page.arms.length > 2;
  const [a, b] = [state.a, state.b], others = page.arms.map((_, place) => place).filter(place => place !== a && place !== b);
  const armColumn = place => {
    const { name, trainings, missing } = page.arms[place];
    const title = [`${label} of ${name}`, trainings.length > 1 && `mean of ${trainings.length} trainings`, missing];
    return { key: `arm${place}`, name, number: true, arm: place, wide: others.includes(place),
      title: title.filter(Boolean).join(", ") };
  };
  return [
    { key: "id", name: "Case", cell: index => openButton(index) },
    ...[...new Set([a, b])].map(armColumn),
    { key: "difference", name: `B ${MINUS} A`, title: `${page.arms[b].name} less ${page.arms[a].name}`,
      number: true, difference: true },
    { key: "ivh", name: "IVH", wide: true, cell: index => page.cases[index].ivh },
    { key: "ml", name: "mL", title: "Volume of the reference", wide: true, number: true,
      cell: index => volumeText(page.cases[index].ml) },
    ...others.map(armColumn),
    ...(several ? [
      { key: "worst", name: worst(), title: `The arm with the ${worst().toLowerCase()} ${label}`, wide: true,
        cell: index => worstOf(index) ? page.arms[worstOf(index).arm].name : DASH },
      { key: "spread", name: "Range", title: `Range of the ${label} over the arms`, wide: true, number: true,
        cell: index => spreadOf(index) === null ? DASH : textOf(spreadOf(index)) },
    ] : []),
  ];
}

function openButton(index) {
  return make("button", { type: "button", onclick: () => openCase(index, { focus: true }) }, page.cases[index].id);
}

function renderHead(shown) {
  const [by, way] = splitOrder();
  $("head").replaceChildren(...shown.map(column => {
    const sorted = column.key === by && way !== "size" ? (way === "up" ? "ascending" : "descending") : null;
    const mark = column.arm === state.a ? "a" : column.arm === state.b ? "b" : "";
    const turned = way === "up" ? "down" : "up", first = ["id", "worst"].includes(column.key) ? "up" : "down";
    const sort = () => setOrder(`${column.key}-${sorted ? turned : first}`);
    return make("th", { scope: "col", "aria-sort": sorted, class: classes(column, mark) },
      make("button", { type: "button", title: column.title ?? null, "data-key": column.key, onclick: sort },
        ...(mark ? [make("span", { class: `swatch ${mark}`, "aria-hidden": "true" })] : []), make("span", { class: "name", style: `--letters: ${column.name.length}` }, column.name),
        make("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (way === "up" ? "▲" : "▼") : "")));
  }));
}
const classes = (column, more = "") =>
  [column.number && "number", column.arm !== undefined && "arm", column.wide && "wide", column.difference && "difference", more].filter(Boolean).join(" ") || null;
function splitOrder() {
  const cut = state.order.lastIndexOf("-");
  return [state.order.slice(0, cut), state.order.slice(cut + 1)];
}

function renderRows() {
  const shown = columns(), order = ordered();
  const metric = page.metrics[state.metric];
  const all = page.cases.flatMap((_, index) => known(index).map(([, value]) => value));
  const [low, high] = metric.share ? [0, 1] : [Math.min(...all), Math.max(...all)];
  const largest = Math.max(...page.cases.map((_, index) => Math.abs(differenceOf(index) ?? 0)), 1e-9);
  renderHead(shown);
  renderFoot(shown, order);
  $("rows").replaceChildren(...order.map(index => {
    const cells = shown.map(column => {
      if (column.key === "id") return make("th", { scope: "row" }, column.cell(index));
      if (column.arm !== undefined) return scoreCell(index, column, metric, low, high);
      if (column.difference) return differenceCell(index, column, largest);
      const text = column.cell(index);
      return make("td", { class: classes(column, text === "yes" ? "yes" : "") }, text);
    });
    return make("tr", { "data-index": index, "aria-current": index === state.case ? "true" : null,
      class: page.cases[index].pictured ? null : "blind", onclick: event => event.target.closest("button") || openCase(index, { focus: true }) }, ...cells);
  }));
  const pictured = order.filter(index => page.cases[index].pictured).length;
  $("count").textContent = (order.length === page.cases.length ? `${order.length} cases` : `${order.length} of ${page.cases.length} cases`)
    + (pictured < order.length ? `, ${pictured || "none"} with pictures` : "");
}

/** Means over the cases that A and B both have, so that their difference is that of the means; of another arm only where
 *  it has all of these. Where A and B have none in common, each mean is over the arm's own cases. */
function renderFoot(shown, order) {
  const mean = values => values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  const both = order.filter(index => differenceOf(index) !== null);
  const armMean = arm => {
    const values = (both.length ? both : order).map(index => meanOf(index, arm)).filter(isNumber);
    return both.length && values.length < both.length ? null : mean(values);
  };
  $("foot").replaceChildren(...shown.map(column => {
    if (column.key === "id") return make("th", { scope: "row", title: both.length ? "Over the cases that A and B both have" : null },
      both.length ? `Mean of ${both.length}` : "Mean");
    const value = column.arm !== undefined ? armMean(column.arm) : column.difference ? mean(both.map(differenceOf)) : null;
    return make("td", { class: classes(column) }, value === null ? "" : textOf(value, Boolean(column.difference)),
      ...(column.difference ? [make("span", { class: "track", style: "visibility: hidden" })] : []));
  }));
}

function scoreCell(index, column, metric, low, high) {
  const value = meanOf(index, column.arm), [text, reason] = scoreText(index, value);
  const cell = make("td", { class: classes(column, isNumber(value) ? "score" : "none"), title: reason || null }, text);
  if (isNumber(value) && metric.higher !== null && high > low) {
    const good = (value - low) / (high - low);
    cell.style.setProperty("--good", `${Math.round(100 * (metric.higher === false ? 1 - good : good))}%`);
  }
  return cell;
}

function differenceCell(index, column, largest) {
  const difference = differenceOf(index);
  if (difference === null) return make("td", { class: classes(column, "none") }, DASH);
  const bar = make("span", { class: `stripe ${difference < 0 ? "down" : "up"} ${sideOf(difference)}` });
  bar.style.width = `${50 * Math.abs(difference) / largest}%`;
  return make("td", { class: classes(column) }, textOf(difference, true), make("span", { class: "track", "aria-hidden": "true" }, bar));
}

/** The differences of all cases as bars, the largest gain of B first; a click opens the case. */
function renderWaterfall() {
  const bars = page.cases.map((_, index) => [index, differenceOf(index)]).filter(([, value]) => value !== null);
  bars.sort((one, other) => gainOf(other[1]) - gainOf(one[1]) || one[0] - other[0]);
  const figure = $("waterfall").parentElement;
  figure.hidden = bars.length < 2 || state.a === state.b;
  if (figure.hidden) return;
  const high = Math.max(...bars.map(([, value]) => value), 0), low = Math.min(...bars.map(([, value]) => value), 0);
  const span = high - low || 1, y = value => 100 * (high - value) / span;
  const pair = declared(), mean = bars.reduce((sum, [, value]) => sum + value, 0) / bars.length;
  const parts = [];
  if (pair?.ci && state.metric === 0) {
    const [from, to] = pair.ci.map(bound => Math.max(low, Math.min(high, bound)));
    parts.push(draw("rect", { class: "interval", x: 0, width: bars.length, y: y(to), height: Math.max(y(from) - y(to), 0.5) }));
  }
  for (const [place, [index, value]] of bars.entries()) {
    const bar = draw("rect", { class: `bar ${sideOf(value)}`, x: place + 0.12, width: 0.76,
      y: y(Math.max(value, 0)), height: Math.max(Math.abs(value) / span * 100, 0.8) });
    const column = draw("g", { "data-index": index, class: index === state.case ? "current" : null,
      onclick: () => openCase(index, { focus: true }) },
      draw("title", {}, `${page.cases[index].id}: ${textOf(value, true)}`),
      draw("rect", { class: "hit", x: place, width: 1, y: 0, height: 100 }), bar);
    parts.push(column);
  }
  parts.push(draw("line", { class: "zero", x1: 0, x2: bars.length, y1: y(0), y2: y(0) }));
  parts.push(draw("line", { class: "mean", x1: 0, x2: bars.length, y1: y(mean), y2: y(mean) }));
  $("waterfall").setAttribute("viewBox", `0 0 ${bars.length} 100`);
  $("waterfall").setAttribute("aria-label", `Difference of every case, ${page.arms[state.b].name} less ${page.arms[state.a].name}, sorted; the table has the same numbers.`);
  $("waterfall").replaceChildren(...parts);
  const undefinedOnes = page.cases.length - bars.length;
  $("waterfall-text").replaceChildren(
    `One bar a case, B ${MINUS} A: `, make("span", { class: "word b" }, `B ${better()}`), ", ", make("span", { class: "word a" }, `A ${better()}`),
    `; dashed: mean${pair?.ci && state.metric === 0 ? ", band: its 95% interval over the cases" : ""}.` +
    (undefinedOnes ? ` ${undefinedOnes} without a difference.` : ""));
}

const declared = () => page.pairs.find(pair => pair.a === state.a && pair.b === state.b);

function renderVerdict() {
  const metric = page.metrics[state.metric], pair = declared();
  const values = page.cases.map((_, index) => differenceOf(index)).filter(value => value !== null);
  const gains = values.map(gainOf), parts = [];
  if (state.a === state.b) {
    parts.push("A and B are the same arm: choose another one.");
  } else if (!values.length) {
    const reasons = [state.a, state.b].map(arm => page.arms[arm]).filter(arm => arm.missing).map(arm => `${arm.name}: ${arm.missing}`);
    parts.push(pair && !isNumber(pair.mean) ? `${pair.verdict}. ${pair.reason}` : `No case has a score in both arms. ${reasons.join("; ")}`);
  } else {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const inFamily = pair && state.metric === 0;
    const ci = inFamily && pair.ci ? ` [${pair.ci.map(bound => textOf(bound, true)).join(", ")}]` : "";
    parts.push(make("b", {}, `${textOf(mean, true)}${ci} ${metric.unit ? `${metric.unit} ` : ""}${metric.label}`),
      ` over ${values.length} cases, `);
    parts.push(make("span", { class: "word b" }, `B ${better()} in ${gains.filter(gain => gain > 0).length}`), ", ",
      make("span", { class: "word a" }, `A in ${gains.filter(gain => gain < 0).length}`), ". ");
    parts.push(...(inFamily ? [make("span", { class: "claim", title: pair.reason }, pair.verdict)]
      : [make("i", {}, pair ? "The declared comparison is about another score: no test of this one here." : "Not a declared comparison: no test, only a look.")]));
  }
  $("verdict").replaceChildren(...parts);
}

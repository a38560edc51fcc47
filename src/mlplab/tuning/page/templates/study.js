// Trials marked in every figure, and kept or faded by the ranges of their parameters.

const study = json("study");
const byNumber = new Map(study.trials.map((trial) => [trial.number, trial]));
const charts = $$("svg.chart");
const numberOf = (group) => Number(group.id.slice(group.id.lastIndexOf("-") + 1));
const groups = new Map();
for (const group of $$('svg.chart [id*="-trial-"]')) {
  const number = numberOf(group);
  if (!groups.has(number)) groups.set(number, []);
  groups.get(number).push(group);
  // A thin line is hard to point at: an unseen, thicker one lies over it.
  for (const path of $$("path", group)) {
    if (path.closest("defs")) continue;
    const fat = path.cloneNode();
    fat.removeAttribute("style");
    fat.removeAttribute("id");
    fat.setAttribute("class", "fat");
    group.append(fat);
  }
}
let pinned = null;
let shown = null;

/** Mark a trial in every figure, or none, and say what it was. */
function mark(number) {
  if (number === shown) return;
  shown = number;
  $$("svg.chart .mark").forEach((copy) => copy.remove());
  charts.forEach((chart) => chart.classList.toggle("choosing", number !== null));
  for (const group of groups.get(number) ?? []) {
    const copy = group.cloneNode(true);
    copy.setAttribute("class", "mark");
    for (const one of [copy, ...$$("[id]", copy)]) one.removeAttribute("id");
    $$(".fat", copy).forEach((fat) => fat.remove());
    group.parentNode.append(copy);
  }
  const card = $("#trial-card");
  const trial = byNumber.get(number);
  card.hidden = !trial;
  card.classList.toggle("passing", number !== pinned);
  if (!trial) return;
  $("#card-title").textContent = `Trial ${number}${number === study.best ? " (best)" : ""}`;
  $("#card-said").textContent = trial.said;
  $("#card-parameters").textContent = trial.parameters;
}

/** Keep a trial marked when the pointer leaves. */
function pin(number) {
  pinned = number;
  shown = undefined; // the card looks otherwise now
  mark(number);
  $$("button.show").forEach((button) => button.setAttribute("aria-pressed", Number(button.dataset.trial) === number));
  if ($("#choose")) $("#choose").value = number ?? "";
}

function step(by) {
  const at = study.ranked.indexOf(pinned);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), study.ranked.length - 1);
  if (study.ranked.length) pin(study.ranked[next]);
}

function marking() {
  for (const chart of charts) {
    const under = (event) => event.target.closest?.('[id*="-trial-"]');
    chart.addEventListener("pointerover", (event) => { const group = under(event); mark(group ? numberOf(group) : pinned); });
    chart.addEventListener("pointerleave", () => mark(pinned));
    chart.addEventListener("click", (event) => { const group = under(event); if (group) pin(numberOf(group) === pinned ? null : numberOf(group)); });
  }
  $$("button.show").forEach((button) => button.addEventListener("click", () => {
    const number = Number(button.dataset.trial);
    pin(number === pinned ? null : number);
  }));
  $("#better").addEventListener("click", () => step(-1));
  $("#worse").addEventListener("click", () => step(1));
  $("#unmark").addEventListener("click", () => pin(null));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && pinned !== null) pin(null); });
}

/** The command to the clipboard. */
function copying() {
  $("#copy")?.addEventListener("click", async () => {
    await toClipboard($("#command code").textContent);
    $("#copied").textContent = "Copied.";
  });
}

// Ranges: for each scale null, or [from, to] in its own unit; of choices, their places.

const ranges = study.scales.map(() => null);
const fields = [];
const toFraction = ({ log, low, high }, value) => high <= low ? 0.5 : log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
const toValue = ({ log, low, high }, fraction) => log ? low * (high / low) ** fraction : low + fraction * (high - low);
const short = (value) => Number(value.toPrecision(3));

/** Fade what lies outside of a range, in every figure, and say how many are left. */
function keep() {
  const kept = study.trials.filter((trial) => ranges.every((range, place) => {
    const value = trial.values[place];
    return range === null || (value !== null && value >= range[0] && value <= range[1]);
  }));
  const numbers = new Set(kept.map((trial) => trial.number));
  groups.forEach((all, number) => all.forEach((group) => group.classList.toggle("out", !numbers.has(number))));
  const narrowed = ranges.some((range) => range !== null);
  $("#kept").textContent = narrowed ? `${whole(kept.length)} of ${whole(study.trials.length)} trials pass there; the others are faded in every figure.` : "";
  drawRanges();
}

/** One field for each scale: a choice, or a range; drawing along a scale fills it in, and so does the keyboard. */
function filterFields() {
  const form = $("#filters");
  study.scales.forEach((scale, place) => {
    const changed = () => { ranges[place] = fields[place].read(); keep(); };
    fields[place] = scale.choices ? choiceField(scale, changed) : rangeField(scale, changed);
    form.lastElementChild.before(fields[place].made);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    ranges.fill(null);
    fields.forEach((field) => field.write(null));
    pin(null);
    keep();
  });
}

function choiceField(scale, changed) {
  const select = element("select", {}, element("option", { value: "" }, "any"), ...scale.choices.map((choice, place) => element("option", { value: place }, choice)));
  select.addEventListener("change", changed);
  return {
    made: element("label", {}, scale.name, " ", select),
    read: () => (select.value === "" ? null : [Number(select.value), Number(select.value)]),
    write: (range) => { select.value = range === null ? "" : String(Math.round(range[0])); },
  };
}

function rangeField(scale, changed) {
  const [from, to] = ["from", "to"].map((end) => element("input", { type: "number", step: "any", "aria-label": `${scale.name} ${end}`, placeholder: short(end === "from" ? scale.low : scale.high) }));
  [from, to].forEach((input) => input.addEventListener("input", changed));
  const value = (input, otherwise) => (input.value === "" || isNaN(input.valueAsNumber) ? otherwise : input.valueAsNumber);
  return {
    made: element("div", { class: "range", role: "group", "aria-label": scale.name }, element("span", {}, scale.name), element("span", {}, from, " to ", to)),
    read: () => (from.value === "" && to.value === "" ? null : [value(from, -Infinity), value(to, Infinity)]),
    write: (range) => {
      from.value = range === null || range[0] === -Infinity ? "" : short(range[0]);
      to.value = range === null || range[1] === Infinity ? "" : short(range[1]);
    },
  };
}

// Brushes: over each scale of the two drawings an unseen strip to draw on.

const strips = [];

function brushes() {
  for (const [name, upright] of [["upright", true], ["lying", false]]) {
    study.scales.forEach((scale, place) => {
      const group = document.getElementById(`${name}-scale-${place}`);
      if (group) strips.push(strip(group, scale, place, upright));
    });
  }
}

function svgElement(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Ends of a scale in the units of its drawing, from the path that it is. */
function endsOf(group) {
  const numbers = $("path", group).getAttribute("d").match(/-?[\d.]+/g).map(Number);
  return { from: numbers.slice(0, 2), to: numbers.slice(-2) };
}

function strip(group, scale, place, upright) {
  const { from, to } = endsOf(group);
  const along = upright ? 1 : 0;
  const [start, length, side] = [from[along], to[along] - from[along], from[1 - along]];
  const box = (a, b, half) => {
    const [least, most] = [Math.min(a, b), Math.max(a, b)];
    return upright ? { x: side - half, y: least, width: 2 * half, height: most - least } : { x: least, y: side - half, width: most - least, height: 2 * half };
  };
  const area = svgElement("rect", { class: "brush", ...box(start, start + length, 11) });
  const seen = svgElement("rect", { class: "brushed", ...box(start, start, 5), visibility: "hidden" });
  group.parentNode.append(area, seen);
  const fraction = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(area.getScreenCTM().inverse());
    return Math.min(Math.max(((upright ? point.y : point.x) - start) / length, 0), 1);
  };
  let pressedAt = null;
  area.addEventListener("pointerdown", (event) => { pressedAt = fraction(event); area.setPointerCapture(event.pointerId); event.preventDefault(); });
  area.addEventListener("pointermove", (event) => { if (pressedAt !== null) brushTo(place, scale, pressedAt, fraction(event)); });
  area.addEventListener("pointerup", (event) => { if (pressedAt !== null) brushTo(place, scale, pressedAt, fraction(event)); pressedAt = null; });
  area.addEventListener("pointercancel", () => { pressedAt = null; });
  return { place, show: (range) => {
    seen.setAttribute("visibility", range === null ? "hidden" : "visible");
    if (range === null) return;
    const [a, b] = range.map((value) => Math.min(Math.max(Number.isFinite(value) ? toFraction(scale, value) : value > 0 ? 1 : 0, 0), 1));
    const room = a === b ? 0.03 : 0;
    for (const [name, value] of Object.entries(box(start + (a - room) * length, start + (b + room) * length, 5))) seen.setAttribute(name, value);
  } };
}

/** A range from one fraction to another; a mere press on a scale of numbers takes its range away. */
function brushTo(place, scale, one, other) {
  const [least, most] = [Math.min(one, other), Math.max(one, other)];
  let range = [least < 0.005 ? -Infinity : toValue(scale, least), most > 0.995 ? Infinity : toValue(scale, most)];
  if (scale.choices) range = Array(2).fill(Math.round(toValue(scale, other)));
  else if (most - least < 0.015) range = null;
  fields[place].write(range);
  ranges[place] = fields[place].read();
  keep();
}

const drawRanges = () => strips.forEach(({ place, show }) => show(ranges[place]));

marking();
copying();
if ($("#filters")) {
  $("#choose").append(...study.ranked.filter((number) => byNumber.has(number)).map((number) => element("option", { value: number }, `${number}: ${byNumber.get(number).said}`)));
  $("#choose").addEventListener("change", (event) => pin(event.target.value === "" ? null : Number(event.target.value)));
  filterFields();
  brushes();
  keep();
}

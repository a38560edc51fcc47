// The list of rows: what is asked for (the state), which rows that is, and a page of them at a time.

const PAGE = innerWidth < 640 ? 24 : 48;
const START = { show: "failures", true: "", predicted: "", sort: "index", from: "", to: "", find: "" };
const ORDERS = {
  index: () => 0,
  loss: (a, b) => rows.given[a] - rows.given[b],
  surest: (a, b) => confidence(b) - confidence(a),
  unsurest: (a, b) => confidence(a) - confidence(b),
};
let state = { ...START };
let found = [];

/** The rows that a state asks for, in its order; rows that are alike stay in the order of the data set. */
function select({ show, true: trueClass, predicted: predictedClass, sort, from, to, find }) {
  const trueNumber = classNames.indexOf(trueClass);
  const predictedNumber = classNames.indexOf(predictedClass);
  const low = from === "" ? 0 : from / 100;
  const high = to === "" ? 1 : to / 100;
  const wanted = find.trim() ? new Set(find.split(/[^0-9]+/).filter(Boolean).map(Number)) : null;
  return inDataOrder.filter((row) =>
    (show === "all" || isRight(row) === (show === "right")) &&
    (trueNumber < 0 || rows.label[row] === trueNumber) &&
    (predictedNumber < 0 || predicted(row) === predictedNumber) &&
    confidence(row) >= low && confidence(row) <= high &&
    (!wanted || wanted.has(rows.index[row]))
  ).sort(ORDERS[sort]);
}

/** Change what is shown. `push`: as a place that the browser's Back returns to. */
function ask(changes, push = false) {
  state = { ...state, ...changes };
  remember(addressOf(state), push);
  showFound();
}

/** The address, and with it what was asked for, which Back returns to. */
function remember(address, push = false) {
  history[push ? "pushState" : "replaceState"]({ asked: state }, "", `#${address}`);
}

/** The state as the part of an address after #: only what differs from the start, or "images". */
function addressOf(of) {
  const told = Object.entries(of).filter(([name, value]) => value !== START[name]);
  return told.length ? new URLSearchParams(told).toString() : "images";
}

/** The state that an address tells, or null where it tells of something else (a section). */
function stateOf(hash) {
  const told = new URLSearchParams(hash.slice(1));
  const known = [...told].filter(([name, value]) => name in START && value !== "");
  if (!known.length) return null;
  const asked = { ...START, ...Object.fromEntries(known) };
  if (!(asked.sort in ORDERS)) asked.sort = START.sort;
  if (!["failures", "right", "all"].includes(asked.show)) asked.show = START.show;
  return asked;
}

function showFound() {
  found = select(state);
  showState();
  $("#found").textContent = foundInWords();
  $("#gallery").replaceChildren();
  $("#copy").hidden = !found.length;
  showMore();
  document.dispatchEvent(new Event("foundchange"));
}

function foundInWords() {
  const kind = { failures: ["failure", "failures"], right: [`right ${what(1)}`, `right ${what(2)}`], all: [what(1), what(2)] }[state.show];
  if (found.length) return `${whole(found.length)} ${kind[found.length === 1 ? 0 : 1]}${ofClasses()}`;
  const narrowed = ["true", "predicted", "from", "to", "find"].some((name) => state[name] !== "");
  if (!narrowed && state.show === "failures") return `No failures: all ${what(2)} were predicted right.`;
  return `Nothing matches: there are no ${kind[1]}${ofClasses()}${state.from || state.to || state.find ? " with this confidence and index" : ""}.`;
}

function ofClasses() {
  if (state.true && state.predicted) return `: true ${state.true}, predicted ${state.predicted}`;
  return state.true ? `: true ${state.true}` : state.predicted ? `: predicted ${state.predicted}` : "";
}

function showState() {
  const form = $("#filters");
  for (const name of ["true", "predicted", "sort", "from", "to", "find"]) {
    if (form.elements[name] !== document.activeElement || !form.elements[name].value) form.elements[name].value = state[name];
  }
  $$("[data-show]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.show === state.show));
}

function showMore() {
  const gallery = $("#gallery");
  const start = gallery.children.length;
  gallery.append(...found.slice(start, start + PAGE).map((row, place) => shot(row, start + place === 0)));
  const left = found.length - gallery.children.length;
  $("#more").hidden = left <= 0;
  $("#more").textContent = `Show ${whole(Math.min(PAGE, left))} more of ${whole(left)}`;
}

function shot(row, first) {
  const right = isRight(row);
  const button = element("button", { type: "button", class: "shot", "data-row": row, "data-index": rows.index[row], tabindex: first ? 0 : -1, onclick: () => view(row, found) },
    rows.images ? rows.images.canvas(row, 84) : null,
    element("span", {}, element("span", { class: right ? "says" : "says wrong" }, `${classNames[predicted(row)]} `, element("span", { class: "number" }, chance(confidence(row)))), element("br"),
      right ? null : element("span", { class: "true" }, `is ${classNames[rows.label[row]]} `, element("span", { class: "number" }, chance(rows.given[row])))),
    element("span", { class: "index" }, `#${rows.index[row]}`));
  button.setAttribute("aria-label", described(row));
  return element("li", {}, button);
}

/** Arrow keys move among the buttons of a grid; one of them is in the tab order. */
function moveWithin(buttons, current, key, across) {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -current, End: buttons.length - 1 - current }[key];
  const next = buttons[current + by];
  if (by === undefined || !next) return false;
  buttons[current].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  return true;
}

function gallery() {
  const form = $("#filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => ask(Object.fromEntries(["true", "predicted", "sort", "from", "to", "find"].map((name) => [name, form.elements[name].value]))));
  form.addEventListener("reset", (event) => { event.preventDefault(); ask({ ...START }); });
  $$("[data-show]").forEach((button) => button.addEventListener("click", () => ask({ show: button.dataset.show })));
  $("#more").addEventListener("click", () => {
    const first = $("#gallery").children.length;
    showMore();
    $("#gallery").children[first].firstElementChild.focus();
  });
  $("#copy").addEventListener("click", copyIndices);
  $("#gallery").addEventListener("keydown", (event) => {
    const buttons = $$("button", event.currentTarget);
    const top = buttons[0].getBoundingClientRect().top;
    const across = buttons.filter((button) => button.getBoundingClientRect().top === top).length;
    if (moveWithin(buttons, buttons.indexOf(event.target), event.key, across)) event.preventDefault();
  });
}

async function copyIndices() {
  await toClipboard(found.map((row) => rows.index[row]).join(", "));
  $("#found").textContent = `${foundInWords()}. Their indices were copied.`;
}

// The list of rows: the filters (the state), the rows that match, and a page of them at a time.

const PAGE = innerWidth < 640 ? 24 : 48;
const START = { show: "failures", true: "", predicted: "", sort: "index", from: "", to: "", find: "" };
const ORDERS = {
  index: () => 0,
  loss: (a, b) => rows.given[a] - rows.given[b],
  surest: (a, b) => confidence(b) - confidence(a),
  unsurest: (a, b) => confidence(a) - confidence(b),
};
let state = { ...START };
let matches = [];

/** Return the rows that match a state, in its order. Rows that compare equal stay in the order of the data set. */
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

/** Change the filters. `push` adds an entry to the browser's history, for its Back button. */
function filter(changes, push = false) {
  state = { ...state, ...changes };
  remember(addressOf(state), push);
  showMatches();
}

/** Set the address, and keep the state in the browser's history. */
function remember(address, push = false) {
  history[push ? "pushState" : "replaceState"]({ filters: state }, "", `#${address}`);
}

/** Return a state as the part of an address after #: the filters that differ from the start, or "images". */
function addressOf(filters) {
  const changed = Object.entries(filters).filter(([name, value]) => value !== START[name]);
  return changed.length ? new URLSearchParams(changed).toString() : "images";
}

/** Return the state of an address, or null for an address without filters (a section's). */
function stateOf(hash) {
  const known = [...new URLSearchParams(hash.slice(1))].filter(([name, value]) => name in START && value !== "");
  if (!known.length) return null;
  const filters = { ...START, ...Object.fromEntries(known) };
  if (!(filters.sort in ORDERS)) filters.sort = START.sort;
  if (!["failures", "right", "all"].includes(filters.show)) filters.show = START.show;
  return filters;
}

function showMatches() {
  matches = select(state);
  showState();
  $("#found").textContent = describeMatches();
  $("#gallery").replaceChildren();
  $("#copy").hidden = !matches.length;
  showMore();
  document.dispatchEvent(new Event("matcheschange"));
}

function describeMatches() {
  const kind = { failures: ["failure", "failures"], right: [`right ${itemName(1)}`, `right ${itemName(2)}`], all: [itemName(1), itemName(2)] }[state.show];
  if (matches.length) return `${whole(matches.length)} ${kind[matches.length === 1 ? 0 : 1]}${ofClasses()}`;
  const narrowed = ["true", "predicted", "from", "to", "find"].some((name) => state[name] !== "");
  if (!narrowed && state.show === "failures") return `No failures: all ${itemName(2)} were predicted right.`;
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
  gallery.append(...matches.slice(start, start + PAGE).map((row, place) => shot(row, start + place === 0)));
  const left = matches.length - gallery.children.length;
  $("#more").hidden = left <= 0;
  $("#more").textContent = `Show ${whole(Math.min(PAGE, left))} more of ${whole(left)}`;
}

function shot(row, first) {
  const right = isRight(row);
  const button = element("button", { type: "button", class: "shot", "data-row": row, "data-index": rows.index[row], tabindex: first ? 0 : -1, onclick: () => view(row, matches) },
    rows.images ? rows.images.canvas(row, 84) : null,
    element("span", {}, element("span", { class: right ? "says" : "says wrong" }, `${brief(predicted(row))} `, element("span", { class: "number" }, chance(confidence(row)))), element("br"),
      right ? null : element("span", { class: "true" }, `is ${brief(rows.label[row])} `, element("span", { class: "number" }, chance(rows.given[row])))),
    element("span", { class: "index" }, `#${rows.index[row]}`));
  button.setAttribute("aria-label", described(row));
  return element("li", {}, button);
}

/** Move the focus with the arrow keys in a grid of buttons. One button is in the tab order. */
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
  form.addEventListener("input", () => filter(Object.fromEntries(["true", "predicted", "sort", "from", "to", "find"].map((name) => [name, form.elements[name].value]))));
  form.addEventListener("reset", (event) => { event.preventDefault(); filter({ ...START }); });
  $$("[data-show]").forEach((button) => button.addEventListener("click", () => filter({ show: button.dataset.show })));
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
  await toClipboard(matches.map((row) => rows.index[row]).join(", "));
  $("#found").textContent = `${describeMatches()}. Their indices were copied.`;
}

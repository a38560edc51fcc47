// The viewer of one row: its image, the most probable classes, the saliency map, and the nearest training rows.

const viewer = $("#viewer");
let viewed = { list: [], at: 0, focused: null };

/** Open the viewer on a row. The arrow keys step through `list`. Closing it returns the focus. */
function view(row, list) {
  viewed = { list, at: Math.max(0, list.indexOf(row)), focused: document.activeElement };
  showViewed();
  viewer.showModal();
}

/** Put the open row into the address, so that people can link to it. */
function updateAddress(row) {
  const address = addressOf(state).replace(/^images$/, "");
  const open = row === null ? "" : `${address && "&"}open=${rows.index[row]}`;
  remember(address + open || "images");
}

function step(by) {
  viewed.at = (viewed.at + by + viewed.list.length) % viewed.list.length;
  showViewed();
}

function showViewed() {
  const row = viewed.list[viewed.at];
  updateAddress(row);
  $("#viewer-title").textContent = `Test ${itemName(1)} number ${rows.index[row]}${fileOf(row)}`;
  const several = viewed.list.length > 1;
  $("#viewer-previous").disabled = $("#viewer-next").disabled = !several;
  const parts = [pictures(row), element("div", {}, verdict(row), bars(row), place())];
  if (worstFailures.place.has(row)) parts.push(neighbours(row));
  $("#viewer-body").replaceChildren(...parts.filter(Boolean));
}

const place = () => element("p", { class: "small soft" }, `${whole(viewed.at + 1)} of ${whole(viewed.list.length)} in this selection; the arrow keys go to the others.`);

function pictures(row) {
  if (!rows.images) return null;
  const worst = worstFailures.place.get(row);
  const both = worst !== undefined && worstFailures.saliency;
  const size = Math.min(280, innerWidth * (both ? 0.47 : 0.75));
  const figures = element("div", { class: "pictures" },
    element("figure", {}, rows.images.canvas(row, size, described(row)), element("figcaption", {}, "from the data set")));
  if (both) {
    figures.append(element("figure", {},
      worstFailures.saliency.canvas(worst, Math.min(150, innerWidth * 0.33), "Saliency: bright where pixels matter most for the answer"),
      element("figcaption", {}, "what the network looked at: the answer depends most on the brightest pixels")));
  }
  return figures;
}

function verdict(row) {
  const strong = (label) => element("b", {}, classNames[label]);
  if (isRight(row)) return element("p", { class: "verdict" }, "Right: ", strong(predicted(row)), `, with ${chance(confidence(row))} confidence.`);
  return element("p", { class: "verdict" }, "The network says ", element("b", { class: "wrong" }, classNames[predicted(row)]), ` (${chance(confidence(row))}). The label is `,
    strong(rows.label[row]), `, to which it gives ${chance(rows.given[row])}.`);
}

function bars(row) {
  const label = rows.label[row];
  const list = element("ul", { class: "top", "aria-label": "The most probable classes" });
  const add = (number, p) => list.append(element("li", { class: number === label ? "is-true" : number === predicted(row) ? "is-wrong" : null },
    element("span", {}, classNames[number], number === label ? element("span", { class: "unseen" }, " (true class)") : null),
    element("span", { class: "meter", "aria-hidden": "true" }, widthOf(p)),
    element("span", { class: "number" }, p > 0 && p < 0.0005 ? "< 0.1\u00a0%" : percent(p, 1))));
  let listed = false;
  for (let k = 0; k < rows.top; k++) {
    const number = rows.top_class[row * rows.top + k];
    listed ||= number === label;
    add(number, rows.top_probability[row * rows.top + k]);
  }
  if (!listed) add(label, rows.given[row]);
  return list;
}

function widthOf(p) {
  const bar = element("i");
  bar.style.width = `${100 * p}%`;
  return bar;
}

function neighbours(row) {
  const worst = worstFailures.place.get(row);
  const items = worstFailures.neighbours[worst].map((index, k) => {
    const label = classNames[worstFailures.neighbour_labels[worst][k]];
    const position = worst * worstFailures.neighbours[worst].length + k;
    return element("li", {}, element("figure", {},
      worstFailures.training ? worstFailures.training.canvas(position, 64, `Training image ${index}, ${label}`) : null,
      element("figcaption", {}, element("b", {}, label), element("br"), `number ${index}`)));
  });
  return element("div", { class: "near" }, element("h3", {}, "The training examples most similar to the network"), element("ul", {}, ...items));
}

$("#viewer-previous").addEventListener("click", () => step(-1));
$("#viewer-next").addEventListener("click", () => step(1));
$("#viewer-close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else return;
  event.preventDefault();
});
viewer.addEventListener("close", () => {
  updateAddress(null);
  viewed.focused?.focus?.();
});

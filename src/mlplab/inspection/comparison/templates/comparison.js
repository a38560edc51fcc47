// The gallery of rows that one run gets right and another wrong.

const data = json("disagreeing");
const images = data.images && new Sprites(data.images);
const STEP = 48;
let shown = STEP;

function option(value, text) {
  return element("option", { value }, text);
}

/** The gallery and its rows of the selected class. */
function selection() {
  const gallery = data.galleries[Number($("#gallery").value)];
  const label = $("#of-class").value;
  return { gallery, rows: gallery.rows.filter((row) => label === "" || data.label[row] === Number(label)) };
}

function line(run, row) {
  const name = data.class_names[data.predicted[run][row]];
  return element("p", {}, `${data.names[run]}: ${name} (${chance(data.confidence[run][row])})`);
}

function tile(gallery, row) {
  const truth = data.class_names[data.label[row]];
  const picture = images ? images.canvas(row, 96, `Image ${data.index[row]}, ${truth}`) : null;
  const right = line(gallery.right, row), wrong = line(gallery.wrong, row);
  right.className = "right";
  wrong.className = "wrong";
  const file = data.files ? element("p", { class: "soft" }, data.files[row]) : null;
  return element("li", {}, picture, element("p", {}, element("b", {}, truth), ` #${data.index[row]}`), file, right, wrong);
}

function showGallery() {
  const { gallery, rows } = selection();
  const visible = rows.slice(0, shown);
  $("#tiles").replaceChildren(...visible.map((row) => tile(gallery, row)));
  const cut = gallery.rows.length < gallery.count ? ` The page has ${whole(gallery.rows.length)} of ${whole(gallery.count)}.` : "";
  $("#found").textContent = rows.length ? `${whole(visible.length)} of ${whole(rows.length)} shown.${cut}` : "No such rows.";
  $("#more").hidden = visible.length === rows.length;
}

function fillClasses() {
  const { rows } = data.galleries[Number($("#gallery").value)];
  const counts = new Map();
  for (const row of rows) counts.set(data.label[row], (counts.get(data.label[row]) ?? 0) + 1);
  const options = [...counts].sort(([a], [b]) => a - b).map(([label, count]) => option(label, `${data.class_names[label]} (${whole(count)})`));
  $("#of-class").replaceChildren(option("", `all (${whole(rows.length)})`), ...options);
}

$("#gallery").append(...data.galleries.map((gallery, place) => option(place, `${data.names[gallery.right]} right, ${data.names[gallery.wrong]} wrong (${whole(gallery.count)})`)));
$("#gallery").addEventListener("change", () => { shown = STEP; fillClasses(); showGallery(); });
$("#of-class").addEventListener("change", () => { shown = STEP; showGallery(); });
$("#more").addEventListener("click", () => {
  const first = shown;
  shown += STEP;
  showGallery();
  const next = $("#tiles").children[first];
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
});
fillClasses();
showGallery();

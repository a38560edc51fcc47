// The test rows: columns of numbers, and their images.

const data = json("report-data");
const classNames = data.classes;
/** A class's name, cut where it is long. */
function brief(label, most = 40) {
  const letters = [...classNames[label]];
  if (letters.length <= most) return classNames[label];
  return `${letters.slice(0, most - 1).join("")}…${letters[0] === "\u2068" ? "\u2069" : ""}`; // an isolate ends (rendering.py)
}
/** "image" or "row", as singular or plural. */
const itemName = (count) => (count === 1 ? data.item_name.slice(0, -1) : data.item_name);

function readRows({ count, top, columns, images }) {
  const kinds = { index: Uint32Array, label: Uint16Array, given: Float32Array, top_class: Uint16Array, top_probability: Float32Array, projection: Uint16Array };
  const read = Object.fromEntries(Object.entries(columns).map(([name, text]) => [name, unpack(text, kinds[name])]));
  return { count, top, ...read, images: images && new Sprites(images) };
}

const rows = readRows(data.rows);
const predicted = (row) => rows.top_class[row * rows.top];
const confidence = (row) => rows.top_probability[row * rows.top];
const isRight = (row) => predicted(row) === rows.label[row];
const everyRow = Array.from({ length: rows.count }, (_, row) => row);
const inDataOrder = everyRow.slice().sort((a, b) => rows.index[a] - rows.index[b]);

/** The name of a row's file after a colon and a space, if rows are files. */
const fileOf = (row) => (data.rows.files ? `: ${data.rows.files[row]}` : "");
const described = (row) =>
  `Number ${rows.index[row]}: predicted ${classNames[predicted(row)]}, ${chance(confidence(row))}; ` +
  `true class ${classNames[rows.label[row]]}` + (isRight(row) ? "" : `, ${chance(rows.given[row])}`);

// Saliency maps and nearest training rows of the worst failures. `place` maps a row to its place among them.
const worstFailures = data.worst.rows ? {
  ...data.worst,
  place: new Map(data.worst.rows.map((row, place) => [row, place])),
  saliency: data.worst.saliency && new Sprites(data.worst.saliency),
  training: data.worst.training_images && new Sprites(data.worst.training_images),
} : { place: new Map() };

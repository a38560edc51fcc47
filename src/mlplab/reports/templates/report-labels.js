// Training labels worth doubting, each with its image.

function doubtfulLabels() {
  const { rows: doubted, images } = data.labels;
  const drawn = images && new Sprites(images, images.sheets);
  $("#doubtful").append(...doubted.map((row, place) => element("li", { class: "shot" },
    drawn ? drawn.canvas(place, 84, `Training image ${row.index}`) : null,
    element("span", {}, element("span", { class: "true" }, `labelled ${row.given}`), element("br"),
      element("span", { class: "says" }, `${row.suggested}? `, element("span", { class: "number" }, chance(row.suggested_probability)))),
    element("span", { class: "index" }, `#${row.index}`))));
}

// Training labels that may be wrong, each with its image.

function doubtfulLabels() {
  const images = data.labels.images && new Sprites(data.labels.images);
  $("#doubtful").append(...data.labels.rows.map((row, place) => element("li", { class: "shot" },
    images ? images.canvas(place, 84, `Training image ${row.index}`) : null,
    element("span", {}, element("span", { class: "true" }, `labelled ${row.given}`), element("br"),
      element("span", { class: "says" }, `${row.suggested}? `, element("span", { class: "number" }, chance(row.suggested_probability)))),
    element("span", { class: "index" }, row.file ?? `#${row.index}`))));
}

// The map: the test rows in the last hidden layer, as points on a canvas.

function scatter() {
  const canvas = $("#map-canvas");
  const card = $("#map-card");
  const counts = new Map();
  everyRow.forEach((row) => counts.set(rows.label[row], (counts.get(rows.label[row]) ?? 0) + 1));
  const shown = [...counts.keys()].sort((a, b) => a - b);
  const hidden = new Set();
  const failures = inDataOrder.filter((row) => !isRight(row));
  let size = { width: 0, height: 0 };
  let current = null;

  const x = (row) => 14 + (rows.projection[2 * row] / 65535) * (size.width - 28);
  const y = (row) => size.height - 14 - (rows.projection[2 * row + 1] / 65535) * (size.height - 28);
  const isVisible = (row) => !hidden.has(rows.label[row]) && !($("#only-failures").checked && isRight(row));

  function draw() {
    const scale = devicePixelRatio || 1;
    size = { width: canvas.clientWidth, height: canvas.clientHeight };
    canvas.width = size.width * scale;
    canvas.height = size.height * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const radius = rows.count > 3000 ? 1.7 : rows.count > 300 ? 2.6 : 4;
    for (const label of shown) drawClass(pen, label, radius);
    drawRings(pen, radius + 1.6);
    if (shown.length <= 12) drawNames(pen);
    if (current !== null) drawCurrent(pen);
  }

  function drawClass(pen, label, radius) {
    pen.fillStyle = colourOf(label);
    pen.globalAlpha = rows.count > 3000 ? 0.65 : 0.85;
    pen.beginPath();
    for (const row of everyRow) {
      if (rows.label[row] !== label || !isVisible(row)) continue;
      pen.moveTo(x(row) + radius, y(row));
      pen.arc(x(row), y(row), radius, 0, 7);
    }
    pen.fill();
  }

  function drawRings(pen, radius) {
    // Thousands of rings on top of each other would hide the colours.
    pen.globalAlpha = Math.min(0.75, Math.max(0.2, size.width / (2 * failures.length)));
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 0.7;
    pen.beginPath();
    for (const row of failures.filter(isVisible)) {
      pen.moveTo(x(row) + radius, y(row));
      pen.arc(x(row), y(row), radius, 0, 7);
    }
    pen.stroke();
  }

  /** Write the names of the classes among their points, for people who cannot distinguish the colours. */
  function drawNames(pen) {
    const style = getComputedStyle(canvas);
    pen.font = `600 12px ${style.fontFamily}`;
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", globalAlpha: 1, lineWidth: 4 });
    pen.strokeStyle = getComputedStyle($("#map-box")).backgroundColor;
    pen.fillStyle = style.color;
    const middle = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
    const names = shown.flatMap((label) => {
      const points = everyRow.filter((row) => rows.label[row] === label && isVisible(row));
      if (!points.length) return [];
      const wide = pen.measureText(brief(label, 24)).width / 2 + 4;
      return [{ text: brief(label, 24), wide, left: Math.min(Math.max(middle(points.map(x)), wide), size.width - wide), top: middle(points.map(y)) }];
    }).sort((a, b) => a.top - b.top);
    names.forEach((name, place) => {
      const above = () => names.slice(0, place).find((other) => Math.abs(other.left - name.left) < other.wide + name.wide && Math.abs(other.top - name.top) < 14);
      for (let other = above(); other; other = above()) name.top = other.top + 15;
      pen.strokeText(name.text, name.left, name.top);
      pen.fillText(name.text, name.left, name.top);
    });
  }

  function drawCurrent(pen) {
    pen.globalAlpha = 1;
    pen.lineWidth = 2.5;
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.beginPath();
    pen.arc(x(current), y(current), 9, 0, 7);
    pen.stroke();
  }

  function nearest(event) {
    const box = canvas.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let least = 14 ** 2;
    for (const row of everyRow) {
      if (!isVisible(row)) continue;
      const distance = (x(row) - left) ** 2 + (y(row) - top) ** 2;
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  function point(row) {
    if (row === current) return;
    current = row;
    draw();
    card.hidden = row === null;
    canvas.style.cursor = row === null ? "crosshair" : "pointer";
    if (row === null) return;
    card.replaceChildren(...[
      rows.images ? rows.images.canvas(row, 64) : null,
      element("div", {}, element("b", { class: isRight(row) ? null : "wrong" }, classNames[predicted(row)]), ` ${chance(confidence(row))}`, element("br"),
        isRight(row) ? "right" : `is ${classNames[rows.label[row]]} ${chance(rows.given[row])}`, element("br"), element("span", { class: "soft" }, `#${rows.index[row]}`)),
    ].filter(Boolean));
    const left = x(row) + 16 + card.offsetWidth > size.width ? x(row) - 16 - card.offsetWidth : x(row) + 16;
    const top = Math.min(Math.max(y(row) - card.offsetHeight / 2, 6), size.height - card.offsetHeight - 6);
    card.style.left = `${Math.max(6, left)}px`;
    card.style.top = `${top}px`;
  }

  function stepFailures(by) {
    const visible = failures.filter(isVisible);
    if (!visible.length) { $("#map-says").textContent = "There are no failures among the points shown."; return; }
    const at = visible.indexOf(current);
    const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : (at + by + visible.length) % visible.length;
    point(visible[next]);
    $("#map-says").textContent = `Failure ${next + 1} of ${visible.length}. ${described(visible[next])}`;
  }

  const open = (row) => view(row, isRight(row) ? inDataOrder.filter(isVisible) : failures.filter(isVisible));
  canvas.addEventListener("pointermove", (event) => point(nearest(event)));
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => { const row = nearest(event); if (row !== null) open(row); });
  canvas.addEventListener("blur", () => point(null));
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) stepFailures(by);
    else if ((event.key === "Enter" || event.key === " ") && current !== null) open(current);
    else return;
    event.preventDefault();
  });
  $("#only-failures").addEventListener("change", draw);
  document.addEventListener("themechange", draw);
  new ResizeObserver(draw).observe(canvas);
  legend(shown, hidden, draw);
}

/** Return the colour of a class: one of the charts' ten colours, or of more classes a colour around the circle. */
function colourOf(label) {
  return classNames.length <= data.colours.length ? data.colours[label] : `hsl(${(label * 137.5) % 360} 60% 55%)`;
}

function legend(shown, hidden, draw) {
  const most = 40; // a list of a thousand classes would be longer than the page
  for (const label of shown.slice(0, most)) {
    const dot = element("i");
    dot.style.background = colourOf(label);
    const button = element("button", { type: "button", "aria-pressed": "true" }, dot, brief(label));
    button.addEventListener("click", (event) => {
      // Alt or a double click shows this class alone.
      if (event.altKey || event.detail === 2) shown.forEach((other) => (other === label ? hidden.delete(other) : hidden.add(other)));
      else if (!hidden.delete(label)) hidden.add(label);
      $$("#legend button").forEach((other, place) => other.setAttribute("aria-pressed", !hidden.has(shown[place])));
      draw();
    });
    $("#legend").append(element("li", {}, button));
  }
  if (shown.length > most) $("#legend").append(element("li", { class: "small soft" }, `and ${whole(shown.length - most)} more classes`));
}

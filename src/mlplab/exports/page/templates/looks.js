// What is seen of numbers: images and heat maps on small canvases, bars, units.

/** The colour that a variable of the style has now. */
function colourOf(name) {
  const probe = $("#probe");
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
const channelsOf = (name) => colourOf(name).match(/[\d.]+/g).slice(0, 3).map(Number);

/** Put pixels on a canvas of the network's size: `colour(place)` is red, green, blue from 0 to 255. */
function put(canvas, { width, height }, colour) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) image.data.set([...colour(place), 255], 4 * place);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** An input of the network as the data set's images look. */
function putInput(canvas, input, as) {
  const { low, high, channels } = as;
  const level = (at) => (255 * (input[at] - low)) / (high - low);
  put(canvas, as, (place) => (channels === 3 ? [0, 1, 2].map((c) => level(3 * place + c)) : Array(3).fill(level(place))));
}

/** Positive and negative numbers in two colours; `under`, from 0 to 1, is what they belong to, faintly. */
function putSigned(canvas, values, as, under = null) {
  const [ground, ink, plus, minus] = ["--surface", "--ink", "--right", "--wrong"].map(channelsOf);
  const { channels } = as;
  const sums = Float64Array.from({ length: as.width * as.height }, (_, place) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += values[place * channels + c];
    return sum;
  });
  const most = sums.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  put(canvas, as, (place) => {
    const base = under ? ground.map((value, c) => value + 0.18 * under[place] * (ink[c] - value)) : ground;
    const strength = (Math.abs(sums[place]) / most) ** 0.75;
    const colour = sums[place] > 0 ? plus : minus;
    return base.map((value, c) => value + strength * (colour[c] - value));
  });
}

/** How much each number of some inputs varies, smoothed a little over the neighbours; all alike without inputs. */
function spreadOf(inputs, { width, height, channels }) {
  const size = width * height * channels;
  const deviation = new Float64Array(size).fill(1);
  if (!inputs.length || channels > 1) return deviation;
  for (let at = 0; at < size; at++) {
    const mean = inputs.reduce((sum, input) => sum + input[at], 0) / inputs.length;
    deviation[at] = Math.sqrt(inputs.reduce((sum, input) => sum + (input[at] - mean) ** 2, 0) / inputs.length);
  }
  return deviation.map((_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    let sum = 0;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) sum += deviation[row * width + column];
    }
    return sum / 9;
  });
}

/** One tab stop for many buttons; arrows, Home and End go from one to the other. */
function oneTabStop(group) {
  const buttons = () => $$("button", group);
  buttons().forEach((button, place) => { button.tabIndex = place ? -1 : 0; });
  group.addEventListener("focusin", (event) => {
    if (event.target.tagName === "BUTTON") buttons().forEach((button) => { button.tabIndex = button === event.target ? 0 : -1; });
  });
  group.addEventListener("keydown", (event) => {
    const all = buttons();
    const place = all.indexOf(event.target);
    const to = { ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 }[event.key];
    if (place < 0 || to === undefined) return;
    event.preventDefault();
    all[clip(to, 0, all.length - 1)].focus();
  });
}

/** The bars of the classes; of many classes the most probable ones. */
class Bars {
  constructor(list, names, choose) {
    this.names = names;
    this.all = names.length <= MOST_BARS;
    this.rows = Array.from({ length: Math.min(names.length, MOST_BARS) }, () => {
      const [name, bar, share] = [element("span", { class: "name" }), element("b"), element("span", { class: "share" })];
      const button = element("button", { type: "button", "aria-pressed": "false" }, name, element("span", { class: "track" }, bar), share);
      const row = { button, name, bar, share, shown: null };
      button.addEventListener("click", () => choose(row.shown));
      list.append(element("li", {}, button));
      return row;
    });
  }

  show(p, explained) {
    const order = [...p.keys()];
    if (!this.all) order.sort((a, b) => p[b] - p[a]);
    const most = p.indexOf(Math.max(...p));
    this.rows.forEach((row, place) => {
      const shown = order[place];
      if (row.shown !== shown) row.name.textContent = row.name.title = this.names[shown];
      row.shown = shown;
      row.share.textContent = chance(p[shown]);
      row.bar.style.transform = `scaleX(${p[shown]})`;
      row.button.classList.toggle("most", shown === most);
      row.button.setAttribute("aria-pressed", shown === explained);
    });
  }

  clear() {
    const none = new Float64Array(this.names.length);
    this.show(none, null);
    this.rows.forEach((row) => { row.share.textContent = "–"; row.button.classList.remove("most"); });
  }
}
const MOST_BARS = 12;

/** The units of the hidden layers of one network, as buttons that switch them off. */
class Units {
  /** `spread`: how much each pixel varies. `switched` is called when a unit was switched on or off. */
  constructor(place, network, as, spread, switched) {
    Object.assign(this, { place, network, as, spread, switched, off: new Map(), groups: [], scales: new Map() });
  }

  /** Build the buttons for network number `member`. */
  build(member) {
    this.groups = this.network.layers.filter((layer) => layer.member === member).map((layer) => {
      const pictured = layer.pixels !== null && this.as.channels === 1 && layer.units <= MOST_PICTURED;
      const cells = Array.from({ length: Math.min(layer.units, MOST_UNITS) }, (_, unit) => this.cell(layer, unit, pictured));
      const group = element("div", { class: `units ${pictured ? "pictured" : ""} ${layer.units <= 40 ? "few" : layer.units <= MOST_PICTURED ? "" : "many"}`, role: "group", "aria-label": `Units of ${layer.name}` }, ...cells.map((cell) => cell.button));
      oneTabStop(group);
      return { layer, cells, group, pictured };
    });
    this.place.replaceChildren(...this.groups.map(({ layer, group, pictured }) => element("div", { class: "layer" },
      element("h3", {}, layer.name, element("span", { class: "soft" }, ` ${whole(layer.units)} units${layer.activation ? `, ${layer.activation}` : ""}`)),
      pictured ? element("p", { class: "soft small" }, "Each picture is what a unit looks for, its weights: blue where ink excites it, red where ink calms it. The line below it is how strongly it responds now.") : null,
      layer.units > MOST_UNITS ? element("p", { class: "soft small" }, `The first ${MOST_UNITS} are shown.`) : null,
      group)));
    this.paint();
  }

  cell(layer, unit, pictured) {
    const picture = pictured ? element("canvas", { "aria-hidden": "true" }) : null;
    const button = element("button", { type: "button", "aria-pressed": this.off.get(layer.value)?.has(unit) ?? false, "aria-label": `Unit ${unit}` }, picture, element("i", {}));
    button.addEventListener("click", () => this.toggle(layer.value, unit, button));
    return { button, picture };
  }

  toggle(value, unit, button) {
    const off = this.off.get(value) ?? new Set();
    this.off.set(value, off);
    if (!off.delete(unit)) off.add(unit);
    button.setAttribute("aria-pressed", off.has(unit));
    this.switched();
  }

  repair() {
    this.off.clear();
    for (const { cells } of this.groups) cells.forEach(({ button }) => button.setAttribute("aria-pressed", "false"));
  }

  get count() { return [...this.off.values()].reduce((sum, units) => sum + units.size, 0); }

  /** Draw the weights of the units that see pixels, where pixels vary: others never learned anything. */
  paint() {
    for (const { layer, cells, pictured } of this.groups) {
      if (!pictured) continue;
      const { kernel } = this.network.operations[layer.pixels].weights;
      cells.forEach(({ picture }, unit) => putSigned(picture, this.spread.map((one, pixel) => one * kernel[pixel * layer.units + unit]), this.as));
    }
  }

  /** Remember the strongest responses to some inputs, so that strengths can be compared. */
  measure() {
    for (const { value } of this.network.layers) {
      const most = this.network.values[value].reduce((a, b) => Math.max(a, Math.abs(b)), this.scales.get(value) ?? 1e-9);
      this.scales.set(value, most);
    }
  }

  /** Show how strongly units respond, and whether each speaks for (+) or against the class that is explained. */
  show() {
    for (const { layer, cells } of this.groups) {
      const values = this.network.values[layer.value];
      const gradients = this.network.gradients[layer.value];
      const most = this.scales.get(layer.value) ?? 1e-9;
      cells.forEach(({ button }, unit) => {
        const speaks = values[unit] * gradients[unit];
        button.style.setProperty("--strength", Math.min(1, Math.abs(values[unit]) / most).toFixed(3));
        button.dataset.speaks = speaks > 0 ? "for" : speaks < 0 ? "against" : "";
      });
    }
  }
}
const MOST_PICTURED = 128;
const MOST_UNITS = 512;

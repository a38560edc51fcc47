// The page: drawings and pictures in, probabilities and what led to them out.

const page = json("page");
const as = page.preparation;
const STEPS = 8; // of integrated gradients
const CHEAP = 4; // milliseconds: heat maps that take longer wait for a pause

/** Decompress base64 of a zlib stream. */
async function inflated(text) {
  const stream = new Blob([unpack(text, Uint8Array)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The weights: the first bytes of all, then the second ones, … (`Packed.payload`). */
function weightsOf(content, count) {
  const planes = new Uint8Array(content, 0, 4 * count);
  const bytes = new Uint8Array(4 * count);
  for (let at = 0; at < bytes.length; at++) bytes[at] = planes[(at % 4) * count + Math.floor(at / 4)];
  return new Float32Array(bytes.buffer);
}

const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

class Demonstration {
  constructor(bytes) {
    this.network = new Network(page.network, weightsOf(bytes, page.network.numbers));
    const Kind = as.whole ? Uint8Array : Float32Array;
    this.size = as.width * as.height * as.channels;
    this.tests = new Kind(bytes, 4 * page.network.numbers, page.strip.labels.length * this.size);
    this.blank = Float64Array.from({ length: this.size }, (_, at) => page.blank[at % page.blank.length]);
    this.raw = null; // what was prepared for the network, before noise
    this.from = ""; // what it was prepared from, in words
    this.chosen = null; // the class that is explained; null: the answer
    this.current = null; // the test image that is shown
    this.ended = false; // whether a stroke or a picture is complete, which is announced
    this.took = []; // milliseconds from a stroke to the probabilities on the page, the last ones
    this.waiting = null;
    this.scatter = this.noisePattern();
    this.build();
  }

  build() {
    this.bars = new Bars($("#bars"), page.classes, (one) => this.choose(one));
    const tests = page.strip.labels.map((_, k) => this.testInput(k));
    this.units = new Units($("#layers"), this.network, as, spreadOf(tests, as), () => this.broken());
    for (const input of tests) { this.network.run(input); this.units.measure(); }
    this.units.build(0);
    if ($("#pad")) {
      this.pad = new Pad($("#pad"), (ended) => this.drawn(ended), (words) => { $("#said").textContent = words; });
      this.tools();
    }
    acceptPictures(as.channels, (canvas, image, name) => {
      this.mark(null);
      this.shownAs(canvas);
      this.take(prepare(image, as), `the image ${name}`);
    }, (words) => this.problem(words));
    this.strip = new Strip(page, as, tests, (k) => this.takeTest(k), (input) => this.answer(input));
    this.breaking();
    $("#member")?.addEventListener("change", (event) => { this.units.build(Number(event.target.value)); this.redraw(); });
    document.addEventListener("themechange", () => { this.units.paint(); this.redraw(); });
    this.clear();
  }

  testInput(k) { return this.tests.subarray(k * this.size, (k + 1) * this.size); }
  noisePattern() { return Float64Array.from({ length: this.size }, normal); }

  noisy(raw) {
    const level = (Number($("#noise").value) / 100) * (as.high - as.low);
    return level ? Float64Array.from(raw, (value, at) => clip(value + level * this.scatter[at], as.low, as.high)) : raw;
  }

  // What goes in.

  drawn(ended = false) {
    if (this.pad.isEmpty) { this.clear(); return; }
    this.mark(null);
    this.raw = null;
    this.from = "drawing";
    $("#hint").hidden = true;
    this.soon(ended);
  }

  take(raw, from) {
    this.raw = raw;
    this.from = from;
    if ($("#hint")) $("#hint").hidden = true;
    this.soon(true);
  }

  clear() {
    this.raw = null;
    this.from = "";
    this.chosen = null;
    this.pad?.show(null);
    if ($("#hint")) $("#hint").hidden = false;
    this.bars.clear();
    for (const place of $$(".answer-name")) place.textContent = "–";
    for (const place of $$(".answer-share")) place.textContent = "";
    $("#votes").textContent = "";
    $("#truth").textContent = "";
    $("#pulled-name").textContent = "the answer";
    putSigned($("#pulled"), this.blank.map(() => 0), as);
    for (const canvas of $$(".received")) putInput(canvas, this.blank, as);
    this.network.run(this.blank, this.units.off);
    Object.values(this.network.gradients).forEach((gradient) => gradient.fill(0));
    this.units.show();
    this.mark(null);
  }

  tools() {
    $("#clear").addEventListener("click", () => { this.clear(); $("#said").textContent = "The pad is empty."; });
    $("#undo").addEventListener("click", () => this.pad.undo());
    $$("[data-brush]").forEach((button) => button.addEventListener("click", () => {
      this.pad.brush = Number(button.dataset.brush);
      $$("[data-brush]").forEach((one) => one.setAttribute("aria-pressed", one === button));
    }));
    this.pad.brush = Number($("[data-brush][aria-pressed=true]").dataset.brush);
  }

  problem(words) { $("#problem").textContent = words; }

  /** Show a picture where one draws, or where it would be. */
  shownAs(canvas) {
    if (this.pad) { this.pad.show(canvas); return; }
    const shown = $("#shown");
    [shown.width, shown.height] = [canvas.width, canvas.height];
    shown.getContext("2d").drawImage(canvas, 0, 0);
    shown.classList.toggle("coarse", canvas.width < 200);
  }

  takeTest(k) {
    this.chosen = null;
    this.problem("");
    const copy = element("canvas", {});
    putInput(copy, this.testInput(k), as);
    this.shownAs(copy);
    this.mark(k);
    this.take(Float64Array.from(this.testInput(k)), `test image ${page.strip.index[k]}, labelled ${page.classes[page.strip.labels[k]]}`);
  }

  /** Mark the test image that is shown; null: none. */
  mark(k) {
    this.current = k;
    this.strip.mark(k);
  }

  // What comes out.

  soon(ended = false) {
    this.ended ||= ended;
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.update(); });
  }

  redraw() { if (this.from) this.soon(); else this.clear(); }

  update() {
    if (!this.from) return; // cleared meanwhile
    const start = performance.now();
    const raw = this.raw ?? prepare(this.pad.image(), as);
    const input = this.noisy(raw);
    const p = Float64Array.from(this.network.run(input, this.units.off));
    const answer = p.indexOf(Math.max(...p));
    const explained = this.chosen ?? answer;
    this.bars.show(p, explained);
    this.tell(p, answer);
    for (const canvas of $$(".received")) putInput(canvas, input, as);
    this.network.explain(explained, this.units.off);
    if (input === raw && !this.units.count) this.units.measure();
    this.units.show();
    this.took.push(performance.now() - start);
    this.took.splice(0, this.took.length - 200);
    $("#pulled-name").textContent = page.classes[explained];
    this.explainSoon(input, explained);
    if (this.ended) { this.announce(p); this.ended = false; }
  }

  tell(p, answer) {
    for (const place of $$(".answer-name")) place.textContent = page.classes[answer];
    for (const place of $$(".answer-share")) place.textContent = chance(p[answer]);
    $("#result-now").classList.toggle("unsure", p[answer] < 0.6);
    const { members } = this.network;
    if (members.length) {
      const votes = members.filter((value) => { const one = this.network.values[value]; return one.indexOf(Math.max(...one)) === answer; }).length;
      $("#votes").textContent = `${votes} of ${members.length} networks say so.`;
    }
    const label = this.current === null ? null : page.strip.labels[this.current];
    $("#truth").textContent = label === null ? "" : label === answer ? "Right: so it is labelled." : `It is labelled ${page.classes[label]}.`;
  }

  announce(p) {
    const [first, second] = [...p.keys()].sort((a, b) => p[b] - p[a]);
    const of = this.from === "drawing" ? "Your drawing" : this.from;
    $("#said").textContent = `${of[0].toUpperCase()}${of.slice(1)}: ${page.classes[first]}, ${chance(p[first])}. Next ${page.classes[second]}, ${chance(p[second])}.`;
  }

  choose(one) {
    this.chosen = this.chosen === one ? null : one;
    if (this.from) this.soon();
  }

  /** The heat map at once if that is cheap, else in a pause. */
  explainSoon(input, explained) {
    clearTimeout(this.waiting);
    const explain = () => {
      const start = performance.now();
      const pulls = this.network.contributions(input, this.blank, explained, this.units.off, STEPS) ?? this.blank.map(() => 0);
      const under = Float64Array.from({ length: as.width * as.height }, (_, place) => Math.abs(input[place * as.channels] - this.blank[place * as.channels]) / (as.high - as.low));
      putSigned($("#pulled"), pulls, as, under);
      this.cost = performance.now() - start;
    };
    if (!(this.cost > CHEAP)) explain();
    else this.waiting = setTimeout(explain, 120);
  }

  // Break it.

  breaking() {
    const noise = $("#noise");
    noise.addEventListener("input", () => this.broken());
    $("#other-noise").addEventListener("click", () => { this.scatter = this.noisePattern(); this.broken(); });
    $("#repair").addEventListener("click", () => { noise.value = 0; this.units.repair(); this.broken(); });
    this.sayBroken();
  }

  broken() {
    this.sayBroken();
    this.redraw();
    clearTimeout(this.judging);
    this.judging = setTimeout(() => this.strip.judge(), 60);
  }

  sayBroken() {
    const [off, noise] = [this.units.count, Number($("#noise").value)];
    $("#noise-share").textContent = `${noise}\u00a0%`;
    const parts = [off ? `${off} ${off === 1 ? "unit is" : "units are"} off` : "", noise ? `${noise}\u00a0% noise` : ""].filter(Boolean);
    $("#broken").textContent = parts.length ? `${parts.join(", ")}.` : "Nothing is broken.";
    $("#repair").disabled = !parts.length;
  }

  /** The class that the network, as broken as it is now, reads in an input. */
  answer(input) {
    const p = this.network.run(this.noisy(input), this.units.off);
    return p.indexOf(Math.max(...p));
  }
}

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("too old");
  const shown = new Demonstration(await inflated($("#payload").textContent));
  // For the console: mlplab.predict(pixels), of raw pixels as the data set has them.
  window.mlplab = {
    classes: page.classes,
    predict: (pixels) => Array.from(shown.network.run(pixels)),
    prepare: (image, how = as) => Array.from(prepare(image, how)),
    contributions: (pixels, one, steps = STEPS) => Array.from(shown.network.contributions(pixels, shown.blank, one, new Map(), steps)),
    page: shown,
  };
}

start().catch((error) => {
  $("#problem").textContent = "This page needs a browser of 2024 or later: update it, or open the page in another one.";
  throw error;
});

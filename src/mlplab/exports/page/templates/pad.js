// The drawing pad: strokes by finger, pen, mouse or keyboard, as an image of ink and on the screen.

const PAD = 160; // pixels of a side that can be drawn on, in the image of ink
const MARGIN = 8; // blank pixels around them, so that the background is always known
const STEP_OF_KEY = 1 / 24;

class Pad {
  /** `changed` is called when there is something new to see; `say` with words for a screen reader. */
  constructor(canvas, changed, say) {
    Object.assign(this, { canvas, changed, say, brush: 0.08, strokes: [], stroke: null, picture: null, pen: null });
    this.side = PAD + 2 * MARGIN;
    this.ink = new Float32Array(this.side ** 2);
    this.pointers();
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => { this.lift(); this.pen = null; this.paint(); });
    new ResizeObserver(() => this.paint()).observe(canvas);
    document.addEventListener("themechange", () => this.paint());
  }

  get isEmpty() { return !this.strokes.length; }

  /** The drawing as a person would scan it: dark on white. */
  image() {
    const data = new Uint8Array(this.ink.length);
    for (let at = 0; at < data.length; at++) data[at] = Math.round(255 * (1 - this.ink[at]));
    return { width: this.side, height: this.side, channels: 1, data };
  }

  /** Show a picture in place of a drawing: something that a canvas can draw, with its size. */
  show(picture) {
    this.strokes = [];
    this.stroke = null;
    this.picture = picture;
    this.ink.fill(0);
    this.paint();
  }

  undo() {
    if (!this.strokes.length) return;
    const left = this.strokes.slice(0, -1);
    this.show(null);
    this.strokes = left;
    for (const { width, points } of left) points.forEach((point, place) => this.stain(points[Math.max(0, place - 1)], point, width));
    this.paint();
    this.changed();
  }

  pointers() {
    const { canvas } = this;
    let held = null;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (held !== null || event.button || !event.isPrimary) return; // a second finger or the palm draws nothing
      held = event.pointerId;
      canvas.setPointerCapture(held);
      event.preventDefault();
      this.pen = null;
      this.begin(at(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== held) return;
      const all = event.getCoalescedEvents?.() ?? [];
      (all.length ? all : [event]).forEach((one) => this.extend(at(one)));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => { if (event.pointerId === held) { held = null; this.lift(); } });
    }
  }

  /** Arrows move the pen, Space puts it down and lifts it, Backspace takes the last stroke back. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by && ![" ", "Backspace"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Backspace") { this.lift(); this.undo(); this.say("Last stroke removed."); return; }
    this.pen ??= [0.5, 0.5];
    if (by) {
      this.pen = this.pen.map((place, axis) => clip(place + by[axis] * STEP_OF_KEY, 0.02, 0.98));
      if (this.stroke) this.extend(this.pen);
    } else if (this.stroke) {
      this.lift();
      this.say("Pen up.");
    } else {
      this.begin(this.pen);
      this.say("Pen down.");
    }
    this.paint();
  }

  begin(point) {
    if (this.picture) this.show(null);
    this.stroke = { width: this.brush, points: [point] };
    this.strokes.push(this.stroke);
    this.stain(point, point, this.brush);
    this.line(this.stroke);
    this.changed();
  }

  extend(point) {
    const { points, width } = this.stroke;
    points.push(point);
    this.stain(points.at(-2), point, width);
    this.line(this.stroke, points.length - 2);
    this.changed();
  }

  lift() {
    if (!this.stroke) return;
    this.stroke = null;
    this.paint(); // whole strokes are smoother than their pieces
    this.changed(true);
  }

  /** Put ink on every pixel near a straight line. */
  stain(from, to, width) {
    const [[x0, y0], [x1, y1]] = [from, to].map((point) => point.map((place) => MARGIN + place * PAD));
    const radius = (width * PAD) / 2;
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    const within = (value) => clip(Math.round(value), MARGIN, MARGIN + PAD - 1);
    const [left, right] = [within(Math.min(x0, x1) - radius - 1), within(Math.max(x0, x1) + radius + 1)];
    const [top, bottom] = [within(Math.min(y0, y1) - radius - 1), within(Math.max(y0, y1) + radius + 1)];
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = length ? clip((px * dx + py * dy) / length, 0, 1) : 0;
        const amount = clip(radius + 0.5 - Math.hypot(px - along * dx, py - along * dy), 0, 1);
        const at = y * this.side + x;
        if (amount > this.ink[at]) this.ink[at] = amount;
      }
    }
  }

  /** Draw a stroke on the screen, from one of its points to its end. */
  line({ points, width }, from = 0) {
    const context = this.canvas.getContext("2d");
    const side = this.canvas.width;
    context.strokeStyle = colourOf("--ink");
    context.lineWidth = width * side;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(points[from][0] * side, points[from][1] * side);
    for (const [x, y] of points.slice(from)) context.lineTo(x * side, y * side);
    context.stroke();
  }

  paint() {
    const { canvas } = this;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    if (this.picture) {
      const scale = side / Math.max(this.picture.width, this.picture.height);
      const [width, height] = [this.picture.width * scale, this.picture.height * scale];
      context.imageSmoothingEnabled = scale < 2;
      context.drawImage(this.picture, (side - width) / 2, (side - height) / 2, width, height);
    }
    for (const stroke of this.strokes) this.line(stroke);
    if (!this.pen) return;
    context.fillStyle = colourOf(this.stroke ? "--wrong" : "--accent");
    context.beginPath();
    context.arc(this.pen[0] * side, this.pen[1] * side, side / 50, 0, 2 * Math.PI);
    context.fill();
  }
}

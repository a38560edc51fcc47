// What is drawn on a plain background, found and framed as in datasets/images/drawings.py and framing.py.

const PLAIN = 0.15;
const PLAIN_PIXELS = 0.75;
const INK = 0.1;
const LEAST_CONTRAST = 0.1;
const SPECK = 0.02;
const NOISE = 4.5;

const sorted = (values) => Float64Array.from(values).sort();
function percentileOf(values, part) {
  const at = part * (values.length - 1);
  const low = values[Math.floor(at)];
  return low + (at % 1) * ((values[Math.floor(at) + 1] ?? low) - low);
}
const median = (values) => percentileOf(sorted(values), 0.5);

/** Positions of the outermost pixels. */
function borderOf(width, height) {
  const places = [];
  for (let x = 0; x < width; x++) places.push(x, (height - 1) * width + x);
  for (let y = 1; y < height - 1; y++) places.push(y * width, y * width + width - 1);
  return places;
}

/** The plane a x + b y + c through pixels with the least squares, by the normal equations about their means. */
function planeThrough(places, values, width) {
  const n = places.length;
  let meanX = 0, meanY = 0, mean = 0;
  for (const at of places) { meanX += (at % width) / n; meanY += Math.floor(at / width) / n; mean += values[at] / n; }
  let xx = 0, xy = 0, yy = 0, xv = 0, yv = 0;
  for (const at of places) {
    const x = (at % width) - meanX, y = Math.floor(at / width) - meanY, v = values[at] - mean;
    xx += x * x; xy += x * y; yy += y * y; xv += x * v; yv += y * v;
  }
  const determinant = xx * yy - xy * xy;
  const flat = determinant <= 1e-9 * (xx * yy || 1);
  const a = flat ? (xx ? xv / xx : 0) : (xv * yy - yv * xy) / determinant;
  const b = flat ? (!xx && yy ? yv / yy : 0) : (yv * xx - xv * xy) / determinant;
  return [a, b, mean - a * meanX - b * meanY];
}

/** The background, a plane through the border; null if the border is not plain. */
function backgroundOf(values, width, height) {
  const border = borderOf(width, height);
  let plane = [0, 0, median(border.map((at) => values[at]))];
  for (let round = 0; round < 3; round++) {
    const [a, b, c] = plane;
    const near = border.filter((at) => Math.abs(values[at] - ((at % width) * a + Math.floor(at / width) * b + c)) <= PLAIN);
    if (near.length < PLAIN_PIXELS * border.length) return null;
    plane = planeThrough(near, values, width);
  }
  return plane;
}

/** The threshold between the two kinds of values from 0 to 1 (Otsu 1979). */
function otsu(values) {
  const counts = new Float64Array(256);
  for (let at = 0; at < values.length; at++) if (values[at] <= 1) counts[Math.min(255, Math.floor(values[at] * 256))]++;
  const total = counts.reduce((a, b) => a + b, 0);
  const all = counts.reduce((sum, count, level) => sum + (count * (level + 0.5)) / 256, 0);
  let best = -1, at = 0, below = 0, sum = 0;
  counts.forEach((count, level) => {
    below += count;
    sum += (count * (level + 0.5)) / 256;
    const between = below * (total - below) * (sum / below - (all - sum) / (total - below)) ** 2;
    if (between > best) [best, at] = [between, level];
  });
  return (at + 1) / 256;
}

/** A mask of large connected groups of pixels, and of those up to two pixels beside them. */
function withoutSpecks(isInk, width, height) {
  const groups = new Int32Array(isInk.length);
  const sizes = [0];
  const open = new Int32Array(isInk.length);
  for (let start = 0; start < isInk.length; start++) {
    if (!isInk[start] || groups[start]) continue;
    const group = sizes.push(0) - 1;
    let count = 1;
    open[0] = start;
    groups[start] = group;
    while (count) {
      const at = open[--count];
      sizes[group]++;
      const x = at % width;
      for (let row = at - x - width; row <= at - x + width; row += width) {
        if (row < 0 || row >= isInk.length) continue;
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          if (isInk[row + column] && !groups[row + column]) { groups[row + column] = group; open[count++] = row + column; }
        }
      }
    }
  }
  const most = sizes.reduce((a, b) => Math.max(a, b));
  const kept = new Uint8Array(isInk.length);
  for (let at = 0; at < isInk.length; at++) {
    if (!groups[at] || sizes[groups[at]] < SPECK * most) continue;
    const x = at % width;
    for (let row = at - x - 2 * width; row <= at - x + 2 * width; row += width) {
      if (row < 0 || row >= kept.length) continue;
      for (let column = Math.max(0, x - 2); column <= Math.min(width - 1, x + 2); column++) kept[row + column] = 1;
    }
  }
  return kept;
}

/** How much ink each pixel of a grey image has, from 0 to 1; null if the border is not plain, or nothing is drawn. */
function findInk({ width, height, data }) {
  const ink = new Float32Array(data.length);
  for (let at = 0; at < ink.length; at++) ink[at] = data[at] / 255;
  const plane = backgroundOf(ink, width, height);
  if (!plane) return null;
  const [a, b, c] = plane;
  let lighter = 0, darker = 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      ink[at] -= a * x + b * y + c;
      if (ink[at] > lighter) lighter = ink[at];
      if (-ink[at] > darker) darker = -ink[at];
    }
  }
  if (Math.max(lighter, darker) < LEAST_CONTRAST) return null;
  const noise = NOISE * median(borderOf(width, height).map((at) => Math.abs(ink[at])));
  const sign = darker >= lighter ? -1 : 1;
  for (let at = 0; at < ink.length; at++) ink[at] = Math.max(0, sign * ink[at]);
  const threshold = otsu(ink);
  const full = percentileOf(ink.filter((value) => value >= threshold).sort(), 0.75);
  if (full < LEAST_CONTRAST || full <= noise) return null;
  const isInk = new Uint8Array(ink.length);
  for (let at = 0; at < ink.length; at++) {
    ink[at] = Math.min(Math.max((ink[at] - noise) / (full - noise), 0), 1);
    isInk[at] = ink[at] > INK ? 1 : 0;
  }
  const kept = withoutSpecks(isInk, width, height);
  for (let at = 0; at < ink.length; at++) if (!kept[at]) ink[at] = 0;
  return { width, height, channels: 1, data: ink };
}

/** The part of an image of ink in which there is some. */
function drawnPart({ width, height, data }) {
  let left = width, top = height, right = -1, bottom = -1;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (data[at] <= INK) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  const part = { width: right - left + 1, height: bottom - top + 1, channels: 1 };
  part.data = new Float32Array(part.width * part.height);
  for (let y = 0; y < part.height; y++) {
    const from = (top + y) * width + left;
    part.data.set(data.subarray(from, from + part.width), y * part.width);
  }
  return part;
}

/** What is drawn, as large and in the same place as in the training images. */
function framed(ink, { box, centre, background }, width, height) {
  const drawn = drawnPart(ink);
  const factor = box / Math.max(drawn.width, drawn.height);
  const small = resize(drawn, Math.max(1, even(drawn.width * factor)), Math.max(1, even(drawn.height * factor)), undefined, false);
  const values = small.data.map((value) => Math.min(Math.max(value, 0), 1));
  const most = Math.max(1e-9, ...values);
  const image = inFrame({ ...small, data: values.map((value) => value / most) }, centre, width, height);
  return image.map((value) => even(255 * (background === "dark" ? value : 1 - value)));
}

/** A frame with an image in it: its centre of mass at a place, or the image in the middle. */
function inFrame({ width: w, height: h, data }, centre, width, height) {
  let mass = 0, sumX = 0, sumY = 0;
  data.forEach((value, at) => { mass += value; sumX += value * (at % w); sumY += value * Math.floor(at / w); });
  const [left, top] = centre ? [even(centre[1] - sumX / mass), even(centre[0] - sumY / mass)] : [even((width - w) / 2), even((height - h) / 2)];
  const frame = new Float32Array(width * height);
  for (let y = Math.max(0, -top); y < Math.min(h, height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(w, width - left); x++) frame[(y + top) * width + x + left] = data[y * w + x];
  }
  return frame;
}

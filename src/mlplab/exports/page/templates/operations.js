// The plain operations of `exports/operations.py`, forwards and backwards, on arrays of doubles.

const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

/** Positions in an array of a smaller shape for each position in a larger one, broadcast as NumPy does; null if equal. */
function positions(small, large) {
  const padded = [...Array(large.length - small.length).fill(1), ...small];
  if (padded.every((side, axis) => side === large[axis])) return null;
  const places = new Int32Array(sizeOf(large));
  for (let place = 0; place < places.length; place++) {
    let rest = place;
    let stride = 1;
    for (let axis = large.length - 1; axis >= 0; axis--) {
      const at = rest % large[axis];
      rest = (rest - at) / large[axis];
      if (padded[axis] > 1) places[place] += at * stride;
      stride *= padded[axis];
    }
  }
  return places;
}

/** Forward and backward steps of each kind of operation. `x` and `gradients` have an array for each input. */
const KINDS = {
  affine: {
    forward(op, [x], y) {
      const { scale, shift } = op.spread;
      for (let i = 0; i < y.length; i++) y[i] = x[i] * scale[i] + shift[i];
    },
    backward(op, _, __, gradient, [back]) {
      for (let i = 0; i < back.length; i++) back[i] += gradient[i] * op.spread.scale[i];
    },
  },
  reshape: {
    forward: (_, [x], y) => y.set(x),
    backward(_, __, ___, gradient, [back]) { for (let i = 0; i < back.length; i++) back[i] += gradient[i]; },
  },
  dense: {
    forward(op, [x], y) {
      const { kernel, bias } = op.weights;
      const units = bias.length;
      const inputs = kernel.length / units;
      for (let row = 0; row < y.length / units; row++) {
        const out = y.subarray(row * units, (row + 1) * units);
        out.set(bias);
        for (let i = 0; i < inputs; i++) {
          const value = x[row * inputs + i];
          if (value === 0) continue; // most pixels of a drawing
          const from = i * units;
          for (let unit = 0; unit < units; unit++) out[unit] += value * kernel[from + unit];
        }
      }
    },
    backward(op, [x], __, gradient, [back]) {
      const { kernel, bias } = op.weights;
      const units = bias.length;
      const inputs = kernel.length / units;
      for (let place = 0; place < x.length; place++) {
        const row = Math.floor(place / inputs) * units;
        const from = (place % inputs) * units;
        let sum = 0;
        for (let unit = 0; unit < units; unit++) sum += gradient[row + unit] * kernel[from + unit];
        back[place] += sum;
      }
    },
  },
  activation: {
    forward(op, [x], y) {
      if (op.function === "softmax") return softmax(x, y, op.last);
      if (op.function === "prelu") {
        for (let i = 0; i < y.length; i++) y[i] = x[i] > 0 ? x[i] : op.spread.alpha[i] * x[i];
        return;
      }
      const apply = FUNCTIONS[op.function];
      for (let i = 0; i < y.length; i++) y[i] = apply(x[i], op);
    },
    backward(op, [x], y, gradient, [back]) {
      if (op.function === "softmax") return softmaxBack(y, gradient, back, op.last);
      for (let i = 0; i < back.length; i++) {
        if (!gradient[i]) continue;
        back[i] += gradient[i] * (op.function === "prelu" ? (x[i] > 0 ? 1 : op.spread.alpha[i]) : slope(op.function, x[i], y[i], op));
      }
    },
  },
  normalise: {
    forward(op, [x], y) {
      for (let from = 0; from < y.length; from += op.last) {
        const { mean, deviation } = statistics(op, x, from);
        for (let i = from; i < from + op.last; i++) y[i] = ((x[i] - mean) / deviation) * op.spread.scale[i] + op.spread.shift[i];
      }
    },
    backward(op, [x], _, gradient, [back]) {
      for (let from = 0; from < x.length; from += op.last) {
        const { mean, deviation } = statistics(op, x, from);
        let average = 0;
        let along = 0;
        for (let i = from; i < from + op.last; i++) {
          const scaled = gradient[i] * op.spread.scale[i];
          average += scaled / op.last;
          along += (scaled * (x[i] - mean)) / deviation / op.last;
        }
        if (op.statistic === "mean_square") average = 0;
        for (let i = from; i < from + op.last; i++) {
          back[i] += (gradient[i] * op.spread.scale[i] - average - (along * (x[i] - mean)) / deviation) / deviation;
        }
      }
    },
  },
  merge: {
    forward(op, x, y) {
      if (op.how === "concatenate") return concatenate(x, y, op);
      const value = (k, i) => x[k][op.places[k] ? op.places[k][i] : i];
      for (let i = 0; i < y.length; i++) {
        let result = value(0, i);
        for (let k = 1; k < x.length; k++) result = MERGES[op.how](result, value(k, i));
        y[i] = op.how === "average" ? result / x.length : result;
      }
    },
    backward(op, x, y, gradient, back) {
      if (op.how === "concatenate") return concatenateBack(gradient, back, op);
      for (let k = 0; k < x.length; k++) {
        for (let i = 0; i < y.length; i++) {
          const place = op.places[k] ? op.places[k][i] : i;
          back[k][place] += gradient[i] * share(op, x, y, k, i, place);
        }
      }
    },
  },
};

const MERGES = {
  add: (a, b) => a + b,
  average: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  maximum: Math.max,
  minimum: Math.min,
};

/** How much element i of a merge grows with that of its input k. */
function share(op, x, y, k, i, place) {
  if (op.how === "average") return 1 / x.length;
  if (op.how === "subtract") return k ? -1 : 1;
  if (op.how === "maximum" || op.how === "minimum") return x[k][place] === y[i] ? 1 : 0;
  if (op.how === "add") return 1;
  return x.reduce((product, other, j) => (j === k ? product : product * other[op.places[j] ? op.places[j][i] : i]), 1);
}

function softmax(x, y, size) {
  for (let from = 0; from < x.length; from += size) {
    let most = -Infinity;
    let sum = 0;
    for (let i = from; i < from + size; i++) most = Math.max(most, x[i]);
    for (let i = from; i < from + size; i++) sum += y[i] = Math.exp(x[i] - most);
    for (let i = from; i < from + size; i++) y[i] /= sum;
  }
}

function softmaxBack(y, gradient, back, size) {
  for (let from = 0; from < y.length; from += size) {
    let mean = 0;
    for (let i = from; i < from + size; i++) mean += y[i] * gradient[i];
    for (let i = from; i < from + size; i++) back[i] += y[i] * (gradient[i] - mean);
  }
}

/** What a row is normalised by. */
function statistics({ statistic, epsilon, last }, x, from) {
  let mean = 0;
  let square = 0;
  if (statistic === "mean_variance") for (let i = from; i < from + last; i++) mean += x[i] / last;
  for (let i = from; i < from + last; i++) square += (x[i] - mean) ** 2 / last;
  return { mean, deviation: Math.sqrt(square + epsilon) };
}

function concatenate(x, y, { last, widths }) {
  let to = 0;
  for (let row = 0; row < y.length / last; row++) {
    x.forEach((part, k) => { y.set(part.subarray(row * widths[k], (row + 1) * widths[k]), to); to += widths[k]; });
  }
}

function concatenateBack(gradient, back, { last, widths }) {
  let from = 0;
  for (let row = 0; row < gradient.length / last; row++) {
    back.forEach((part, k) => { for (let i = 0; i < widths[k]; i++) part[row * widths[k] + i] += gradient[from++]; });
  }
}

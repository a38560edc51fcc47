// Functions of one number that a network's activations can be, and their slopes.

/** e^(-x²) times a series of positive terms: https://dlmf.nist.gov/7.6.E2. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
const logistic = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clip = (x, low, high) => Math.min(Math.max(x, low), high);
const hardSigmoid = (x) => clip(x / 6 + 0.5, 0, 1);

function relu(x, { negative_slope: slope = 0, max_value: most = null, threshold = 0 }) {
  const above = x > threshold ? x : 0;
  return Math.min(threshold ? above : Math.max(x, 0), most ?? Infinity) - slope * Math.max(threshold - x, 0);
}

/** Functions of one number, by Keras's names, with Keras's arguments. */
const FUNCTIONS = {
  relu,
  leaky_relu: (x, { negative_slope: slope = 0.2 }) => (x > 0 ? x : slope * x),
  relu6: (x) => clip(x, 0, 6),
  elu: (x, { alpha = 1 }) => (x > 0 ? x : alpha * Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  sigmoid: logistic,
  hard_sigmoid: hardSigmoid,
  tanh: Math.tanh,
  hard_tanh: (x) => clip(x, -1, 1),
  silu: (x) => x * logistic(x),
  hard_silu: (x) => x * hardSigmoid(x),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  exponential: Math.exp,
  mish: (x) => x * Math.tanh(softplus(x)),
  log_sigmoid: (x) => -softplus(-x),
};

const STEP = 1e-5;
/** The slope of a function at x, where it has the value y. Saturated ones need a formula; differences do for the rest. */
function slope(name, x, y, options) {
  if (name === "sigmoid") return y * (1 - y);
  if (name === "tanh") return 1 - y * y;
  return (FUNCTIONS[name](x + STEP, options) - FUNCTIONS[name](x - STEP, options)) / (2 * STEP);
}

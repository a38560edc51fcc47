// A network: its operations one after the other, with the run's float32 weights, computed in doubles.

/** A network as `packing.py` writes it. Each value has a name; that of the raw pixels is "input". */
class Network {
  constructor(spec, numbers) {
    Object.assign(this, spec);
    for (const op of this.operations) this.prepare(op, numbers);
    const arrays = () => Object.fromEntries(Object.entries(this.shapes).map(([name, shape]) => [name, new Float64Array(sizeOf(shape))]));
    this.values = arrays();
    this.gradients = arrays();
  }

  /** Find an operation's weights among all numbers, and how they are spread over what it makes. */
  prepare(op, numbers) {
    const shape = this.shapes[op.output];
    Object.assign(op, op.options, { last: shape.at(-1), spread: {} });
    op.weights = Object.fromEntries(Object.entries(op.weights).map(([name, tensor]) => {
      const { at, shape: own } = this.tensors[tensor];
      const array = numbers.subarray(at, at + sizeOf(own));
      const places = op.kind === "dense" ? null : positions(own, shape);
      op.spread[name] = places ? Float32Array.from(places, (place) => array[place]) : array;
      return [name, array];
    }));
    op.widths = op.inputs.map((input) => this.shapes[input].at(-1));
    op.places = op.kind === "merge" && op.how !== "concatenate" ? op.inputs.map((input) => positions(this.shapes[input], shape)) : [];
  }

  /**
   * The probabilities of the classes for raw pixels. `values` then has what each operation made.
   * `off`: for some values a set of the units that are switched off.
   */
  run(input, off = new Map()) {
    this.values.input.set(input);
    for (const op of this.operations) {
      KINDS[op.kind].forward(op, op.inputs.map((value) => this.values[value]), this.values[op.output]);
      for (const unit of off.get(op.output) ?? []) this.values[op.output][unit] = 0;
    }
    return this.values[this.output];
  }

  /**
   * After `run`: the gradient of the log of a class's odds, p / (1 - p), with respect to every value.
   * False if a probability is too near to 0 for that.
   */
  explain(chosen, off = new Map()) {
    const p = this.values[this.output];
    let others = 0;
    p.forEach((one, k) => { if (k !== chosen) others += one; });
    Object.values(this.gradients).forEach((gradient) => gradient.fill(0));
    if (!(p[chosen] > 0 && others > 0)) return false;
    this.gradients[this.output].fill(-1 / others)[chosen] = 1 / p[chosen];
    for (const op of [...this.operations].reverse()) {
      const gradient = this.gradients[op.output];
      for (const unit of off.get(op.output) ?? []) gradient[unit] = 0;
      KINDS[op.kind].backward(op, op.inputs.map((value) => this.values[value]), this.values[op.output], gradient, op.inputs.map((value) => this.gradients[value]));
    }
    return true;
  }

  /**
   * How much each pixel pulled towards a class: integrated gradients (Sundararajan, Taly and Yan 2017) of the log of
   * its odds, from a blank image. They add up to how much that grew. Null if odds are too near to 0 or infinity.
   */
  contributions(input, blank, chosen, off, steps) {
    const sum = new Float64Array(input.length);
    const between = new Float64Array(input.length);
    let counted = 0;
    for (let step = 0; step < steps; step++) {
      for (let i = 0; i < input.length; i++) between[i] = blank[i] + ((step + 0.5) / steps) * (input[i] - blank[i]);
      this.run(between, off);
      if (!this.explain(chosen, off)) continue;
      counted++;
      for (let i = 0; i < input.length; i++) sum[i] += this.gradients.input[i];
    }
    return counted ? sum.map((one, i) => (one / counted) * (input[i] - blank[i])) : null;
  }
}

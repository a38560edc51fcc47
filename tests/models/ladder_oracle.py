"""The ladder network in NumPy, in float64 and one batch at a time, from the formulas of the paper.

Rasmus et al. (2015), arXiv 1507.02672, algorithm 1 and equation 2.
"""

from dataclasses import dataclass, field

import numpy as np

from mlplab import keras


@dataclass
class Weights:
    """All that is trained, by layer 1, 2, … of the encoder (kernels, betas) or by level of the decoder."""

    kernels: list
    betas: list
    gamma: np.ndarray
    combinators: dict = field(default_factory=dict)
    decoder: dict = field(default_factory=dict)

    def arrays(self):
        return [*self.kernels, *self.betas, self.gamma, *self.combinators.values(), *self.decoder.values()]


def weights_of(model) -> Weights:
    """Copy a model's weights. Decoder and combinators are listed from the last level down."""

    def copy(variable):
        return np.array(variable.numpy(), np.float64)

    of_encoder = model.encoder.layers
    depth = sum(isinstance(layer, keras.layers.Dense) for layer in of_encoder)
    return Weights(
        [copy(layer.kernel) for layer in of_encoder if isinstance(layer, keras.layers.Dense)],
        [copy(layer.beta) for layer in of_encoder if isinstance(layer, keras.layers.BatchNormalization)],
        copy(model.encoder.get_layer("scale").kernel),
        {depth - i: copy(layer.a) for i, layer in enumerate(model.combinators)},
        {depth - 1 - i: copy(layer.kernel) for i, layer in enumerate(model.decoder)},
    )


def normalise(p):
    mean, variance = p.mean(0), p.var(0)
    return (p - mean) / np.sqrt(variance + 1e-10), mean, variance


def softmax(a):
    e = np.exp(a - a.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def encode(w, x, noise=None):
    """Return z, mean and variance of each level, and the probabilities. `noise`: what is added at each level."""
    noise = [0.0] * (len(w.kernels) + 1) if noise is None else noise
    z, means, variances = [x + noise[0]], [0.0], [1.0]
    h = z[0]
    for level, (kernel, beta) in enumerate(zip(w.kernels, w.betas, strict=True), 1):
        normalised, mean, variance = normalise(h @ kernel)
        z.append(normalised + noise[level])
        means.append(mean)
        variances.append(variance)
        last = level == len(w.kernels)
        h = softmax(w.gamma * (z[-1] + beta)) if last else np.maximum(z[-1] + beta, 0)
    return z, means, variances, h


def combine(a, z, u):
    def sigmoid(t):
        return 1 / (1 + np.exp(-t))

    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = a
    mu = a1 * sigmoid(a2 * u + a3) + a4 * u + a5
    v = a6 * sigmoid(a7 * u + a8) + a9 * u + a10
    return (z - mu) * v + mu


def denoising_costs(w, x, noise):
    """Return the error of each level that is denoised, a mean over rows and units, without its weight."""
    clean, means, variances, _ = encode(w, x)
    noisy, _, _, above = encode(w, x, noise)
    errors = {}
    for level in sorted(w.combinators, reverse=True):
        u = above if level == len(w.kernels) else above @ w.decoder[level]
        above = combine(w.combinators[level], noisy[level], normalise(u)[0])
        scaled = (above - means[level]) / np.sqrt(variances[level] + 1e-10) if level else above
        errors[level] = ((scaled - clean[level]) ** 2).mean()
    return errors


def loss(w, batch, noise, costs):
    """Return cross-entropy of the labelled rows plus weighted denoising costs of the unlabelled ones.

    `noise`: at each level, of the labelled rows and below them of the unlabelled ones.
    """
    x, y = batch
    rows = len(y)
    probabilities = encode(w, x["labelled"], [of_level[:rows] for of_level in noise])[-1]
    cross_entropy = -np.log(probabilities[np.arange(rows), y]).mean()
    errors = denoising_costs(w, x["unlabelled"], [of_level[rows:] for of_level in noise])
    return cross_entropy + sum(costs[level] * error for level, error in errors.items())

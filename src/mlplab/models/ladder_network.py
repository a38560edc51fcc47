"""The ladder network: a dense classifier that also learns from rows without labels, by removing noise.

Rasmus, Berglund, Honkala, Valpola, Raiko (2015), "Semi-Supervised Learning with Ladder Networks", arXiv 1507.02672;
details as in the authors' code. An encoder, a plain dense network, runs with and without noise. A decoder takes the
noisy values of each layer and estimates the clean ones; its errors are added to the loss.

A level is the inputs, number 0, or a layer of the encoder, counted from 1.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from mlplab.errors import plain_number, require
from mlplab.models.combinator import Combinator

EPSILON = 1e-10
"""Is added to variances."""


class Normalised(NamedTuple):
    """Values of one level for one batch, normalised by the batch's own statistics.

    Attributes:
        z: (rows, units).
        mean, variance: of the values before, (units,); the variance divides by the number of rows.
    """

    z: Any
    mean: Any
    variance: Any


class Encoded(NamedTuple):
    """What the encoder makes of clean and of noisy batches.

    Attributes:
        clean: by level, then by clean batch: `Normalised`. The inputs are not normalised: mean 0, variance 1.
        noisy: by level, then by noisy batch: normalised values with noise, (rows, units).
        probabilities: by batch, the clean ones first: (rows, classes).
    """

    clean: list[list[Normalised]]
    noisy: list[list[Any]]
    probabilities: list[Any]


def normalise(values: Any) -> Normalised:
    """Normalise each unit of (rows, units) to mean 0 and variance 1 over the rows."""
    mean: Any = ops.mean(values, axis=0)
    variance: Any = ops.var(values, axis=0)
    return Normalised((values - mean) / ops.sqrt(variance + EPSILON), mean, variance)


@keras.saving.register_keras_serializable("mlplab")
class LadderNetwork(keras.Model):
    """A ladder network; `mlplab.ladder` builds it with the authors' settings.

    Keras's own step trains it: `call` adds the denoising costs to the loss that `compile` names. In training, x is a
    dict of `labelled` and `unlabelled` rows, or an array, which stands for both. The two are normalised separately.
    Elsewhere x is an array, or a dict, of which the labelled rows count.

    Predictions are the encoder's, without noise. It normalises by moving averages over the unlabelled batches that were
    seen in training; `use_statistics` replaces them by the authors' averages.

    Args:
        input_shape, classes, hidden, costs, noise, input_noise, seed: as in `mlplab.ladder`, none left out.

    Attributes:
        encoder: the classifier with the same weights, a `keras.Sequential` of Keras's own layers.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        classes: int,
        hidden: Sequence[int],
        costs: Sequence[float],
        noise: float,
        input_noise: float,
        seed: int,
        **arguments: Any,
    ):
        super().__init__(**arguments)
        depth, costs = len(hidden) + 1, [float(plain_number(cost)) for cost in costs]
        valid = len(costs) == depth + 1 and min(costs) >= 0
        require(valid, "costs", costs, f"{depth + 1} numbers of at least 0: of the inputs and of {depth} layers")
        for name, value in (("noise", noise), ("input_noise", input_noise)):
            require(0 <= value <= 1, name, value, "a number from 0 to 1")
        self._settings = {"input_shape": tuple(input_shape), "classes": classes, "hidden": list(hidden), "costs": costs}
        self._settings |= {"noise": noise, "input_noise": input_noise, "seed": seed}
        seeds = np.random.SeedSequence(seed).generate_state(3 * depth + 1).tolist()
        units = [int(np.prod(input_shape)), *hidden, classes]
        self.encoder = _encoder(tuple(input_shape), units[1:], seeds)
        self.noises = [
            layers.GaussianNoise(noise if level else input_noise, seed=seeds[depth + level], name=f"noise_{level}")
            for level in range(depth + 1)
        ]
        # From the last level down to the lowest with a cost: what lies below would change nothing.
        lowest = next((level for level, cost in enumerate(costs) if cost), depth + 1)
        self.combinators, self.decoder = [], []
        for level in range(depth, lowest - 1, -1):
            self.combinators.append(Combinator(units[level], name=f"combinator_{level}"))
            if level < depth:
                self.decoder.append(_dense(units[level], seeds[2 * depth + 1 + level], name=f"decoder_{level}"))
                self.decoder[-1].build((None, units[level + 1]))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._settings}

    def call(self, x: Any, training: bool = False) -> Any:
        labelled, unlabelled = (x["labelled"], x["unlabelled"]) if isinstance(x, dict) else (x, x)
        if not training:
            return self.encoder(labelled)
        labelled, unlabelled = _as_vectors(labelled), _as_vectors(unlabelled)
        encoded = self._encode([unlabelled], [labelled, unlabelled])
        for (_, normalisation, *_), (clean,) in zip(self._blocks(), encoded.clean[1:], strict=True):
            _move_averages(normalisation, clean, len(unlabelled))
        _, probabilities, of_unlabelled = encoded.probabilities
        if self.combinators:
            clean = [of_level[0] for of_level in encoded.clean]
            noisy = [of_level[1] for of_level in encoded.noisy]
            self.add_loss(self._denoising_cost(clean, noisy, of_unlabelled))
        return probabilities

    def statistics(self) -> keras.Model:
        """Return a model that gives the statistics of each batch of labelled rows, which `use_statistics` averages.

        Its outputs are a list with, for each layer of the encoder, mean and unbiased variance of its sums over the
        batch in a run without noise: arrays (1, units). Predicting several batches joins them to (batches, units).
        """
        return _BatchStatistics(self)

    def use_statistics(self, statistics: Sequence[Sequence[Any]]) -> None:
        """Let predictions normalise by averages over batches: means and variances, each averaged with equal weights.

        Args:
            statistics: what `statistics()` predicted for one pass over the training rows, after training.

        Example:
            model.use_statistics(mlplab.predict(model.statistics(), source))
        """
        for (_, normalisation, *_), (means, variances) in zip(self._blocks(), statistics, strict=True):
            normalisation.moving_mean.assign(np.mean(means, axis=0, dtype=np.float64))
            normalisation.moving_variance.assign(np.mean(variances, axis=0, dtype=np.float64))

    def _blocks(self) -> list[list[Any]]:
        """Return for each layer of the encoder: its dense layer, its normalisation, and what follows these."""
        blocks: list[list[Any]] = []
        for layer in self.encoder.layers:
            if isinstance(layer, layers.Dense):
                blocks.append([])
            if blocks:
                blocks[-1].append(layer)
        return blocks

    def _encode(self, clean: Sequence[Any], noisy: Sequence[Any]) -> Encoded:
        """Run the encoder over batches of vectors: multiplied together, normalised each by itself.

        `noisy` batches get noise at each level.
        """
        noisy = self._corrupted(0, noisy)
        encoded = Encoded([[Normalised(x, 0.0, 1.0) for x in clean]], [noisy], [])
        h = [*clean, *noisy]
        for level, (dense, normalisation, *activations) in enumerate(self._blocks(), 1):
            normalised = [normalise(sums) for sums in _split(dense(ops.concatenate(h)), h)]
            encoded.clean.append(normalised[: len(clean)])
            encoded.noisy.append(self._corrupted(level, [batch.z for batch in normalised[len(clean) :]]))
            h = [z + normalisation.beta for z in (*(batch.z for batch in encoded.clean[-1]), *encoded.noisy[-1])]
            for activation in activations:
                h = [activation(batch) for batch in h]
        return encoded._replace(probabilities=h)

    def _corrupted(self, level: int, batches: Sequence[Any]) -> list[Any]:
        """Return the batches with noise."""
        if not batches:
            return []
        return _split(self.noises[level](ops.concatenate(batches), training=True), batches)

    def _denoising_cost(self, clean: Sequence[Normalised], noisy: Sequence[Any], probabilities: Any) -> Any:
        """Return the weighted sum of the squared errors of the decoder's estimates, each a mean over rows and units.

        Args:
            clean, noisy: by level, of the same rows.
            probabilities: of the noisy run, (rows, classes), from which the decoder starts.
        """
        cost, estimate = 0.0, None
        for number, combinator in enumerate(self.combinators):
            level = len(clean) - 1 - number
            above = probabilities if number == 0 else self.decoder[number - 1](estimate)
            estimate = combinator(noisy[level], normalise(above).z)
            if weight := self._settings["costs"][level]:
                z, mean, variance = clean[level]
                scaled = (estimate - mean) / ops.sqrt(variance + EPSILON) if level else estimate
                cost += weight * ops.mean(ops.square(scaled - z))
        return cost


class _BatchStatistics(keras.Model):
    """See `LadderNetwork.statistics`."""

    def __init__(self, ladder: LadderNetwork):
        super().__init__()
        self.ladder = ladder
        self.built = True

    def call(self, x: Any) -> list[list[Any]]:
        labelled = _as_vectors(x["labelled"] if isinstance(x, dict) else x)
        encoded = self.ladder._encode([labelled], [])
        return [[each.mean[None], _unbiased(each.variance, len(labelled))[None]] for (each,) in encoded.clean[1:]]


def _as_vectors(x: Any) -> Any:
    return ops.reshape(x, (len(x), -1))


def _split(joined: Any, batches: Sequence[Any]) -> list[Any]:
    """Split rows into parts as long as these batches."""
    parts: Any = ops.split(joined, list(accumulate(map(len, batches)))[:-1])
    return list(parts)


def _unbiased(variance: Any, rows: int) -> Any:
    return variance * (rows / max(rows - 1, 1))


def _move_averages(normalisation: Any, batch: Normalised, rows: int) -> None:
    """Move a layer's averages towards a batch's statistics, as Keras's layer does in training."""
    moved = [
        (normalisation.moving_mean, batch.mean),
        (normalisation.moving_variance, _unbiased(batch.variance, rows)),
    ]
    for average, of_batch in moved:
        average.assign(average * normalisation.momentum + of_batch * (1 - normalisation.momentum))


def _encoder(input_shape: tuple[int, ...], units: Sequence[int], seeds: Sequence[int]) -> keras.Sequential:
    """Build the classifier. Its last layer computes softmax(γ·(z + β)), the others relu(z + β)."""
    encoder = keras.Sequential([keras.Input(input_shape), layers.Flatten()], name="encoder")
    for number, (width, seed) in enumerate(zip(units, seeds, strict=False), 1):
        encoder.add(_dense(width, seed))
        encoder.add(layers.BatchNormalization(epsilon=EPSILON, scale=False))
        if number < len(units):
            encoder.add(layers.Activation("relu"))
    encoder.add(layers.EinsumDense("ab,b->ab", units[-1], kernel_initializer="ones", name="scale"))
    encoder.add(layers.Activation("softmax"))
    return encoder


def _dense(units: int, seed: int, **arguments: Any) -> layers.Dense:
    """Return a layer without bias whose weights are normal with standard deviation 1/√inputs."""
    initializer: Any = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed)
    return layers.Dense(units, use_bias=False, kernel_initializer=initializer, **arguments)

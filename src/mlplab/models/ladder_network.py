"""The ladder network: a dense classifier that also learns from rows without labels, by removing noise.

Rasmus, Berglund, Honkala, Valpola, Raiko (2015), "Semi-Supervised Learning with Ladder Networks", arXiv 1507.02672;
details as in the authors' code. An encoder, a plain dense network, runs with and without noise. A decoder takes the
noisy values of each layer and estimates the clean ones; its errors are added to the loss.

A level is the inputs, number 0, or a layer of the encoder, counted from 1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from mlplab.errors import DataError, plain_number, require
from mlplab.models.combinator import Combinator

EPSILON = 1e-10
"""Is added to variances."""


class Level(NamedTuple):
    """Values of one level for several batches of equally many rows, each normalised by its own statistics.

    Attributes:
        z: (batches, rows, units); with noise in the noisy batches.
        mean, variance: of the values before, (batches, units); the variance divides by the number of rows. The inputs
            are not normalised: mean 0, variance 1.
    """

    z: Any
    mean: Any
    variance: Any


def normalise(values: Any) -> Level:
    """Normalise each unit of (batches, rows, units) to mean 0 and variance 1 over the rows of each batch."""
    mean: Any = ops.mean(values, axis=1, keepdims=True)
    variance: Any = ops.var(values, axis=1, keepdims=True)
    return Level((values - mean) / ops.sqrt(variance + EPSILON), mean[:, 0], variance[:, 0])


@keras.saving.register_keras_serializable("mlplab")
class LadderNetwork(keras.Model):
    """A ladder network; `mlplab.ladder` builds it with the authors' settings.

    Keras's own step trains it: `call` adds the denoising costs to the loss that `compile` names. In training, x is a
    dict of `labelled` and as many `unlabelled` rows, or an array, which stands for both. The two are normalised
    separately. Elsewhere x is an array, or a dict, of which the labelled rows count.

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

    @property
    def output_shape(self) -> Any:
        return self.encoder.output_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._settings}

    def call(self, x: Any, training: bool = False) -> Any:
        labelled, unlabelled = (x["labelled"], x["unlabelled"]) if isinstance(x, dict) else (x, x)
        if not training:
            return self.encoder(labelled)
        if len(labelled) != len(unlabelled):
            raise DataError(
                f"A ladder network trains on as many labelled as unlabelled rows; got {len(labelled)} and "
                f"{len(unlabelled)}. Use labelled rows several times: mlplab.engine.SemiSupervisedSource does."
            )
        labelled, unlabelled = _as_vectors(labelled), _as_vectors(unlabelled)
        levels, probabilities = self._encode(ops.stack([unlabelled, labelled, unlabelled]), clean=1)
        for (_, normalisation, *_), level in zip(self._blocks(), levels[1:], strict=True):
            _move_averages(normalisation, level.mean[0], _unbiased(level.variance[0], len(unlabelled)))
        if self.combinators:
            self.add_loss(self._denoising_cost(levels, probabilities[2]))
        return probabilities[1]

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

    def _encode(self, batches: Any, clean: int) -> tuple[list[Level], Any]:
        """Run the encoder over batches of vectors, multiplied together and normalised each by itself.

        Args:
            batches: (batches, rows, units of the inputs).
            clean: the number of batches, from the first on, without noise. The others get noise at each level.

        Returns:
            The levels, and the probabilities (batches, rows, classes).
        """
        count, rows, _ = batches.shape
        levels = [Level(self._corrupted(0, batches, clean), ops.zeros((count, 1)), ops.ones((count, 1)))]
        h = ops.reshape(levels[0].z, (count * rows, -1))
        for number, (dense, normalisation, *activations) in enumerate(self._blocks(), 1):
            level = normalise(ops.reshape(dense(h), (count, rows, dense.units)))
            levels.append(level._replace(z=self._corrupted(number, level.z, clean)))
            h = ops.reshape(levels[-1].z + normalisation.beta, (count * rows, dense.units))
            for activation in activations:
                h = activation(h)
        return levels, ops.reshape(h, (count, rows, -1))

    def _corrupted(self, level: int, z: Any, clean: int) -> Any:
        """Return batches (batches, rows, units) with noise, but for the first `clean` ones."""
        if clean == len(z):
            return z
        # Added to all batches, with zeros for the clean ones: XLA is slower at joining batches with and without noise.
        noise = self.noises[level](ops.zeros_like(z[clean:]), training=True)
        return z + ops.pad(noise, ((clean, 0), (0, 0), (0, 0)))

    def _denoising_cost(self, levels: Sequence[Level], probabilities: Any) -> Any:
        """Return the weighted sum of the squared errors of the decoder's estimates, each a mean over rows and units.

        Args:
            levels: their first batch is clean, and their last the same rows with noise.
            probabilities: of the noisy rows, (rows, classes), from which the decoder starts.
        """
        cost, estimate = 0.0, None
        for number, combinator in enumerate(self.combinators):
            level = len(levels) - 1 - number
            above = probabilities if number == 0 else self.decoder[number - 1](estimate)
            z, mean, variance = levels[level]
            estimate = combinator(z[-1], normalise(above[None]).z[0])
            if weight := self._settings["costs"][level]:
                scaled = (estimate - mean[0]) / ops.sqrt(variance[0] + EPSILON) if level else estimate
                cost += weight * ops.mean(ops.square(scaled - z[0]))
        return cost


class _BatchStatistics(keras.Model):
    """See `LadderNetwork.statistics`."""

    def __init__(self, ladder: LadderNetwork):
        super().__init__()
        self.ladder = ladder
        self.built = True

    def call(self, x: Any) -> list[list[Any]]:
        labelled = _as_vectors(x["labelled"] if isinstance(x, dict) else x)
        levels, _ = self.ladder._encode(labelled[None], clean=1)
        return [[level.mean, _unbiased(level.variance, len(labelled))] for level in levels[1:]]


def _as_vectors(x: Any) -> Any:
    return ops.reshape(x, (len(x), -1))


def _unbiased(variance: Any, rows: int) -> Any:
    return variance * (rows / max(rows - 1, 1))


def _move_averages(normalisation: Any, mean: Any, variance: Any) -> None:
    """Move a layer's averages towards the statistics of a batch, as Keras's layer does in training."""
    for average, of_batch in ((normalisation.moving_mean, mean), (normalisation.moving_variance, variance)):
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

"""The learning-rate range test: a network trained for a few steps at each of many rates.

In the range test of Smith (2017), "Cyclical learning rates for training neural networks", section 3.3, one network
runs through rising rates, so each rate is judged on weights that the rates before it made. Here each rate has a network
to itself, and all start from the same weights and see the same rows in the same order.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import (
    ArraySource,
    Member,
    Rows,
    checks,
    evaluate,
    fit,
    inputs,
    keras,
    keras_internals,
    state,
)
from mlplab.errors import ModelError, TrainingError, UsageError
from mlplab.experiments.population import HELD_OUT, hold_out, train_members
from mlplab.experiments.rate_plan import TrainingStart, checked_rates
from mlplab.progress import Progress, ProgressListener
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.class_weights import row_weights
from mlplab.training.device_data import DeviceData
from mlplab.training.network import build_network, check_model, data_for, targets_for
from mlplab.training.scaling import preprocessing_for

_MOST_HELD_OUT = 5000


@dataclass(frozen=True, eq=False)
class RateScan:
    """The losses of a network after the same number of steps at each of many rates.

    Attributes:
        rates: float (n,), rising.
        loss: float (n,), mean over the steps, on the rows trained on. NaN: no longer a finite number.
        val_loss: float (n,), after the last step, on rows held out. NaN likewise.
        untrained: the validation loss before the first step.
        steps: at each rate.
        training_steps: of the whole training that the settings describe.
    """

    rates: np.ndarray
    loss: np.ndarray
    val_loss: np.ndarray
    untrained: float
    steps: int
    training_steps: int

    @property
    def diverged(self) -> np.ndarray:
        """bool (n,): no finite number, or worse than no training at all."""
        return ~(self.val_loss < self.untrained)


def scan_settings(
    settings: Settings,
    data: Data,
    *,
    rates: Sequence[float] | np.ndarray | None = None,
    steps: int | None = None,
    progress: ProgressListener | None = None,
) -> RateScan:
    """Train the network that the settings describe at each rate, all rates as one population.

    Args:
        settings: `learning_rate`, `schedule`, `warmup` and `ema` are ignored: each rate stays constant, and its last
            weights are compared.
        data: the test set is not used.
        rates: above 0; by default `rate_plan.RATES`, or `RATES_OF_SGD`.
        steps: by default those of `rate_plan.steps_for`, or of the whole training if that is shorter.
        progress: called with the training steps done, over all rates.

    Raises:
        UsageError: for bad rates or steps.
    """
    rates = checked_rates(rates, settings.optimizer)
    settings = dataclasses.replace(settings, schedule="none", warmup=0.0, ema=0.0)
    split = hold_out(data, settings)
    preprocessing = splits.fit_preprocessing(data.train.inputs, split["train"], settings.standardize)
    models = [
        build_network(dataclasses.replace(settings, learning_rate=float(rate)), data, len(split["train"]))
        for rate in rates
    ]
    start = TrainingStart.of(settings, models[0], len(split["train"]), steps)
    device_data = DeviceData.of(data)
    rows = split["train"][start.rows]
    source = device_data.training_source(models[0], rows, settings, preprocessing=preprocessing, **start.order)
    validation_rows = split["validation"][:_MOST_HELD_OUT]
    held_out = device_data.validation_source(models[0], validation_rows, preprocessing=preprocessing)
    untrained = evaluate(models[0], held_out, verbose=0, return_dict=True)["loss"]
    members = [Member(model, source, held_out, epochs=start.epochs, validation_freq=start.epochs) for model in models]
    train_members(members, progress)
    return _rate_scan(rates, [member.model.history.history for member in members], untrained, start)


def scan_model(
    model: keras.Model,
    data: Data | tuple[Any, Any],
    *,
    settings: Settings,
    rates: Sequence[float] | np.ndarray | None = None,
    steps: int | None = None,
    progress: ProgressListener | None = None,
) -> RateScan:
    """Train a compiled model from its present weights at each rate in turn, and leave it unchanged.

    Meanwhile, a new optimizer of the same kind with a constant rate takes the place of the model's.

    Args:
        model: any model that `mlplab.fit` trains with one Keras optimizer.
        data: a data set, whose inputs are scaled; or inputs (n, …) with targets, or nests of them, which go in
            unchanged.
        settings: `batch_size`, `seed`, `validation`, `epochs` and `class_weight` are used.
        rates, steps: as in `scan_settings`.
        progress: called with the rates done.

    Raises:
        ModelError, DataError: for a model that cannot be trained on these rows.
    """
    _check_rate_can_be_set(model)
    x, y, weights, preprocessing = _training_rows(model, data, settings)
    batch = Rows(preprocess=preprocessing)
    rates = checked_rates(rates, type(model.optimizer).__name__)
    count = inputs.check_rows(x=x, y=y)
    order = np.random.default_rng((settings.seed, 0x5B1)).permutation(count)
    rows = max(1, round((settings.validation or HELD_OUT) * count))
    not_finite = inputs.first_not_finite({"x": x, "y": y})
    held_out = ArraySource(
        x, y, batch=batch, batch_size=1000, subset=order[:rows][:_MOST_HELD_OUT], not_finite=not_finite
    )
    untrained = evaluate(model, held_out, verbose=0, return_dict=True)["loss"]
    start = TrainingStart.of(settings, model, count - rows, steps)
    rows_of_steps = {"subset": order[rows:][start.rows], **start.order}
    x, y, _ = held_out.arrays
    source = ArraySource(x, y, weights, batch=batch, not_finite=not_finite, **rows_of_steps)
    histories = []
    with _constant_rate(model):
        initial = state.read(model)
        for number, rate in enumerate(rates):
            state.write(model, initial)
            model.optimizer.learning_rate = float(rate)
            histories.append(_history(model, source, held_out, start.epochs))
            if progress is not None:
                progress(Progress(number + 1, len(rates)))
    return _rate_scan(rates, histories, untrained, start)


def _training_rows(model: keras.Model, data: Data | tuple[Any, Any], settings: Settings) -> tuple[Any, Any, Any, Any]:
    """Return inputs, targets and weights of the training rows, and the scaling of the inputs; None for none."""
    if isinstance(data, Data):
        data = data_for(model, data, "find_learning_rate")
        check_model(model, data)
        train = data.train
        preprocessing = preprocessing_for(model, train.inputs, np.arange(len(train)), standardize=False)
        weights = row_weights(settings.class_weight, train.labels, data.class_names)
        return train.inputs, targets_for(model, data), weights, preprocessing
    if settings.class_weight is not None:
        raise UsageError("class_weight needs a data set, whose classes are known, such as ((x, y), (x_test, y_test)).")
    return *inputs.arrays_of(data), None


@contextlib.contextmanager
def _constant_rate(model: keras.Model) -> Iterator[None]:
    """Give a model an optimizer of the same kind with a constant rate; then restore its optimizer and its state."""
    before, optimizer = state.read(model), model.optimizer
    try:
        model.optimizer = keras_internals.with_constant_rate(optimizer)
        model.optimizer.build(model.trainable_variables)
        yield
    finally:
        model.optimizer = optimizer
        state.write(model, before)


def _check_rate_can_be_set(model: Any) -> None:
    """Raise `ModelError` for a model whose learning rate cannot be varied."""
    checks.check_compiled(model, "find_learning_rate")
    wraps_another = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if wraps_another or not isinstance(model.optimizer, keras.optimizers.Optimizer):
        raise ModelError(
            f"The learning rate of {type(model.optimizer).__name__} cannot be varied: compile the model with an "
            "optimizer of keras.optimizers."
        )


def schedule_of(model: keras.Model) -> str:
    """Return "cosine" for a compiled model whose learning rate follows any schedule, else "none"."""
    return "cosine" if keras_internals.has_schedule(model.optimizer) else "none"


def _history(model: keras.Model, source: ArraySource, held_out: ArraySource, epochs: int) -> dict[str, list[float]]:
    """Train, and return the history: empty for a model that diverged."""
    try:
        return fit(model, source, epochs=epochs, verbose=0, validation_data=held_out, validation_freq=epochs).history
    except TrainingError:
        return {}


def _rate_scan(
    rates: np.ndarray, histories: list[dict[str, list[float]]], untrained: float, start: TrainingStart
) -> RateScan:
    def last(name: str) -> np.ndarray:
        values = [history[name][-1] if history.get(name) else math.nan for history in histories]
        return np.where(np.isfinite(values), values, math.nan)

    val_loss = last("val_loss")
    loss = np.where(np.isnan(val_loss), math.nan, last("loss"))
    return RateScan(rates, loss, val_loss, float(untrained), start.steps, start.training_steps)

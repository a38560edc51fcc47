"""A network trained for a few steps at each of many learning rates; what that says: rate_suggestion.py.

The range test of Smith (2017), "Cyclical learning rates for training neural networks", section 3.3, lets one network
run through rising rates, so that each rate is judged on weights that the ones before it made. Here each rate has a
network of its own, and all of them begin with the same weights and see the same rows in the same order.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Member, Rows, checks, evaluate, fit, fit_members, inputs, keras, state
from mlplab.errors import ModelError, TrainingError, require, require_whole
from mlplab.experiments.cross_validation import Progress
from mlplab.experiments.rate_suggestion import RateScan
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import built

_Schedule = keras.optimizers.schedules.LearningRateSchedule

RATES = 10.0 ** np.linspace(-5, 0, 26)
"""Tried by default: five a decade."""
RATES_OF_SGD = 10.0 ** np.linspace(-4, 1, 26)
"""Likewise for plain gradient descent, whose steps are not scaled by the size of the gradient."""

_SECONDS = 0.25
"""Of one core, about, for one rate."""
_STEP_SECONDS, _FLOPS = 4e-5, 1e11
"""What a step costs in any case, and operations a second beyond that: figures of one core, to choose a number of steps
that is the same on every machine."""
_LEAST_STEPS, _MOST_STEPS = 200, 2000
_HELD_OUT, _MOST_HELD_OUT = 0.1, 5000


def scan_settings(
    settings: Settings,
    data: Data,
    *,
    rates: Sequence[float] | np.ndarray | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
) -> RateScan:
    """Train the network that the settings tell of at each rate, all as one population.

    Args:
        settings: `learning_rate` and `schedule` are put aside; each rate is kept for all steps. Where there is no
            validation split, a tenth of the rows is held out all the same.
        data: the test set is not looked at.
        rates: above 0; by default `RATES`, or `RATES_OF_SGD`.
        steps: by default as many as take some seconds, see `steps_for`.
        progress: see `Progress`.

    Raises:
        UsageError: for rates or steps that are none.
    """
    rates = checked_rates(rates, settings.optimizer)
    settings = dataclasses.replace(settings, validation=settings.validation or _HELD_OUT, schedule="none")
    split = splits.split(data.train, settings)
    batch = Rows(preprocess=splits.fit_preprocessing(data.train.inputs, split["train"], settings.standardize))
    models = [
        built(dataclasses.replace(settings, learning_rate=float(rate)), data, len(split["train"])) for rate in rates
    ]
    trained_on = _Beginning(settings, models[0], len(split["train"]), steps)
    arrays = ArraySource(data.train.inputs, data.train.labels).arrays
    held_out = ArraySource(*arrays, batch=batch, batch_size=1000, subset=split["validation"][:_MOST_HELD_OUT])
    source = ArraySource(*arrays, batch=batch, subset=split["train"][trained_on.rows], **trained_on.order)
    members = [
        Member(model, source, held_out, epochs=trained_on.epochs, validation_freq=trained_on.epochs) for model in models
    ]
    untrained = evaluate(models[0], held_out, verbose=0, return_dict=True)["loss"]
    total = len(members) * trained_on.steps
    fit_members(members, progress=None if progress is None else lambda done, _: progress(done, total))
    return _scan(rates, [member.model.history.history for member in members], untrained, trained_on.steps)


def scan_model(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    settings: Settings,
    batch: Rows | None = None,
    rates: Sequence[float] | np.ndarray | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
) -> RateScan:
    """Train a compiled model from its present weights at each rate in turn, and leave it as it was.

    Its optimizer is put aside meanwhile for a new one of its kind, with a constant rate.

    Args:
        model: any that `mlplab.fit` trains, with one optimizer of Keras's kind.
        x, y: rows (n, …) and targets, or nests of them.
        settings: `batch_size`, `seed` and `validation` count.
        batch: how rows go into the model; None: as they are.
        rates, steps, progress: as in `scan_settings`.

    Raises:
        ModelError, DataError: for what cannot be trained.
    """
    check(model)
    batch = batch or Rows()
    rates = checked_rates(rates, type(model.optimizer).__name__)
    count = inputs.check_rows(x=x, y=y)
    order = np.random.default_rng((settings.seed, 0x5B1)).permutation(count)
    rows = max(1, round((settings.validation or _HELD_OUT) * count))
    arrays = ArraySource(x, y).arrays
    held_out = ArraySource(*arrays, batch=batch, batch_size=1000, subset=order[:rows][:_MOST_HELD_OUT])
    untrained = evaluate(model, held_out, verbose=0, return_dict=True)["loss"]
    trained_on = _Beginning(settings, model, count - rows, steps)
    source = ArraySource(*arrays, batch=batch, subset=order[rows:][trained_on.rows], **trained_on.order)
    before, optimizer = state.read(model), model.optimizer
    try:
        model.optimizer = _with_constant_rate(optimizer)
        model.optimizer.build(model.trainable_variables)
        begun = state.read(model)
        histories = []
        for number, rate in enumerate(rates):
            state.write(model, begun)
            model.optimizer.learning_rate = float(rate)
            histories.append(_fitted(model, source, held_out, trained_on.epochs))
            if progress is not None:
                progress(number + 1, len(rates))
    finally:
        model.optimizer = optimizer
        state.write(model, before)
    return _scan(rates, histories, untrained, trained_on.steps)


def check(model: Any) -> None:
    """Raises `ModelError` for a model whose learning rate cannot be varied."""
    checks.check_compiled(model, "find_learning_rate")
    wraps_another = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if wraps_another or not isinstance(model.optimizer, keras.optimizers.Optimizer):
        raise ModelError(
            f"The learning rate of {type(model.optimizer).__name__} cannot be varied: compile the model with an "
            "optimizer of keras.optimizers."
        )


def schedule_of(model: keras.Model) -> str:
    """ "cosine" for a compiled model whose learning rate follows a schedule, of whatever kind; else "none"."""
    return "cosine" if isinstance(model.optimizer._learning_rate, _Schedule) else "none"


def steps_for(parameters: int, batch_size: int) -> int:
    """Steps that take a core about a quarter of a second, from 200 to 2,000; the same on every machine."""
    seconds = _STEP_SECONDS + 6 * parameters * batch_size / _FLOPS
    return int(np.clip(round(_SECONDS / seconds, -2), _LEAST_STEPS, _MOST_STEPS))


def checked_rates(rates: Any, optimizer: str) -> np.ndarray:
    """Rates to try, float64 (n,), rising. Raises `UsageError` for what is no rate, or for fewer than 3."""
    if rates is None:
        return RATES_OF_SGD if optimizer.lower() == "sgd" else RATES
    found = np.unique(np.asarray(rates, np.float64))
    valid = found.ndim == 1 and len(found) >= 3 and bool(np.isfinite(found).all() and found[0] > 0)
    require(valid, "rates", rates, "at least 3 different numbers above 0, as in [0.001, 0.01, 0.1]")
    return found


class _Beginning:
    """The beginning of a training: so many steps of it.

    Attributes:
        rows: which of the training rows take part, in any order: those of one short epoch, or all.
        epochs: over these rows.
        steps: in all epochs.
        order: how an `ArraySource` goes through them.
    """

    def __init__(self, settings: Settings, model: keras.Model, rows: int, steps: int | None):
        if steps is not None:
            require_whole("steps", steps, 1)
        size = min(settings.batch_size, rows)
        epoch = -(-rows // size)
        wanted = steps or min(steps_for(model.count_params(), size), settings.epochs * epoch)
        shuffled = np.random.default_rng((settings.seed, 0x17A7E)).permutation(rows)
        self.rows = np.sort(shuffled[: wanted * size])
        self.epochs = max(1, round(wanted / epoch))
        self.steps = self.epochs * -(-len(self.rows) // size)
        self.order: dict[str, Any] = {"batch_size": size, "shuffle": True, "seed": settings.seed}


def _fitted(model: keras.Model, source: ArraySource, held_out: ArraySource, epochs: int) -> dict[str, list[float]]:
    """The history; empty for a model that diverged."""
    try:
        return fit(model, source, epochs=epochs, verbose=0, validation_data=held_out, validation_freq=epochs).history
    except TrainingError:
        return {}


def _with_constant_rate(optimizer: Any) -> keras.optimizers.Optimizer:
    made = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.001})
    excluded = {name: held for name, held in vars(optimizer).items() if name.startswith("_exclude_from_weight_decay")}
    vars(made).update(excluded)  # no configuration tells
    return made


def _scan(rates: np.ndarray, histories: list[dict[str, list[float]]], untrained: float, steps: int) -> RateScan:
    def last(name: str) -> np.ndarray:
        values = [history[name][-1] if history.get(name) else math.nan for history in histories]
        return np.where(np.isfinite(values), values, math.nan)

    val_loss = last("val_loss")
    return RateScan(rates, np.where(np.isnan(val_loss), math.nan, last("loss")), val_loss, float(untrained), steps)

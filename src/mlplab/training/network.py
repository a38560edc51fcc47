"""The model of a run: built from settings, or given by the user; and the targets that its loss takes."""

import itertools
import math
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import Data
from mlplab.engine import backend, checks, keras, keras_internals
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import ModelError, UsageError, unknown_name
from mlplab.memory import memory_bytes
from mlplab.models import constant_then_linear, mlp
from mlplab.runs import Settings, architecture
from mlplab.runs.probabilities import takes_logits
from mlplab.runs.settings_arguments import as_text
from mlplab.training.ladders import ladder_of

_SIGMOIDS = ("sigmoid", "hard_sigmoid", "sparse_sigmoid")
"""Activations whose output is a probability."""
_OF_CLASS_NUMBERS = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalGeneralizedCrossEntropy,
    keras.losses.Circle,
)
"""Keras losses whose targets are integer labels, (n,). All other losses take targets of the shape of the outputs."""


@deferred_interrupt()
def build_network(settings: Settings, data: Data, rows: int) -> keras.Model:
    """Build and compile the network of some settings, to be trained on this number of rows an epoch."""
    known = {name.lower(): name for name, kind in vars(keras.optimizers).items() if _is_optimizer(kind)}
    if settings.optimizer.lower() not in known:
        raise UsageError(unknown_name("optimizer", settings.optimizer, known))
    names = [name for name, value in vars(keras.activations).items() if name[0].islower() and callable(value)]
    names = sorted({*names} - {"get", "serialize", "deserialize"})
    if settings.activation not in names:
        raise UsageError(unknown_name("activation", settings.activation, names))
    assert settings.hidden is not None
    require_memory(settings, data)
    model = ladder_of(settings, data, rows) if settings.ladder != "none" else _mlp_of(settings, data)
    rate = _rate_of_steps(settings, rows)
    options = {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}
    if settings.ema:
        options |= {"use_ema": True, "ema_momentum": settings.ema}
    optimizer = getattr(keras.optimizers, known[settings.optimizer.lower()])(rate, **options)
    if settings.decay_kernels_only:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer=optimizer,
        loss=_loss(settings),
        metrics=["accuracy"],
    )
    return model


def _mlp_of(settings: Settings, data: Data) -> keras.Model:
    assert settings.hidden is not None
    if settings.pixel_encoding:
        _require_pixels(data)
    return mlp(
        data.train.inputs.shape[1:],
        len(data.class_names),
        settings.hidden,
        activation=settings.activation,
        dropout=settings.dropout,
        pixel_encoding=settings.pixel_encoding,
        input_dropout=settings.input_dropout,
        noise=settings.noise,
        hidden_noise=settings.hidden_noise,
        batch_norm=settings.batch_norm,
        seed=settings.seed,
    )


def _require_pixels(data: Data) -> None:
    """Raise `UsageError` for inputs that `pixel_encoding` does not know: those that are not pixels from 0 to 1."""
    inputs = data.train.inputs
    if not data.train.has_images:
        found = f"the rows of {data.name} are {inputs.shape[1]:,} numbers"
    elif inputs.dtype == np.uint8:
        return
    else:
        low, high = mapped.value_range(inputs)
        if low >= 0 and high <= 1:
            return
        found = f"those of {data.name} go from {low:g} to {high:g}"
    raise UsageError(
        f"pixel_encoding takes images with pixels of 8 bits, or from 0 to 1, and {found}: leave it out, or give images "
        "in that range.",
        arguments=("pixel_encoding",),
    )


def _rate_of_steps(settings: Settings, rows: int) -> Any:
    """Return a number, or Keras's schedule over all steps of a training on this number of rows an epoch."""
    rate, is_constant = settings.learning_rate, settings.schedule == "none"
    if is_constant and not settings.warmup:
        return rate
    batch_size = min(settings.batch_size, rows)
    of_epoch = -(-rows // batch_size) if settings.ladder == "none" else rows // batch_size  # as the source has them
    if settings.schedule == "linear-end":
        return constant_then_linear(rate, settings.epochs, of_epoch)
    steps = settings.epochs * of_epoch
    if not settings.warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    rising = max(1, round(settings.warmup * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - rising),
        alpha=1.0 if is_constant else 0.0,  # part of the rate that is left at the end: of 1, it stays as it is
        warmup_target=rate,
        warmup_steps=rising,
    )


def _loss(settings: Settings) -> Any:
    """Return cross-entropy; of one-hot targets where they are not those of one class alone."""
    if not settings.label_smoothing and not settings.mixup:
        return "sparse_categorical_crossentropy"
    return keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)


def require_memory(settings: Settings, data: Data, networks: int = 1) -> None:
    """Raise `UsageError` for networks that this machine cannot hold, before it tries.

    Training holds weights, gradients and the bytes of a checkpoint, in float32, whatever the optimizer is; and about a
    megabyte of Keras's objects for each network.
    """
    available = memory_bytes()
    if settings.hidden is None or available is None:
        return
    parameters = dense_parameters(settings, math.prod(data.train.inputs.shape[1:]), len(data.class_names))
    needed = (3 * 4 * parameters + 10**6) * networks
    if needed > available:
        several = f" for each of {networks:,} networks" if networks > 1 else ""
        raise UsageError(
            f"hidden={as_text(settings.hidden)} makes {parameters:,} parameters{several}. Training takes at least "
            f"{needed // 10**9:,} GB, and this machine has {available // 10**9:,} GB. Give fewer units"
            f"{', or train fewer networks at once' if networks > 1 else ''}.",
            arguments=("hidden",),
        )


def dense_parameters(settings: Settings, inputs: int, classes: int) -> int:
    """Return how many weights and biases the dense layers have, for rows of this many numbers."""
    units = [inputs * (settings.pixel_encoding or 1), *map(int, settings.hidden or ()), classes]
    return sum((before + 1) * after for before, after in itertools.pairwise(units))


def _is_optimizer(kind: Any) -> bool:
    wrappers = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
    is_optimizer = isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
    return is_optimizer and kind.__name__ not in wrappers


def check_model(model: keras.Model, data: Data) -> None:
    """Raises `ModelError` for a user's model, as `data_for` built it, that does not fit the data."""
    shape = data.train.inputs.shape[1:]
    taken = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    fits = len(taken) == 1 and len(taken[0]) == len(shape)
    if not fits or any(side not in (None, given) for side, given in zip(taken[0], shape, strict=True)):
        raise ModelError(
            f"The model takes inputs of shape {' and '.join(map(str, taken))}, and {data.name} has {shape}."
        )
    check_outputs(model, data)


def data_for(model: keras.Model, data: Data, function: str = "train") -> Data:
    """Build a user's model for the data, and return the data with classes for its outputs, see `Data.with_outputs`.

    Raises:
        ModelError: for a model with code of the user's own, which a run cannot keep, or that cannot take the data.
    """
    checks.check_compiled(model, function)
    architecture.describe(model)
    if not model.built:
        with checks.raising_model_error(data.train.inputs):
            model.build((None, *data.train.inputs.shape[1:]))
    outputs = model.output_shape[-1] if isinstance(model.output_shape, tuple) else None
    return data.with_outputs(outputs) if isinstance(outputs, int) else data


def check_outputs(model: keras.Model, data: Data) -> None:
    """Raises `ModelError` for a built model that has neither an output for each class nor one for the second of two.

    A single output is a probability, or a logit where the loss takes logits.
    """
    names, shape = data.class_names, model.output_shape[1:]
    if shape == (len(names),):
        return
    if len(names) != 2 or shape != (1,):
        raise ModelError(
            f"The model's output has shape {shape}, and {data.name} has {len(names)} classes: one output for each is "
            "needed" + (", or a single sigmoid output." if len(names) == 2 else ".")
        )
    last, logits = keras_internals.output_activation(model), takes_logits(model)
    if (last in _SIGMOIDS) == logits:
        raise ModelError(
            f"The model's single output must be the probability of {names[1]!r}, or its logit. It ends in {last}, and "
            f"its loss takes {'logits' if logits else 'probabilities'}: end it in Dense(1, 'sigmoid') with "
            "loss='binary_crossentropy', or in Dense(1) with loss=keras.losses.BinaryCrossentropy(from_logits=True)."
        )


def takes_class_numbers(model: keras.Model) -> bool:
    """Return whether the targets of the model's loss are class numbers (n,): else they are one-hot (n, classes).

    They are class numbers for a loss of class numbers, and for a single output.
    """
    (given,) = keras.tree.flatten(model.loss)
    loss = keras.losses.get(given)
    functions = (keras.losses.sparse_categorical_crossentropy, keras.losses.circle)
    of_class_numbers = isinstance(loss, _OF_CLASS_NUMBERS) or loss in functions
    return of_class_numbers or (model.built and model.output_shape[1:] == (1,))


def targets_for(model: keras.Model, data: Data) -> np.ndarray:
    """Return the training targets that the model's loss takes: class numbers (n,), or one-hot float32 (n, classes)."""
    if takes_class_numbers(model):
        return data.train.labels
    one_hot = np.zeros((len(data.train), len(data.class_names)), np.float32)
    one_hot[np.arange(len(one_hot)), data.train.labels] = 1
    return one_hot


@deferred_interrupt()
def rebuild(description: dict[str, Any], seed: int, frozen: architecture.FrozenWeights) -> keras.Model:
    """Build another model that `runs.architecture.describe` described, with the weights, dropout and noise of a seed.

    Seeds of its layers and initializers are dropped: with them, every model would have the same initial weights. What
    its layers adapted to data stays, and so do the `frozen` weights, of layers that are not trained.
    """
    with backend.isolated_random_state():
        keras.utils.set_random_seed(seed)
        model = architecture.build(_without_seeds(description))
    architecture.set_frozen_weights(model, frozen)
    return model


def _without_seeds(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_seeds(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {name: None if name == "seed" else _without_seeds(inner) for name, inner in part.items()}

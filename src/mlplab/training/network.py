"""The model of a run: built from settings, or a user's own, if a run can train and keep it."""

from typing import Any

from mlplab.datasets import Data
from mlplab.engine import backend, keras
from mlplab.errors import ModelError, UsageError, unknown_name
from mlplab.models import mlp
from mlplab.runs import Settings, architecture


def built(settings: Settings, data: Data, rows: int) -> keras.Model:
    """The network that the settings tell of, compiled."""
    known = {name.lower(): name for name, kind in vars(keras.optimizers).items() if _is_optimizer(kind)}
    if settings.optimizer.lower() not in known:
        raise UsageError(unknown_name("optimizer", settings.optimizer, known))
    if not hasattr(keras.activations, settings.activation):
        names = [name for name in vars(keras.activations) if name[0].islower() and name not in ("get", "serialize")]
        raise UsageError(unknown_name("activation", settings.activation, names))
    assert settings.hidden is not None
    model = mlp(
        data.train.inputs.shape[1:],
        len(data.class_names),
        settings.hidden,
        activation=settings.activation,
        dropout=settings.dropout,
        batch_norm=settings.batch_norm,
        seed=settings.seed,
    )
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        steps = -(-rows // min(settings.batch_size, rows))
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * steps)
    decay = {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}
    model.compile(
        optimizer=getattr(keras.optimizers, known[settings.optimizer.lower()])(rate, **decay),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _is_optimizer(kind: Any) -> bool:
    own = isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
    wrappers = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
    return own and kind.__name__ not in wrappers


def checked(model: keras.Model, data: Data) -> keras.Model:
    """A user's own model, if a run can train and keep it."""
    if not isinstance(model, keras.Model) or not model.compiled:
        raise ModelError("model must be a compiled keras.Model: model.compile(loss=…, optimizer=…, metrics=[…]).")
    shape = data.train.inputs.shape[1:]
    if model.built and model.input_shape[1:] != shape:
        raise ModelError(f"The model takes inputs of shape {model.input_shape[1:]}, and {data.name} has {shape}.")
    if model.built and model.output_shape[1:] != (len(data.class_names),):
        raise ModelError(
            f"The model's output has shape {model.output_shape[1:]}, and {data.name} has {len(data.class_names)} "
            "classes: one output for each is needed."
        )
    architecture.describe(model)
    return model


def is_one_hot(loss: Any) -> bool:
    return loss == "categorical_crossentropy" or isinstance(loss, keras.losses.CategoricalCrossentropy)


def anew(described: dict[str, Any], seed: int) -> keras.Model:
    """Another model of an architecture, as a session that begins with a seed would make it.

    Seeds that layers and initializers were given in the architecture are drawn anew too: with them, all would begin
    with the same weights.

    Args:
        described: as `runs.architecture.describe` gives it.
        seed: of initial weights, dropout and noise.
    """
    with backend.isolated_random_state():
        keras.utils.set_random_seed(seed)
        return keras.saving.deserialize_keras_object(_seedless(described), safe_mode=True)


def _seedless(part: Any) -> Any:
    if isinstance(part, list):
        return [_seedless(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {name: None if name == "seed" else _seedless(inner) for name, inner in part.items()}

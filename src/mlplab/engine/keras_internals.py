"""What mlplab uses of Keras 3.15 beyond its public interface. No other file uses private names of Keras."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np
from keras.src import backend as keras_backend
from keras.src.backend.common import global_state
from keras.src.backend.common.stateless_scope import get_stateless_scope
from keras.src.backend.jax.trainer import JAXEpochIterator
from keras.src.trainers import data_adapters
from keras.src.utils.io_utils import print_msg as print_msg
from keras.src.utils.python_utils import pythonify_logs as pythonify_logs
from keras.src.utils.rng_utils import get_random_seed as get_random_seed


def session_state() -> dict[str, Any]:
    """Return the dictionary that holds Keras's global state: its random seeds and the numbers in layers' names."""
    return vars(global_state.GLOBAL_STATE_TRACKER)


def build(model: keras.Model, batch: Any) -> None:
    """Create the variables of model, metrics and optimizer that do not exist yet.

    `batch` is the `(x, y, sample_weight)` of one batch: arrays, or shapes with dtypes.
    """
    model._symbolic_build(data_batch=batch)


def is_built(model: keras.Model) -> bool:
    """Return whether the model and all layers in it have their weights."""
    return all(layer.built for layer in layers(model))


def is_wholly_built(model: keras.Model) -> bool:
    """Return whether model, metrics and loss have all their variables, so that no batch is needed to build them."""
    compiled = (model._compile_metrics, model._compile_loss)
    return is_built(model) and all(part is None or part.built for part in compiled)


def is_stream(x: Any) -> bool:
    """Return whether Keras reads batches from x: an iterator, a `PyDataset`, or a data set of another library."""
    kinds = (data_adapters.is_tf_dataset, data_adapters.is_torch_dataloader, data_adapters.is_grain_dataset)
    is_of_keras = isinstance(x, keras.utils.PyDataset | data_adapters.data_adapter.DataAdapter)
    return is_of_keras or hasattr(x, "__next__") or any(is_kind(x) for is_kind in kinds)


class EpochIterator(JAXEpochIterator):
    """Keras's reading of data, epoch by epoch: its adapters, numbers of steps, warnings, and hooks of data sets.

    Yields NumPy arrays, or arrays of JAX where the data are such.
    """

    def _get_iterator(self) -> Any:
        return self.data_adapter.get_jax_iterator()  # Keras's own puts each batch on an accelerator by itself

    def reset(self) -> None:
        """Begin anew. Batches that workers of a `PyDataset` had read ahead are dropped; Keras would give them first."""
        super().reset()
        if self.data_adapter.num_batches is not None and (enqueuer := self._enqueuer()) is not None:
            enqueuer.ready_queue.queue.clear()

    def stop_workers(self) -> None:
        """End the workers of a `PyDataset` whose epoch was left early."""
        if (enqueuer := self._enqueuer()) is not None:
            enqueuer.stop()

    def _enqueuer(self) -> Any:
        return getattr(self.data_adapter, "enqueuer", None)


class _OfferedState:
    """The state that Keras assigns to the variables of a model when a callback reads the model; made then."""

    def __init__(self, values: Callable[[], dict[str, Any]]):
        self.values = functools.cache(values)

    def get(self, name: str, default: Any = None) -> Any:
        return self.values().get(name.removesuffix("_variables"), default)


def offer_state(model: keras.Model, values: Callable[[], dict[str, Any]]) -> None:
    """Let callbacks that read their `model` see the values that a function returns, which is called then.

    They are lists of arrays by the names of the fields of `State`.
    """
    model._jax_state, model._jax_state_synced = _OfferedState(values), False


def was_read(model: keras.Model) -> bool:
    """Return whether a callback has read its `model` since `offer_state`, and so may have changed it."""
    return model._jax_state_synced


def take_state(model: keras.Model, variables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Take the values out of the variables, which hold nothing until the next ones are read, as in Keras."""
    values = {name: [variable.value for variable in listed] for name, listed in variables.items()}
    model._purge_model_variables(**{f"{name}_variables": True for name in variables})
    model._jax_state, model._jax_state_synced = None, False
    return values


def withdraw_state(model: keras.Model) -> None:
    """End what `offer_state` began."""
    model._jax_state, model._jax_state_synced = None, True


def restored_epoch(model: keras.Model) -> int | None:
    """Return the epoch at which `BackupAndRestore` lets a training begin, or None."""
    return model._initial_epoch


def traces_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Return whether TensorBoard profiles some batches."""
    return callback._should_trace


def output_shapes(model: keras.Model, x: Any) -> Any:
    """Return shapes and dtypes of the model's outputs for a batch of x. Builds a model that was never called."""
    return keras_backend.compute_output_spec(model, _symbolic(x), training=False)


def output_activation(model: keras.Model) -> str:
    """Return the name of the function that makes the first output of a built model: "sigmoid", "linear", …"""
    operation: Any = model
    while getattr(operation, "outputs", None):  # a model, whose last layer may be one too
        operation = operation.outputs[0]._keras_history.operation
    function = getattr(operation, "activation", None)
    return str(getattr(function, "__name__", type(operation).__name__)).lower()


def check_loss(model: keras.Model, batch: Any, y_pred: Any) -> None:
    """Let Keras compute the loss for the shapes of a batch, so that it raises its own error if they do not fit."""
    if model._compile_loss is None:
        return
    x, y, sample_weight = map(_symbolic, batch)
    keras_backend.compute_output_spec(model._compute_loss, x, y, y_pred, sample_weight=sample_weight, training=False)


def loss(model: keras.Model, batch: Any) -> float:
    """Return the loss of a batch `(x, y, sample_weight)`, as in evaluation. The model is only read."""

    def computed(x: Any, y: Any, sample_weight: Any) -> Any:
        with keras.StatelessScope():
            return model._compute_loss(x, y, model(x, training=False), sample_weight, training=False)

    return float(np.asarray(jax.jit(computed)(*batch)))


def masks_outputs(model: keras.Model, x: Any) -> bool:
    """Return whether the outputs for a batch of x have a mask, with which Keras leaves time steps out of the loss."""
    masks: list[Any] = []

    def called(x: Any) -> None:
        with keras.StatelessScope():
            masks.extend(map(keras_backend.get_keras_mask, keras.tree.flatten(model(x, training=False))))

    jax.eval_shape(called, x)
    return any(mask is not None for mask in masks)


def _symbolic(tree: Any) -> Any:
    return jax.tree.map(lambda s: keras.KerasTensor(s.shape, keras_backend.standardize_dtype(s.dtype)), tree)


def layers(model: keras.Model) -> list[keras.Layer]:
    """Return the model and all layers in it, nested ones included."""
    return list(model._flatten_layers())


def functional(operation: Any) -> Any:
    """Return the functional model inside a Sequential model, or a functional model itself; None for all else."""
    graph = getattr(operation, "_functional", None) or operation
    return graph if hasattr(graph, "_nodes_by_depth") else None


def nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a functional model, which are the calls of its layers, each after its parents."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from graph._nodes_by_depth[depth]


def takes_constants(node: Any) -> bool:
    """Return whether the call of a layer has arrays or numbers among its arguments, besides symbolic tensors."""
    arguments = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    others = (each for each in arguments if not isinstance(each, (keras.KerasTensor, bool, type(None))))
    return any(hasattr(each, "shape") or isinstance(each, (int, float)) for each in others)


def without_nested_models(graph: Any) -> keras.Model:
    """Return a functional model with the layers of the models that it has as layers.

    Layers of different models may have the same name in it.
    """
    expanded: dict[int, Any] = {}

    def expand(operation: Any) -> Any:
        nested = functional(operation)
        if nested is None:
            expanded[id(operation)] = operation
            return operation
        return lambda inputs, **_: nested._run_through_graph(inputs, operation_fn=expand)

    inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in graph.inputs]
    outputs = keras.tree.flatten(graph._run_through_graph(inputs, operation_fn=expand))
    names = {place: operation.name for place, operation in expanded.items()}
    try:
        for place, operation in expanded.items():  # Keras refuses a model in which a name occurs twice
            operation.name = f"{operation.name}/{place}"
        return keras.Model(inputs, outputs)
    finally:
        for place, operation in expanded.items():
            operation.name = names[place]


def losses(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return `(loss, weight)` for each output, as Keras resolved what `compile` was given."""
    compiled = getattr(model, "_compile_loss", None)
    return [(entry.loss, entry.loss_weights) for entry in getattr(compiled, "_flat_losses", None) or []]


def loss_arguments(loss: Any) -> dict[str, Any]:
    """Return the keyword arguments with which a Keras loss calls its function."""
    return getattr(loss, "_fn_kwargs", {})


def metrics(model: keras.Model) -> dict[str, list[Any]]:
    """Return plain and weighted metrics for each output, as Keras resolved what `compile` was given."""
    return {
        name: [group.metrics for group in getattr(model._compile_metrics, name, None) or [] if group]
        for name in ("_flat_metrics", "_flat_weighted_metrics")
    }


def own_metrics(model: keras.Model) -> list[keras.Metric]:
    """Return the metrics that the model and its layers hold themselves, beside those of `compile`."""
    loss = model._compile_loss
    compiled = [model._loss_tracker, model._compile_metrics, *(loss.metrics if loss else ())]
    return [metric for metric in model.metrics if all(metric is not other for other in compiled)]


def assigned_in_call(model: keras.Model, x: Any, variables: list[Any], training: bool) -> list[Any]:
    """Return those of the variables to which a call of the model assigns values, for the shapes of a batch of x."""
    assigned = []

    def call(x: Any) -> Any:
        outputs = model(x, training=training)
        scope: Any = get_stateless_scope()
        assigned.extend(v for v in variables if scope.get_current_value(v) is not None)
        return outputs

    keras_backend.compute_output_spec(call, _symbolic(x))
    return assigned


def compile_config(model: keras.Model) -> Any:
    """Return the record of the last `compile`, another object after each call; None before the first."""
    return getattr(model, "_compile_config", None)


def update_metrics(model: keras.Model, metrics: Any, loss: Any, batch: tuple, y_pred: Any) -> tuple[Any, Any]:
    """Return the logs of a step, and the metric variables after it. `batch`: `(x, y, sample_weight)`."""
    x, y, sample_weight = batch
    return model._update_metrics_variables(metrics, loss, x, y, y_pred, sample_weight)


def in_metric_order(model: keras.Model, logs: dict[str, Any]) -> Any:
    """Return the values of `logs` as Keras's `evaluate` lists them: a list, or a single value."""
    return model._flatten_metrics_in_order(logs)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    """Return a variable, a schedule or a function: what the optimizer takes its learning rate from."""
    return optimizer._learning_rate


def has_schedule(optimizer: Any) -> bool:
    return isinstance(learning_rate(optimizer), keras.optimizers.schedules.LearningRateSchedule)


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the weights that the optimizer was built for."""
    return optimizer._trainable_variables


def excludes_from_weight_decay(optimizer: Any) -> bool:
    return getattr(optimizer, "_exclude_from_weight_decay", None) is not None


def decayed(optimizer: Any) -> list[bool]:
    """Return whether weight decay applies to each weight that the optimizer trains."""
    return [optimizer._use_weight_decay(variable) for variable in trained_variables(optimizer)]


def names_without_decay(optimizer: Any) -> list[str]:
    """Return the `var_names` given to `exclude_from_weight_decay`, sorted: weights with such a name do not decay."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    return [] if pattern is None else sorted(pattern.pattern.split("|"))


def leave_out_of_decay(optimizer: Any, names: list[str]) -> None:
    """Do what `exclude_from_weight_decay(var_names=names)` does, which refuses an optimizer that is built."""
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.exclude_from_weight_decay(var_names=names)
    _copy_exclusions(fresh, optimizer)


def _copy_exclusions(source: keras.optimizers.Optimizer, target: keras.optimizers.Optimizer) -> None:
    # They are not in the configuration.
    exclusions = {n: value for n, value in vars(source).items() if n.startswith("_exclude_from_weight_decay")}
    target.__dict__.update(exclusions)


def with_constant_rate(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return a fresh optimizer with the same settings, whose learning rate is a number instead of a schedule."""
    fresh: keras.optimizers.Optimizer = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.001})
    _copy_exclusions(optimizer, fresh)
    return fresh


def steps_taken(model: keras.Model) -> int:
    """Return how many batches the optimizer has seen. The number is saved with it and decides the next shuffle."""
    if model.optimizer is None:
        return 0
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # LossScaleOptimizer holds another one
    # The public `iterations` does not count every batch where gradients accumulate.
    return int(np.asarray(optimizer._iterations))

"""Requirements: each function returns a sentence about what is right, or raises `WrongAnswer`.

They look at the model and its outputs, never at the learner's code. A model may have any layers, losses as names or
objects, and its training may come from `mlplab.fit` or `keras.Model.fit`.
"""

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlplab.course.checks import layers as layers_
from mlplab.course.checks import watching, wording
from mlplab.course.checks.compilation import learning_rate_of, loss_of, optimizer_of, single, skips_steps, steps
from mlplab.course.checks.data import images_of
from mlplab.course.checks.findings import Measured, WrongAnswer
from mlplab.course.checks.measuring import CONFUSED, FAR_BELOW, accuracy
from mlplab.course.checks.measuring import probabilities as probabilities
from mlplab.errors import ModelError


@contextlib.contextmanager
def of(name: str) -> Iterator[None]:
    """Put the model's name in front of a mistake, for exercises with several models."""
    try:
        yield
    except (WrongAnswer, ModelError) as wrong:
        text = str(wrong)
        raise WrongAnswer(text if text.startswith(f"`{name}`") else f"`{name}`: {text}") from wrong


def model(model: Any, dataset: str, name: str = "model", branches: bool = False) -> str:
    """Require a Keras model for images of the data set; `branches` allows layers that branch or repeat."""
    from mlplab.engine import keras

    if not isinstance(model, keras.Model):
        raise WrongAnswer(wording.no_model(model, name))
    layers_.layers_of(model, branches)  # raises for a model that is not built, or branches
    data = images_of(dataset)
    image, classes = data.shape, data.classes
    takes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if takes != [image]:
        raise WrongAnswer(
            f"Your model takes inputs of shape {wording.shapes(takes)}; an image is {image}: keras.Input({image})."
        )
    gives = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    if gives != [(classes,)]:
        flat = " Is there a Flatten layer before the first Dense layer?" if len(gives[0]) > 1 else ""
        raise WrongAnswer(f"Your model gives {wording.numbers(gives)} for an image; there are {classes} classes.{flat}")
    return f"It takes an image, {image}, and gives a number for each of the {classes} classes"


def separate(**models: Any) -> str:
    """Require two models, given by their names, without common weights."""
    (name, first), (other, second) = models.items()
    if first is second:
        raise WrongAnswer(f"`{other}` is `{name}` itself, under another name. Build a second network with new layers.")
    if {id(weight) for weight in first.weights} & {id(weight) for weight in second.weights}:
        raise WrongAnswer(f"`{name}` and `{other}` share a layer: training one changes the other. Make new layers.")
    return "They are two networks with different weights"


def layers(model: Any, expected: Sequence[layers_.Layer]) -> str:
    """Require these layers, in this order; see `layers.Layer`."""
    layers_.compare(expected, layers_.layers_of(model))
    return f"The layers are those of the task: {layers_.described(expected)}"


def parameters(model: Any, number: int) -> str:
    """Require a number of trainable parameters."""
    got = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    if got != number:
        raise WrongAnswer(f"Your model has {got:,} trainable parameters; the task's has {number:,}.{_why_fewer(model)}")
    return f"It has {number:,} parameters"


def parameters_with(dataset: str, *hidden: int) -> int:
    """Return the number of parameters of dense layers on a data set, with the output layer."""
    sizes = [math.prod(images_of(dataset).shape), *hidden, images_of(dataset).classes]
    return sum((before + 1) * after for before, after in itertools.pairwise(sizes))


def compiled(
    model: Any,
    *,
    loss: str | None = "categorical_crossentropy",
    optimizer: str | None = "adam",
    learning_rate: float | None = None,
) -> str:
    """Require a loss, an optimizer and a learning rate; `None` allows any.

    A trained model may have either cross-entropy, for one-hot labels or for class numbers.
    """
    if not getattr(model, "compiled", False):
        raise WrongAnswer("Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing.")
    got = loss_of(model)
    if getattr(single(model.loss), "from_logits", False):
        raise WrongAnswer(
            "Softmax is applied twice: in the output layer, and by from_logits=True in the loss. Keep one."
        )
    if loss is not None and got != loss and not (got == f"sparse_{loss}" and steps(model)):
        numbers = " It needs class numbers; the labels here are one-hot, (n, 10)." if got.startswith("sparse_") else ""
        raise WrongAnswer(
            f"Your loss is {got}; the task asks for {loss}.{numbers}"
            if got
            else f"Your model is compiled without a loss; the task asks for {loss}."
        )
    name = optimizer_of(model)
    if optimizer is not None and name != optimizer:
        raise WrongAnswer(f"Your optimizer is {name or 'missing'}; the task asks for {optimizer}.")
    rate = learning_rate_of(model) if learning_rate is not None else None
    if rate is not None and not math.isclose(rate, learning_rate or 0, rel_tol=1e-4):
        raise WrongAnswer(f"Your learning rate is {rate:g}; the task asks for {learning_rate:g}.")
    return f"It is compiled with {got or 'no loss'} and {name or 'no optimizer'}"


def trained(model: Any, *, epochs: int | None = None, rows: int | None = None, batch_size: int | None = None) -> str:
    """Require a training of this length, `rows` being the number of images; `None` allows any."""
    taken = steps(model)
    last = getattr(model, "history", None)
    if not taken:
        raise WrongAnswer(wording.untrained(compiled_again=last is not None))
    expected = math.ceil(rows / batch_size) if rows and batch_size else None
    an_epoch = last.params.get("steps") if last is not None and last.params else expected
    if rows and batch_size and an_epoch and an_epoch != expected:
        raise WrongAnswer(wording.other_steps(an_epoch, rows, batch_size))
    if epochs and an_epoch and skips_steps(model) and 0 < epochs * an_epoch - taken < an_epoch / 2:
        taken = epochs * an_epoch
    if epochs and an_epoch and taken != epochs * an_epoch:
        again = last is not None and taken != an_epoch * len(last.epoch)
        raise WrongAnswer(wording.other_epochs(taken / an_epoch, epochs, again))
    return f"It was trained for {wording.epochs(taken / an_epoch)}" if an_epoch else f"It was trained, {taken:,} steps"


def training_rows(dataset: str) -> int:
    """Return the number of training images of a data set."""
    return len(images_of(dataset).data.train.labels)


def usual_accuracy(model: Any, dataset: str, name: str = "test accuracy") -> Measured:
    """Measure the test accuracy, which must lie in the usual range."""
    value = accuracy(model, dataset, "test")
    not_far_below(value, dataset, name)
    return Measured(name, value)


def not_far_below(accuracy: float, dataset: str, name: str) -> None:
    """Raise `WrongAnswer` for an accuracy that every trained network exceeds; the usual range need not be known."""
    if accuracy < FAR_BELOW and dataset in CONFUSED:
        raise WrongAnswer(f"Your {name} is {accuracy:.3f}. {wording.far_below(images_of(dataset).largest)}")


def history(history: Any, *, epochs: int | None = None, name: str = "history") -> str:
    """Require the History of a training with validation, of at least this number of epochs."""
    logged = getattr(history, "history", None)
    if not isinstance(logged, dict):
        raise WrongAnswer(
            f"`{name}` is {wording.kind(history)}; the task asks for what fit returns: {name} = mlplab.fit(…)."
        )
    if "val_loss" not in logged:
        raise WrongAnswer("Your training has no validation: give fit validation_data=(…, …).")
    done = len(watching.curve(history, "val_loss"))
    if epochs is not None and done < epochs:
        raise WrongAnswer(f"Your `{name}` has {wording.epochs(done)}; the task asks for {epochs}.")
    return f"It was validated for {wording.epochs(done)}"


def validated_apart(model: Any, history: Any, dataset: str) -> str:
    """Require that the test loss of the final (or restored best) weights is not in the logs."""
    loss = watching.loss_on(model, dataset, "test")
    if watching.is_among(loss, watching.losses_of_final_weights(history.history)):
        raise WrongAnswer(f"{wording.TEST_SET} Hold out some training images.")
    return "The test set was not used for choices"


def number(value: Any, name: str) -> float:
    """Return a number of Python, NumPy or JAX (also an array of no dimensions) as a float."""
    if isinstance(value, bool | np.bool | complex | np.complexfloating) or not (
        isinstance(value, int | float | np.number) or getattr(value, "ndim", None) == 0
    ):
        raise WrongAnswer(f"`{name}` is {wording.kind(value)}; the task asks for a number.")
    try:
        plain = float(value)
    except (TypeError, ValueError, OverflowError):
        raise WrongAnswer(f"`{name}` is {wording.kind(value)}; the task asks for a number.") from None
    if not math.isfinite(plain):
        raise WrongAnswer(f"`{name}` is {plain:g}; the task asks for a finite number.")
    return plain


def settings(model: Any, taken: str = "") -> str:
    """Describe the layers, optimizer, length of training (`taken`, or what the model knows) and size of a model."""
    last = getattr(model, "history", None)
    an_epoch = last.params.get("steps") if last is not None and last.params else None
    taken = taken or (f"{steps(model) / an_epoch:g} epochs" if an_epoch else f"{steps(model):,} steps")
    shown = [layer for layer in layers_.layers_of(model, branches=True) if layer.kind != "Flatten"]
    return f"{layers_.described(shown)}; {_optimizer(model)}; {taken}; {model.count_params():,} parameters"


def _optimizer(model: Any) -> str:
    rate = model.optimizer.get_config().get("learning_rate")
    return f"{optimizer_of(model)}{', a schedule' if isinstance(rate, dict) else f' {learning_rate_of(model):g}'}"


def _why_fewer(model: Any) -> str:
    """Return a likely reason for a wrong number of parameters."""
    if any(getattr(layer, "use_bias", True) is False for layer in model.layers):
        return " Does every layer have its bias?"
    if model.non_trainable_variables and any(not layer.trainable for layer in model.layers):
        return " Is one of its layers frozen, trainable=False?"
    return ""

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

from mlplab.course.checks import compilation, watching, wording
from mlplab.course.checks import layers as layers_
from mlplab.course.checks.data import data_of, largest_pixel
from mlplab.course.checks.findings import Measured, WrongAnswer
from mlplab.course.checks.measuring import CONFUSED, FAR_BELOW, accuracy
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
    data = data_of(dataset)
    image, classes = data.train.inputs.shape[1:], len(data.class_names)
    takes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if takes != [image]:
        raise WrongAnswer(
            f"Your model takes inputs of shape {' and '.join(map(str, takes))}; an image is {image}: "
            f"keras.Input({image})."
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
    data = data_of(dataset)
    sizes = [math.prod(data.train.inputs.shape[1:]), *hidden, len(data.class_names)]
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
    got, name = compilation.loss_of(model), compilation.optimizer_of(model)
    if getattr(compilation.only_loss(model.loss), "from_logits", False):
        raise WrongAnswer(
            "Softmax is applied twice: in the output layer, and by from_logits=True in the loss. Keep one."
        )
    if loss is not None and got != loss and not (got == f"sparse_{loss}" and compilation.steps(model)):
        numbers = " It needs class numbers; the labels here are one-hot, (n, 10)." if got.startswith("sparse_") else ""
        raise WrongAnswer(f"Your loss is {got or 'missing'}; the task asks for {loss}.{numbers}")
    if optimizer is not None and name != optimizer:
        raise WrongAnswer(f"Your optimizer is {name or 'missing'}; the task asks for {optimizer}.")
    rate = compilation.learning_rate_of(model)
    if learning_rate is not None and not math.isclose(rate, learning_rate, rel_tol=1e-4):
        raise WrongAnswer(f"Your learning rate is {rate:g}; the task asks for {learning_rate:g}.")
    return f"It is compiled with {got or 'no loss'} and {name or 'no optimizer'}"


def trained(
    model: Any,
    *,
    epochs: int | None = None,
    rows: int | None = None,
    batch_size: int | None = None,
    advice: str = "",
) -> str:
    """Require a training of this length, `rows` being the number of images; `None` allows any.

    `advice` ends the message about a wrong number of steps in an epoch.
    """
    taken, last = compilation.steps(model), getattr(model, "history", None)
    if not taken:
        raise WrongAnswer(wording.UNTRAINED if last is None else wording.COMPILED_AGAIN)
    an_epoch, images = compilation.steps_per_epoch(model), ""
    if rows and batch_size:
        expected, images = math.ceil(rows / batch_size), f" of {rows:,} images in batches of {batch_size}"
        an_epoch = an_epoch or expected
        if an_epoch != expected:
            raise WrongAnswer(wording.other_steps(an_epoch, rows, batch_size) + advice)
    if not an_epoch:
        return f"It was trained, {taken:,} steps"
    scales_loss = hasattr(model.optimizer, "inner_optimizer")  # in half precision: the optimizer skips some steps
    if epochs and scales_loss and 0 < epochs * an_epoch - taken < an_epoch / 2:
        taken = epochs * an_epoch
    done = wording.epochs(taken / an_epoch)
    if epochs and taken != epochs * an_epoch:
        again = last is not None and taken > max(epochs, len(last.epoch)) * an_epoch
        fit = " Running fit again continues the training: build the model again first." if again else ""
        raise WrongAnswer(f"Your model was trained for {done}; the task asks for {epochs}.{fit}")
    return f"It was trained for {done}{images}"


def training_rows(dataset: str) -> int:
    """Return the number of training images of a data set."""
    return len(data_of(dataset).train)


def usual_accuracy(model: Any, dataset: str, name: str = "test accuracy") -> Measured:
    """Measure the test accuracy, which must lie in the usual range."""
    value = accuracy(model, dataset, "test")
    not_far_below(value, dataset, name)
    return Measured(name, value)


def not_far_below(accuracy: float, dataset: str, name: str) -> None:
    """Raise `WrongAnswer` for an accuracy that every trained network exceeds; the usual range need not be known."""
    if accuracy < FAR_BELOW and dataset in CONFUSED:
        raise WrongAnswer(
            f"Your {name} is {accuracy:.3f}. An accuracy so low has two usual reasons: the pixels were not divided by "
            f"{largest_pixel(dataset):g} before training, or images and labels are in different orders."
        )


def history(history: Any, *, epochs: int | None = None, name: str = "history") -> str:
    """Require the History of a training of this number of epochs (`None`: any), with validation after each."""
    logged = getattr(history, "history", None)
    if not isinstance(logged, dict):
        raise WrongAnswer(
            f"`{name}` is {wording.kind(history)}; the task asks for what fit returns: {name} = mlplab.fit(…)."
        )
    if "val_loss" not in logged:
        raise WrongAnswer("Your training has no validation: give fit validation_data=(…, …).")
    lengths = sorted({np.size(values) for values in logged.values()})
    if epochs is not None and lengths != [epochs]:
        raise WrongAnswer(
            f"`{name}` has curves of length {' and '.join(map(str, lengths))}; the task asks for {epochs} epochs, with "
            "validation after each."
        )
    return f"It was validated for {wording.epochs(len(watching.curve(history, 'val_loss')))}"


def validated_apart(model: Any, history: Any, dataset: str) -> str:
    """Require that the test loss of the final (or restored best) weights is not in the logs."""
    loss = watching.loss_on(model, dataset, "test")
    if watching.is_logged(loss, watching.losses_of_final_weights(history.history)):
        raise WrongAnswer(f"{wording.TEST_SET} Hold out some training images.")
    return "The test set was not used for choices"


def number(value: Any, name: str) -> float:
    """Return a number of Python, NumPy or JAX (also an array of no dimensions) as a float."""
    plain = np.asarray(value).item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise WrongAnswer(f"`{name}` is {wording.kind(value)}; the task asks for a number.")
    if not abs(plain) < 1e300:
        raise WrongAnswer(f"`{name}` is {str(plain)[:20]}; the task asks for a finite number.")
    return float(plain)


def settings(model: Any, taken: str = "") -> str:
    """Describe the layers, optimizer, length of training (`taken`, or what the model knows) and size of a model."""
    an_epoch, number = compilation.steps_per_epoch(model), compilation.steps(model)
    taken = taken or (f"{number / an_epoch:g} epochs" if an_epoch else f"{number:,} steps")
    schedule = isinstance(model.optimizer.get_config().get("learning_rate"), dict)
    rate = ", a schedule" if schedule else f" {compilation.learning_rate_of(model):g}"
    shown = [layer for layer in layers_.layers_of(model, branches=True) if layer.kind != "Flatten"]
    optimizer = f"{compilation.optimizer_of(model)}{rate}"
    return f"{layers_.described(shown)}; {optimizer}; {taken}; {model.count_params():,} parameters"


def _why_fewer(model: Any) -> str:
    """Return a likely reason for a wrong number of parameters."""
    if any(getattr(layer, "use_bias", True) is False for layer in model.layers):
        return " Does every layer have its bias?"
    if model.non_trainable_variables and any(not layer.trainable for layer in model.layers):
        return " Is one of its layers frozen, trainable=False?"
    return ""

"""What checks are made of: each function returns a sentence that holds, or raises `Wrong` with what does not.

They look at the model and at what it does, not at the text it was made by. Models are taken as they come: by whatever
layers, losses as names or objects, trained by `mlplab.fit` or by `keras.Model.fit`.
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
from mlplab.course.checks.findings import Measured, Wrong
from mlplab.course.checks.measuring import FAR_BELOW, accuracy
from mlplab.course.checks.measuring import probabilities as probabilities
from mlplab.errors import ModelError


@contextlib.contextmanager
def of(name: str) -> Iterator[None]:
    """What is found wrong within is wrong with this one of several models: its name comes first."""
    try:
        yield
    except (Wrong, ModelError) as wrong:
        text = str(wrong)
        raise Wrong(text if text.startswith(f"`{name}`") else f"`{name}`: {text}") from wrong


def model(model: Any, dataset: str, name: str = "model", branches: bool = False) -> str:
    """It is a Keras model for the images of the data set, and gives a probability for each class.

    Args:
        name: what the learner calls it.
        branches: whether its layers may do other than follow one another.
    """
    from mlplab.engine import keras

    if not isinstance(model, keras.Model):
        raise Wrong(wording.no_model(model, name))
    layers_.layers_of(model, branches)  # built, and as a rule a single line
    data = images_of(dataset)
    image, classes = data.shape, data.classes
    takes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if takes != [image]:
        raise Wrong(
            f"Your model takes inputs of shape {wording.shapes(takes)}; an image is {image}: keras.Input({image})."
        )
    gives = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    if gives != [(classes,)]:
        flat = " Is there a Flatten layer before the first Dense layer?" if len(gives[0]) > 1 else ""
        raise Wrong(f"Your model gives {wording.numbers(gives)} for an image; there are {classes} classes.{flat}")
    return f"It takes an image, {image}, and gives a number for each of the {classes} classes"


def layers(model: Any, asked: Sequence[layers_.Layer]) -> str:
    """Its layers, in this order; see `layers.Layer`."""
    layers_.compare(asked, layers_.layers_of(model))
    return f"The layers are as asked: {layers_.described(asked)}"


def parameters(model: Any, number: int) -> str:
    """So many weights that are trained."""
    got = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    if got != number:
        raise Wrong(
            f"Your model has {got:,} parameters that are trained; the task's has {number:,}.{_why_fewer(model)}"
        )
    return f"It has {number:,} parameters"


def parameters_with(dataset: str, *hidden: int) -> int:
    """How many parameters a network of dense layers has on the images of a data set, its output layer included."""
    sizes = [math.prod(images_of(dataset).shape), *hidden, images_of(dataset).classes]
    return sum((before + 1) * after for before, after in itertools.pairwise(sizes))


def compiled(
    model: Any,
    *,
    loss: str | None = "categorical_crossentropy",
    optimizer: str | None = "adam",
    learning_rate: float | None = None,
) -> str:
    """Compiled with this loss, optimizer and learning rate.

    `None` leaves one open. Of the two cross-entropies, for one-hot labels and for class numbers, a trained model may
    have either.
    """
    if not getattr(model, "compiled", False):
        raise Wrong("Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing.")
    got = loss_of(model)
    if getattr(single(model.loss), "from_logits", False):
        raise Wrong(
            "Your loss has from_logits=True, and the output layer has softmax: it is taken twice. Keep one of them."
        )
    if loss is not None and got != loss and not (got == f"sparse_{loss}" and steps(model)):
        numbers = " It wants class numbers; the labels here are one-hot, (n, 10)." if got.startswith("sparse_") else ""
        raise Wrong(
            f"Your loss is {got}; the task asks for {loss}.{numbers}"
            if got
            else f"Your model is compiled without a loss; the task asks for {loss}."
        )
    name = optimizer_of(model)
    if optimizer is not None and name != optimizer:
        raise Wrong(f"Your optimizer is {name or 'missing'}; the task asks for {optimizer}.")
    rate = learning_rate_of(model) if learning_rate is not None else None
    if rate is not None and not math.isclose(rate, learning_rate or 0, rel_tol=1e-4):
        raise Wrong(f"Your learning rate is {rate:g}; the task asks for {learning_rate:g}.")
    return f"It is compiled with {got or 'no loss'} and {name or 'no optimizer'}"


def trained(model: Any, *, epochs: int | None = None, rows: int | None = None, batch_size: int | None = None) -> str:
    """Trained, and so many epochs of so many images in batches of that size; `None` leaves one open.

    Args:
        rows: images; `training_rows` has the number of all of a data set.
    """
    taken = steps(model)
    last = getattr(model, "history", None)
    if not taken:
        raise Wrong(wording.untrained(compiled_again=last is not None))
    asked = math.ceil(rows / batch_size) if rows and batch_size else None
    an_epoch = last.params.get("steps") if last is not None and last.params else asked
    if rows and batch_size and an_epoch and an_epoch != asked:
        raise Wrong(wording.other_steps(an_epoch, rows, batch_size))
    if epochs and an_epoch and skips_steps(model) and 0 < epochs * an_epoch - taken < an_epoch / 2:
        taken = epochs * an_epoch
    if epochs and an_epoch and taken != epochs * an_epoch:
        again = last is not None and taken != an_epoch * len(last.epoch)
        raise Wrong(wording.other_epochs(taken / an_epoch, epochs, again))
    return f"It was trained for {wording.epochs(taken / an_epoch)}" if an_epoch else f"It was trained, {taken:,} steps"


def training_rows(dataset: str) -> int:
    """How many training images a data set has."""
    return len(images_of(dataset).data.train.labels)


def usual_accuracy(model: Any, dataset: str, name: str = "test accuracy") -> Measured:
    """Its accuracy on the test images, to lie in the usual range."""
    value = accuracy(model, dataset, "test")
    if value >= FAR_BELOW:
        return Measured(name, value)
    return Measured(name, value, below=wording.far_below(images_of(dataset).largest))


def history(history: Any, *, epochs: int | None = None, name: str = "history") -> str:
    """It is the History of a training with a validation set, for at least so many epochs."""
    logged = getattr(history, "history", None)
    if not isinstance(logged, dict):
        raise Wrong(f"`{name}` is {wording.kind(history)}; the task asks for what fit returns: {name} = mlplab.fit(…).")
    if "val_loss" not in logged:
        raise Wrong("Your training has no validation: give fit validation_data=(…, …).")
    done = len(watching.curve(history, "val_loss"))
    if epochs is not None and done < epochs:
        raise Wrong(f"Your `{name}` has {wording.epochs(done)}; the task asks for {epochs}.")
    return f"It was watched on validation images for {wording.epochs(done)}"


def validated_apart(model: Any, history: Any, dataset: str) -> str:
    """Its validation rows were not the test set: the loss that was logged for the final weights is not the test loss.

    The final weights are those of the last epoch, or of the best where early stopping restored them.
    """
    loss = watching.loss_on(model, dataset, "test")
    if watching.is_among(loss, watching.of_final_weights(history.history)):
        raise Wrong(
            "Your validation loss is the loss on the test images. Who chooses with the test set has no test any more: "
            "hold out some training images."
        )
    return "The test set was not used for choices"


def number(value: Any, name: str) -> float:
    """A plain number, from whatever kind of number it is: Python's, NumPy's, JAX's, or an array of none but it."""
    if isinstance(value, bool | np.bool | complex | np.complexfloating) or not (
        isinstance(value, int | float | np.number) or getattr(value, "ndim", None) == 0
    ):
        raise Wrong(f"`{name}` is {wording.kind(value)}; the task asks for a number.")
    try:
        plain = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Wrong(f"`{name}` is {wording.kind(value)}; the task asks for a number.") from None
    if not math.isfinite(plain):
        raise Wrong(f"`{name}` is {plain:g}; the task asks for a number that is finite.")
    return plain


def settings(model: Any, taken: str = "") -> str:
    """A trained model in a few words: its layers, optimizer, training and size.

    Args:
        taken: what to say of its training, "10 epochs"; by default what the model knows of it.
    """
    last = getattr(model, "history", None)
    an_epoch = last.params.get("steps") if last is not None and last.params else None
    taken = taken or (f"{steps(model) / an_epoch:g} epochs" if an_epoch else f"{steps(model):,} steps")
    shown = [layer for layer in layers_.layers_of(model, branches=True) if layer.kind != "Flatten"]
    return f"{layers_.described(shown)}; {_optimizer(model)}; {taken}; {model.count_params():,} parameters"


def _optimizer(model: Any) -> str:
    rate = model.optimizer.get_config().get("learning_rate")
    return f"{optimizer_of(model)}{', a schedule' if isinstance(rate, dict) else f' {learning_rate_of(model):g}'}"


def _why_fewer(model: Any) -> str:
    """What may be the reason for another number of parameters."""
    if any(getattr(layer, "use_bias", True) is False for layer in model.layers):
        return " Does every layer have its bias?"
    if model.non_trainable_variables and any(not layer.trainable for layer in model.layers):
        return " Is one of its layers frozen, trainable=False?"
    return ""

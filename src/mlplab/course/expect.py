"""What checks are made of: each function returns a sentence that holds, or raises `Wrong` with what does not.

They look at the model and at what it does, not at the text it was made by. Models are taken as they come: by whatever
layers, losses as names or objects, trained by `mlplab.fit` or by `keras.Model.fit`.
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.course import layers as layers_
from mlplab.course.data import images_of
from mlplab.course.findings import Measured, Wrong

_PREDICT_ROWS = 1000


def model(model: Any, dataset: str, name: str = "model") -> str:
    """It is a Keras model for the images of the data set, and gives a probability for each class.

    Args:
        name: what the learner calls it.
    """
    from mlplab.engine import keras

    if not isinstance(model, keras.Model):
        raise Wrong(_no_model(model, name))
    layers_.layers_of(model)  # built, and a single line
    data = images_of(dataset)
    image, classes = data.shape, data.classes
    takes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if takes != [image]:
        raise Wrong(f"Your model takes inputs of shape {_shapes(takes)}; an image is {image}: keras.Input({image}).")
    gives = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    if gives != [(classes,)]:
        flat = " Is there a Flatten layer before the first Dense layer?" if len(gives[0]) > 1 else ""
        raise Wrong(f"Your model gives {_shapes(gives)} numbers for an image; there are {classes} classes.{flat}")
    return f"It takes an image, {image}, and gives a number for each of the {classes} classes"


def layers(model: Any, asked: Sequence[layers_.Layer]) -> str:
    """Its layers, in this order; see `layers.Layer`."""
    layers_.compare(asked, layers_.layers_of(model))
    return f"The layers are as asked: {layers_.described(asked)}"


def parameters(model: Any, number: int) -> str:
    """So many weights that are trained."""
    got = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    if got != number:
        unused = " Does every layer have its bias?" if any(_without_bias(layer) for layer in model.layers) else ""
        raise Wrong(f"Your model has {got:,} parameters; the task's has {number:,}.{unused}")
    return f"It has {number:,} parameters"


def compiled(
    model: Any,
    *,
    loss: str | None = "categorical_crossentropy",
    optimizer: str | None = "adam",
    learning_rate: float | None = None,
) -> str:
    """Compiled with this loss, optimizer and learning rate, and with accuracy among the metrics.

    `None` leaves one open. Of the two cross-entropies, for one-hot labels and for class numbers, a trained model may
    have either.
    """
    if not getattr(model, "compiled", False):
        raise Wrong("Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing.")
    got = loss_of(model)
    if getattr(model.loss, "from_logits", False):
        raise Wrong(
            "Your loss has from_logits=True, and the output layer has softmax: it is taken twice. Keep one of them."
        )
    if loss is not None and got != loss and not (got == f"sparse_{loss}" and steps(model)):
        numbers = " It wants class numbers; the labels here are one-hot, (n, 10)." if got.startswith("sparse_") else ""
        raise Wrong(f"Your loss is {got}; the task asks for {loss}.{numbers}")
    name = type(model.optimizer).__name__.lower()
    if optimizer is not None and name != optimizer:
        raise Wrong(f"Your optimizer is {name}; the task asks for {optimizer}.")
    rate = learning_rate_of(model)
    if learning_rate is not None and not math.isclose(rate, learning_rate, rel_tol=1e-4):
        raise Wrong(f"Your learning rate is {rate:g}; the task asks for {learning_rate:g}.")
    return f"It is compiled with {got} and {name}"


def trained(model: Any, *, epochs: int | None = None, rows: int | None = None, batch_size: int | None = None) -> str:
    """Trained, and so many epochs of so many images in batches of that size; `None` leaves one open."""
    taken = steps(model)
    if not taken:
        raise Wrong("Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing.")
    last = getattr(model, "history", None)
    an_epoch = last.params.get("steps") if last is not None and last.params else None
    if rows and batch_size and an_epoch and an_epoch != (asked := math.ceil(rows / batch_size)):
        raise Wrong(_other_steps(an_epoch, asked, rows, batch_size))
    if epochs and an_epoch and taken != epochs * an_epoch:
        begun = (
            " Running fit again goes on where it left off: build the model anew first."
            if taken > an_epoch * epochs
            else ""
        )
        raise Wrong(f"Your model was trained for {taken / an_epoch:g} epochs; the task asks for {epochs}.{begun}")
    return f"It was trained for {taken / an_epoch:g} epochs" if an_epoch else f"It was trained, {taken:,} steps"


def usual_accuracy(model: Any, dataset: str, name: str = "test accuracy") -> Measured:
    """Its accuracy on the test images, to lie in the usual range."""
    return Measured(name, accuracy(model, dataset, "test"))


def accuracy(model: Any, dataset: str, part: str, rows: slice = slice(None)) -> float:
    """The share of images of a part ("train" or "test") that a model gets right, scaled to 0…1.

    Raises:
        Wrong: if its outputs are no probabilities, it says the same of every image, or it wants other pixel values.
    """
    images, labels = images_of(dataset).part(part, rows)
    outputs = probabilities(model, images)
    guesses = outputs.argmax(1)
    right = float((guesses == labels).mean())
    if right < 0.7:
        largest = images_of(dataset).largest
        raw = float((probabilities(model, images * largest, checked=False).argmax(1) == labels).mean())
        if raw > right + 0.05:
            raise Wrong(
                f"Your model was trained on pixel values of 0…{largest:g}: it gets {raw:.3f} of such images right, and "
                f"{right:.3f} of those with values of 0…1. Divide the images by {largest:g} before training."
            )
    if len(set(guesses.tolist())) == 1:
        raise Wrong(
            "Your model says the same class of every image: it has learnt nothing. Is the learning rate too large?"
        )
    return right


def probabilities(model: Any, images: np.ndarray, checked: bool = True) -> np.ndarray:
    """What the model gives for images, (n, classes).

    Raises:
        Wrong: if `checked`, and they are not numbers, or do not add up to 1.
    """
    from mlplab.engine import predict

    outputs = np.asarray(predict(model, images, batch_size=_PREDICT_ROWS, verbose=0))
    if checked and not np.isfinite(outputs).all():
        raise Wrong(
            "Your model gives NaN: its weights have left all bounds in training. Is the learning rate too large?"
        )
    if checked and not np.allclose(outputs.sum(1), 1, atol=1e-3):
        raise Wrong(
            f"Your model's outputs are no probabilities: they add up to {outputs[0].sum():.3g} for the first image, "
            "not to 1. Which activation does the output layer need?"
        )
    return outputs


def history(history: Any, *, epochs: int | None = None, name: str = "history") -> str:
    """It is the History of a training with a validation set, for at least so many epochs."""
    logged = getattr(history, "history", None)
    if not isinstance(logged, dict):
        raise Wrong(f"`{name}` is {_kind(history)}; the task asks for what fit returns: {name} = mlplab.fit(…).")
    if "val_loss" not in logged:
        raise Wrong("Your training has no validation: give fit validation_data=(…, …).")
    done = len(logged["val_loss"])
    if epochs is not None and done < epochs:
        raise Wrong(f"Your training has {done} epochs; the task asks for {epochs}.")
    return f"It was watched on validation images for {done} epochs"


def validated_apart(model: Any, history: Any, dataset: str) -> str:
    """Its validation rows were not the test set: no epoch's validation loss is the test loss of the final weights.

    The final weights are those of the last epoch, or of the best where early stopping restored them.
    """
    from mlplab.engine import evaluate

    images, labels = images_of(dataset).part("test")
    targets = (
        labels if loss_of(model).startswith("sparse_") else np.eye(images_of(dataset).classes, dtype="float32")[labels]
    )
    loss = evaluate(model, images, targets, batch_size=_PREDICT_ROWS, verbose=0, return_dict=True)["loss"]
    if any(math.isclose(loss, logged, rel_tol=1e-4) for logged in history.history["val_loss"]):
        raise Wrong(
            "Your validation loss is the loss on the test images. Who chooses with the test set has no test any more: "
            "hold out some training images."
        )
    return "The test set was not used for choices"


def number(value: Any, name: str) -> float:
    """A plain number, from whatever kind of number it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise Wrong(f"`{name}` is {_kind(value)}; the task asks for a number.")
    return float(value)


def settings(model: Any, taken: str = "") -> str:
    """A trained model in a few words: its layers, optimizer, training and size.

    Args:
        taken: what to say of its training, "10 epochs"; by default what the model knows of it.
    """
    last = getattr(model, "history", None)
    an_epoch = last.params.get("steps") if last is not None and last.params else None
    taken = taken or (f"{steps(model) / an_epoch:g} epochs" if an_epoch else f"{steps(model):,} steps")
    shown = [layer for layer in layers_.layers_of(model) if layer.kind != "Flatten"]
    return f"{layers_.described(shown)}; {_optimizer(model)}; {taken}; {model.count_params():,} parameters"


def _optimizer(model: Any) -> str:
    name = type(model.optimizer).__name__.lower()
    rate = model.optimizer.get_config().get("learning_rate")
    return f"{name}, a schedule" if isinstance(rate, dict) else f"{name} {learning_rate_of(model):g}"


def loss_of(model: Any) -> str:
    """The name of a compiled model's loss, as `compile` takes it."""
    from mlplab.engine import keras

    loss = keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def learning_rate_of(model: Any) -> float:
    """The learning rate, of a schedule that of the last step."""
    return float(np.asarray(model.optimizer.learning_rate))


def steps(model: Any) -> int:
    """Steps that the optimizer has taken."""
    optimizer = getattr(model, "optimizer", None)
    return 0 if optimizer is None else int(np.asarray(optimizer.iterations))


def _no_model(value: Any, name: str) -> str:
    if value is None:
        return f"`{name}` is None: no model has been made yet. Build one, and give it that name."
    if isinstance(getattr(value, "history", None), dict):
        return f"`{name}` is the History that fit returns; the task asks for the model that was trained."
    return f"`{name}` is {_kind(value)}; the task asks for a Keras model."


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__} itself, not one of its objects"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _other_steps(got: int, asked: int, rows: int, batch_size: int) -> str:
    likely = next(
        (size for size in (1, 8, 16, 32, 64, 100, 128, 256, 512, 1000) if math.ceil(rows / size) == got), None
    )
    if likely:
        return f"Your batches have {likely} images; the task asks for {batch_size}."
    return (
        f"One of your epochs has {got:,} steps; {rows:,} images in batches of {batch_size} make {asked:,}. "
        "Was it trained on all images that the task names?"
    )


def _without_bias(layer: Any) -> bool:
    return getattr(layer, "use_bias", True) is False


def _shapes(shapes: list[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "nothing"

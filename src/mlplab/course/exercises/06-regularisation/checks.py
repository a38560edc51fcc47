"""Measure the gap of the task's network on the task's images. Any remedy that closes it passes."""

from typing import Any

from mlplab.course.checks import expect, watching, wording
from mlplab.course.checks.compilation import steps
from mlplab.course.checks.findings import Measured, WrongAnswer
from mlplab.course.checks.layers import called, compare, dense, flatten, layers_of
from mlplab.inspection.network import graph

DATASET = "fashion-mnist"
LAYERS = [flatten(), dense(128, "relu"), dense(128, "relu"), dense(10, "softmax")]
ROWS, BATCH_SIZE = 4_000, 100
TRAINED_ON, HELD_OUT = slice(ROWS), slice(-5_000, None)
LIMIT = 0.09
LEAKED = 0.03
"""Validation and test accuracy of a network that has seen neither differ less."""
FEW_EPOCHS, HIGH_RATE, STRONG = 4, 0.6, 0.01


def check(model, history):
    yield expect.model(model, DATASET)
    yield _network(model)
    yield expect.compiled(model, optimizer=None)
    more = " More images are the best remedy of all, but this task has no more."
    yield expect.trained(model, rows=ROWS, batch_size=BATCH_SIZE, advice=more)
    yield expect.history(history)
    yield watching.of_this_model(model, history)
    yield _one_training(model, history)
    validation = expect.accuracy(model, DATASET, "train", HELD_OUT)
    training = expect.accuracy(model, DATASET, "train", TRAINED_ON)
    yield watching.validated_on(model, history, DATASET, HELD_OUT, TRAINED_ON)
    yield _not_seen(validation, expect.accuracy(model, DATASET, "test"))
    yield watching.trained_on(history, training, "the first 4,000 training images")
    yield _gap(model, history, training, validation)
    yield Measured("validation accuracy", validation, below=_too_much(model, history), above=None)


def _network(model: Any) -> str:
    """Require the task's layers; others without weights, and normalisation, may stand before and between them."""
    found = layers_of(model)
    if found[-1].kind in graph.NOISE:
        raise WrongAnswer(
            f"Your last layer is {found[-1].kind}: it would change the probabilities. Put it before the output layer."
        )
    for call in graph.read(model).calls:
        if call.has_weights and not call.is_dense:
            raise WrongAnswer(f"Your model has a {call.kind} layer: keep the task's network, and add remedies only.")
    for place, layer in enumerate(found):
        if layer.kind == "Dropout" and layer.rate is not None and not 0 < layer.rate < 1:
            does = "nothing" if layer.rate == 0 else "everything"
            raise WrongAnswer(f"{called(found, place)} has rate {layer.rate:g}: it drops {does}.")
    compare(LAYERS, layers_of(model, kinds=("Flatten", "Dense", "Activation")))
    return "The network is the one given: Dense 128, Dense 128, Dense 10"


def _one_training(model: Any, history: Any) -> str:
    """Require all epochs of the model's training in `history`."""
    logged, taken = len(watching.curve(history, "loss")), steps(model) / (ROWS // BATCH_SIZE)
    if taken > logged:
        raise WrongAnswer(
            f"Your model was trained for {wording.epochs(taken)}, and `history` has {logged}: fit ran more than once. "
            "Build the model again, and train it with one call of fit."
        )
    return "`history` has all its epochs"


def _not_seen(validation: float, test: float) -> str:
    if validation - test > LEAKED:
        raise WrongAnswer(
            f"Your model's accuracy on the held-out images is {validation:.3f}, far more than on other new images: it "
            "was trained on some of them. Train it on the first 4,000 images only."
        )
    return "It was not trained on the held-out images"


def _gap(model: Any, history: Any, training: float, validation: float) -> str:
    gap = training - validation
    if gap < LIMIT:
        return f"The gap is {gap:.3f}: training accuracy {training:.3f}, validation accuracy {validation:.3f}"
    raise WrongAnswer(
        f"Your model's training accuracy is {training:.3f}, its validation accuracy {validation:.3f}: a gap of "
        f"{gap:.3f}. The task asks for less than {LIMIT:g}.{_too_little(model, history)}"
    )


def _too_little(model: Any, history: Any) -> str:
    """Return a likely reason for a large gap."""
    losses = watching.curve(history, "val_loss")
    best, epochs = int(losses.argmin()) + 1, len(losses)
    training, validation = watching.accuracy_curves(history)
    if _rates(model) and training[-1] - validation[-1] < LIMIT:
        return " With dropout at work, the training accuracy in `history` is too low."
    if epochs - best >= FEW_EPOCHS:
        return f" Its validation loss was lowest after epoch {best} of {epochs}."
    return " Your remedies are too weak."


def _too_much(model: Any, history: Any) -> str:
    """Return a likely reason for a low validation accuracy."""
    epochs = len(watching.curve(history, "loss"))
    if (rate := max(_rates(model), default=0)) > HIGH_RATE:
        return f"Dropout with rate {rate:g} is too strong."
    if (strength := max(_strengths(model), default=0)) >= STRONG:
        return f"A penalty of {strength:g} is too strong."
    if epochs <= FEW_EPOCHS:
        return f"The training was too short: {wording.epochs(epochs)}."
    return "The gap is small because the network has learnt little: too strong remedies, or too short a training."


def _rates(model: Any) -> list[float]:
    return [layer.rate for layer in layers_of(model) if layer.kind in graph.NOISE and layer.rate is not None]


def _strengths(model: Any) -> list[float]:
    """Return the strengths of L1 and L2 penalties on weights."""
    penalties = [getattr(layer, "kernel_regularizer", None) for layer in model.layers]
    return [float(getattr(penalty, name, 0.0)) for penalty in penalties for name in ("l1", "l2") if penalty is not None]

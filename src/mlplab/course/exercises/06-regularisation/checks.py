"""Any remedy passes that closes the gap: it is measured, with the network and the images that the task gives."""

from typing import Any

from mlplab.course.checks import expect, watching, wording
from mlplab.course.checks.findings import Measured, Wrong
from mlplab.course.checks.layers import Layer, called, layers_of
from mlplab.inspection.network import graph

DATASET = "fashion-mnist"
UNITS = (128, 128, 10)
ROWS, BATCH_SIZE = 4_000, 100
TRAINED_ON, HELD_OUT = slice(ROWS), slice(-5_000, None)
LIMIT = 0.09
LEAKED = 0.03
"""Validation and test accuracy of a network that has seen neither lie nearer to each other than that."""
FEW_EPOCHS, HIGH_RATE, STRONG = 4, 0.6, 0.01


def check(model, history):
    yield expect.model(model, DATASET)
    yield _network(model)
    yield expect.compiled(model, optimizer=None)
    yield watching.steps_an_epoch(
        model, ROWS, BATCH_SIZE, " More images are the best remedy of all, but here there are no more."
    )
    yield expect.trained(model)
    yield expect.history(history)
    yield watching.of_this_model(model, history)
    yield _in_one_go(model, history)
    validation = expect.accuracy(model, DATASET, "train", HELD_OUT)
    training = expect.accuracy(model, DATASET, "train", TRAINED_ON)
    yield watching.validated_on(model, history, DATASET, HELD_OUT, TRAINED_ON)
    yield _not_seen(validation, expect.accuracy(model, DATASET, "test"))
    yield watching.trained_on(history, training, "the first 4,000 training images")
    yield _gap(model, history, training, validation)
    yield Measured("validation accuracy", validation, below=_too_much(model, history), above=None)


def _network(model: Any) -> str:
    """The Dense layers are those given; between them, and before, may be what has no weights but a normalisation's."""
    found = layers_of(model)
    if found[-1].kind in graph.NOISE:
        raise Wrong(
            f"Your last layer is {found[-1].kind}: it would spoil the probabilities. It goes before the output layer."
        )
    if found[-1] == Layer("Activation", activation="softmax"):
        raise Wrong("Your model has softmax twice, in the output layer and after it. Take one away.")
    for call in graph.read(model).calls:
        if call.has_weights and not call.is_dense:
            raise Wrong(f"Your model has a {call.kind} layer: the task is to keep the network, and to add remedies.")
    places = [place for place, layer in enumerate(found) if layer.kind == "Dense"]
    if len(places) != len(UNITS):
        hidden = f"{len(places) - 1 or 'no'} hidden Dense layer{'' if len(places) == 2 else 's'}"
        raise Wrong(f"Your model has {hidden}; the task has 2, and they are to stay.")
    for place, end, units in zip(places, (*places[1:], len(found)), UNITS, strict=True):
        _dense(found, place, end, units)
    for place, layer in enumerate(found):
        if layer.kind == "Dropout" and layer.rate is not None and not 0 < layer.rate < 1:
            does = "nothing" if layer.rate == 0 else "everything"
            raise Wrong(f"{called(found, place)} has rate {layer.rate:g}: it drops {does}.")
    return "The network is the one given: Dense 128, Dense 128, Dense 10"


def _dense(found: list[Layer], place: int, end: int, units: int) -> None:
    """A Dense layer, and what follows until the next: a normalisation may stand before the activation."""
    name, got = called(found, place), found[place]
    if got.units != units:
        raise Wrong(f"{name} has {got.units} units; the task has {units} there, and they are to stay.")
    asked = "softmax" if end == len(found) else "relu"
    activations = [layer.activation for layer in found[place:end] if layer.activation]
    if activations != [asked]:
        raise Wrong(
            f"{name} has {f'the activation {activations[0]}' if activations else 'no activation'}; "
            f"the task has {asked} there."
        )


def _in_one_go(model: Any, history: Any) -> str:
    """`history` tells of all epochs that the model was trained for."""
    last = getattr(model, "history", None)
    an_epoch = (last.params or {}).get("steps") if last is not None else ROWS // BATCH_SIZE
    told, taken = len(watching.curve(history, "loss")), expect.steps(model) / (an_epoch or ROWS // BATCH_SIZE)
    if taken > told:
        raise Wrong(
            f"Your model was trained for {wording.epochs(taken)}, and `history` tells of {told}: fit ran more than "
            "once. Build the model anew, and train it in one go."
        )
    return "`history` tells of all its epochs"


def _not_seen(validation: float, test: float) -> str:
    if validation - test > LEAKED:
        raise Wrong(
            f"Your model gets {validation:.3f} of the images held out right, far more than of others that it has not "
            "seen: it was trained on some of them."
        )
    return "The images held out were not trained on"


def _gap(model: Any, history: Any, training: float, validation: float) -> str:
    gap = training - validation
    if gap < LIMIT:
        return f"The gap is {gap:.3f}: {training:.3f} of its training images right, {validation:.3f} of those held out"
    raise Wrong(
        f"Your model gets {training:.3f} of its training images right and {validation:.3f} of those held out, a gap of "
        f"{gap:.3f}; the task asks for less than {LIMIT:g}.{_too_little(model, history)}"
    )


def _too_little(model: Any, history: Any) -> str:
    """Why a gap may be open still."""
    losses = watching.curve(history, "val_loss")
    best, epochs = int(losses.argmin()) + 1, len(losses)
    logged, watched = watching.accuracy_curves(history)
    if _rates(model) and logged[-1] - watched[-1] < LIMIT:
        return " While dropout is at work, the accuracy in `history` looks lower than it is."
    if epochs - best >= FEW_EPOCHS:
        return f" Its validation loss was lowest after epoch {best} of {epochs}."
    return " What you added is too weak still."


def _too_much(model: Any, history: Any) -> str:
    """Why so little may have been learnt."""
    epochs = len(watching.curve(history, "loss"))
    if (rate := max(_rates(model), default=0)) > HIGH_RATE:
        return f"Dropout with rate {rate:g} leaves too little to learn from."
    if (strength := max(_strengths(model), default=0)) >= STRONG:
        return f"A penalty of {strength:g} holds the weights down too hard."
    if epochs <= FEW_EPOCHS:
        return f"After {wording.epochs(epochs)} it has not learnt yet what it could."
    return "The gap is closed from the wrong side: the remedies are too strong, or the training was too short."


def _rates(model: Any) -> list[float]:
    return [layer.rate for layer in layers_of(model) if layer.kind in graph.NOISE and layer.rate is not None]


def _strengths(model: Any) -> list[float]:
    """Of L1 and L2 penalties on weights."""
    penalties = [getattr(layer, "kernel_regularizer", None) for layer in model.layers]
    return [float(getattr(penalty, name, 0.0)) for penalty in penalties for name in ("l1", "l2") if penalty is not None]

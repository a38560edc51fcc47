"""Compare the layers of a learner's model with those of the task, and describe the first difference."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from mlplab.course.checks import wording
from mlplab.course.checks.findings import WrongAnswer
from mlplab.errors import ModelError
from mlplab.inspection.network import graph

_FUNCTIONS = {"relu", "sigmoid", "tanh", "softmax", "elu", "selu", "gelu", "silu", "softplus"}
"""Activations that are also operations (`keras.ops.relu(x)`) or layers of that name."""

_SCALES = {"Rescaling", "Normalization", "Divide", "TrueDivide", "Multiply", "Subtract"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True)
class Layer:
    """A layer of a task or of a model. In a task, None allows anything.

    Attributes:
        kind: name of the class in Keras, "Dense".
        units, activation, rate: Keras's arguments; activation "" for none.
    """

    kind: str
    units: int | None = None
    activation: str | None = None
    rate: float | None = None


def flatten() -> Layer:
    return Layer("Flatten")


def dense(units: int | None = None, activation: str | None = None) -> Layer:
    return Layer("Dense", units, activation)


def dropout(rate: float | None = None) -> Layer:
    return Layer("Dropout", rate=rate)


def layers_of(model: Any, branches: bool = False, kinds: Collection[str] = ()) -> list[Layer]:
    """Return the layers of a model in order, without its input.

    An activation after a Dense layer becomes that layer's activation. Layers that change nothing (Identity, a linear
    Activation) are left out.

    Args:
        branches: allow layers that branch or repeat.
        kinds: leave out layers of other kinds; "Activation" is the kind of every activation. By default keep all.

    Raises:
        WrongAnswer: if the model is not built, its `call` is code, or its layers are not a single line.
    """
    layers: list[Layer] = []
    for call in _calls(model, branches):
        kind, activation = _kind(call), _activation_of(call)
        if kind == "Identity" or (kind == "Activation" and not activation) or (kinds and kind not in kinds):
            continue
        if kind == "Activation" and layers and layers[-1].kind == "Dense" and not layers[-1].activation:
            layers[-1] = replace(layers[-1], activation=activation)
            continue
        units = getattr(call.layer, "units", None) if call.is_dense else None
        layers.append(Layer(kind, units, activation, _rate(call.layer)))
    return layers


def _calls(model: Any, branches: bool) -> list[graph.Call]:
    """Return the calls of layers, each after those that it takes its inputs from."""
    try:
        calls = [call for call in graph.read(model).calls if call.kind != "InputLayer"]
    except ModelError as error:
        raise WrongAnswer(_unreadable(model)) from error
    for call in [] if branches else calls:
        if len(call.parents) > 1:
            raise WrongAnswer(
                f"In your model, branches meet at {call.name}; the task asks for a single line of layers."
            )
        if call.shared and getattr(call.layer, "weights", ()):
            raise WrongAnswer(
                f"Your model uses the layer {call.layer.name} more than once, with the same weights; the task asks for "
                "a new layer at each place."
            )
    return calls


def _unreadable(model: Any) -> str:
    """Return the sentence about a model without a graph."""
    from mlplab.engine import keras

    if isinstance(model, keras.Sequential):
        return "Your model is not built: its inputs have no shape yet. Start it with keras.Input(…), or train it."
    reason = f"{type(model).__name__}.call is code" if type(model).__name__ != "Model" else "it has none"
    return (
        f"The layers of your model cannot be read: {reason}. "
        "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs)."
    )


def compare(expected: Sequence[Layer], actual: Sequence[Layer]) -> None:
    """Raise `WrongAnswer` with the first difference, if there is one."""
    _compare_ends(expected, actual)
    want, got = [layer.kind for layer in expected], [layer.kind for layer in actual]
    if want != got:
        raise WrongAnswer(_other_kinds(want, got))
    for place, (want, got) in enumerate(zip(expected, actual, strict=True)):
        name = called(actual, place)
        if want.units is not None and got.units != want.units:
            raise WrongAnswer(f"{name} has {got.units} units; the task asks for {want.units}.")
        if want.activation is not None and got.activation != want.activation:
            raise WrongAnswer(f"{name} has {_activation(got)}; the task asks for {_activation(want)}.")
        if want.rate is not None and not math.isclose(got.rate or math.nan, want.rate, rel_tol=1e-6):
            raise WrongAnswer(f"{name} has rate {got.rate or 0:g}; the task asks for {want.rate:g}.")


def called(actual: Sequence[Layer], place: int) -> str:
    """Name a layer: "Your second Dense layer", "Your output layer"."""
    kind = actual[place].kind
    alike = [position for position, layer in enumerate(actual) if layer.kind == kind]
    if kind == "Dense" and place == alike[-1]:
        return "Your output layer"
    if len(alike) == 1:
        return f"Your {kind} layer"
    return f"Your {_ordinal(alike.index(place))} {kind} layer"


def described(layers: Sequence[Layer]) -> str:
    """Describe layers: "Flatten, Dense 50 relu, Dropout 0.2, Dense 10 softmax"."""
    parts = ([part for part in astuple(layer) if part not in (None, "")] for layer in layers)
    return ", ".join(" ".join(part if isinstance(part, str) else f"{part:g}" for part in each) for each in parts)


def _compare_ends(expected: Sequence[Layer], actual: Sequence[Layer]) -> None:
    """Describe frequent mistakes: two softmax layers, no Flatten, dropout after the output, scaling in the model."""
    if [layer.activation for layer in actual[-2:]] == ["softmax", "softmax"] and actual[-1].kind == "Activation":
        raise WrongAnswer(wording.SOFTMAX_TWICE)
    if actual and actual[-1].kind == "Dropout":
        raise WrongAnswer("Your last layer is Dropout. Put it before the output layer.")
    if actual and actual[0].kind in _SCALES and not any(layer.kind in _SCALES for layer in expected):
        raise WrongAnswer(
            f"Your model scales the pixels itself ({actual[0].kind}), but the check gives it images with values of "
            "0…1. Remove that layer, and divide the images before training."
        )
    if expected[0].kind == "Flatten" and not any(layer.kind == "Flatten" for layer in actual):
        raise WrongAnswer("A Flatten layer is missing: the Dense layers need the pixels of an image in one row.")


def _other_kinds(want: list[str], got: list[str]) -> str:
    """Describe the first difference of two lists of kinds."""
    if sorted(want) == sorted(got):
        place, kind = next((n, kind) for n, kind in enumerate(got) if kind != want[n])
        return (
            f"Your layers are in another order than the task's: layer {place + 1} is {kind}, and the task has "
            f"{want[place]} there."
        )
    hidden, asked = got.count("Dense") - 1, want.count("Dense") - 1
    if hidden < 0:
        return "Your model has no Dense layer; the task asks for at least one, the output layer."
    if hidden != asked:
        layers = "layer" if hidden == 1 else "layers"
        return f"Your model has {hidden or 'no'} hidden Dense {layers}; the task asks for {asked or 'none'}."
    parts = zip(_between(want), _between(got), strict=True)
    dense, (task, yours) = next((n, pair) for n, pair in enumerate(parts) if sorted(pair[0]) != sorted(pair[1]))
    where = f"after your {_ordinal(dense - 1)} Dense layer" if dense else "before your first Dense layer"
    missing, extra = list(Counter(task) - Counter(yours)), list(Counter(yours) - Counter(task))
    if not extra:
        return f"A {missing[0]} layer is missing {where}."
    there = f"There is {wording.with_article(extra[0])} layer {where}"
    if not missing:
        return f"{there} that the task does not ask for."
    return f"{there}; the task has {wording.with_article(missing[0])} layer there."


def _between(kinds: list[str]) -> list[list[str]]:
    """Return the kinds of layers before the first Dense layer, then those after each."""
    parts: list[list[str]] = [[]]
    for kind in kinds:
        if kind == "Dense":
            parts.append([])
        else:
            parts[-1].append(kind)
    return parts


def _ordinal(number: int) -> str:
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def _activation(layer: Layer) -> str:
    return f"the activation {layer.activation}" if layer.activation else "no activation"


def _kind(call: graph.Call) -> str:
    """Return the class of a layer; a Reshape to one row counts as Flatten, a ReLU as Activation."""
    if call.kind == "Reshape" and len(call.outputs[0].shape) == 2:
        return "Flatten"
    if call.kind in graph.ACTIVATIONS or call.kind.lower() in _FUNCTIONS:
        return "Activation"
    return "Dense" if call.is_dense else call.kind


def _activation_of(call: graph.Call) -> str:
    """Return Keras's name of a layer's activation, "" for none. It may be a function, a layer, or the layer itself.

    A ReLU with a bound, slope or threshold is not "relu".
    """
    activation = getattr(call.layer, "activation", call.layer if _kind(call) == "Activation" else None)
    activation = getattr(activation, "activation", activation)
    if activation is None:
        return ""
    name = str(getattr(activation, "__name__", type(activation).__name__))
    name = name.lower() if name.lower() in _FUNCTIONS else name
    settings = {key: getattr(activation, key, None) for key in ("max_value", "negative_slope", "threshold")}
    if name == "relu" and (other := {key: value for key, value in settings.items() if value}):
        return f"relu with {', '.join(f'{key}={float(value):g}' for key, value in other.items())}"
    return "" if name == "linear" else name


def _rate(layer: Any) -> float | None:
    rate = getattr(layer, "rate", None)
    return float(rate) if isinstance(rate, int | float | np.number) else None

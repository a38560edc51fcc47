"""The layers of a learner's model beside those that a task asks for: the first difference, in words."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlplab.course.checks.findings import Wrong
from mlplab.errors import ModelError
from mlplab.inspection.network import graph

_FUNCTIONS = {"relu", "sigmoid", "tanh", "softmax", "elu", "selu", "gelu", "silu", "softplus"}
"""Activations that Keras also has as operations (`keras.ops.relu(x)`) or layers of that name."""

_SCALES = {"Rescaling", "Normalization", "Divide", "TrueDivide", "Multiply", "Subtract"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True)
class Layer:
    """A layer, as asked for or as found. What is None may be anything.

    Attributes:
        kind: the class's name in Keras, "Dense".
        units, activation, rate: as Keras has them; activation "" for none.
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


def layers_of(model: Any, branches: bool = False) -> list[Layer]:
    """The layers of a model, in order, without its input. An activation in a layer of its own goes with the one before.

    What changes nothing (Identity, a linear Activation) is left out.

    Args:
        branches: whether layers may meet, and be gone through more than once.

    Raises:
        Wrong: if it is not built, its `call` is code, or the layers do not follow one another in a single line.
    """
    found: list[Layer] = []
    for call in _calls(model, branches):
        kind, activation = _kind(call), _activation_of(call)
        if kind == "Identity" or (kind == "Activation" and not activation):
            continue
        if kind == "Activation" and found and found[-1].kind == "Dense" and not found[-1].activation:
            found[-1] = replace(found[-1], activation=activation)
            continue
        units = getattr(call.layer, "units", None) if call.is_dense else None
        found.append(Layer(kind, units, activation, _rate(call.layer)))
    return found


def _calls(model: Any, branches: bool) -> list[graph.Call]:
    """The calls of its layers, each after those that it takes its inputs from."""
    try:
        calls = [call for call in graph.read(model).calls if call.kind != "InputLayer"]
    except ModelError as error:
        raise Wrong(_unreadable(model)) from error
    for call in [] if branches else calls:
        if len(call.parents) > 1:
            raise Wrong(
                f"In your model, {call.name} is where branches meet; the task asks for one layer after the other."
            )
        if call.shared and getattr(call.layer, "weights", ()):
            raise Wrong(
                f"Your model goes through the layer {call.layer.name} more than once, with the same weights each time; "
                "the task asks for a layer of its own at each place."
            )
    return calls


def _unreadable(model: Any) -> str:
    if hasattr(model, "_functional"):
        return (
            "Your model is not built: it does not know yet what its inputs look like. Begin it with keras.Input(…), "
            "or train it."
        )
    own = f"what {type(model).__name__}.call does is code" if type(model).__name__ != "Model" else "it has none"
    return (
        f"The layers of your model cannot be read: {own}. "
        "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs)."
    )


def compare(asked: Sequence[Layer], found: Sequence[Layer]) -> None:
    """Raise `Wrong` with the first difference, if there is one."""
    _compare_ends(asked, found)
    if [layer.kind for layer in asked] != [layer.kind for layer in found]:
        raise Wrong(_other_kinds(asked, found))
    for place, (want, got) in enumerate(zip(asked, found, strict=True)):
        name = called(found, place)
        if want.units is not None and got.units != want.units:
            raise Wrong(f"{name} has {got.units} units; the task asks for {want.units}.")
        if want.activation is not None and got.activation != want.activation:
            raise Wrong(f"{name} has {_activation(got)}; the task asks for {_activation(want)}.")
        if want.rate is not None and (got.rate is None or not math.isclose(got.rate, want.rate, rel_tol=1e-6)):
            raise Wrong(f"{name} has {_rate_words(got)}; the task asks for {want.rate:g}.")


def called(found: Sequence[Layer], place: int) -> str:
    """How a layer is spoken of: "Your second Dense layer", "Your output layer"."""
    kind = found[place].kind
    alike = [position for position, layer in enumerate(found) if layer.kind == kind]
    if kind == "Dense" and place == alike[-1]:
        return "Your output layer"
    if len(alike) == 1:
        return f"Your {kind} layer"
    return f"Your {_ordinal(alike.index(place))} {kind} layer"


def described(layers: Sequence[Layer]) -> str:
    """Layers in a few words: "Flatten, Dense 50 relu, Dropout 0.2, Dense 10 softmax"."""
    return ", ".join(
        " ".join([layer.kind, *(f"{part:g}" if isinstance(part, int | float) else part for part in _parts(layer))])
        for layer in layers
    )


def _parts(layer: Layer) -> list[Any]:
    return [part for part in (layer.units, layer.activation, layer.rate) if part not in (None, "")]


def _compare_ends(asked: Sequence[Layer], found: Sequence[Layer]) -> None:
    """What deserves words of its own: a softmax after the softmax, no Flatten in front, dropout after the output."""
    if len(found) > 1 and found[-1] == Layer("Activation", activation="softmax") and found[-2].activation == "softmax":
        raise Wrong(
            "Your model has softmax twice: the output layer has it, and a layer after it once more. Take one away."
        )
    if found and found[-1].kind == "Dropout":
        raise Wrong(
            "Your last layer is Dropout: it would throw some probabilities away. It goes before the output layer."
        )
    if found and found[0].kind in _SCALES and not any(layer.kind in _SCALES for layer in asked):
        raise Wrong(
            f"Your model scales the pixels itself ({found[0].kind}), and the check gives it images of values between 0 "
            "and 1. Take that layer out, and divide the images before training."
        )
    if asked[0].kind == "Flatten" and not any(layer.kind == "Flatten" for layer in found):
        raise Wrong("A Flatten layer is missing: the Dense layers want an image's pixels in one row.")


def _other_kinds(asked: Sequence[Layer], found: Sequence[Layer]) -> str:
    want, got = (Counter(layer.kind for layer in layers) for layers in (asked, found))
    if want == got:
        place = next(n for n, (a, f) in enumerate(zip(asked, found, strict=True)) if a.kind != f.kind)
        return (
            f"Your layers are in another order than asked: layer {place + 1} is {found[place].kind}, "
            f"and the task has {asked[place].kind} there."
        )
    if want["Dense"] != got["Dense"]:
        return _other_depth(want["Dense"], got["Dense"])
    for dense, (a, f) in enumerate(zip(_between(asked), _between(found), strict=True)):
        where = f"after your {_ordinal(dense - 1)} Dense layer" if dense else "before your first Dense layer"
        missing, extra = list((Counter(a) - Counter(f)).elements()), list((Counter(f) - Counter(a)).elements())
        if missing and extra:
            return f"There is {_a(extra[0])} layer {where}; the task has {_a(missing[0])} layer there."
        if missing:
            return f"A {missing[0]} layer is missing {where}."
        if extra:
            return f"There is {_a(extra[0])} layer {where} that the task does not ask for."
        if a != f:
            return f"The layers {where} are in another order than asked: {', '.join(a)}."
    raise AssertionError("kinds that differ differ somewhere")


def _other_depth(want: int, got: int) -> str:
    if not got:
        return "Your model has no Dense layer; the task asks for one at least, the output layer."
    layers = "layer" if got == 2 else "layers"
    return f"Your model has {got - 1 or 'no'} hidden Dense {layers}; the task asks for {want - 1 or 'none'}."


def _between(layers: Sequence[Layer]) -> list[list[str]]:
    """The kinds of layers before the first Dense layer, then those after each."""
    parts: list[list[str]] = [[]]
    for layer in layers:
        if layer.kind == "Dense":
            parts.append([])
        else:
            parts[-1].append(layer.kind)
    return parts


def _ordinal(number: int) -> str:
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def _activation(layer: Layer) -> str:
    return f"the activation {layer.activation}" if layer.activation else "no activation"


def _rate_words(layer: Layer) -> str:
    return "no rate" if layer.rate is None else f"rate {layer.rate:g}"


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def _kind(call: graph.Call) -> str:
    """Its class, or what it is by another name: a Reshape to one row is a Flatten, a ReLU is an Activation."""
    if call.kind == "Reshape" and len(call.outputs[0].shape) == 2:
        return "Flatten"
    if call.kind in graph.ACTIVATIONS or call.kind.lower() in _FUNCTIONS:
        return "Activation"
    return "Dense" if call.is_dense else call.kind


def _activation_of(call: graph.Call) -> str:
    """The name of what a layer does last, "" for none: given as a name, a function, or a layer."""
    given = getattr(call.layer, "activation", None)
    if given is None:
        return _function(call.layer) if _kind(call) == "Activation" else ""
    return _function(getattr(given, "activation", given))


def _function(activation: Any) -> str:
    """Keras's name for an activation; a ReLU that is bounded, leaks or begins elsewhere is not "relu"."""
    name = str(getattr(activation, "__name__", type(activation).__name__))
    name = name.lower() if name.lower() in _FUNCTIONS else name
    settings = {key: getattr(activation, key, None) for key in ("max_value", "negative_slope", "threshold")}
    if name == "relu" and (other := {key: value for key, value in settings.items() if value}):
        return f"relu with {', '.join(f'{key}={float(value):g}' for key, value in other.items())}"
    return "" if name == "linear" else name


def _rate(layer: Any) -> float | None:
    rate = getattr(layer, "rate", None)
    return float(rate) if isinstance(rate, int | float | np.number) else None

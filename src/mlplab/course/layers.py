"""The layers of a learner's model beside those that a task asks for: the first difference, in words."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlplab.course.findings import Wrong
from mlplab.inspection.network import graph

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


def layers_of(model: Any) -> list[Layer]:
    """The layers of a model, in order, without its input. An activation in a layer of its own goes with the one before.

    Raises:
        Wrong: if the layers do not follow one another in a single line.
        ModelError: if it is not built, or its `call` is code.
    """
    calls = [call for call in graph.read(model).calls if call.kind != "InputLayer"]
    for call in calls:
        if len(call.parents) > 1 or call.shared:
            raise Wrong(
                f"In your model, {call.name} is where branches meet; the task asks for one layer after the other."
            )
    found: list[Layer] = []
    for call in calls:
        if call.kind in graph.ACTIVATIONS and found and not found[-1].activation and found[-1].kind == "Dense":
            found[-1] = replace(found[-1], activation=call.activation)
        elif call.kind in graph.ACTIVATIONS:
            found.append(Layer("Activation", activation=call.activation))
        else:
            rate = getattr(call.layer, "rate", None)
            units = getattr(call.layer, "units", None) if call.is_dense else None
            found.append(Layer(_kind(call), units, call.activation, rate if isinstance(rate, int | float) else None))
    return found


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
        if want.rate is not None and (got.rate is None or not math.isclose(got.rate, want.rate)):
            raise Wrong(f"{name} has rate {got.rate:g}; the task asks for {want.rate:g}.")


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
        hidden = "hidden Dense layer" if got["Dense"] == 2 else "hidden Dense layers"
        return f"Your model has {got['Dense'] - 1 or 'no'} {hidden}; the task asks for {want['Dense'] - 1 or 'none'}."
    for dense, (a, f) in enumerate(zip(_between(asked), _between(found), strict=True)):
        where = f"after your {_ordinal(dense - 1)} Dense layer" if dense else "before your first Dense layer"
        if missing := list((Counter(a) - Counter(f)).elements()):
            return f"A {missing[0]} layer is missing {where}."
        if extra := list((Counter(f) - Counter(a)).elements()):
            return f"There is a {extra[0]} layer {where} that the task does not ask for."
    raise AssertionError("kinds that differ differ somewhere")


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


def _kind(call: graph.Call) -> str:
    """Its class; a Reshape to one row is a Flatten by another name."""
    flat = call.kind == "Reshape" and len(call.outputs[0].shape) == 2
    return "Flatten" if flat else "Dense" if call.is_dense else call.kind

"""A model as JSON without code, and back.

Loading a stranger's model must not run a stranger's code: only Keras's own classes are read, none that holds code
(Lambda, wrappers of other libraries), from files of bounded size.
"""

import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import files
from mlplab.errors import ModelError, RunError

if TYPE_CHECKING:
    import keras

FrozenWeights = dict[int, dict[str, np.ndarray]]
_LARGEST_BYTES = 16 * 2**20
_STATISTICS = "statistics"
"""The key, beside Keras's own, of the weights of each adapted layer by name."""
_WITHOUT_DECAY = "without_weight_decay"
"""The key, beside Keras's own, of the names given to `exclude_from_weight_decay`, which Keras does not write."""
_HOLD_CODE = {"Lambda", "__lambda__", "function", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}


def describe(model: "keras.Model") -> dict[str, Any]:
    """Return the model's architecture and how it is compiled, as Keras writes it, and what Keras does not write.

    That is the statistics of adapted layers, and the names of weights without weight decay.

    Raises:
        ModelError: if it has parts that JSON cannot hold without code.
    """
    if type(model).__module__.split(".")[0] != "keras":
        raise ModelError(_refusal(type(model).__qualname__))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of what is refused below
            described = json.loads(model.to_json())
    except (TypeError, ValueError, NotImplementedError, OSError, RecursionError) as error:
        raise ModelError(f"The model cannot be written as JSON: {error}") from error
    if foreign := _foreign(described):
        raise ModelError(_refusal(foreign))
    if statistics := [_own_variables(layer) for layer in _adapted_layers(model)]:
        described[_STATISTICS] = [{name: values.tolist() for name, values in one.items()} for one in statistics]
    from mlplab.engine import keras_internals

    if names := keras_internals.names_without_decay(getattr(model, "optimizer", None)):
        described[_WITHOUT_DECAY] = names
    return described


def load(path: Path) -> dict[str, Any]:
    """Read the value of `describe` from a file.

    Raises:
        RunError: if the file is damaged, too large, or names anything but Keras's own classes.
    """
    if path.exists() and path.stat().st_size > _LARGEST_BYTES:
        raise RunError(f"{path} has more than {_LARGEST_BYTES} bytes, too many for an architecture: not read.")
    described = files.read_json(path)
    if foreign := _foreign(described):
        raise RunError(f"{path} names {foreign}, which is not a class of Keras, or holds code: not read.")
    return described


def read(path: Path) -> "keras.Model":
    """Read and compile a model with new weights. Raises as `load` does."""
    described = load(path)
    from mlplab.engine import keras  # heavy: only for those who need a model

    try:
        model = build(described)
    except (TypeError, ValueError, KeyError, AttributeError, re.error) as error:
        raise RunError(f"{path} is damaged, or was written by another version of Keras: {error}") from error
    if not isinstance(model, keras.Model):
        raise RunError(f"{path} describes a {type(model).__name__}, not a model.")
    return model


def build(described: dict[str, Any]) -> "keras.Model":
    """Build and compile the model that `describe` described, with new weights."""
    from mlplab.engine import keras, keras_internals  # heavy: only for those who need a model

    of_keras = {name: part for name, part in described.items() if name not in (_STATISTICS, _WITHOUT_DECAY)}
    model: Any = keras.saving.deserialize_keras_object(of_keras, safe_mode=True)
    if names := described.get(_WITHOUT_DECAY):
        keras_internals.leave_out_of_decay(model.optimizer, names)
    if statistics := described.get(_STATISTICS):
        for layer, of_layer in zip(_adapted_layers(model), statistics, strict=True):
            layer.load_own_variables({name: np.array(values) for name, values in of_layer.items()})
    return model


def follow_weights(model: "keras.Model") -> None:
    """Let adapted layers take their statistics from weights that were assigned: they compute with constants of them."""
    for layer in _adapted_layers(model):
        layer.load_own_variables(_own_variables(layer))


def frozen_weights(model: "keras.Model") -> FrozenWeights:
    """Return the weights of each layer that is not trained (`trainable = False`), as of a base that is trained already.

    Returns:
        The arrays by their names in Keras's files, for each such layer by its position among all layers.
    """
    from mlplab.engine import keras_internals

    each = {place: layer for place, layer in enumerate(keras_internals.layers(model)) if not layer.trainable}
    return {place: weights for place, layer in each.items() if (weights := _own_variables(layer))}


def set_frozen_weights(model: "keras.Model", frozen: FrozenWeights) -> None:
    """Give a model of the same architecture what `frozen_weights` returned."""
    from mlplab.engine import keras_internals

    layers = keras_internals.layers(model)
    for place, weights in frozen.items():
        layers[place].load_own_variables(weights)


def _adapted_layers(model: "keras.Model") -> list[Any]:
    """Return the layers whose weights are statistics of data, as `Normalization.adapt` finds them."""
    from mlplab.engine import keras_internals

    return [layer for layer in keras_internals.layers(model) if hasattr(layer, "adapt") and layer.weights]


def _own_variables(layer: Any) -> dict[str, np.ndarray]:
    store: dict[str, np.ndarray] = {}
    layer.save_own_variables(store)
    return {name: np.asarray(values) for name, values in store.items()}


def _foreign(part: Any) -> str | None:
    """Return the first class or function that is not part of Keras, or holds code; None if there is none."""
    if isinstance(part, list):
        return next(filter(None, map(_foreign, part)), None)
    if not isinstance(part, dict):
        return None
    name = part.get("class_name")
    if isinstance(name, str):
        module = part.get("module")
        # Keras's marks for tuples, slices and tensors have neither module nor code.
        is_keras = (module is None and name.startswith("__")) or str(module).split(".")[0] == "keras"
        if not is_keras or name in _HOLD_CODE:
            return str(part.get("config") if name == "function" else name)
    return next(filter(None, map(_foreign, part.values())), None)


def _refusal(foreign: str) -> str:
    return (
        f"A run keeps its model as JSON without code, and {foreign} is code of your own. Train it with mlplab.fit, "
        "which takes any Keras model, or build it from Keras's layers, losses and metrics."
    )

"""A run as Keras's own file: one model from raw inputs to probabilities, that Keras opens without mlplab."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.exports.checking import Checked, compare, rows_in_batch
from mlplab.exports.formats import Written
from mlplab.exports.identity import classes_in_words
from mlplab.exports.reading import finished_networks
from mlplab.runs import Run, architecture
from mlplab.runs.config import Preprocessing
from mlplab.runs.probabilities import takes_logits

if TYPE_CHECKING:
    import keras


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write a run as a .keras file, opened again and compared with the run on some rows.

    Raises:
        UsageError: for a name with another ending.
        ModelError: if it differs from the run.
    """
    from mlplab.engine import keras

    if path.suffix != ".keras":
        raise UsageError(f"Keras opens only files whose names end in .keras; got {path.name}. Name it so.")
    model_of(run).save(path)
    loaded: Any = keras.saving.load_model(path, compile=False)
    check = compare(rows, np.asarray(loaded.predict(rows.inputs, batch_size=rows_in_batch(rows.inputs), verbose=0)))
    return Written(check, [classes_in_words(run)])


def model_of(run: Run) -> "keras.Model":
    """Return a run as one model of Keras's own layers, not compiled; of a population the mean of its members'."""
    from mlplab.engine import keras

    inputs = keras.Input(run.config.input_shape, name="input")
    networks = finished_networks(run)
    outputs = [_network(network, inputs, f"network{number}") for number, network in enumerate(networks)]
    mean = keras.layers.Average(dtype="float32", name="mean")
    return keras.Model(inputs, mean(outputs) if len(outputs) > 1 else outputs[0], name="run")


def _network(run: Run, inputs: Any, name: str) -> Any:
    """Return the probabilities that one network gives for raw inputs, symbolic tensors both."""
    from mlplab.engine import keras

    copy: Any = keras.models.clone_model(run.model)  # which is not compiled
    copy.set_weights(run.model.get_weights())
    architecture.follow_weights(copy)
    network = keras.Model(copy.inputs[0], copy.outputs[0], name=name)
    output: Any = network(_scaling(run.config.preprocessing, f"{name}_preprocessing")(inputs))
    if takes_logits(run.model):
        function = "sigmoid" if output.shape[-1] == 1 else "softmax"
        output = keras.layers.Activation(function, dtype="float32", name=f"{name}_{function}")(output)
    if len(run.class_names) == 2 and output.shape[-1] == 1:
        first = keras.layers.Rescaling(-1.0, 1.0, dtype="float32", name=f"{name}_first_class")(output)
        output = keras.layers.Concatenate(dtype="float32", name=f"{name}_classes")([first, output])
    return output


def _scaling(preprocessing: Preprocessing, name: str) -> Any:
    """Return a layer that computes `(x - offset) / scale`."""
    from mlplab.engine import keras

    scale, offset = (np.asarray(part, np.float64) for part in (preprocessing.scale, preprocessing.offset))
    if not offset.any() and not scale.ndim:
        return keras.layers.Rescaling(1 / float(scale), dtype="float32", name=name)
    mean, variance = np.broadcast_arrays(offset, scale**2)
    axis: Any = -1 if mean.ndim else None
    return keras.layers.Normalization(axis, mean=mean.tolist(), variance=variance.tolist(), dtype="float32", name=name)

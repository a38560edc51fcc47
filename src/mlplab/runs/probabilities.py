"""What a model's outputs mean: the probabilities of the classes.

A model has one output for each class, or one for the second of two classes. Its loss says whether outputs are logits.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.runs.config import Config

if TYPE_CHECKING:
    import keras


def probabilities_of(
    model: "keras.Model", inputs: np.ndarray, config: Config, rows: np.ndarray | None = None
) -> np.ndarray:
    """Predict the probabilities of the classes, float32 (n, classes), for raw inputs (n, …).

    The model is only read, its seeds too, so that a run predicts the same each time. Inputs in a file are read in
    chunks.

    `rows`: the numbers of those to predict, in this order; None: all.
    """
    from mlplab.engine import ChunkedSource, Rows, chunk_bytes_for  # heavy: only for predictions
    from mlplab.engine.ordered_source import OrderedSource
    from mlplab.engine.predict import outputs_of

    order = {"batch_size": 1000, "batch": Rows(preprocess=config.preprocessing)}
    chunk_bytes = chunk_bytes_for(inputs)
    if chunk_bytes is None:
        source = OrderedSource(inputs if rows is None else inputs[rows], **order)
    else:
        source = ChunkedSource(inputs, subset=rows, chunk_bytes=chunk_bytes, **order)
    return as_probabilities(model, outputs_of(model, source)[0], len(config.class_names))


def as_probabilities(model: "keras.Model", outputs: np.ndarray, classes: int) -> np.ndarray:
    """Return the probabilities of the classes, float32 (n, classes), that outputs of a model mean."""
    logits = takes_logits(model)
    outputs = class_outputs(np.asarray(outputs, np.float32), classes, logits)
    if logits:
        exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
        outputs = exponentials / exponentials.sum(1, keepdims=True)
    return outputs


def takes_logits(model: "keras.Model") -> bool:
    """Return whether the model's outputs are logits, since its loss has `from_logits`."""
    from mlplab.engine import keras

    return any(getattr(loss, "from_logits", False) for loss in keras.tree.flatten(model.loss))


def class_outputs(outputs: Any, classes: int, logits: bool) -> Any:
    """Return one column for each class, (n, classes), of the outputs of a model: NumPy's or JAX's arrays.

    Of a single output for two classes, a probability p becomes 1 - p, p; a logit z becomes 0, z, whose softmax is
    1 - sigmoid(z), sigmoid(z). Other outputs stay as they are.
    """
    if classes != 2 or outputs.shape[1] != 1:
        return outputs
    constant, factor = ((0, 0), (0, 1)) if logits else ((1, 0), (-1, 1))
    return np.array(constant, np.float32) + outputs * np.array(factor, np.float32)


def mean_probabilities(members: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Compute the predictions of an ensemble: the mean of its members' probabilities, float32 (n, classes)."""
    return np.mean(members, axis=0, dtype=np.float64).astype(np.float32)

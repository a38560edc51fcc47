"""Whether what was exported predicts what the run does: compared on the run's own test rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.errors import DataError, FetchError, ModelError
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of

TOLERANCE = 1e-5
"""How far a probability may be from the run's: float32 sums in another order differ by less."""
_OF_LOGITS = 5e-7
"""Part of the range of a row's logits by which rounding can move a probability: 8 units in float32's last place."""
_MADE_ROWS = 1000
_MOST_ROWS, _MOST_NUMBERS = 1000, 2**24
"""Of a batch: rows, and numbers of inputs, which are 64 MB as float32."""


@dataclass(frozen=True, eq=False)
class Checked:
    """Rows on which exported networks are compared with their run.

    Attributes:
        inputs: raw inputs (n, …), as the data set has them.
        probabilities: float32 (n, classes), what the run predicts for them.
        labels: int (n,); None for made inputs.
        training: raw inputs to train on, for formats that choose their numbers by them; None if not available.
        missing: why the inputs are made, and not the data set's; "" if they are its own.
    """

    inputs: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray | None
    training: np.ndarray | None
    missing: str = ""


@dataclass(frozen=True)
class Check:
    """How an exported network's probabilities compare with the run's.

    Attributes:
        rows: number of rows compared.
        real: whether they are the data set's test rows; otherwise random numbers in the range of the training inputs.
        largest_difference: of a probability.
        other_classes: rows for which it predicts another class, ties aside.
        accuracy: of the exported network on these rows; None without labels.
    """

    rows: int
    real: bool
    largest_difference: float
    other_classes: int
    accuracy: float | None

    def in_words(self) -> str:
        """Say it in a line."""
        rows = f"{self.rows:,} {'test rows' if self.real else 'rows of random numbers'}"
        classes = "the same class for all" if not self.other_classes else f"another class for {self.other_classes:,}"
        nearest = "the same probabilities"
        if self.largest_difference:
            nearest = f"no probability further than {self.largest_difference:.1g} from the run's"
        accuracy = "" if self.accuracy is None else f"; accuracy {self.accuracy:.4f}"
        return f"Checked on {rows}: {classes}, {nearest}{accuracy}."


def rows_to_check(run: Run, data: Any = None) -> Checked:
    """Return the test rows of a run's data set; made rows, where the data set cannot be had.

    Raises:
        DataError: if `data` is given and is not that of the run.
    """
    try:
        loaded = data_of(run, data, quiet=True)
    except (DataError, FetchError) as error:
        if data is not None:
            raise
        known = run.config.input_range or {"dtype": "uint8", "low": 0, "high": 255}
        rng = np.random.default_rng(0)
        made = rng.uniform(known["low"], known["high"], (_MADE_ROWS, *run.config.input_shape)).astype(known["dtype"])
        reason = str(error).partition(" Expected {")[0]  # without the hashes of other content
        return Checked(made, run.predict(made), None, None, f"Random numbers took the place of its data. {reason}")
    inputs = np.asarray(loaded.test.inputs)
    return Checked(inputs, run.predict(inputs), loaded.test.labels, loaded.train.inputs)


def rows_in_batch(inputs: np.ndarray) -> int:
    """Return how many of some inputs (n, …) are predicted at once."""
    return max(1, min(_MOST_ROWS, _MOST_NUMBERS // max(1, math.prod(inputs.shape[1:]))))


def predict_in_batches(predict: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return what a function predicts for inputs (n, …), in memory that does not grow with their number."""
    step = rows_in_batch(inputs)
    return np.concatenate([predict(inputs[start : start + step]) for start in range(0, len(inputs), step)])


def compare(rows: Checked, probabilities: np.ndarray, tolerance: float | None = TOLERANCE) -> Check:
    """Compare probabilities (n, classes) of an exported network with the run's.

    Args:
        tolerance: the largest difference allowed; more where logits are large, see `rounding`. None: any, for formats
            that round.

    Raises:
        ModelError: beyond the tolerance: the export is at fault.
    """
    differences = np.abs(probabilities - rows.probabilities)
    largest = float(differences.max())
    allowed = max(tolerance or 0, rounding(rows.probabilities))
    classes, expected = probabilities.argmax(1), rows.probabilities.argmax(1)
    each = np.arange(len(classes))
    ties = rows.probabilities[each, expected] - rows.probabilities[each, classes] <= 2 * max(allowed, TOLERANCE)
    other = int(((classes != expected) & ~ties).sum())
    if tolerance is not None and not largest <= allowed:
        raise ModelError(
            f"The exported network differs from the run: a probability by {largest:.2g}, where {allowed:.0e} is "
            "allowed, so nothing was written. Please report it, with the run's model.json."
        )
    accuracy = None if rows.labels is None else float((classes == rows.labels).mean())
    return Check(len(each), rows.labels is not None, largest, other, accuracy)


def rounding(probabilities: np.ndarray) -> float:
    """Return by how much rounding can move probabilities (n, classes) of a network, float32, at most 0.00005.

    It moves logits by a part of their size, so the surer a network is, the more. Their range is read off the least
    probability.
    """
    least = max(float(probabilities.min()), float(np.finfo(np.float32).smallest_subnormal))
    return _OF_LOGITS * -float(np.log(least))

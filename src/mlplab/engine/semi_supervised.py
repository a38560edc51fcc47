"""A source of labelled rows, and of rows whose labels are not used, each in an order of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mlplab.engine.placement import Arrays, on_device
from mlplab.engine.source import Segment, taken
from mlplab.errors import DataError, UsageError, require_whole


@dataclass(frozen=True)
class LabelledAndUnlabelled:
    """The batch of a `SemiSupervisedSource`: `({"labelled": x, "unlabelled": x}, y)`.

    Attributes:
        preprocess: `x -> x`, of both: the scaling of 8-bit images.
    """

    preprocess: Callable[[Any], Any] | None = None

    def rows(self, arrays: Arrays, index: dict[str, jax.Array]) -> Arrays:
        x, y = arrays
        return taken((x, y), index["labelled"]), taken(x, index["unlabelled"])

    def __call__(self, rows: Arrays, key: jax.Array) -> Any:
        (labelled, y), unlabelled = rows
        if self.preprocess is not None:
            labelled, unlabelled = self.preprocess(labelled), self.preprocess(unlabelled)
        return {"labelled": labelled, "unlabelled": unlabelled}, y


class SemiSupervisedSource:
    """A source whose steps have labelled rows, and as many unlabelled ones: rows whose labels are not used.

    Unlabelled are all rows, the labelled ones too, unless `unlabelled` names them. An epoch is one pass over them. The
    labelled rows begin again whenever they are used up. Both are in a new random order in each pass; rows that would
    not fill a batch are left out of that pass. Labelled rows that are fewer than a batch are in it several times.

    Args:
        x: array (n, …).
        y: labels, (n, …), of which only those of the labelled rows are read.
        labelled: integers (m,), the labelled rows; None: all. For m < n, `mlplab.datasets.balanced_rows` chooses them.
        unlabelled: integers (k,), the rows that are used without their labels; None: all, labelled ones too.
        batch_size: labelled rows a step, and as many unlabelled ones; at most k.
        seed: of both orders.
        preprocess: `x -> x` within the compiled step: the scaling of 8-bit images.

    Raises:
        DataError: if x and y differ in length, or a labelled row has a negative label.
        UsageError: for row numbers that do not exist, or a batch of more rows than there are.

    Example:
        rows = balanced_rows(y, 100, seed=0)
        source = SemiSupervisedSource(x, y, labelled=rows, batch_size=100)
        mlplab.fit(model, source, epochs=150)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        labelled: Any = None,
        unlabelled: Any = None,
        batch_size: int = 100,
        seed: int = 0,
        preprocess: Callable[[Any], Any] | None = None,
    ):
        if len(x) != len(y):
            raise DataError(
                f"x and y must have the same number of rows; got {len(x)} and {len(y)}. Give rows without a label any "
                "label, and name the others in labelled."
            )
        self._labelled = np.arange(len(x)) if labelled is None else np.asarray(labelled)
        self._unlabelled = np.arange(len(x)) if unlabelled is None else np.asarray(unlabelled)
        _check_rows("labelled", self._labelled, len(x), "mlplab.datasets.balanced_rows(y, 100) chooses 100 of them.")
        _check_rows("unlabelled", self._unlabelled, len(x), "Leave it out for all rows.")
        _check_labels(np.asarray(y)[self._labelled])
        self.batch_size = require_whole("batch_size", batch_size)
        if self.batch_size > len(self._unlabelled):
            raise UsageError(
                f"batch_size must be at most {len(self._unlabelled)}, the number of unlabelled rows; got {batch_size}."
            )
        self.seed = require_whole("seed", seed, least=0)
        self.batch = LabelledAndUnlabelled(preprocess)
        self.arrays = on_device((x, y))

    @property
    def steps(self) -> int:
        return len(self._unlabelled) // self.batch_size

    def segments(self, position: int) -> Iterator[Segment]:
        rng = np.random.default_rng((self.seed, position))
        unlabelled = self._order(rng, self._unlabelled)
        yield Segment(self.arrays, {"labelled": self._order(rng, self._labelled), "unlabelled": unlabelled})

    def _order(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Return the rows of each step, int32 (steps, batch): passes over `rows`, each in another order."""
        whole = len(rows) - len(rows) % self.batch_size or len(rows)
        passes = -(-self.steps * self.batch_size // whole)
        order = np.concatenate([rng.permutation(rows)[:whole] for _ in range(passes)])
        return order[: self.steps * self.batch_size].reshape(self.steps, self.batch_size).astype(np.int32)


def _check_rows(name: str, chosen: np.ndarray, rows: int, advice: str) -> None:
    is_whole = chosen.ndim == 1 and np.issubdtype(chosen.dtype, np.integer)
    if not (is_whole and len(chosen) and chosen.min() >= 0 and chosen.max() < rows):
        raise UsageError(
            f"{name} must be the numbers of the {name} rows, each from 0 to {rows - 1}; got {chosen!r}. {advice}"
        )


def _check_labels(labels: np.ndarray) -> None:
    """Refuse −1, which often marks rows without a label: Keras would train on it without an error."""
    if np.issubdtype(labels.dtype, np.integer) and labels.min() < 0:
        raise DataError(
            f"Labels of labelled rows must be class numbers, from 0 on; got {labels.min()}. Name the labelled rows: "
            "labelled=np.flatnonzero(y >= 0)."
        )

"""Labels of scikit-learn → the targets of a network, and its outputs → labels and probabilities."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from mlplab.errors import DataError

Kind = Literal["binary", "multiclass", "multilabel"]

_NAMED = 5
"""At most this number of unknown classes is named."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes of a classifier. Two classes have one output, as in scikit-learn; so has each of several labels.

    Attributes:
        kind: two classes, more, or several labels a row that are 0 or 1.
        classes: sorted, (classes,); of several labels their column numbers.
    """

    kind: Kind
    classes: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> "Labels":
        """Return the classes in y, (n,), or the labels that its columns stand for, (n, labels).

        Raises:
            ValueError: for targets of a regression. (As in scikit-learn.)
            DataError: for a single class, or columns with other values than 0 and 1.
        """
        check_classification_targets(y)
        if y.ndim == 2:
            if not type_of_target(y).startswith("multilabel"):
                raise DataError(
                    f"y must be one class a row, (n,), or columns of 0 and 1; got {y.shape[1]} columns of others. "
                    "Train a classifier for each: sklearn.multioutput.MultiOutputClassifier."
                )
            return cls("multilabel", np.arange(y.shape[1]))
        return cls.named(np.unique(y))

    @classmethod
    def named(cls, classes: Any) -> "Labels":
        """Return the labels with these classes."""
        classes = np.unique(classes)
        if len(classes) < 2:
            raise DataError(f"y must have at least two classes; got one class, {classes[0]!r}. Add rows of another.")
        return cls("binary" if len(classes) == 2 else "multiclass", classes)

    @property
    def outputs(self) -> int:
        return 1 if self.kind == "binary" else len(self.classes)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return the targets of the loss: class numbers int32 (n,), or float32 (n, outputs) of 0 and 1.

        Raises:
            DataError: for a label that is not among the classes.
        """
        if self.kind == "multilabel":
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise DataError(f"y must have {len(self.classes)} columns of 0 and 1, as before; got shape {y.shape}.")
            return y.astype(np.float32)
        if y.ndim != 1:
            raise DataError(f"y must be one class a row, (n,), as before; got shape {y.shape}.")
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
            raise DataError(
                f"y must have classes of {self.classes.tolist()}, as before; got {unknown[:_NAMED].tolist()}{more}. "
                "Name all classes in the first call, partial_fit(X, y, classes=…), or fit anew without warm_start."
            )
        numbers = np.searchsorted(self.classes, y).astype(np.int32)
        return numbers if self.kind == "multiclass" else numbers[:, None].astype(np.float32)

    def predicted(self, logits: np.ndarray) -> np.ndarray:
        """Return the likeliest class of each row, (n,), or its labels as 0 and 1, (n, labels)."""
        if self.kind == "multiclass":
            return self.classes[logits.argmax(axis=1)]
        above = (logits > 0).astype(int)
        return above if self.kind == "multilabel" else self.classes[above[:, 0]]

    def probabilities(self, logits: np.ndarray, log: bool = False) -> np.ndarray:
        """Return float64 (n, classes): probabilities, or their logarithms."""
        logits = logits.astype(np.float64)
        if self.kind == "multiclass":
            return log_softmax(logits, axis=1) if log else softmax(logits, axis=1)
        if self.kind == "binary":
            logits = np.hstack([-logits, logits])
        return log_expit(logits) if log else expit(logits)

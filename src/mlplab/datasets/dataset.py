"""A labelled data set in memory, and the pair of a training and a test set."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets.arrays import normal_inputs, normal_labels
from mlplab.errors import DataError, require_unmasked


@dataclass(frozen=True)
class Provenance:
    """Where the rows of a data set come from.

    Attributes:
        name: the name of the data set, or of the file.
        split: "train" or "test".
        sha256: hexadecimal SHA-256 of each decompressed file, by file name; empty for arrays and for data that a
            dependency brings, which `Dataset.content_hash` identifies instead.
        source: who delivered the bytes.
        licence: the terms of use, if known.
    """

    name: str
    split: str
    sha256: dict[str, str] = field(default_factory=dict)
    source: str = "arrays"
    licence: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.split}"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs with their labels, checked and converted to normal form in the constructor, read-only afterwards.

    Attributes:
        inputs: images, uint8 or float32 of shape (n, h, w) or (n, h, w, c), or features, float32 (n, d).
        labels: int32 (n,), positions in `class_names`.
        class_names: one for each class, all different.
        provenance: where the rows come from.

    Raises:
        DataError: if the arrays cannot be converted without loss.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        names = tuple(str(name) for name in self.class_names)
        if not names or len(set(names)) != len(names):
            raise DataError(f"The class names of {self.provenance} must be different from each other. Got {names}.")
        inputs = normal_inputs(self.inputs, str(self.provenance))
        labels = normal_labels(self.labels, len(inputs), len(names), str(self.provenance))
        for attribute, value in (("inputs", inputs), ("labels", labels), ("class_names", names)):
            object.__setattr__(self, attribute, value)

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        kind = "images" if self.has_images else "features"
        shape = "x".join(map(str, self.inputs.shape[1:]))
        return (
            f"Dataset({self.provenance}: {len(self)} rows, {kind} {shape} {self.inputs.dtype}, "
            f"{len(self.class_names)} classes)"
        )

    @property
    def has_images(self) -> bool:
        """Whether the inputs are images (True) or features (False)."""
        return self.inputs.ndim > 2

    @property
    def images(self) -> np.ndarray:
        """The images, uint8 or float32 of shape (n, h, w) or (n, h, w, c). DataError if the inputs are features."""
        if not self.has_images:
            raise DataError(f"{self.provenance} has features, not images: use .features.")
        return self.inputs

    @property
    def features(self) -> np.ndarray:
        """The features, float32 (n, d). DataError if the inputs are images."""
        if self.has_images:
            raise DataError(f"{self.provenance} has images, not features: use .images.")
        return self.inputs

    def select(self, indices: ArrayLike) -> "Dataset":
        """Return the rows at `indices` in this order: integers below n, or a boolean mask of shape (n,).

        Raises:
            DataError: for other `indices`, and if they select no row.
        """
        require_unmasked(f"The rows to select of {self.provenance}", indices)
        rows = np.asarray(indices)
        try:
            if rows.ndim != 1 or rows.dtype.kind not in "iub":
                raise IndexError(f"they have dtype {rows.dtype} and shape {rows.shape}")
            inputs, labels = self.inputs[rows], self.labels[rows]
        except IndexError as error:
            raise DataError(
                f"Rows of {self.provenance} are selected by integers below {len(self)}, or by a mask of "
                f"shape ({len(self)},). These do not fit: {error}."
            ) from error
        return Dataset(inputs, labels, self.class_names, self.provenance)

    def class_counts(self) -> dict[str, int]:
        """Return the number of rows of each class, by class name."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def content_hash(self) -> str:
        """Return the hexadecimal SHA-256 of inputs and labels: their dtypes, shapes and bytes (little-endian).

        Two data sets with equal hashes have the same content, wherever they come from.
        """
        digest = hashlib.sha256()
        for array in (self.inputs, self.labels):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{little.dtype.str}{little.shape}".encode())
            digest.update(little.data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Data:
    """A training set and a test set with the same kind of rows.

    Raises:
        DataError: if their inputs differ in shape or dtype, or if they have different classes.
    """

    name: str
    train: Dataset
    test: Dataset

    def __post_init__(self) -> None:
        kinds = [(part.inputs.shape[1:], part.inputs.dtype.name) for part in (self.train, self.test)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"Training and test inputs of {self.name} must be alike. "
                f"Got {kinds[0][1]} of shape {kinds[0][0]} and {kinds[1][1]} of shape {kinds[1][0]}."
            )
        if self.train.class_names != self.test.class_names:
            raise DataError(
                f"Training and test set of {self.name} must have the same classes. "
                f"Got {self.train.class_names} and {self.test.class_names}."
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name for each class, in the order of the labels."""
        return self.train.class_names

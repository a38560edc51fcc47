"""A labelled data set in memory, and the pair of a training and a test set."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets.arrays import content_hash, normal_inputs, normal_labels
from mlplab.datasets.classes import Classes, Label, listed
from mlplab.datasets.images.thumbnails import Thumbnails
from mlplab.datasets.reading import Source
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
        inputs: images, uint8 or float32 of shape (n, h, w) or (n, h, w, c), or features, uint8 or float32 (n, d).
        labels: int32 (n,), positions in `class_names`.
        class_names: one for each class, all different.
        provenance: where the rows come from.
        files: the name of each row's file, relative to the source; None where rows have no files.
        groups: the group of each row (a patient, an object), whose rows are held out together; None: there are none.
        thumbnails: pictures of features, also given as an array (n, h, w) or (n, h, w, c); None: there are none.

    Raises:
        DataError: if the arrays cannot be converted without loss, or if there is not one file, group and thumbnail for
            each row.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    provenance: Provenance
    files: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    thumbnails: Thumbnails | None = None

    def __post_init__(self) -> None:
        inputs = normal_inputs(self.inputs, str(self.provenance))
        names = tuple(str(name) for name in self.class_names)
        if not names or len(set(names)) != len(names):
            raise DataError(f"The class names of {self.provenance} must be different from each other. Got {names}.")
        labels = normal_labels(self.labels, len(inputs), len(names), str(self.provenance))
        if isinstance(self.thumbnails, np.ndarray):
            object.__setattr__(self, "thumbnails", Thumbnails(self.thumbnails))
        for what, of_rows in (
            *(("names of files", self.files), ("groups", self.groups)),
            ("thumbnails", self.thumbnails),
        ):
            if of_rows is not None and len(of_rows) != len(inputs):
                raise DataError(f"{self.provenance} has {len(inputs)} rows, and {len(of_rows)} {what}.")
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
        """The features, uint8 or float32 (n, d). DataError if the inputs are images."""
        if self.has_images:
            raise DataError(f"{self.provenance} has images, not features: use .images.")
        return self.inputs

    @property
    def pictures(self) -> np.ndarray | Thumbnails | None:
        """What a person sees of the rows: the images, or the thumbnails of features; None if there are none."""
        return self.inputs if self.has_images else self.thumbnails

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
        files, groups = (
            None if of_rows is None else tuple(np.array(of_rows, object)[rows]) for of_rows in (self.files, self.groups)
        )
        thumbnails = None if self.thumbnails is None else self.thumbnails.select(rows)
        return dataclasses.replace(
            self, inputs=inputs, labels=labels, files=files, groups=groups, thumbnails=thumbnails
        )

    def class_counts(self) -> dict[str, int]:
        """Return the number of rows of each class, by class name."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def content_hash(self) -> str:
        """Return the hexadecimal SHA-256 of inputs and labels: their dtypes, shapes and bytes (little-endian).

        Two data sets with equal hashes have the same content, wherever they come from.
        """
        return content_hash(self.inputs, self.labels)


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Images without labels, from which a ladder network learns beside a training set.

    Attributes:
        inputs: of the shape and the dtype of the training inputs, (n, …), read-only.
        source: the absolute path of the file that they come from; None for an array.
    """

    inputs: np.ndarray = field(repr=False)
    source: str | None = None

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Data:
    """A training set and a test set with the same kind of rows.

    Attributes:
        labels: the label of each class in the arrays or the file that the data comes from; None: 0, 1, ….
        unlabelled: images without labels beside them, if there are any.
        origin: the file or folder that `load` read, and how; None for arrays and for data sets with a name.

    Raises:
        DataError: if their inputs differ in shape or dtype, or if they have different classes.
    """

    name: str
    train: Dataset
    test: Dataset
    labels: tuple[Label, ...] | None = None
    unlabelled: Unlabelled | None = None
    origin: Source | None = None

    def __post_init__(self) -> None:
        kinds = [(part.inputs.shape[1:], part.inputs.dtype.name) for part in (self.train, self.test)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"Training and test inputs of {self.name} must be alike. "
                f"Got {kinds[0][1]} of shape {kinds[0][0]} and {kinds[1][1]} of shape {kinds[1][0]}. "
                "Give both the same shape, and scale both or neither."
            )
        shapes = [part.thumbnails and part.thumbnails.shape for part in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"Training and test set of {self.name} must both have thumbnails, of one size, or none. Got "
                f"{shapes[0]} and {shapes[1]}."
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

    @property
    def classes(self) -> Classes:
        return Classes.numbered(self.class_names) if self.labels is None else Classes(self.class_names, self.labels)

    def with_classes(self, classes: Classes) -> "Data":
        """Return the same rows with the names and numbers of other classes that have the same labels.

        Raises:
            DataError: if a row has a label that these classes do not have.
        """
        if classes == self.classes:
            return self
        number_of = {label: number for number, label in enumerate(classes.labels)}
        numbers = np.array([number_of.get(label, -1) for label in self.classes.labels], np.int32)
        train, test = (self._renumbered(part, numbers, classes) for part in (self.train, self.test))
        labels = None if classes.are_numbered else classes.labels
        return dataclasses.replace(self, train=train, test=test, labels=labels)

    def with_outputs(self, outputs: int) -> "Data":
        """Return the same rows with classes for a model of this number of outputs: output 0 for label 0, and so on.

        A Keras model has an output for each whole number up to the largest label, also for those that do not occur.
        Data with other labels, or with other names for its classes, is returned as it is; so is data for which that is
        another number of outputs.
        """
        numbered = Classes.numbered(tuple(map(str, range(outputs))))
        labels = self.classes.labels
        are_names = self.class_names == tuple(map(str, labels))
        if (
            not are_names
            or len(labels) == outputs
            or labels[-1] != outputs - 1
            or not set(labels) <= set(numbered.labels)
        ):
            return self
        return self.with_classes(numbered)

    def _renumbered(self, part: Dataset, numbers: np.ndarray, classes: Classes) -> Dataset:
        labels = numbers[part.labels]
        if (labels < 0).any():
            lost = self.classes.labels[part.labels[labels < 0][0]]
            raise DataError(f"{part.provenance} has the label {lost!r}, which is none of {listed(classes.labels)}.")
        return dataclasses.replace(part, labels=labels, class_names=classes.names)

"""What a run predicts for new rows, as tables and as a picture."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files, scores
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError
from mlplab.figures.canvas import RED
from mlplab.figures.images import gallery
from mlplab.runs import Run
from mlplab.table import Table


@dataclass(frozen=True, eq=False)
class FilePredictions:
    """What a run predicts for the rows of files.

    Attributes:
        run: that predicts.
        index: int (n,), positions of the predicted rows in the source; rows that cannot be read are not among them.
        files: the name of each row's file; None where rows are not files.
        ids: the name of the column that numbers or names the rows, and its cells (n,); None if there is no such column.
        probabilities: (n, classes), float32; float64 at a temperature.
        agreeing: int (n,), of a population the number of networks that predict the same class; None for one network.
        networks: number of networks that predicted.
        labels: int (n,), the true class, -1 where it is not known; None if the source has no labels.
        strange: labels of the source that are no class of the run, each once, as texts.
        prepared: what was done to each picture: "as it is", "resized", "inverted", "framed"; None for rows of numbers.
        unreadable: names of images that cannot be read, or not be predicted as they are, and the reasons.
        inputs: the first 60 inputs, as the network got them.
        sources: the files that were read, as absolute paths without links. `save` never replaces one of them.
        temperature: at which the probabilities are; None: as predicted.
        temperature_is_vague: too few validation rows determined it, so the probabilities can only rank predictions.
    """

    run: Run
    index: np.ndarray
    files: tuple[str, ...] | None
    ids: tuple[str, tuple[Any, ...]] | None
    probabilities: np.ndarray
    agreeing: np.ndarray | None
    networks: int
    labels: np.ndarray | None
    strange: tuple[str, ...]
    prepared: tuple[str, ...] | None
    unreadable: tuple[tuple[str, DataError], ...]
    inputs: np.ndarray
    sources: frozenset[Path]
    temperature: float | None = None
    temperature_is_vague: bool = False

    def __len__(self) -> int:
        return len(self.index)

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """The class with the highest probability, int (n,)."""
        return self.probabilities.argmax(1)

    @functools.cached_property
    def accuracy(self) -> dict[str, Any] | None:
        """`accuracy`, its 95 % `interval`, `loss`, `n`, `balanced_accuracy` and `macro_f1` of the rows whose class is
        known; None if there are none."""
        if self.labels is None or not (known := self.labels >= 0).any():
            return None
        return scores.accuracy(self.labels[known], self.probabilities[known])

    @functools.cached_property
    def is_own_data(self) -> bool:
        """Whether the files are of the data set that the run was trained on, so that rows it learned from may count."""
        data = self.run.config.data["source"]
        return data is not None and any(Path(data) in (file, *file.parents) for file in self.sources)

    @functools.cached_property
    def table(self) -> Table:
        """A row for each predicted one, without the probabilities of all classes; the figure shows the inputs.

        Columns: index or file, the ids below their name, predicted, confidence (the probability of the predicted
        class), runner_up, runner_up_probability; seeds_agreeing of a population; true if labels are known.
        """
        names, rows = np.array(self.run.class_names, object), np.arange(len(self))
        without_best = self.probabilities.copy()
        without_best[rows, self.predicted] = -1
        second = without_best.argmax(1)
        several = self.probabilities.shape[1] > 1
        columns: dict[str, Any] = {"index": self.index} if self.files is None else {"file": _objects(self.files)}
        columns |= {} if self.ids is None else {self.ids[0] or "id": _objects(self.ids[1])}
        columns |= {
            "predicted": names[self.predicted],
            "confidence": self.probabilities[rows, self.predicted],
            "runner_up": names[second] if several else np.full(len(self), None),
            "runner_up_probability": self.probabilities[rows, second] if several else np.zeros(len(self)),
        }
        columns |= {} if self.agreeing is None else {"seeds_agreeing": self.agreeing}
        columns |= {} if self.labels is None else {"true": np.append(names, None)[self.labels]}
        has_images = self.inputs.ndim > 2 and len(self)
        draw = functools.partial(self._draw, columns) if has_images else None
        return Table(columns, f"Predictions of {self.run.path.name}", draw)

    def full_table(self) -> Table:
        """Return `table` with a column for the probability of each class: p_NAME."""
        named = {f"p_{name}": column for name, column in zip(self.run.class_names, self.probabilities.T, strict=True)}
        return Table({**self.table.columns, **named}, self.table.title, self.table.draw)

    def submission(self) -> Table:
        """Return the table that a competition takes: a row for each row of the source, with its label.

        The first column is the column of ids, below its name, or of a table without ids that of the names of images;
        else the file of each image ("file"); else ImageId, 1, 2, …. The second is "Label" beside ImageId, else the
        column of labels that the run was trained with, or "label". Labels are those of the training data, not names
        that they were given.

        Raises:
            DataError: if a row cannot be read, and so has no label.
        """
        if self.unreadable:
            name, reason = self.unreadable[0]
            raise DataError(
                f"A submission needs a label for every row, and {len(self.unreadable):,} could not be read, such as "
                f"{name}: {reason} It is not written."
            )
        label = Reading.from_json(self.run.config.data.get("reading", {})).label or "label"
        labels = _objects(self.run.config.classes.labels)[self.predicted]
        if self.ids is not None:
            return Table({self.ids[0] or "id": _objects(self.ids[1]), label: labels})
        if self.files is not None:
            return Table({"file": _objects(self.files), label: labels})
        return Table({"ImageId": self.index + 1, "Label": labels})

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values: what `mlplab predict --json` prints."""
        listed = [dict(row, probabilities=p) for row, p in zip(self.table, self.probabilities.tolist(), strict=True)]
        if self.prepared is not None:
            listed = [dict(row, prepared=done) for row, done in zip(listed, self.prepared, strict=True)]
        return {
            "run": str(self.run.path),
            "classes": list(self.run.class_names),
            "networks": self.networks,
            "temperature": self.temperature,
            "temperature_is_vague": self.temperature_is_vague,
            "accuracy": self.accuracy,
            "is_own_data": self.is_own_data,
            "strange_labels": list(self.strange),
            "unreadable": [{"file": name, "reason": str(reason)} for name, reason in self.unreadable],
            "predictions": listed,
        }

    def save(self, path: str | Path) -> Path:
        """Write a table with the probabilities of all classes (.csv, .md, .tex), the object of `to_json` (.json), or a
        picture of the first inputs (.png, .svg, .pdf), and return the path.

        Raises:
            UsageError: for another name, for a file that was predicted, and if the file cannot be written.
            MlplabError: for a picture of rows that are no images.
        """
        path = Path(path)
        self.require_no_source(path)
        if path.suffix.lower() != ".json":
            return self.full_table().save(path)
        files.write_output(path, files.json_bytes(self.to_json()))
        return path

    def require_no_source(self, path: Path) -> None:
        """Raise `UsageError` for a file that was read to be predicted, which nothing may be written into."""
        if path.resolve() in self.sources:
            raise UsageError(f"{path} was read to be predicted, and would be overwritten: name another file.")

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def _draw(self, columns: dict[str, Any]) -> Any:
        """Draw the inputs that are kept, each with what is predicted; wrong ones in a frame."""
        names = [str(name)[-24:] for name in columns.get("file", self.index)]
        labels = np.full(len(self), -1) if self.labels is None else self.labels
        wrong = (labels >= 0) & (labels != self.predicted)
        parts = zip(names, columns["predicted"], columns["confidence"], wrong, self.inputs, strict=False)  # the kept
        titles, frames = [], []
        for name, predicted, confidence, is_wrong, _ in parts:
            titles.append(f"{name}\n{predicted} {100 * confidence:.0f} %")
            frames.append(RED if is_wrong else "")
        return gallery(self.inputs, titles, frames=frames)


def _objects(values: Sequence[Any]) -> np.ndarray:
    """Return values of any kind as a column of a table."""
    column = np.empty(len(values), object)
    column[:] = list(values)
    return column

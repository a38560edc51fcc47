"""Why one row is predicted as it is: what in it matters, and which training rows look alike to the network."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.errors import UsageError, unknown_name
from mlplab.figures import networks
from mlplab.inspection.examples import SPLITS, opened
from mlplab.inspection.network import activity, geometry, graph
from mlplab.inspection.network.internals import Internals, kept_internals
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.table import Table


def show_saliency(run: Run, index: int, split: str = "test", data: Any = None) -> Table:
    """Where one image would have to change to change the prediction: the gradient of its log-probability.

    The gradient of log p of the predicted class with respect to the model's inputs (those that went through the
    run's preprocessing): Simonyan, Vedaldi and Zisserman (2013), "Deep inside convolutional networks", section 3.
    Above 0, more of the pixel makes the network surer; below 0, less sure.

    Args:
        run: a finished run.
        index: of the row, a position in the data set, as other tables have it.
        split: "test", "validation" or "train".
        data: for runs that were begun with arrays: the same arrays.

    Returns:
        Table(row, column, gradient) of an image, with a column `channel` before the last where it has channels;
        Table(feature, gradient) of features. Its figure has the image, the gradient, and the gradient's size.

    Raises:
        UsageError: if there is no such row.
        RunError, DataError: if the run is not finished, or its data have to be given.
    """
    run = opened(run)
    row = _row(run, index, split, data)
    at = _kept_at(row)
    if row.kept is not None and at is not None:
        gradient, predicted = row.kept.saliency[at], int(run.predictions("test").probabilities[row.index].argmax())
    else:
        predicted = int(run.predict(row.input[None])[0].argmax())
        inputs = run.config.preprocessing(row.input[None])
        gradient = activity.saliency(run.model, inputs, np.array([predicted]))[0]
    names = {1: ("feature",), 2: ("row", "column"), 3: ("row", "column", "channel")}[gradient.ndim]
    places = np.indices(gradient.shape).reshape(gradient.ndim, -1)
    name = run.class_names[predicted]
    title = f"{row.title}, predicted {'so' if name == row.true else name}: gradient of log p({name})"
    draw = networks.saliency_bars if gradient.ndim == 1 else networks.saliency_maps
    columns = {**dict(zip(names, places, strict=True)), "gradient": gradient.reshape(-1)}
    return Table(columns, title, functools.partial(draw, row.input, gradient, title)).show()


def show_neighbours(run: Run, index: int, split: str = "test", n: int = 5, data: Any = None) -> Table:
    """The training rows that are nearest to one row in the network's last hidden layer, by Euclidean distance.

    They are what the network takes for alike. All rows of the training set are looked at, those held out for
    validation too; the row itself does not count. A network without hidden layer is asked about its inputs.

    Args:
        run, index, split, data: as in `show_saliency`.
        n: how many neighbours.

    Returns:
        Table(index, label, class, distance), nearest first, index a row of the training set. Its figure has the image
        and its neighbours, in a blue frame those of its own class, in a red one the others.

    Raises:
        UsageError: if there is no such row, or n is not at least 1.
        RunError, DataError: if the run is not finished, or its data have to be given.
    """
    if n < 1:
        raise UsageError(f"n must be a number of neighbours of at least 1; got {n}.")
    run = opened(run)
    row = _row(run, index, split, data)
    at = _kept_at(row)
    if row.kept is not None and at is not None and n <= row.kept.neighbour_index.shape[1]:
        nearest, distance = row.kept.neighbour_index[at, :n], row.kept.neighbour_distance[at, :n]
        by = row.kept.projection_of
    else:
        nearest, distance, by = _nearest(run, row, n)
    labels = row.data.train.labels[nearest]
    names = np.array(run.class_names)[labels]
    title = f"{row.title}: nearest training {'images' if row.input.ndim > 1 else 'rows'} by {by}"
    titles = [f"{row.split} {row.index}\n{row.true}\n{_verdict(run, row)}", *_titles(nearest, names, distance)]
    inputs = np.concatenate([row.input[None], row.data.train.inputs[nearest]])
    if row.input.ndim == 1:  # features of different units would hide each other
        inputs = run.config.preprocessing(inputs)
    draw = functools.partial(networks.neighbour_row, inputs, titles, (names == row.true).tolist(), title)
    return Table({"index": nearest, "label": labels, "class": names, "distance": distance}, title, draw).show()


def _titles(index: np.ndarray, names: np.ndarray, distance: np.ndarray) -> list[str]:
    rows = zip(index, names, distance, strict=True)
    return [f"train {i}\n{name}\ndistance {far:#.3g}" for i, name, far in rows]


def _verdict(run: Run, row: "_Row") -> str:
    """What is kept of how the row was predicted; a space where nothing is."""
    if not run.directory.has_predictions(row.split):
        return " "
    kept = run.predictions(row.split)
    name = run.class_names[int(kept.probabilities[kept.index == row.index][0].argmax())]
    return "predicted so" if name == row.true else f"predicted {name}"


@dataclass(frozen=True, eq=False)
class _Row:
    """One row of a run's data set, and what is kept of the run."""

    index: int
    split: str
    data: Data
    input: np.ndarray
    true: str
    kept: Internals | None

    @property
    def title(self) -> str:
        return f"{self.split} {self.index}, {self.true}"


def _row(run: Run, index: int, split: str, data: Any) -> _Row:
    run.require_one()
    if split not in SPLITS:
        raise UsageError(unknown_name("split", str(split), SPLITS))
    loaded = data_of(run, data, quiet=True)
    part = loaded.test if split == "test" else loaded.train
    known = np.arange(len(part)) if split == "test" else run.split[split]
    if not isinstance(index, int | np.integer) or index not in known:
        few = ", ".join(map(str, known[:3].tolist()))
        there = f"0 to {len(part) - 1}" if len(known) == len(part) else f"{len(known):,} of the {len(part):,}: {few} …"
        raise UsageError(
            f"There is no row {index!r} in the {split} set of {run.path.name}; its rows are {there}."
            if len(known)
            else f"{run.path.name} was trained without a {split} set."
        )
    true = run.class_names[part.labels[index]]
    return _Row(int(index), split, loaded, part.inputs[index], true, kept_internals(run))


def _kept_at(row: _Row) -> int | None:
    """Where among the failures that are kept the row is; None where it is not."""
    if row.kept is None or row.split != "test":
        return None
    places = np.flatnonzero(row.kept.worst == row.index)
    return int(places[0]) if len(places) else None


def _nearest(run: Run, row: _Row, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Row numbers and distances (m,), and what they are nearest by."""
    net = graph.read(run.model)
    forward = activity.Forward(net, [net.last_hidden()[0]], run.config.preprocessing)
    query = activity.flat(next(forward(row.input[None]))[0])
    train = (activity.flat(block[0]) for block in forward(row.data.train.inputs))
    itself = np.array([-1 if row.split == "test" else row.index])
    index, distance = geometry.nearest(query, train, n, itself)
    return index[0], distance[0], net.hidden_name()

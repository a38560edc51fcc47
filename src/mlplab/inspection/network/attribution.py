"""Explain the prediction of one row: the gradient at its inputs, and the nearest training rows."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.errors import UsageError, require_whole, unknown_name
from mlplab.figures import networks
from mlplab.inspection.examples import SPLITS, open_run
from mlplab.inspection.network import activity, geometry, graph
from mlplab.inspection.network.internals import kept_internals
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.table import Table


def show_saliency(run: Run, index: int, split: str = "test", data: Any = None) -> Table:
    """Show the gradient of one row's log-probability: how each pixel would change the prediction.

    The gradient of log p of the predicted class with respect to the model's (preprocessed) inputs: Simonyan, Vedaldi
    and Zisserman (2013), "Deep inside convolutional networks", section 3. Where it is above 0, a larger value makes
    the network surer; below 0, less sure.

    Args:
        run: a finished run.
        index: position of the row in the data set, as in other tables.
        split: "test", "validation" or "train".
        data: the arrays that the run was trained on, if it was trained on arrays.

    Returns:
        Table(row, column, gradient) of an image, with `channel` before `gradient` if it has channels; Table(feature,
        gradient) of features. The figure draws the image, the gradient, and its size.

    Raises:
        UsageError: if the split has no such row.
        RunError, DataError: if the run is not finished, or `data` is needed.

    Example:
        table = mlplab.show_saliency(run, index=3)
        gradient = table["gradient"].reshape(8, 8)
    """
    run = open_run(run)
    row = _row(run, index, split, data)
    if row.failure is not None:
        gradient = row.internals.saliency[row.failure]
        predicted = int(run.predictions("test").probabilities[row.index].argmax())
    else:
        predicted = int(run.predict(row.input[None])[0].argmax())
        inputs = run.config.preprocessing(row.input[None])
        gradient = activity.saliency(run.model, inputs, np.array([predicted]), len(run.class_names))[0]
    names = {1: ("feature",), 2: ("row", "column"), 3: ("row", "column", "channel")}[gradient.ndim]
    places = np.indices(gradient.shape).reshape(gradient.ndim, -1)
    name = run.class_names[predicted]
    title = f"{split} {index}, {row.true}, predicted {'so' if name == row.true else name}: gradient of log p({name})"
    draw = networks.saliency_bars if gradient.ndim == 1 else networks.saliency_maps
    columns = {**dict(zip(names, places, strict=True)), "gradient": gradient.reshape(-1)}
    return Table(columns, title, functools.partial(draw, row.input, gradient, title)).show()


def show_neighbours(run: Run, index: int, split: str = "test", n: int = 5, data: Any = None) -> Table:
    """Show the training rows nearest to one row in the network's last hidden layer, by Euclidean distance.

    Near rows look alike to the network. All rows of the training set are candidates, including those held out for
    validation, except the row itself. For a network without hidden layer the inputs are compared.

    Args:
        run, index, split, data: as in `show_saliency`.
        n: number of neighbours.

    Returns:
        Table(index, label, class, distance), nearest first; index is a position in the training set. The figure draws
        the image and its neighbours: a blue frame for the same class, a red one for another.

    Raises:
        UsageError: if the split has no such row, or n is less than 1.
        RunError, DataError: if the run is not finished, or `data` is needed.

    Example:
        table = mlplab.show_neighbours(run, index=3, n=2)
        classes = table["class"]
    """
    require_whole("n", n, 1)
    run = open_run(run)
    row = _row(run, index, split, data)
    if row.failure is not None and n <= row.internals.neighbour_index.shape[1]:
        nearest = row.internals.neighbour_index[row.failure, :n]
        distance = row.internals.neighbour_distance[row.failure, :n]
        space = row.internals.projection_of
    else:
        nearest, distance, space = _nearest(run, row, n)
    labels = row.data.train.labels[nearest]
    names = np.array(run.class_names)[labels]
    title = f"{split} {index}, {row.true}: nearest training {'images' if row.input.ndim > 1 else 'rows'} by {space}"
    rows = zip(nearest, names, distance, strict=True)
    titles = [f"train {i}\n{name}\ndistance {length:#.3g}" for i, name, length in rows]
    titles = [f"{split} {index}\n{row.true}\n{_prediction(run, row)}", *titles]
    inputs = np.concatenate([row.input[None], row.data.train.inputs[nearest]])
    if row.input.ndim == 1:  # the scales of raw features may differ too much for one axis
        inputs = run.config.preprocessing(inputs)
    draw = functools.partial(networks.neighbours, inputs, titles, (names == row.true).tolist(), title)
    return Table({"index": nearest, "label": labels, "class": names, "distance": distance}, title, draw).show()


def _prediction(run: Run, row: "_Row") -> str:
    """Describe the prediction kept for the row; a space if none is kept."""
    if not run.directory.has_predictions(row.split):
        return " "
    predictions = run.predictions(row.split)
    name = run.class_names[int(predictions.probabilities[predictions.index == row.index][0].argmax())]
    return "predicted so" if name == row.true else f"predicted {name}"


@dataclass(frozen=True, eq=False)
class _Row:
    """One row of a run's data set.

    Attributes:
        internals: what is kept of the run's network; None if nothing is.
        failure: the row's position in the arrays of `internals`; None if it is not among the worst failures.
    """

    index: int
    split: str
    data: Data
    input: np.ndarray
    true: str
    internals: Any
    failure: int | None


def _row(run: Run, index: int, split: str, data: Any) -> _Row:
    run.require_one()
    if split not in SPLITS:
        raise UsageError(unknown_name("split", split, SPLITS))
    loaded = data_of(run, data, quiet=True)
    part = loaded.test if split == "test" else loaded.train
    known = np.arange(len(part)) if split == "test" else run.split[split]
    if not len(known):
        raise UsageError(f"{run.path.name} was trained without a {split} set.")
    if not isinstance(index, int | np.integer) or index not in known:
        first = ", ".join(map(str, known[:3].tolist()))
        rows = f"0 to {len(part) - 1}" if len(known) == len(part) else f"{len(known):,} of the {len(part):,}: {first} …"
        raise UsageError(f"There is no row {index!r} in the {split} set of {run.path.name}; its rows are {rows}.")
    internals = kept_internals(run) if split == "test" else None
    failures = [] if internals is None else np.flatnonzero(internals.worst == index).tolist()
    true = run.class_names[part.labels[index]]
    return _Row(int(index), split, loaded, part.inputs[index], true, internals, next(iter(failures), None))


def _nearest(run: Run, row: _Row, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return positions and distances (m,) of the nearest training rows, and the space they are measured in."""
    net = graph.read(run.model)
    forward = activity.Forward(net, [net.last_hidden()], run.config.preprocessing)
    [query] = next(forward(row.input[None]))
    train = (hidden for (hidden,) in forward(row.data.train.inputs))
    index, distance = geometry.nearest_rows(query.reshape(1, -1), train, n + 1)
    others = np.flatnonzero((index[0] != row.index) | (row.split == "test"))[:n]
    return index[0, others], distance[0, others], net.hidden_name()

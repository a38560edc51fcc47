"""Results that need a run's model, computed once and kept in RUN/internals.npz.

Reading that file imports neither Keras nor JAX.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.inspection.examples import open_run
from mlplab.inspection.network import activity, geometry, graph
from mlplab.inspection.network.unit_norms import outgoing_norm
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.directory import INTERNALS
from mlplab.table import Table

VERSION = 1
"""Version of the file; internals.npz of another version is computed again."""

WORST = 60
NEIGHBOURS = 5

UNITS_TITLE = "Units, by layer and importance"

_log = logging.getLogger("mlplab")


@dataclass(frozen=True, eq=False)
class Internals:
    """Weights of a run's network, and its outputs and gradients for the test rows.

    Attributes:
        weights: float32 (units, *input_shape), of the first dense layer on the inputs, most important unit first;
            (0, *input_shape) if there is no such layer.
        units: Table(layer, unit, mean, sd, active, importance, state) of the hidden dense layers, most important
            unit of a layer first; its first rows match `weights`. See `show_units`.
        projection: float32 (n, 2), principal components of the last hidden layer's outputs for the test rows.
        explained: (2,), their fractions of the variance.
        projection_of: description of the projected outputs.
        worst: int (k,), rows of `run.predictions("test")`: the 60 failures with the highest loss, or fewer.
        saliency: float32 (k, *input_shape), gradients of the log-probability of the predicted class of each row in
            `worst`, with respect to the preprocessed inputs.
        neighbour_index, neighbour_label: int (k, 5), the training rows nearest in the last hidden layer, and their
            labels.
        neighbour_distance: float (k, 5), Euclidean.
        layers: Table(name, kind, activation, shape, parameters, parents), a row for each call of a layer.
    """

    weights: np.ndarray
    units: Table
    projection: np.ndarray
    explained: np.ndarray
    projection_of: str
    worst: np.ndarray
    saliency: np.ndarray
    neighbour_index: np.ndarray
    neighbour_label: np.ndarray
    neighbour_distance: np.ndarray
    layers: Table


def internals_of(run: Run, data: Any = None) -> Internals:
    """Read the internals kept in a run, or compute and keep them.

    Args:
        run: a finished run.
        data: the arrays that the run was trained on, if it was trained on arrays and nothing is kept.

    Raises:
        RunError: if the run is not finished.
        DataError: if `data` is needed.
        ModelError: if the model cannot be read as a graph.
    """
    run = open_run(run)
    internals = kept_internals(run)
    if internals is None:
        run.require_one()
        loaded = data_of(run, data, quiet=True)
        name = f"seed {run.config.settings.seed}" if run.path.parent.name == "members" else run.path.name
        _log.info(f"Analysing the network of {name} …")
        internals = _compute(run, loaded)
        run.directory.keep(INTERNALS, _to_arrays(internals))
    return internals


def kept_internals(run: Run) -> Internals | None:
    """Read the internals kept in a run; None if there are none of this version."""
    return run.directory.kept(INTERNALS, _from_arrays)


def _to_arrays(internals: Internals) -> dict[str, np.ndarray]:
    """Return the version, and an array for each field or column of a table."""
    arrays = {"version": np.array(VERSION)}
    for name, value in vars(internals).items():
        if isinstance(value, Table):
            arrays |= {f"{name}.{column}": values for column, values in value.columns.items()}
            arrays[f"{name}.title"] = np.array(value.title)
        else:
            arrays[name] = np.asarray(value)
    return arrays


def _from_arrays(arrays: dict[str, np.ndarray]) -> Internals:
    """Raises KeyError, TypeError or ValueError for arrays of another version."""
    if int(arrays.pop("version")) != VERSION:
        raise ValueError
    values: dict[str, Any] = {name: array for name, array in arrays.items() if "." not in name}
    for table in ("units", "layers"):
        columns = {name.removeprefix(f"{table}."): arrays[name] for name in arrays if name.startswith(f"{table}.")}
        title = str(columns.pop("title"))
        values[table] = Table(columns, title)
    values["projection_of"] = str(arrays["projection_of"])
    return Internals(**values)


def _compute(run: Run, data: Data) -> Internals:
    net = graph.read(run.model)
    hidden = net.last_hidden()
    dense = _layers_of_units(net)
    outputs = [net.unit_outputs(call) for call in dense]
    # One compilation serves both sets: computing the units' outputs for training rows too takes no time.
    forward = activity.Forward(net, [hidden, *(tensor for tensor, _ in outputs)], run.config.preprocessing)
    statistics = [activity.UnitStatistics(name) for _, name in outputs]
    blocks = []
    for hidden_outputs, *unit_outputs in forward(data.test.inputs):
        blocks.append(hidden_outputs.reshape(len(hidden_outputs), -1))
        for layer, values in zip(statistics, unit_outputs, strict=True):
            layer.add(values)
    rows = np.concatenate(blocks)
    columns = [layer.columns() for layer in statistics]
    norms = [outgoing_norm(net, tensor) for tensor, _ in outputs]
    units = _units_table([call.name for call in dense], columns, norms)
    projection, explained = geometry.principal_components(rows)
    return Internals(
        weights=_weights(net, dense, units, run.config.input_shape),
        units=units,
        projection=projection,
        explained=explained,
        projection_of=net.hidden_name(),
        **_failure_fields(run, data, rows, forward),
        layers=graph.layers_table(net),
    )


def _layers_of_units(net: graph.Network) -> list[graph.Call]:
    """Return the hidden dense layers, the one on the inputs first; without hidden layer, the one on the inputs."""
    first = net.first_dense()
    dense = net.hidden_dense() or ([] if first is None else [first])
    return sorted(dense, key=lambda call: call is not first)


def _units_table(names: list[str], columns: list[dict[str, np.ndarray]], norms: list[np.ndarray]) -> Table:
    parts = []
    dtypes = {"layer": str, "unit": int, "mean": float, "sd": float, "active": float, "importance": float, "state": str}
    for name, statistics, norm in zip(names, columns, norms, strict=True):
        importance = statistics["sd"] * norm
        order = np.argsort(-importance, kind="stable")
        part = {"layer": np.full(len(norm), name), "unit": np.arange(len(norm)), "importance": importance, **statistics}
        parts.append({column: part[column][order] for column in dtypes})
    parts = parts or [{column: np.array([], dtype) for column, dtype in dtypes.items()}]
    return Table({column: np.concatenate([part[column] for part in parts]) for column in dtypes}, UNITS_TITLE)


def _weights(net: graph.Network, dense: list[graph.Call], units: Table, shape: tuple[int, ...]) -> np.ndarray:
    first = net.first_dense()
    if first is None or first not in dense:
        return np.zeros((0, *shape), np.float32)
    kernel = np.asarray(first.layer.kernel.value, np.float32)
    kernel = kernel.reshape(math.prod(shape), -1, kernel.shape[1]).sum(1)  # over the numbers that encode an input
    order = units["unit"][units["layer"] == first.name]
    return kernel.T[order].reshape(-1, *shape)


def _failure_fields(run: Run, data: Data, rows: np.ndarray, forward: activity.Forward) -> dict[str, np.ndarray]:
    """Compute the fields of the failures with the highest loss. `rows`: hidden outputs for the test rows."""
    test = run.predictions("test")
    predicted = test.probabilities.argmax(1)
    failures = np.flatnonzero(predicted != test.label)
    true_probability = test.probabilities[failures, test.label[failures]]
    worst = failures[np.argsort(true_probability, kind="stable")[:WORST]]
    inputs = run.config.preprocessing(data.test.inputs[worst])
    train = (hidden for hidden, *_ in forward(data.train.inputs))
    index, distance = geometry.nearest_rows(rows[worst], train, NEIGHBOURS)
    return {
        "worst": worst,
        "saliency": activity.saliency(run.model, inputs, predicted[worst], len(run.class_names)),
        "neighbour_index": index,
        "neighbour_label": data.train.labels[index],
        "neighbour_distance": distance,
    }

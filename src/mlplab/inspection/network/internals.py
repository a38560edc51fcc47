"""What only the model can tell of a run, computed once and kept in it: RUN/internals.npz.

Reading what is kept imports neither Keras nor JAX.
"""

import logging
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.inspection.examples import opened
from mlplab.inspection.network import activity, geometry, graph
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.directory import INTERNALS
from mlplab.table import Table

VERSION = 1
"""Of the file; one of another version is computed anew."""

WORST = 60
NEIGHBOURS = 5

UNITS_TITLE = "Units, by layer and importance"

_log = logging.getLogger("mlplab")


@dataclass(frozen=True, eq=False)
class Internals:
    """What a run's network has learnt and does with the test rows. Positions are rows of `run.predictions("test")`.

    Attributes:
        weights: float32 (units, *input_shape), of the first dense layer on the inputs, most important unit first;
            (0, *input_shape) where there is none.
        units: Table(layer, unit, mean, sd, active, importance, state) of the hidden dense layers, most important
            unit of a layer first; the rows of `weights` are the first of them. See `units.show_units`.
        projection: float32 (n, 2), principal components of the last hidden layer's outputs for the test rows.
        explained: (2,), their fractions of the variance.
        projection_of: what was projected, in a few words.
        worst: int (k,), positions of the (at most 60) failures with the highest loss, the worst first.
        saliency: float32 (k, *input_shape), gradients of the log-probability of their predicted class with respect
            to the preprocessed inputs.
        neighbour_index, neighbour_label: int (k, 5), the rows of the training set that are nearest in the last
            hidden layer, and their labels.
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
    """What only the model can tell of a run; computed when first asked for, then kept in it.

    Args:
        run: a finished run.
        data: for runs that were begun with arrays: the same arrays. Not needed for what is kept.

    Raises:
        RunError: if the run is not finished.
        DataError: if its data set has to be given.
        ModelError: if its model cannot be read as a graph.
    """
    run = opened(run)
    found = kept_internals(run)
    if found is None:
        run.require_one()
        loaded = data_of(run, data, quiet=True)
        which = f"seed {run.config.settings.seed}" if run.path.parent.name == "members" else run.path.name
        _log.info(f"Looking into the network of {which} …")
        found = _computed(run, loaded)
        run.directory.keep(INTERNALS, {"version": np.array(VERSION), **_arrays(found)})
    return found


def kept_internals(run: Run) -> Internals | None:
    """What is kept in the run; None where nothing is, or what another version wrote."""
    arrays = run.directory.kept(INTERNALS)
    try:
        return None if arrays is None or int(arrays.pop("version")) != VERSION else _from_arrays(arrays)
    except (KeyError, TypeError, ValueError):
        run.directory.log_outdated(INTERNALS)
        return None


def _arrays(internals: Internals) -> dict[str, np.ndarray]:
    """One array for each field; of tables, for each column."""
    arrays = {}
    for field in fields(Internals):
        value = getattr(internals, field.name)
        if isinstance(value, Table):
            arrays |= {f"{field.name}.{name}": column for name, column in value.columns.items()}
            arrays[f"{field.name}.title"] = np.array(value.title)
        else:
            arrays[field.name] = np.asarray(value)
    return arrays


def _from_arrays(arrays: dict[str, np.ndarray]) -> Internals:
    tables: dict[str, Any] = {}
    for name in ("units", "layers"):
        columns = {key.removeprefix(f"{name}."): arrays.pop(key) for key in list(arrays) if key.startswith(f"{name}.")}
        tables[name] = Table({key: column for key, column in columns.items() if key != "title"}, str(columns["title"]))
    return Internals(**tables, **{**arrays, "projection_of": str(arrays["projection_of"])})  # pyright: ignore[reportArgumentType]


def _computed(run: Run, data: Data) -> Internals:
    net = graph.read(run.model)
    hidden, _ = net.last_hidden()
    dense = _layers_of_units(net)
    outputs = [net.unit_outputs(call) for call in dense]
    # One compilation serves both sets: training rows compute the units' outputs for nothing, which takes no time.
    forward = activity.Forward(net, [hidden, *(tensor for tensor, _ in outputs)], run.config.preprocessing)
    statistics = [activity.UnitStatistics(name) for _, name in outputs]
    blocks = []
    for flat, *values in forward(data.test.inputs):
        blocks.append(activity.flat(flat))
        for gathered, outputs_of_units in zip(statistics, values, strict=True):
            gathered.add(outputs_of_units)
    rows = np.concatenate(blocks)
    columns = [gathered.columns() for gathered in statistics]
    norms = [net.outgoing_norm(tensor) for tensor, _ in outputs]
    units = _units_table([call.name for call in dense], columns, norms)
    projection, explained = geometry.principal_components(rows)
    return Internals(
        weights=_weights(net, dense, units, run.config.input_shape),
        units=units,
        projection=projection,
        explained=explained,
        projection_of=net.hidden_name(),
        **_of_failures(run, data, rows, forward),
        layers=graph.layers_table(net),
    )


def _layers_of_units(net: graph.Network) -> list[graph.Call]:
    """Hidden dense layers, the first on the inputs before the others; without a hidden one, that first alone."""
    first = net.first_dense()
    dense = net.hidden_dense() or ([] if first is None else [first])
    return sorted(dense, key=lambda call: call is not first)


def _units_table(names: list[str], columns: list[dict[str, np.ndarray]], norms: list[np.ndarray]) -> Table:
    parts = []
    for name, of_layer, norm in zip(names, columns, norms, strict=True):
        importance = of_layer["sd"] * norm
        order = np.argsort(-importance, kind="stable")
        table = {"layer": np.full(len(norm), name), "unit": np.arange(len(norm)), **of_layer, "importance": importance}
        parts.append({column: values[order] for column, values in table.items()})
    empty = {
        "layer": str,
        "unit": np.int64,
        **dict.fromkeys(("mean", "sd", "active", "importance"), float),
        "state": str,
    }
    joined = {
        column: np.concatenate([part[column] for part in parts]) if parts else np.array([], kind)
        for column, kind in empty.items()
    }
    return Table(joined, UNITS_TITLE)


def _weights(net: graph.Network, dense: list[graph.Call], units: Table, shape: tuple[int, ...]) -> np.ndarray:
    first = net.first_dense()
    if first is None or first not in dense:
        return np.zeros((0, *shape), np.float32)
    kernel = np.asarray(first.layer.kernel.value, np.float32)
    order = units["unit"][units["layer"] == first.name]
    return kernel.T[order].reshape(-1, *shape)


def _of_failures(run: Run, data: Data, rows: np.ndarray, forward: activity.Forward) -> dict[str, np.ndarray]:
    """The fields that are about the failures with the highest loss. `rows`: hidden outputs for the test rows."""
    kept = run.predictions("test")
    predicted = kept.probabilities.argmax(1)
    failures = np.flatnonzero(predicted != kept.label)
    given = kept.probabilities[failures, kept.label[failures]]
    worst = failures[np.argsort(given, kind="stable")[:WORST]]
    if not len(worst):
        return {
            "worst": worst,
            "saliency": np.zeros((0, *run.config.input_shape), np.float32),
            "neighbour_index": np.zeros((0, NEIGHBOURS), np.int64),
            "neighbour_label": np.zeros((0, NEIGHBOURS), np.int64),
            "neighbour_distance": np.zeros((0, NEIGHBOURS)),
        }
    inputs = run.config.preprocessing(data.test.inputs[worst])
    train = (activity.flat(block[0]) for block in forward(data.train.inputs))
    index, distance = geometry.nearest(rows[worst], train, NEIGHBOURS)
    return {
        "worst": worst,
        "saliency": activity.saliency(run.model, inputs, predicted[worst]),
        "neighbour_index": index,
        "neighbour_label": data.train.labels[index],
        "neighbour_distance": distance,
    }

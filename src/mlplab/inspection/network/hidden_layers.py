"""The hidden layers of a network: importance and state of their units, and a projection of the last one's outputs."""

import functools
from typing import Any

import numpy as np

from mlplab.figures import networks
from mlplab.inspection.examples import open_run
from mlplab.inspection.network.internals import UNITS_TITLE, Internals, internals_of
from mlplab.runs import Run
from mlplab.table import Table

SHOWN = 40


def show_units(run: Run, data: Any = None) -> Table:
    """Show the weights of the first dense layer as images, most important unit first, and list all hidden units.

    A unit's importance is the standard deviation of its output over the test rows, times the L2 norm of its outgoing
    weights. Its square is the variance that the unit alone adds to the pre-activations of the next layer, summed over
    them. A unit of importance 0 has a constant output, which the next layer's biases can replace (Sietsma and Dow,
    1991, "Creating artificial neural networks that generalize").

    A unit is dead if its output is the same for all test rows, such as a ReLU's that is never above 0. A unit with a
    bounded activation (sigmoid, tanh, softsign …) is saturated if its output is within 5 % of the range of a limit on
    at least 95 % of the rows, where almost no gradient passes.

    Args:
        run: a finished run.
        data: the arrays that the run was trained on, if it was trained on arrays; not needed again later.

    Returns:
        Table(layer, unit, mean, sd, active, importance, state) of all hidden dense layers: mean and standard
        deviation of the output, the fraction of rows with an output above 0, and state "", "dead" or "saturated". The
        figure draws the first 40 units of the first layer; bars, if that layer does not take the inputs.

    Example:
        table = mlplab.show_units(run)
        dead = [row["unit"] for row in table if row["state"] == "dead"]
    """
    return units(internals_of(run, data)).show()


def units(internals: Internals) -> Table:
    """Build the table of `show_units`."""
    table = internals.units
    counts = {state: int((table["state"] == state).sum()) for state in ("dead", "saturated")}
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none dead or saturated"
    title = f"{UNITS_TITLE}: {len(table)}, {states}" if len(table) else "No hidden dense layer"
    return Table(table.columns, title, functools.partial(_figure, internals) if len(table) else None)


def _figure(internals: Internals) -> Any:
    weights = internals.weights
    total = len(weights) or len(internals.units)
    table = internals.units.select(slice(min(SHOWN, total)))
    states, n = table["state"].tolist(), len(table)
    titles = [f"unit {row['unit']}\n{row['state'] or format(row['importance'], '#.3g')}" for row in table]
    title = (f"{n} units" if n == total else f"{n} of {total} units") + ", with their importance"
    if not len(weights):
        titles = [f"{row['layer']}, {text}" for row, text in zip(table, titles, strict=True)]
        return networks.bars(table["importance"], titles, "Importance", title, states=states)
    high, low = ("Bright", "dark") if weights.shape[3:] == (3,) else ("Red", "blue")
    title = f"{table['layer'][0]}: {title}. {high} weights raise the output of a unit, {low} ones lower it"
    return networks.weights(weights[:n], titles, states, title)


def show_projection(run: Run, data: Any = None) -> Table:
    """Project the last hidden layer's outputs for the test rows to their first two principal components.

    Points near each other look alike to the network in these two directions; the axes state the fraction of the
    variance that lies in each. For a network without hidden layer the inputs are projected.

    Args:
        run: a finished run.
        data: the arrays that the run was trained on, if it was trained on arrays; not needed again later.

    Returns:
        Table(index, x, y, true, predicted, correct), classes by name. The figure is coloured by the true class;
        wrongly predicted rows have a dark ring.

    Example:
        table = mlplab.show_projection(run)
        points = table["x"], table["y"]
    """
    run = open_run(run)
    internals, test = internals_of(run, data), run.predictions("test")
    predicted = test.probabilities.argmax(1)
    correct = predicted == test.label
    names = np.array(run.class_names)
    axes = [
        f"{order} principal component ({100 * share:.1f} % of the variance)"
        for order, share in zip(("First", "Second"), internals.explained, strict=True)
    ]
    title = f"Test rows of {run.path.name}: {internals.projection_of}"
    points = internals.projection
    draw = functools.partial(networks.projection, points, test.label, correct, run.class_names, axes, title)
    columns = {
        "index": test.index,
        "x": points[:, 0],
        "y": points[:, 1],
        "true": names[test.label],
        "predicted": names[predicted],
        "correct": correct,
    }
    return Table(columns, title, draw).show()

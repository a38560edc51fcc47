"""The weights of a network's units, their importance, and which are dead or saturated."""

import functools
from typing import Any

from mlplab.figures import networks
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
    table, weights = internals.units, internals.weights
    drawable = len(weights) > 0
    total = len(weights) if drawable else len(table)
    rows = table.rows()[: min(SHOWN, total)]
    names = [f"unit {row['unit']}" if drawable else f"{row['layer']}, unit {row['unit']}" for row in rows]
    marks = [row["state"] or f"{row['importance']:#.3g}" for row in rows]
    titles = [f"{name}\n{mark}" for name, mark in zip(names, marks, strict=True)]
    states = [row["state"] for row in rows]
    n = len(rows)
    title = (f"{n} units" if n == total else f"{n} of {total} units") + ", with their importance"
    if not drawable:
        return networks.unit_bars(table["importance"][:n], titles, states, title)
    colours = "Bright weighs for a unit, dark" if weights.shape[3:] == (3,) else "Red weighs for a unit, blue"
    title = f"{table['layer'][0]}: {title}. {colours} against it"
    draw = networks.weight_rows if weights.ndim == 2 else networks.weight_images
    return draw(weights[:n], titles, states, title)

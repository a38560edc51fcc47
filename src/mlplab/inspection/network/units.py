"""What the units of a network look at, and which of them are of no use."""

import functools
from typing import Any

from mlplab.figures import networks
from mlplab.inspection.network.internals import UNITS_TITLE, Internals, internals_of
from mlplab.runs import Run
from mlplab.table import Table

SHOWN = 40


def show_units(run: Run, data: Any = None) -> Table:
    """The weights of the first dense layer as images, most important unit first, and all hidden units as a table.

    A unit's importance is the standard deviation of its output over the test rows, times the L2 norm of its outgoing
    weights. Its square is the variance that the unit alone brings to the sums of the next layer, all of these added
    up. A unit of no importance has a constant output, and the next layer's biases can stand in for it (Sietsma and
    Dow, 1991, "Creating artificial neural networks that generalize").

    A unit is dead if its output is the same for all test rows, as a ReLU's that is never above 0. With a bounded
    activation (sigmoid, tanh, softsign …) it is saturated if its output is within 5 % of the range of a limit on at
    least 95 % of the rows: almost no gradient passes there.

    Args:
        run: a finished run.
        data: for runs that were begun with arrays: the same arrays. Not needed where `internals_of` was asked before.

    Returns:
        Table(layer, unit, mean, sd, active, importance, state) of all hidden dense layers: mean and standard
        deviation of the output, the share of rows on which it is above 0, state "", "dead" or "saturated". Its figure
        has the first 40 units of the first layer; where that one does not see the inputs themselves, bars.
    """
    return units(internals_of(run, data)).show()


def units(internals: Internals) -> Table:
    """The table of `show_units`, of what is at hand."""
    table = internals.units
    useless = {state: int((table["state"] == state).sum()) for state in ("dead", "saturated")}
    told = ", ".join(f"{count} {state}" for state, count in useless.items() if count) or "none dead or saturated"
    title = f"{UNITS_TITLE}: {len(table)}, {told}" if len(table) else "No hidden dense layer"
    return Table(table.columns, title, functools.partial(_figure, internals) if len(table) else None)


def _figure(internals: Internals) -> Any:
    table, weights = internals.units, internals.weights
    pictured = len(weights) > 0
    there = len(weights) if pictured else len(table)
    n = min(SHOWN, there)
    states = table["state"][:n].tolist()
    names = [
        f"unit {unit}" if pictured else f"{layer}, unit {unit}" for layer, unit in zip(*_first(table, n), strict=True)
    ]
    marks = [state or f"{importance:#.3g}" for state, importance in zip(states, table["importance"][:n], strict=True)]
    titles = [f"{name}\n{mark}" for name, mark in zip(names, marks, strict=True)]
    title = (f"{n} units" if n == there else f"{n} of {there} units") + ", with their importance"
    if not pictured:
        return networks.unit_bars(table["importance"][:n], titles, states, title)
    signs = ("Bright", "dark") if weights.ndim == 4 and weights.shape[-1] == 3 else ("Red", "blue")
    title = f"{table['layer'][0]}: {title}. {signs[0]} weighs for a unit, {signs[1]} against it"
    draw = networks.weight_rows if weights.ndim == 2 else networks.weight_images
    return draw(weights[:n], titles, states, title)


def _first(table: Table, n: int) -> tuple[list[str], list[int]]:
    return table["layer"][:n].tolist(), table["unit"][:n].tolist()

"""The last hidden layer's outputs in the plane."""

import functools
from typing import Any

import numpy as np

from mlplab.figures import networks
from mlplab.inspection.examples import opened
from mlplab.inspection.network.internals import Internals, internals_of
from mlplab.runs import Run
from mlplab.table import Table


def show_projection(run: Run, data: Any = None) -> Table:
    """The test rows as the last hidden layer has them, along the two directions in which they vary most (PCA).

    What lies together here looks alike to the network; how far that holds, the fractions of the variance on the axes
    tell. A network without hidden layer shows its inputs.

    Args:
        run: a finished run.
        data: for runs that were begun with arrays: the same arrays. Not needed where `internals_of` was asked before.

    Returns:
        Table(index, x, y, true, predicted, correct), classes by name. Its figure is coloured by the true class, and
        failures have a dark ring.
    """
    run = opened(run)
    return projection(run, internals_of(run, data)).show()


def projection(run: Run, internals: Internals) -> Table:
    """The table of `show_projection`, of what is at hand."""
    kept = run.predictions("test")
    predicted = kept.probabilities.argmax(1)
    correct = predicted == kept.label
    names = np.array(run.class_names)
    axes = [
        f"{nth} principal component ({100 * share:.1f} % of the variance)"
        for nth, share in zip(("First", "Second"), internals.explained, strict=True)
    ]
    title = f"Test rows of {run.path.name}: {internals.projection_of}"
    draw = functools.partial(
        networks.projection, internals.projection, kept.label, correct, run.class_names, axes, title
    )
    columns = {
        "index": kept.index,
        "x": internals.projection[:, 0],
        "y": internals.projection[:, 1],
        "true": names[kept.label],
        "predicted": names[predicted],
        "correct": correct,
    }
    return Table(columns, title, draw)

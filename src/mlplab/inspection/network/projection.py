"""The outputs of the last hidden layer, projected to the plane."""

import functools
from typing import Any

import numpy as np

from mlplab.figures import networks
from mlplab.inspection.examples import open_run
from mlplab.inspection.network.internals import Internals, internals_of
from mlplab.runs import Run
from mlplab.table import Table


def show_projection(run: Run, data: Any = None) -> Table:
    """Project the last hidden layer's outputs for the test rows to their first two principal components.

    Neighbouring points look alike to the network, as far as the fractions of variance on the axes reach. For a network
    without hidden layer the inputs are projected.

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
    return projection(run, internals_of(run, data)).show()


def projection(run: Run, internals: Internals) -> Table:
    """Build the table of `show_projection`."""
    test = run.predictions("test")
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
    return Table(columns, title, draw)

"""Training labels that may be wrong, from the predictions that `mlplab labels` keeps in the run."""

from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.inspection.examples import Examples
from mlplab.pages.sprites import sprites
from mlplab.runs import Run
from mlplab.table import Table

SHOWN = 48


def doubtful(run: Run, data: Data | None) -> dict[str, Any] | None:
    """Return the training labels with the lowest probability and their images; None for a run without predictions.

    The order is that of `label_errors.label_quality`: the probability of the given label, lowest first.
    """
    kept = run.directory.cross_validation()
    if kept is None:
        return None
    judged = Examples("", kept.index, kept.label, kept.probabilities, run.class_names)
    order = np.argsort(judged.true_probability, kind="stable")
    first = order[~judged.correct[order]][:SHOWN]
    columns = {
        "index": judged.index[first],
        "given": judged.names(judged.labels[first]),
        "suggested": judged.names(judged.predicted[first]),
        "given_probability": judged.true_probability[first],
        "suggested_probability": judged.confidence[first],
    }
    images = sprites(data.train.images[judged.index[first]], 300_000) if data and data.train.has_images else None
    table = Table(columns)
    return {
        "table": table,
        "judged": len(judged),
        "path": str(run.path),
        "for_script": {"rows": table.rows(), "images": images and images.for_script()},
    }

"""Training labels worth doubting, where `mlplab labels` has judged them: what is kept in the run, ranked."""

from typing import Any

import numpy as np

from mlplab import files
from mlplab.datasets import Data
from mlplab.experiments.label_errors import KEPT
from mlplab.inspection.examples import Examples
from mlplab.pages.sprites import sprites
from mlplab.runs import Run
from mlplab.table import Table

SHOWN = 48


def doubtful(run: Run, data: Data | None) -> dict[str, Any] | None:
    """The labels of the training set that get the lowest probability, and their images; None where none were judged.

    The order is that of `label_errors.label_quality`: the probability of the given label, lowest first.
    """
    if not (run.path / KEPT).exists():
        return None
    kept = files.read_arrays(run.path / KEPT)
    judged = Examples("", kept["index"], kept["label"], kept["probabilities"], run.class_names)
    order = np.argsort(judged.true_probability, kind="stable")
    first = order[~judged.correct[order]][:SHOWN]
    columns = {
        "index": judged.index[first],
        "given": judged.names(judged.labels[first]),
        "suggested": judged.names(judged.predicted[first]),
        "given_probability": judged.true_probability[first],
        "suggested_probability": judged.confidence[first],
    }
    table = Table(columns)
    images = sprites(data.train.images[judged.index[first]], 300_000) if data and data.train.has_images else None
    return {
        "table": table,
        "judged": len(judged),
        "path": str(run.path),
        "for_script": {
            "rows": table.rows(),
            "images": None if images is None else images.layout() | {"sheets": images.sheets},
        },
    }

"""How new rows and pictures become inputs of a run: as its own data was prepared."""

from mlplab.datasets import CATALOG, load
from mlplab.datasets.images.framing import Framing, framing_of
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.reading import Reading
from mlplab.errors import FetchError
from mlplab.runs.run import Run


def preparation_of(run: Run, *, as_is: bool = False) -> Preparation:
    """Return how new rows and pictures become inputs of a run.

    `as_is`: pictures go in pixel for pixel.
    """
    config = run.config
    reading = Reading.from_json(config.data.get("reading", {}))
    return Preparation.of(config.input_shape, reading, config.input_range, None if as_is else _framing(run), as_is)


def _framing(run: Run) -> Framing | None:
    """Return how the training images lie in their frames; None if not alike, and in early runs on files and arrays."""
    kept = run.config.inputs or {}
    if "framing" in kept:
        return None if kept["framing"] is None else Framing.from_json(kept["framing"])
    if run.config.data["source"] not in CATALOG:
        return None
    try:
        return framing_of(load(run.config.data["source"], quiet=True).train.inputs)
    except FetchError:
        return None

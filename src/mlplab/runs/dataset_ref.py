"""The data set that a run was trained on: what tells it from others, and having it again."""

from pathlib import Path
from typing import Any

from mlplab.datasets import CATALOG, Data, load
from mlplab.datasets.corrections import CORRECTED, Corrections, read_all
from mlplab.errors import DataError, RunError
from mlplab.runs.run import Run

CORRECTED_LABELS = "corrected-labels.csv"
"""The file in a run directory that holds the training labels which differ from the data set's, if any do."""


def identity(data: Data) -> dict[str, Any]:
    """What tells a data set from another, and what `load` takes to have it again (None for arrays)."""
    hashes = {
        part.provenance.split: part.provenance.sha256 or {"content": part.content_hash()}
        for part in (data.train, data.test)
    }
    file = data.train.provenance.source
    again = data.name if data.name in CATALOG else str(Path(file).resolve()) if file.endswith(".npz") else None
    if CORRECTED in hashes["train"]:
        again = None
    return {"name": data.name, "source": again, "hashes": hashes}


def data_of(run: Run, data: Any = None, *, quiet: bool = False) -> Data:
    """The data set of a run, verified to be the one that it began with, with the labels that the run corrected.

    Args:
        run: the run.
        data: needed for runs begun with arrays: the same arrays, or whatever `load` makes them of.
        quiet: as in `load`.

    Raises:
        DataError: if it is another one, or has to be given.
        RunError: if the corrected labels are not those that the run began with.
    """
    began = run.config.data
    if data is None and began["source"] is None:
        raise DataError(
            f"{run.path} was begun with arrays: give them again as data=((x_train, y_train), (x_test, y_test))."
        )
    found = load(began["source"] if data is None else data, quiet=quiet)
    now, then = identity(found)["hashes"], began["hashes"]
    if run.config.corrected_labels and _uncorrected(now) == _uncorrected(then):
        corrections = _corrections(run, found)
        if now == {**then, "train": corrections.added_to(then["train"])}:
            return found  # what this function gave before
        if now == then:
            return corrections.applied_to(found)
    elif now == then:
        return found
    raise DataError(f"{run.path} was begun with {began['name']} of other content. Expected {then}, got {now}.")


def _uncorrected(hashes: dict[str, Any]) -> dict[str, Any]:
    return {**hashes, "train": {name: value for name, value in hashes["train"].items() if name != CORRECTED}}


def _corrections(run: Run, data: Data) -> Corrections:
    path = run.path / CORRECTED_LABELS
    try:
        corrections = read_all(path, data)
    except DataError as error:
        raise RunError(f"{run.path} was trained with corrected labels, and they are damaged: {error}") from error
    if len(corrections) != run.config.corrected_labels:
        raise RunError(
            f"{path} was changed: it corrects {len(corrections):,} labels, and the run began with "
            f"{run.config.corrected_labels:,} corrected. Restore it from a copy, or train a new run with it."
        )
    return corrections

"""The data set that a run was trained on: what tells it from others, and having it again."""

from pathlib import Path
from typing import Any

from mlplab.datasets import CATALOG, Data, load
from mlplab.errors import DataError
from mlplab.runs.run import Run


def identity(data: Data) -> dict[str, Any]:
    """What tells a data set from another, and what `load` takes to have it again (None for arrays)."""
    hashes = {
        part.provenance.split: part.provenance.sha256 or {"content": part.content_hash()}
        for part in (data.train, data.test)
    }
    file = data.train.provenance.source
    again = data.name if data.name in CATALOG else str(Path(file).resolve()) if file.endswith(".npz") else None
    return {"name": data.name, "source": again, "hashes": hashes}


def data_of(run: Run, data: Any = None, *, quiet: bool = False) -> Data:
    """The data set of a run, verified to be the one that it began with.

    Args:
        run: the run.
        data: needed for runs begun with arrays: the same arrays, or whatever `load` makes them of.
        quiet: as in `load`.

    Raises:
        DataError: if it is another one, or has to be given.
    """
    began = run.config.data
    if data is None and began["source"] is None:
        raise DataError(
            f"{run.path} was begun with arrays: give them again as data=((x_train, y_train), (x_test, y_test))."
        )
    found = load(began["source"] if data is None else data, quiet=quiet)
    if (hashes := identity(found)["hashes"]) != began["hashes"]:
        raise DataError(
            f"{run.path} was begun with {began['name']} of other content. Expected {began['hashes']}, got {hashes}."
        )
    return found

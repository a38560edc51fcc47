"""Open and name what is compared, and check that all of it is about the same rows and classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import DataError, UsageError
from mlplab.inspection.examples import Examples, available_data, examples_of, open_run
from mlplab.runs import Run


def named(
    sources: Sequence[Any], y: ArrayLike | None, X: ArrayLike | None
) -> tuple[dict[str, Any], ArrayLike | None, ArrayLike | None]:
    """Return runs or probabilities by name, then labels and inputs, from the arguments of `compare`."""
    names: list[str] = []
    if sources and isinstance(sources[0], Mapping):
        mapping, *rest = sources
        if len(rest) > 2 or (rest and y is not None) or (len(rest) == 2 and X is not None):
            raise UsageError(
                "Give labels and inputs once, after the mapping: compare({'a': …, 'b': …}, y_test, X_test)."
            )
        y, X = rest[0] if rest else y, rest[1] if len(rest) == 2 else X
        names, sources = list(map(str, mapping)), list(mapping.values())
    contestants = [open_run(source) if isinstance(source, str | Path) else source for source in sources]
    runs = [source for source in contestants if isinstance(source, Run)]
    paths = [run.path for run in runs]
    if duplicates := [path for path in paths if paths.count(path) > 1]:
        raise UsageError(f"{duplicates[0]} was given twice. Give two different runs.")
    if not names and len(runs) < len(contestants):
        raise UsageError(
            "Probabilities need names: compare({'a': probabilities, 'b': probabilities}, y_test). "
            f"Got {' and '.join(sorted({type(source).__name__ for source in sources}))}."
        )
    if 0 < len(runs) < len(contestants):
        raise UsageError(
            "Expected only runs or only probabilities; got both. Give a run's run.predictions().probabilities instead."
        )
    return dict(zip(names or _short_names(runs), contestants, strict=True)), y, X


def _short_names(runs: Sequence[Run]) -> list[str]:
    """Name each run after the end of its path: its folder, or as many parent folders as make the names different."""
    depth = 1
    while len({run.path.parts[-depth:] for run in runs}) < len(runs):
        depth += 1
    return ["/".join(run.path.parts[-depth:]) for run in runs]


def of_runs(runs: Mapping[str, Run], data: Any) -> dict[str, Examples]:
    """Return the test predictions of runs, checked to be for the same rows. The first has inputs, if available."""
    for run in runs.values():
        run.require_finished()
    (first_name, first), *others = runs.items()
    for name, other in others:
        if other.config.input_shape != first.config.input_shape or not _same_test_set(first, other):
            raise DataError(
                f"Expected runs with the same test set. {first_name} was tested on {first.config.data['name']}, and "
                f"{name} on {other.config.data['name']}, whose test rows differ. Compare runs of one data set."
            )
    examples = {name: examples_of(run, inputs=False) for name, run in runs.items()}
    check_alike(examples)
    return examples | {first_name: examples_of(first, data=data)}


def _same_test_set(a: Run, b: Run) -> bool:
    """Return whether two test sets may be the same: True also if their hashes cannot be compared.

    `check_alike` then compares the labels.
    """
    hashes = [run.config.data["hashes"]["test"] for run in (a, b)]
    if hashes[0] == hashes[1]:
        return True
    contents = [_content(run) for run in (a, b)]
    return hashes[0].keys() != hashes[1].keys() if None in contents else contents[0] == contents[1]


def _content(run: Run) -> str | None:
    """Return the content hash of a run's test set, or None. An .npz file's hash also covers its training set."""
    data_config = run.config.data
    if data_config["source"] is None or not data_config["source"].endswith(".npz"):
        return data_config["hashes"]["test"].get("content")
    data, _ = available_data(run)
    return None if data is None else data.test.content_hash()


def check_alike(examples: Mapping[str, Examples]) -> None:
    """Raise `DataError` unless all predictions are for the same rows, labels and classes."""
    (first_name, first), *others = examples.items()
    for name, other in others:
        if other.class_names != first.class_names:
            names = zip(first.class_names, other.class_names, strict=False)
            difference = next((f"{a!r} and {b!r}" for a, b in names if a != b), "")
            difference = difference or f"{len(first.class_names)} and {len(other.class_names)} classes"
            raise DataError(f"The classes of {first_name} and {name} are not the same: {difference}.")
        if len(other) != len(first):
            raise DataError(f"{first_name} has predictions for {len(first):,} rows and {name} for {len(other):,}.")
        if not np.array_equal(other.index, first.index):
            raise DataError(f"The predictions of {first_name} and {name} are not for the same rows of the test set.")
        if (changed := int((other.labels != first.labels).sum())) != 0:
            raise DataError(f"{changed:,} of {len(first):,} rows have other labels in {name} than in {first_name}.")

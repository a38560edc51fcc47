"""Open the runs or probabilities to compare, name each, and check that all have the same rows and classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets import CATALOG
from mlplab.errors import DataError, UsageError
from mlplab.inspection.examples import Examples, available_data, examples_of, open_run
from mlplab.runs import Run


def named(
    sources: Sequence[Any], y: ArrayLike | None, X: ArrayLike | None
) -> tuple[dict[str, Any], ArrayLike | None, ArrayLike | None]:
    """Parse the arguments of `compare`. Return runs or probabilities by name, labels, inputs."""
    names: list[str] = []
    if sources and isinstance(sources[0], Mapping):
        mapping, *rest = sources
        if len(rest) > 2 or (rest and y is not None) or (len(rest) == 2 and X is not None):
            raise UsageError(
                "Give labels and inputs once, after the mapping: compare({'a': …, 'b': …}, y_test, X_test)."
            )
        y, X = rest[0] if rest else y, rest[1] if len(rest) == 2 else X
        names, sources = list(map(str, mapping)), list(mapping.values())
    compared = [open_run(source) if isinstance(source, str | Path) else source for source in sources]
    runs = [source for source in compared if isinstance(source, Run)]
    paths = [run.path for run in runs]
    if duplicates := [path for path in paths if paths.count(path) > 1]:
        raise UsageError(f"{duplicates[0]} was given twice. Give two different runs.")
    if not names and len(runs) < len(compared):
        raise UsageError(
            "Probabilities need names: compare({'a': probabilities, 'b': probabilities}, y_test). "
            f"Got {' and '.join(sorted({type(source).__name__ for source in sources}))}."
        )
    if 0 < len(runs) < len(compared):
        raise UsageError(
            "Expected only runs or only probabilities; got both. Give a run's run.predictions().probabilities instead."
        )
    return dict(zip(names or _short_names(runs), compared, strict=True)), y, X


def _short_names(runs: Sequence[Run]) -> list[str]:
    """Name each run after the end of its path: its folder, or as many parent folders as make the names different."""
    depth = 1
    while len({run.path.parts[-depth:] for run in runs}) < len(runs):
        depth += 1
    return ["/".join(run.path.parts[-depth:]) for run in runs]


def of_runs(runs: Mapping[str, Run], data: Any) -> dict[str, Examples]:
    """Return each run's test predictions, after checking that all cover the same rows.

    Only the first run's include the inputs, if they are available. `data` is the data set, for runs of arrays.
    """
    for run in runs.values():
        run.require_finished()
    (first_name, first), *others = runs.items()
    for name, other in others:
        shapes = [run.config.input_shape for run in (first, other)]
        sets = [run.config.data["name"] for run in (first, other)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"Expected runs with the same test set. The inputs of {first_name} have shape {shapes[0]}, those of "
                f"{name} {shapes[1]}. Compare runs of one data set."
            )
        if not _same_test_set(first, other):
            raise DataError(
                f"Expected runs with the same test set. {first_name} was tested on {sets[0]}, and {name} on "
                f"{sets[1] if sets[0] != sets[1] else 'another version of it'}: the test rows differ. "
                "Compare runs of one data set."
            )
    examples = {name: examples_of(run, inputs=False) for name, run in runs.items()}
    check_alike(examples)
    return examples | {first_name: examples_of(first, data=data)}


def _same_test_set(a: Run, b: Run) -> bool:
    """Return whether two test sets may be the same.

    Hashes of different kinds cannot be compared. Then the answer is True, and `check_alike` compares the labels.
    """
    hashes = [run.config.data["hashes"]["test"] for run in (a, b)]
    if hashes[0] == hashes[1]:
        return True
    contents = [_content(run) for run in (a, b)]
    return hashes[0].keys() != hashes[1].keys() if None in contents else contents[0] == contents[1]


def _content(run: Run) -> str | None:
    """Return the hash of a run's test rows, or None.

    The rows of a file or folder are loaded, because its hash also covers the training set.
    """
    data_config = run.config.data
    if data_config["source"] is None or data_config["source"] in CATALOG:
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
            raise DataError(
                f"Expected predictions of the same classes. {first_name} and {name} differ: {difference}. "
                "Give predictions of one data set, with its class_names."
            )
        if len(other) != len(first):
            raise DataError(
                f"Expected predictions for the same rows. {first_name} has {len(first):,} and {name} {len(other):,}. "
                "Predict one test set with both."
            )
        if not np.array_equal(other.index, first.index):
            raise DataError(
                f"Expected predictions for the same rows. {first_name} and {name} have others of the test set. "
                "Predict the same rows with both."
            )
        if (changed := int((other.labels != first.labels).sum())) != 0:
            raise DataError(
                f"Expected the same labels. {changed:,} of {len(first):,} rows have other labels in {name} than in "
                f"{first_name}. Compare predictions made with one set of test labels."
            )

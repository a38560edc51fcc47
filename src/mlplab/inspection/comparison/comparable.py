"""What is to be compared: opened, named, and checked to be of the same rows and classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import DataError, RunError, UsageError
from mlplab.inspection.examples import Examples, available_data, examples_of, open_run
from mlplab.runs import Run


def named(
    sources: Sequence[Any], y: ArrayLike | None, X: ArrayLike | None
) -> tuple[dict[str, Any], ArrayLike | None, ArrayLike | None]:
    """What is compared, by name, runs opened; labels and inputs."""
    if sources and isinstance(sources[0], Mapping):
        mapping, *rest = sources
        if len(rest) > 2 or (rest and y is not None) or (len(rest) == 2 and X is not None):
            raise UsageError("A mapping is followed by labels, then inputs: compare({'a': …, 'b': …}, y_test, X_test).")
        y, X = rest[0] if rest else y, rest[1] if len(rest) == 2 else X
        opened = {str(name): _opened(source) for name, source in mapping.items()}
        if len({isinstance(source, Run) for source in opened.values()}) > 1:
            raise UsageError("Give runs, or probabilities, not both: run.predictions().probabilities are a run's.")
        _check_once([source for source in opened.values() if isinstance(source, Run)])
        return opened, y, X
    runs = [_opened(source) for source in sources]
    if not all(isinstance(run, Run) for run in runs):
        raise UsageError(
            "Probabilities need names: compare({'a': probabilities, 'b': probabilities}, y_test). "
            f"Got {' and '.join(sorted({type(source).__name__ for source in sources}))}."
        )
    _check_once(runs)
    return dict(zip(_short_names(runs), runs, strict=True)), y, X


def _opened(source: Any) -> Any:
    return open_run(source) if isinstance(source, str | Path) else source


def _check_once(runs: Sequence[Run]) -> None:
    paths = [run.path for run in runs]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} was given twice: a run does not differ from itself. Give two different runs.")


def _short_names(runs: Sequence[Run]) -> list[str]:
    """The last parts of the paths, as many as are needed to tell them apart."""
    depth = 1
    while len({run.path.parts[-depth:] for run in runs}) < len(runs):
        depth += 1
    return ["/".join(run.path.parts[-depth:]) for run in runs]


def of_runs(runs: Mapping[str, Run], data: Any) -> dict[str, Examples]:
    """Their test predictions, checked to be of the same rows. The first has the inputs, where they are at hand."""
    for run in runs.values():
        if run.result is None:
            raise RunError(f"{run.path} is not finished: go on with mlplab train --resume {run.path}")
    _check_data(runs)
    examples = {name: examples_of(run, inputs=False) for name, run in runs.items()}
    check_alike(examples)
    name, first = next(iter(runs.items()))
    return examples | {name: examples_of(first, data=data)}


def _check_data(runs: Mapping[str, Run]) -> None:
    (first, run), *others = runs.items()
    for name, other in others:
        if other.config.input_shape != run.config.input_shape or not _same_test_set(run, other):
            raise DataError(
                f"Runs can be compared on one test set only. {first} was tested on that of {run.config.data['name']} "
                f"and {name} on that of {other.config.data['name']}, which has other content."
            )


def _same_test_set(a: Run, b: Run) -> bool:
    """Whether the content of their test sets is the same, as far as can be told; where not, labels have to tell."""
    hashes = [run.config.data["hashes"]["test"] for run in (a, b)]
    if hashes[0] == hashes[1]:
        return True
    contents = [_content(run) for run in (a, b)]
    return hashes[0].keys() != hashes[1].keys() if None in contents else contents[0] == contents[1]


def _content(run: Run) -> str | None:
    """The hash of the rows of a test set. Arrays have it; a file's own hash is of its training set too."""
    began = run.config.data
    if began["source"] is None or not began["source"].endswith(".npz"):
        return began["hashes"]["test"].get("content")
    data, _ = available_data(run)
    return None if data is None else data.test.content_hash()


def check_alike(examples: Mapping[str, Examples]) -> None:
    (first, one), *others = examples.items()
    for name, other in others:
        if other.class_names != one.class_names:
            differing = [f"{a!r} and {b!r}" for a, b in zip(one.class_names, other.class_names, strict=False) if a != b]
            what = differing[0] if differing else f"{len(one.class_names)} and {len(other.class_names)} classes"
            raise DataError(f"The classes of {first} and {name} are not the same: {what}.")
        if len(other) != len(one):
            raise DataError(f"{first} has predictions for {len(one):,} rows and {name} for {len(other):,}.")
        if not np.array_equal(other.index, one.index):
            raise DataError(f"The predictions of {first} and {name} are not for the same rows of the test set.")
        if (changed := int((other.labels != one.labels).sum())) != 0:
            raise DataError(f"{changed:,} of {len(one):,} rows have other labels in {name} than in {first}.")

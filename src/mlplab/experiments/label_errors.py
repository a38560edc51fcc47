"""Rank labels by how likely they are to be wrong, and write them to a file in which people correct them.

The scores are cleanlab's (C. G. Northcutt, L. Jiang, I. L. Chuang: "Confident Learning: Estimating Uncertainty in
Dataset Labels", Journal of Artificial Intelligence Research 70, 2021), which the extra `labels` installs.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets.corrections import read_rows
from mlplab.errors import DataError, UsageError, import_optional, plain_number, require, unknown_name
from mlplab.figures import gallery, shortened
from mlplab.inspection.examples import SPLITS, Examples, available_data, examples_of, open_run
from mlplab.progress import bar
from mlplab.runs import Predictions, Run
from mlplab.runs.dataset_ref import data_of
from mlplab.table import Table

SHOWN_IMAGES = 40
"""Number of images in the figure."""


def find_label_errors(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    X: ArrayLike | None = None,
    *,
    split: str = "train",
    folds: int = 5,
    class_names: Sequence[str] | None = None,
    data: Any = None,
    ray: str | None = None,
    verbose: int | str = "auto",
) -> Table:
    """Rank labels by how likely they are to be wrong, worst first.

    A network that was trained on a wrong label has learnt it. So the training set is judged by cross-validation: for
    each fold, a network with the run's settings is trained on the other rows, and predicts the rows of this fold. The
    probabilities are kept in the run, so that a second call is quick. The run's own network judges the test and
    validation sets.

    Args:
        source: a finished run; or out-of-sample probabilities (n, classes), as from a cross-validation.
        y: the labels for probabilities: integers (n,), or one-hot (n, classes).
        X: the inputs (n, …) for probabilities; only needed to show images.
        split: the split of the run: "train", "test" or "validation". "train" includes the validation rows.
        folds: the number of folds of the cross-validation.
        class_names: the class names for probabilities; "0", "1", … by default.
        data: the arrays that the run was trained on, if it was started with arrays.
        ray: a Ray cluster for the cross-validation: "local", or an address, see `mlplab.tune`.
        verbose: 0 for no progress bar.

    Returns:
        See `label_quality`.

    Raises:
        MissingPackageError: if cleanlab is not installed.
        UsageError, DataError, RunError: see `examples_of`. UsageError also for an impossible number of folds.
        ClusterError: if no cluster answers at the address of `ray`.

    Example:
        table = mlplab.find_label_errors(run, split="test")
        print(table["index"][:10])
    """
    _cleanlab()  # raises now, not after the training
    if not isinstance(source, Run | str | Path):
        return label_quality(examples_of(source, y, X, class_names=class_names))
    source = open_run(source)
    if split not in SPLITS:
        raise UsageError(unknown_name("split", split, SPLITS))
    source.require_finished()
    if split != "train" and ray is not None:
        raise UsageError(
            f"ray is for cross-validation, which judges the training set only: leave it out for {split}.",
            arguments=("ray",),
        )
    if split != "train":
        return label_quality(examples_of(source, y, X, split=split, class_names=class_names, data=data), split)
    if y is not None or X is not None or class_names is not None:
        raise UsageError("A run has its own labels, inputs and class names: leave out y, X and class_names.")
    return label_quality(_cross_validated(source, data, plain_number(folds), ray, verbose), split)


def label_quality(examples: Examples, split: str = "") -> Table:
    """Judge labels by the probabilities of networks that were not trained on them.

    The quality is cleanlab's self-confidence, the probability of the given label, which finds more wrong labels than
    cleanlab's normalised margin and confidence-weighted entropy: docs/inspection.md has the numbers,
    benchmarks/label_errors.py measures them. `flagged` follows the same order.

    Args:
        examples: labels with out-of-sample probabilities.
        split: the split of the examples, for the column `split`.

    Returns:
        A row for each example, worst first: `index`; where rows are files, `file`; `label` and `given`, number and
        name of the given class; `suggested`, the most probable class; `quality` from 0 to 1; `given_probability`;
        `suggested_probability`; `flagged`, whether cleanlab considers the label wrong; `split`. The figure shows the
        first images.

    Raises:
        MissingPackageError: if cleanlab is not installed.
        DataError: if all labels are of one class.
    """
    cleanlab = _cleanlab()
    present = np.unique(examples.labels)
    if len(present) < 2:
        raise DataError(
            f"Finding wrong labels needs two classes or more: all {len(examples):,} labels of {examples.name} are "
            f"{examples.class_names[present[0]]!r}."
        )
    # cleanlab refuses probabilities above 1, which come from rounding, and computes in their dtype.
    probabilities = np.clip(
        examples.probabilities, 0, 1, dtype=np.promote_types(np.float32, examples.probabilities.dtype)
    )
    quality = cleanlab.rank.get_label_quality_scores(examples.labels, probabilities, method="self_confidence")
    flagged = cleanlab.filter.find_label_issues(
        examples.labels, probabilities, filter_by="low_self_confidence", n_jobs=1
    )
    order = np.argsort(quality, kind="stable")
    table = {
        "index": examples.index,
        **examples.file_column(np.arange(len(examples))),
        "label": examples.labels,
        "given": examples.names(examples.labels),
        "suggested": examples.names(examples.predicted),
        "quality": quality,
        "given_probability": examples.true_probability,
        "suggested_probability": examples.confidence,
        "flagged": flagged & ~examples.correct,
        "split": np.full(len(examples), split, dtype=object),
    }
    ranked = {name: column[order] for name, column in table.items()}
    title = f"{int(ranked['flagged'].sum()):,} of {len(examples):,} labels may be wrong: {examples.name}"
    images = examples.images
    return Table(ranked, title, None if images is None else _gallery(images[order[:SHOWN_IMAGES]], ranked))


def write_correctable(table: Table, path: str | Path, accept: int = 0) -> Path | None:
    """Write a table of `find_label_errors` as a CSV file whose column `label` is there to be corrected.

    The file has all rows. `label` is the given class until a person writes another, so training on an unchanged file
    changes nothing. A file with corrected labels is not overwritten.

    Args:
        table: the result of `find_label_errors`.
        path: the file.
        accept: the number of rows, from the top, for which `label` is the suggested class.

    Returns:
        The path; None if the file exists and has corrections.

    Raises:
        UsageError: if the file cannot be written, or `accept` is below 0.
    """
    require(accept >= 0, "accept", accept, "a number of rows, at least 0")
    if _is_corrected(Path(path)):
        return None
    label = table["given"].copy()
    label[:accept] = table["suggested"][:accept]
    columns = {"index": table["index"], "given": table["given"], "suggested": table["suggested"], "label": label}
    return Table({**columns, **{name: table[name] for name in table.columns if name not in columns}}).save(path)


def _is_corrected(path: Path) -> bool:
    """Return whether the file exists and has, or may have, corrections."""
    if not path.exists():
        return False
    try:
        return any(row.cells["label"] != row.cells.get("given") for row in read_rows(path))
    except DataError:  # it is some other file
        return True


def _cross_validated(run: Run, data: Any, folds: int, ray: str | None, verbose: int | str) -> Examples:
    """Return all training rows with out-of-sample probabilities, which are kept in the run."""
    predictions = run.directory.cross_validation(folds)
    if predictions is not None:
        loaded = available_data(run, data)[0]
    else:
        from mlplab.experiments.cross_validation import cross_validate  # Keras, only needed for training

        loaded = data_of(run, data, quiet=verbose == 0)
        with bar(verbose, f"{folds} folds") as progress:
            probabilities = cross_validate(run.first, loaded, folds=folds, ray=ray, progress=progress)
        labels = loaded.train.labels
        predictions = Predictions(np.arange(len(labels)), labels, probabilities)
        run.directory.keep_cross_validation(folds, predictions)
    return Examples(
        f"{run.config.data['name']}, training set, {run.path.name}",
        predictions.index,
        predictions.label,
        predictions.probabilities,
        run.class_names,
        None if loaded is None else loaded.train.inputs,
        None if loaded is None else loaded.train.thumbnails,
        None if loaded is None else loaded.train.files,
    )


def _gallery(images: np.ndarray, ranked: dict[str, np.ndarray]) -> Callable[[], Any]:
    rows = zip(images, ranked["index"], ranked["given"], ranked["suggested"], strict=False)
    titles = [f"{index}: {shortened(given)}\n→ {shortened(suggested)}" for _, index, given, suggested in rows]
    return lambda: gallery(images, titles, columns=8)


def _cleanlab() -> Any:
    """Import cleanlab. Raises `MissingPackageError` without it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cleanlab's progress bar warns in some notebooks
        return import_optional("Finding wrong labels", "mlplab[labels]", "cleanlab")

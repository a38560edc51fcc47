"""Labels that are probably wrong: ranked, to be looked at, corrected, and trained on again.

The scores are cleanlab's (C. G. Northcutt, L. Jiang, I. L. Chuang: "Confident Learning: Estimating Uncertainty in
Dataset Labels", Journal of Artificial Intelligence Research 70, 2021), an extra of mlplab's.
"""

import contextlib
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import files
from mlplab.datasets.corrections import read_rows
from mlplab.errors import DataError, MlplabError, RunError, UsageError, unknown_name
from mlplab.figures import gallery
from mlplab.inspection.caching import optional_write
from mlplab.inspection.examples import SPLITS, Examples, available_data, examples_of, open_run
from mlplab.progress_bar import bar
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.table import Table

SHOWN_IMAGES = 40
"""Images in the figure."""

REQUIREMENT = "cleanlab>=2.8"
"""What the extra `labels` installs, as pyproject.toml has it."""

KEPT, _HOW = "predictions-crossvalidated.npz", "cross-validation.json"


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

    A network that was trained on a wrong label has learnt it, so the training set is judged by cross-validation:
    as many networks as folds are trained as the run was, each judging the rows that it has not seen. The
    probabilities are kept in the run, and a second call is quick. The test and validation sets are judged by the run.

    Args:
        source: a finished run; or out-of-sample probabilities (n, classes), as a cross-validation gives them.
        y: with probabilities, the labels: integers (n,), or one-hot (n, classes).
        X: with probabilities, the inputs (n, …), if images should be seen.
        split: of a run: "train", "test" or "validation". Rows held out for validation are part of "train" too.
        folds: of the cross-validation.
        class_names: with probabilities; "0", "1", … by default.
        data: for runs that were begun with arrays: the same arrays.
        ray: a Ray cluster that carries out the cross-validation: "local", or an address, as `mlplab.tune` takes it.
        verbose: 0: no progress bar.

    Returns:
        See `label_quality`.

    Raises:
        MlplabError: if cleanlab is not installed.
        UsageError, DataError, RunError: as `examples_of` raises them; UsageError for a number of folds that cannot be.
        ClusterError: if no cluster answers at the address of `ray`.
    """
    _cleanlab()  # said now, not after the training
    if not isinstance(source, Run | str | Path):
        return label_quality(examples_of(source, y, X, class_names=class_names))
    source = open_run(source)
    if split not in SPLITS:
        raise UsageError(unknown_name("split", str(split), SPLITS))
    if source.result is None:
        raise RunError(f"{source.path} is not finished: go on with mlplab train --resume {source.path}")
    if split != "train" and ray is not None:
        raise UsageError(f"ray is for cross-validation, which judges the training set only: leave it out for {split}.")
    if split != "train":
        return label_quality(examples_of(source, y, X, split=split, class_names=class_names, data=data), split)
    if y is not None or X is not None or class_names is not None:
        raise UsageError("A run has its own labels, inputs and class names: leave out y, X and class_names.")
    return label_quality(_cross_validated(source, data, folds, ray, verbose), split)


def label_quality(examples: Examples, split: str = "") -> Table:
    """Judge labels by probabilities of networks that were not trained on them.

    The quality is cleanlab's self-confidence, the probability of the given label, for it finds most. Of 1,000 labels
    of Fashion-MNIST flipped at random (three seeds, the notebook's network) it has 860 to 887 among the first 1,500,
    cleanlab's normalised margin 674 to 684, its confidence-weighted entropy 823 to 841; adjusted by class, either of
    the first two finds fewer. Of 15 wrong labels in MNIST's test set (512-512 with dropout, three seeds) it has 12 to
    14 among the first 150, the margin 13 or 14, the entropy none. `flagged` follows the same order, so what is flagged
    comes first: 953 to 969 of the flips, among 3,427 to 3,854 rows. benchmarks/label_errors.py measures it.

    Args:
        examples: labels with out-of-sample probabilities.
        split: where they come from, for the column.

    Returns:
        A row for each example, worst first: `index`; `label`, the given class's number, and `given`, its name;
        `suggested`, the most probable class; `quality` from 0 to 1; `given_probability`; `suggested_probability`;
        `flagged`, whether it is among the labels that cleanlab takes for wrong; `split`. The figure shows the first.

    Raises:
        MlplabError: if cleanlab is not installed.
        DataError: if all labels are of one class: there is no other to confuse it with.
    """
    cleanlab = _cleanlab()
    present = np.unique(examples.labels)
    if len(present) < 2:
        raise DataError(
            f"Wrong labels are found by comparing classes, and all {len(examples):,} labels of {examples.name} are "
            f"{examples.class_names[present[0]]!r}."
        )
    # cleanlab takes no probability above 1, as rounding may make them, and counts in the type that it is given.
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

    It holds every row, so that it is whole by itself: `label` is the given class until somebody writes another, and
    training on a file as it was written changes nothing. A file in which labels were corrected is not overwritten.

    Args:
        table: of `find_label_errors`.
        path: the file.
        accept: in so many rows from the top, `label` is the suggested class instead.

    Returns:
        The path; None if there was a file with corrections, which is left as it is.

    Raises:
        UsageError: if it cannot be written, or `accept` is below 0.
    """
    if accept < 0:
        raise UsageError(f"accept must be a number of rows, at least 0; got {accept}.")
    if _is_corrected(Path(path)):
        return None
    label = table["given"].copy()
    label[:accept] = table["suggested"][:accept]
    columns = {"index": table["index"], "given": table["given"], "suggested": table["suggested"], "label": label}
    return Table({**columns, **{name: table[name] for name in table.columns if name not in columns}}).save(path)


def _is_corrected(path: Path) -> bool:
    """Whether there is a file that has, or may have, somebody's work in it."""
    if not path.exists():
        return False
    try:
        return any(row.cells["label"] != row.cells.get("given") for row in read_rows(path))
    except DataError:  # another file altogether
        return True


def _cross_validated(run: Run, data: Any, folds: int, ray: str | None, verbose: int | str) -> Examples:
    """All training rows with out-of-sample probabilities, kept in the run."""
    kept, how = run.path / KEPT, run.path / _HOW
    if kept.exists() and how.exists() and files.read_json(how).get("folds") == folds:
        loaded, arrays = available_data(run, data)[0], files.read_arrays(kept)
    else:
        from mlplab.experiments.cross_validation import cross_validate  # Keras: only where something is trained

        loaded = data_of(run, data, quiet=verbose == 0)
        with bar(verbose, f"{folds} folds") as progress:
            probabilities = cross_validate(run.first, loaded, folds=folds, ray=ray, progress=progress)
        labels = loaded.train.labels
        arrays = {"index": np.arange(len(labels)), "label": labels, "probabilities": probabilities}
        with optional_write(kept):
            how.unlink(missing_ok=True)
            files.write_arrays(kept, **arrays)
            files.write_json(how, {"folds": folds, "accuracy": float((probabilities.argmax(1) == labels).mean())})
    return Examples(
        f"{run.config.data['name']}, training set, {run.path.name}",
        arrays["index"],
        arrays["label"],
        arrays["probabilities"],
        run.class_names,
        None if loaded is None else loaded.train.inputs,
    )


def _gallery(images: np.ndarray, ranked: dict[str, np.ndarray]) -> Callable[[], Any]:
    def name(text: str) -> str:
        return text if len(text) <= 18 else f"{text[:17]}…"

    rows = zip(ranked["index"], ranked["given"], ranked["suggested"], strict=True)
    titles = [
        f"{index}: {name(given)}\n→ {name(suggested)}"
        for (index, given, suggested), _ in zip(rows, images, strict=False)
    ]
    return lambda: gallery(images, titles, columns=8)


def _cleanlab() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its progress bar, which a notebook may lack the parts for
            import cleanlab
    except ModuleNotFoundError as error:
        if error.name != "cleanlab":
            raise
        raise MlplabError(
            "Finding wrong labels needs cleanlab, which is mlplab's extra mlplab[labels] and is not installed. "
            f'Install it with: {_typed_python()} -m pip install "{REQUIREMENT}"'
        ) from error
    return cleanlab


def _typed_python() -> str:
    """This interpreter as a person would type it here: python, .venv/bin/python, or its whole path."""
    for name in ("python", "python3"):
        if shutil.which(name) == sys.executable:
            return name
    with contextlib.suppress(ValueError):  # on another drive
        relative = os.path.relpath(sys.executable)
        if not relative.startswith(os.pardir):
            return shlex.quote(relative)
    return shlex.quote(sys.executable)

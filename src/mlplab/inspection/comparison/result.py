"""`compare` and its result: which run is better, how certain that is, and where runs differ."""

import functools
import html
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from mlplab import files
from mlplab.errors import UsageError, require_whole, unknown_name
from mlplab.figures.intervals import intervals
from mlplab.inspection.comparison import pairs, settings_diff, verdicts
from mlplab.inspection.comparison.comparable import check_alike, named, of_runs
from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run
from mlplab.table import Table, save_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = 1
"""Version of the format of `Comparison.to_json`."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The comparison of several classifiers on the same rows.

    A difference is the accuracy of `a` minus that of `b`, as a fraction: 0.012 is 1.2 points.

    Attributes:
        examples: the rows with the predictions of each classifier, by name.
        settings: Table of run, and a column for each setting, cost or other value that differs between the runs.
        scores: Table of run, accuracy, accuracy_low, accuracy_high, and so on for each score.
        pairs: Table of a, b, n, both_right, only_a, only_b, both_wrong, difference, low, high, p_value, p_corrected.
        classes: the same for the rows of each class, with class. p_corrected is corrected for all rows of the table.
        disagreements: Table of a, b, right, index, file (where rows are files), true, predicted_a, predicted_b,
            confidence_a, confidence_b: the rows that one of a pair gets right and the other wrong.
        groups: Table of recipe (a population's name, or the settings in which a group of runs differs from the other
            groups), runs (how many networks), accuracy (mean over seeds), accuracy_low, accuracy_high, sd, accuracies,
            and with populations ensemble, ensemble_low, ensemble_high. It has no rows for arrays.
        group_pairs: Table of a, b, difference, low, high, p_value, p_corrected of groups with several seeds each.
        populations: the names of the populations. Their scores, pairs, classes and disagreements are their ensembles'.
        verdicts: a few sentences for each pair, and for each pair of groups, which come first if there are populations.
        cautions: what the accuracies hide: each that is no better than always naming the most frequent class, and, if
            classes are unbalanced, what that would be right for.
    """

    examples: Mapping[str, Examples]
    settings: Table
    scores: Table
    pairs: Table
    classes: Table
    disagreements: Table
    groups: Table
    group_pairs: Table
    populations: tuple[str, ...]
    verdicts: tuple[str, ...]
    cautions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the runs or predictions."""
        return tuple(self.examples)

    @property
    def _tables(self) -> dict[str, Table]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Table)}

    @functools.cached_property
    def figure(self) -> "Figure":
        """Accuracies and differences with their intervals, of populations over their seeds, drawn on first access."""
        if self.populations and len(self.group_pairs):
            return intervals([pairs.accuracies(self.groups), pairs.differences(self.group_pairs)])
        return intervals([pairs.accuracies(self.scores), pairs.differences(self.pairs)])

    def gallery(self, right: str, wrong: str, at_most: int | None = None) -> Table:
        """List the rows that `right` gets right and `wrong` gets wrong. The figure shows their images.

        Args:
            right, wrong: two of `names`.
            at_most: limit for the number of rows.

        Returns:
            A table like `disagreements`, with `right` as a. Rows come first where the two probabilities of the true
            class differ most.

        Raises:
            UsageError: for an unknown name, the same name twice, or a limit below 1.
        """
        for name in (right, wrong):
            if name not in self.examples:
                raise UsageError(unknown_name("run", name, self.names))
        if right == wrong:
            raise UsageError(f"A gallery needs two different runs; got {right!r} twice.")
        if at_most is not None:
            require_whole("at_most", at_most, 1)
        return pairs.gallery(self.examples, right, wrong, at_most)

    def save(self, path: str | Path) -> Path:
        """Write the page (.html), main tables (.md, .tex), all (.json), the pairs (.csv) or the figure (.png, …).

        The main tables are the groups, if several have several seeds, the scores and the pairs. The CSV file has the
        pairs; of populations, those of the populations.

        Returns:
            The path.

        Raises:
            UsageError: if the file cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in (".html", ".htm"):
            from mlplab.inspection.comparison.page import page  # Jinja, only needed for pages
            from mlplab.pages import write_page

            return write_page(path, page(self.examples, self._tables, self.verdicts, self.populations, self.cautions))
        over_seeds = {"groups": self.groups.select(without=["accuracies"]), "group_pairs": self.group_pairs}
        of_runs = {"scores": self.scores, "pairs": self.pairs}
        if suffix == ".json":
            files.write_output(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False).encode())
            return path
        if suffix in (".md", ".tex"):
            return save_tables((over_seeds if len(self.group_pairs) else {}) | of_runs, path)
        main = self.group_pairs if self.populations and len(self.group_pairs) else self.pairs
        return Table(main.columns, draw=lambda: self.figure).save(path)

    def show(self) -> "Comparison":
        """Display the figure in a notebook, do nothing elsewhere, and return the comparison."""
        Table({}, draw=lambda: self.figure).show()
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the whole comparison as plain values. A table becomes a list of rows."""
        return {
            "schema": SCHEMA,
            "runs": list(self.names),
            "populations": list(self.populations),
            "n": len(next(iter(self.examples.values()))),
            "verdicts": list(self.verdicts),
            "cautions": list(self.cautions),
            **{name: table.rows() for name, table in self._tables.items()},
        }

    def __repr__(self) -> str:
        over_seeds = [self.groups.select(without=["accuracies"]), self.group_pairs] if len(self.group_pairs) else []
        tables = [self.settings, *over_seeds, self.scores, self.pairs]
        return "\n\n".join([*map(repr, tables), "\n".join(self.verdicts + self.cautions)])

    def _repr_html_(self) -> str:
        verdicts = "".join(f"<p>{html.escape(verdict)}</p>" for verdict in self.verdicts + self.cautions)
        tables = [self.settings, self.scores, self.pairs, self.classes]
        tables += [self.groups] if len(self.group_pairs) else []
        return verdicts + "".join(table._repr_html_() for table in tables)


def compare(
    *sources: Any,
    y: ArrayLike | None = None,
    X: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    data: Any = None,
    all_pairs: bool = False,
) -> Comparison:
    """Compare runs, or predictions for the same rows: is one really better, and on which rows?

    Each pair is tested with McNemar's exact test on the rows that only one of the two gets right. p-values are
    corrected for the number of pairs (Holm), and the difference of accuracies has a bootstrap interval. Only the test
    set is used. Populations, and runs with equal settings but different seeds, are compared over their seeds: mean
    accuracies with Welch's t test. Of populations, the pairs are those of their ensembles.

    Args:
        sources: runs, or their directories; or one mapping of names to runs or to probabilities (n, classes), then
            labels and inputs: `compare({"a": p_a, "b": p_b}, y_test, X_test)`.
        y: the labels for probabilities: integers (n,), or one-hot.
        X: the inputs (n, …) for probabilities; only needed to show images.
        class_names: the class names for probabilities; "0", "1", … by default.
        data: the arrays that the runs were trained on, if they were started with arrays; only needed to show images.
        all_pairs: compare each with each other, also more than ten, which are otherwise compared with the first.

    Raises:
        UsageError: for fewer than two, the same run twice, or arguments that contradict each other.
        DataError: for different test sets or classes, and for arrays that do not fit together.
        RunError: for a run that is missing, unfinished, or without test predictions.

    Example:
        larger = mlplab.train("digits", hidden=[64], epochs=3, verbose=0)
        comparison = mlplab.compare(run, larger)
        print(comparison.verdicts[0])
    """
    contestants, y, X = named(sources, y, X)
    if len(contestants) < 2:
        raise UsageError(f"A comparison needs two or more; got {len(contestants)}. Give the directories of two runs.")
    runs = [source for source in contestants.values() if isinstance(source, Run)]
    if runs:
        if y is not None or X is not None or class_names is not None:
            raise UsageError("Runs have their own labels, inputs and class names: leave out y, X and class_names.")
        examples = of_runs(contestants, data)
    else:
        examples = {name: examples_of(source, y, X, class_names=class_names) for name, source in contestants.items()}
        check_alike(examples)
    descriptions = [settings_diff.describe(run) for run in runs] or [{}] * len(contestants)
    accuracies = {name: float(rows.correct.mean()) for name, rows in examples.items()}
    groups = settings_diff.grouped(contestants, accuracies) if runs else []
    populations = tuple(group.name for group in groups if group.ensemble is not None)
    compared = pairs.compared(examples, all_pairs)
    pair_table, group_table = pairs.pairs(examples, compared), pairs.groups(groups)
    group_pairs = pairs.group_pairs(group_table, all_pairs)
    said = [verdicts.verdicts(pair_table, groups), verdicts.group_verdicts(group_pairs)]
    return Comparison(
        examples=examples,
        settings=settings_diff.differences(list(contestants), descriptions),
        scores=pairs.scores(examples),
        pairs=pair_table,
        classes=pairs.classes(examples, compared),
        disagreements=pairs.disagreements(examples, compared),
        groups=group_table,
        group_pairs=group_pairs,
        populations=populations,
        verdicts=tuple(itertools.chain(*(reversed(said) if populations else said))),
        cautions=verdicts.cautions(examples),
    )

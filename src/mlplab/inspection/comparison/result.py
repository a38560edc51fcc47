"""Which of several runs, or predictions for the same rows, is better, how sure that is, and where they differ."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from mlplab.errors import UsageError, unknown_name
from mlplab.inspection.comparison import pairs, settings_diff, verdicts
from mlplab.inspection.comparison.comparable import check_alike, named, of_runs
from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = 1
"""Version of `Comparison.to_json`."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Several classifiers on the same rows.

    Differences are the accuracy of `a` minus that of `b`, as fractions: 0.012 is 1.2 points.

    Attributes:
        examples: the rows with each one's predictions, by name.
        settings: Table of run, and a column for each thing in which the runs differ.
        scores: Table of run, accuracy, accuracy_low, accuracy_high, and so on for each score.
        pairs: Table of a, b, n, both_right, only_a, only_b, both_wrong, difference, low, high, p_value, p_corrected.
        classes: the same for the rows of each class, with class; p_corrected is over all rows of the table.
        disagreements: Table of a, b, right, index, true, predicted_a, predicted_b, confidence_a, confidence_b: the rows
            that one of a pair gets right and the other wrong.
        groups: Table of recipe, runs, accuracy (mean over seeds), sd, accuracies; no rows for plain arrays.
        group_pairs: Table of a, b, difference, low, high, p_value, p_corrected of recipes with several seeds each.
        verdicts: a few sentences for each pair, and for each pair of groups.
    """

    examples: Mapping[str, Examples]
    settings: Table
    scores: Table
    pairs: Table
    classes: Table
    disagreements: Table
    groups: Table
    group_pairs: Table
    verdicts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of what is compared."""
        return tuple(self.examples)

    @functools.cached_property
    def figure(self) -> "Figure":
        """Accuracies and differences with their intervals, drawn when first asked for."""
        from mlplab.figures.intervals import intervals

        return intervals([pairs.accuracies(self.scores), pairs.differences(self.pairs)])

    def gallery(self, right: str, wrong: str, at_most: int | None = None) -> Table:
        """What `right` gets right and `wrong` gets wrong, and its images as a figure.

        Args:
            right, wrong: two of `names`.
            at_most: so many rows.

        Returns:
            Table as `disagreements`, with `right` as a; rows first where the two differ most in the true class's
            probability.

        Raises:
            UsageError: for an unknown name (the nearest are told), or the same one twice.
        """
        for name in (right, wrong):
            if name not in self.examples:
                raise UsageError(unknown_name("run", name, self.names))
        if right == wrong:
            raise UsageError(f"Two different runs are needed for a gallery; got {right!r} twice.")
        if at_most is not None and at_most < 1:
            raise UsageError(f"At least one must be shown; got {at_most}.")
        return pairs.gallery(self.examples, right, wrong, at_most)

    def save(self, path: str | Path) -> Path:
        """Write the page (.html), the table of pairs (.csv) or the figure (.png, .svg, .pdf), and return the path.

        Raises:
            UsageError: if it cannot be written there.
        """
        path = Path(path)
        if path.suffix.lower() in (".html", ".htm"):
            from mlplab.inspection.comparison.page import write

            return write(self, path)
        return Table(self.pairs.columns, draw=lambda: self.figure).save(path)

    def show(self) -> "Comparison":
        """Display the figure, in a notebook; elsewhere nothing happens. Returns the comparison."""
        Table({}, draw=lambda: self.figure).show()
        return self

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values: tables are lists of rows."""
        tables = ("settings", "scores", "pairs", "classes", "groups", "group_pairs", "disagreements")
        return {
            "schema": SCHEMA,
            "runs": list(self.names),
            "n": len(next(iter(self.examples.values()))),
            "verdicts": list(self.verdicts),
            **{name: getattr(self, name).rows() for name in tables},
        }

    def __repr__(self) -> str:
        shown = [self.settings, self.scores, self.pairs, *([self.group_pairs] if len(self.group_pairs) else [])]
        return "\n\n".join([*map(repr, shown), "\n".join(self.verdicts)])

    def _repr_html_(self) -> str:
        import html

        said = "".join(f"<p>{html.escape(verdict)}</p>" for verdict in self.verdicts)
        shown = (
            self.settings,
            self.scores,
            self.pairs,
            self.classes,
            *([self.groups] if len(self.group_pairs) else []),
        )
        return said + "".join(table._repr_html_() for table in shown)


def compare(
    *sources: Any,
    y: ArrayLike | None = None,
    X: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Comparison:
    """Compare runs, or predictions for the same rows: is one really better, and where?

    Each pair is tested with McNemar's exact test on the rows that only one of them gets right; p-values are corrected
    for the number of pairs (Holm), and the difference of the accuracies has a bootstrap interval. The test set alone
    is looked at. Runs that share everything but their seed are also compared as groups, with Welch's t test.

    Args:
        sources: runs, or their directories; or one mapping of names to runs or to probabilities (n, classes), then
            labels and inputs: `compare({"a": p_a, "b": p_b}, y_test, X_test)`.
        y: with probabilities, labels: integers (n,), or one-hot.
        X: with probabilities, inputs (n, …), if images should be seen.
        class_names: with probabilities; "0", "1", … by default.
        data: for runs that were begun with arrays: the same arrays, if images should be seen.

    Raises:
        UsageError: for fewer than two, the same run twice, or arguments that contradict each other.
        DataError: for different test sets or classes, and for arrays that do not belong together.
        RunError: for what is no finished run with test predictions.
    """
    contestants, y, X = named(sources, y, X)
    if len(contestants) < 2:
        raise UsageError(f"A comparison needs two or more; got {len(contestants)}. Give the directories of two runs.")
    if all(isinstance(source, Run) for source in contestants.values()):
        if y is not None or X is not None or class_names is not None:
            raise UsageError("Runs have their own labels, inputs and class names: leave out y, X and class_names.")
        runs: list[Run] = list(contestants.values())
        examples = of_runs(dict(zip(contestants, runs, strict=True)), data)
    else:
        runs = []
        examples = {name: examples_of(source, y, X, class_names=class_names) for name, source in contestants.items()}
        check_alike(examples)
    asked = [settings_diff.recipe(run) for run in runs]
    told = settings_diff.differences(
        list(contestants), [settings_diff.described(run) for run in runs] or [{}] * len(contestants)
    )
    groups = settings_diff.groups_of(asked)
    tested = pairs.pairs(examples)
    grouped = pairs.groups(
        groups, settings_diff.labels_of([asked[group[0]] for group in groups]), list(examples.values())
    )
    group_tests = pairs.group_pairs(grouped)
    return Comparison(
        examples=examples,
        settings=told,
        scores=pairs.scores(examples),
        pairs=tested,
        classes=pairs.classes(examples),
        disagreements=pairs.disagreements(examples),
        groups=grouped,
        group_pairs=group_tests,
        verdicts=(*verdicts.verdicts(tested, list(examples), groups), *verdicts.group_verdicts(group_tests)),
    )

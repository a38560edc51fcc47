"""Targets on validation rows, the test accuracy that each of them shows once, and the board of what was handed in."""

from typing import TYPE_CHECKING

import numpy as np

from mlplab.course import progress_store
from mlplab.course.checks.findings import Target, Wrong
from mlplab.scores import wilson_interval
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def handed_in(exercise: str, found: Target) -> tuple[str, list[str]]:
    """Put a result on the board, and claim the targets that it is the first to reach.

    The test rows are looked at only when a target is claimed, so at most once a target, whatever is tried.

    Returns:
        What it came to, in a sentence and in further lines.

    Raises:
        Wrong: if the result reaches no target at all.
    """
    with progress_store.changing(exercise) as entry:
        reached = [target for target in found.targets if found.value >= target]
        new = [target for target in reached if target not in entry.claimed]
        line = {"when": progress_store.now(), "validation": found.value, "rows": found.rows, "test": None}
        line["settings"] = found.settings
        said = [f"Validation accuracy {found.value:.4f}: {found.settings}."]
        if new:
            accuracy, rows = found.test()
            line["test"] = accuracy
            low, high = wilson_interval(round(accuracy * rows), rows)
            said.append(f"Test accuracy, shown once for it: {accuracy:.4f} ({low:.3f}–{high:.3f}).")
        entry.claimed += new
        entry.board.append(line)
        left = [target for target in found.targets if target not in entry.claimed]
        entry.unclaimed = len(left)
    if not reached:
        raise Wrong(
            f"Your validation accuracy is {found.value:.4f}; the first target is {found.targets[0]:g}. "
            f"It is on the board: 'mlplab course progress {exercise}' shows it."
        )
    done = len(found.targets) - len(left)
    said.append(
        f"{done} of {len(found.targets)} targets claimed; the next is {left[0]:g}." if left else "That was all."
    )
    if new:
        return f"{'Target' if len(new) == 1 else 'Targets'} {_listed(new)} claimed.", said
    said.insert(1, "The test accuracy stays closed.")
    return f"It reaches {_listed(reached)}, which you have claimed before.", said


def board(exercise: str) -> Table:
    """What was handed in for an exercise with targets, best first.

    Returns:
        Table of validation accuracy with its 95 % Wilson interval, test accuracy (NaN, where it claimed no target),
        settings, when.
    """
    lines = sorted(progress_store.entry(exercise).board, key=lambda line: -line["validation"])
    values = np.array([line["validation"] for line in lines], float)
    intervals = [wilson_interval(round(line["validation"] * line["rows"]), line["rows"]) for line in lines]
    low, high = np.array(intervals, float).reshape(-1, 2).T
    settings = np.array([line["settings"] for line in lines], str)

    def draw() -> "Figure":
        from mlplab.figures.intervals import Intervals, intervals

        chart = Intervals("Your results, best first", "validation accuracy", settings.tolist(), values, low, high)
        return intervals([chart], width=9)

    columns = {"validation": values, "validation_low": low, "validation_high": high}
    columns["test"] = np.array([np.nan if line["test"] is None else line["test"] for line in lines], float)
    columns["settings"] = settings
    columns["when"] = np.array([line["when"][:16].replace("T", " ") for line in lines], str)
    return Table(columns, "Your results, best first", draw if lines else None)


def _listed(targets: list[float]) -> str:
    return ", ".join(f"{target:g}" for target in targets)

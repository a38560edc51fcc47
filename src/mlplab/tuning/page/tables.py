"""A study's tables, each with its figure."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures.trials import Scale, TrialPoints
from mlplab.table import Table
from mlplab.tuning.page.trials import StudyRecord, title
from mlplab.tuning.parameters import Choice


def drawn(study: StudyRecord) -> TrialPoints:
    """Return the finished trials as figures take them."""
    trials, best = study.finished, study.best
    return TrialPoints(
        number=np.array([trial.number for trial in trials], int),
        outcome=np.array([trial.outcome for trial in trials], str),
        value=np.array([_or_nan(trial.value) for trial in trials], float),
        best=None if best is None else trials.index(best),
        metric=f"validation {study.metric}",
        larger=study.larger,
    )


def scales(study: StudyRecord) -> list[Scale]:
    """Return the parameters with the finished trials' values, as figures take them."""
    made = []
    for name, parameter in study.parameters.items():
        values: Sequence[Any] = [trial.parameters[name] for trial in study.finished]
        if isinstance(parameter, Choice):
            places = {repr(label): place for place, label in enumerate(parameter.labels)}
            values, end = [places[repr(value)] for value in values], len(places) - 1
            made.append(Scale(title(name), np.array(values, float), 0, end, choices=list(map(str, parameter.labels))))
        else:
            made.append(Scale(title(name), np.array(values, float), parameter.low, parameter.high, parameter.log))
    return made


def all_trials(study: StudyRecord) -> Table:
    """Tabulate all trials with outcome, value and parameters; the figure is parallel coordinates."""
    rows = [
        {"trial": trial.number, "outcome": trial.outcome, "epochs": trial.epochs, study.metric: _or_nan(trial.value)}
        | {title(name): trial.parameters[name] for name in study.parameters}
        for trial in study.trials
    ]
    return Table.of_rows(
        rows,
        f"Trials of the study on {study.config.data['name']}",
        lambda: charts.parallel(drawn(study), scales(study)),
    )


def history(study: StudyRecord) -> Table:
    """Tabulate the finished trials in their order: trial, outcome, value, and the best value so far."""
    of = drawn(study)
    counted = np.where((of.outcome == "completed") & np.isfinite(of.value), of.value, np.nan)
    best = (np.fmax if study.larger else np.fmin).accumulate(counted)
    columns = {"trial": of.number, "outcome": of.outcome, study.metric: of.value, "best so far": best}
    return Table(columns, f"Validation {study.metric} of the trials, in their order", lambda: charts.history(of))


def curves(study: StudyRecord) -> Table:
    """Tabulate the metric after each epoch, a row for each finished trial."""
    trials, of = study.finished, drawn(study)
    epochs = sorted({epoch for trial in trials for epoch in trial.curve})
    columns: dict[str, np.ndarray] = {"trial": of.number, "outcome": of.outcome}
    for epoch in epochs:
        columns[f"epoch {epoch}"] = np.array([trial.curve.get(epoch, math.nan) for trial in trials])
    lines = [(np.array(list(trial.curve)), np.array(list(trial.curve.values()))) for trial in trials]
    caption = f"Validation {study.metric} of each trial after each epoch"
    return Table(columns, caption, lambda: charts.learning_curves(of, lines, study.config.rungs))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def brief(value: object) -> str:
    """Format a parameter's value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

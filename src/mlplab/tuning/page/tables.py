"""A study's tables, each with its figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures.study import Scale, TrialPoints
from mlplab.table import Table
from mlplab.tuning.page.importance import Importance
from mlplab.tuning.page.trials import Parameter, StudyRecord, Trial


def finished(study: StudyRecord) -> list[Trial]:
    """Return the trials that do not run any more, which figures show."""
    return [trial for trial in study.trials if trial.outcome != "running"]


def drawn(study: StudyRecord) -> TrialPoints:
    """Return the finished trials as figures take them."""
    trials, best = finished(study), study.best
    return TrialPoints(
        number=np.array([trial.number for trial in trials], int),
        outcome=np.array([trial.outcome for trial in trials], str),
        value=_floats([trial.value for trial in trials]),
        best=None if best is None else trials.index(best),
        metric=f"validation {study.metric}",
        larger=study.larger,
    )


def scales(study: StudyRecord) -> list[Scale]:
    """Return the parameters with the finished trials' values, as figures take them."""
    return [_scale(parameter, finished(study)) for parameter in study.parameters]


def _scale(parameter: Parameter, trials: Sequence[Trial]) -> Scale:
    values = [trial.parameters.get(parameter.name) for trial in trials]
    if parameter.choices is None:
        return Scale(parameter.title, _floats(values), parameter.low, parameter.high, parameter.log)
    places = {repr(choice): place for place, choice in enumerate(parameter.choices)}
    return Scale(
        parameter.title,
        _floats([places.get(repr(value)) for value in values]),
        0.0,
        len(parameter.choices) - 1.0,
        choices=[str(choice) for choice in parameter.choices],
    )


def all_trials(study: StudyRecord) -> Table:
    """Tabulate all trials with outcome, value and parameters; the figure is parallel coordinates."""
    trials = study.trials
    columns: dict[str, Any] = {
        "trial": np.array([trial.number for trial in trials], int),
        "outcome": np.array([trial.outcome for trial in trials], object),
        "epochs": np.array([trial.epochs for trial in trials], int),
        study.metric: _floats([trial.value for trial in trials]),
    }
    for parameter in study.parameters:
        columns[parameter.title] = _column([trial.parameters.get(parameter.name) for trial in trials])
    title = f"Trials of the study on {study.data}"
    return Table(columns, title, lambda: charts.parallel(drawn(study), scales(study)))


def history(study: StudyRecord) -> Table:
    """Tabulate the finished trials in their order: trial, outcome, value, and the best value so far."""
    trials, of = finished(study), drawn(study)
    counted = np.where((of.outcome == "completed") & np.isfinite(of.value), of.value, np.nan)
    best = (np.fmax if study.larger else np.fmin).accumulate(counted)
    columns = {
        "trial": of.number,
        "outcome": np.array([trial.outcome for trial in trials], object),
        study.metric: of.value,
        "best so far": best,
    }
    return Table(columns, f"Validation {study.metric} of the trials, in their order", lambda: charts.history(of))


def curves(study: StudyRecord) -> Table:
    """Tabulate the metric after each epoch, a row for each finished trial."""
    trials, of = finished(study), drawn(study)
    epochs = sorted({epoch for trial in trials for epoch in trial.curve})
    columns: dict[str, Any] = {
        "trial": of.number,
        "outcome": np.array([trial.outcome for trial in trials], object),
        **{f"epoch {epoch}": _floats([trial.curve.get(epoch) for trial in trials]) for epoch in epochs},
    }
    lines = [(np.array(list(trial.curve)), np.array(list(trial.curve.values()))) for trial in trials]
    title = f"Validation {study.metric} of each trial after each epoch"
    return Table(columns, title, lambda: charts.learning_curves(of, lines, study.config.rungs))


def importances(importance: Importance, study: StudyRecord) -> Table:
    """Tabulate the share of each parameter, and the share that chance alone gives."""
    titles = {parameter.name: parameter.title for parameter in study.parameters}
    names = [titles[name] for name in importance.names]
    columns = {"parameter": np.array(names, object), "share": importance.shares, "by chance": importance.chance}
    title = "How much each parameter had to do with how far a trial came"
    return Table(columns, title, lambda: charts.importance(names, importance.shares, importance.chance))


def _floats(values: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in values], float)


def _column(values: Sequence[Any]) -> np.ndarray:
    """Return numbers as an array of integers or floats, anything else as text."""
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return np.array(values, int)
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return _floats(values)
    return np.array([brief(value) for value in values], object)


def brief(value: object) -> str:
    """Format a parameter's value."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

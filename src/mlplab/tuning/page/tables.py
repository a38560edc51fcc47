"""A study's tables, each with its figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures.study import Scale, TrialPoints
from mlplab.table import Table
from mlplab.tuning.page.importance import Importance
from mlplab.tuning.page.trials import Parameter, Searched, Trial


def finished(searched: Searched) -> list[Trial]:
    """The trials that do not run any more: what figures show."""
    return [trial for trial in searched.trials if trial.outcome != "running"]


def drawn(searched: Searched) -> TrialPoints:
    """The finished trials as figures take them."""
    trials, best = finished(searched), searched.best
    return TrialPoints(
        number=np.array([trial.number for trial in trials], int),
        outcome=np.array([trial.outcome for trial in trials], str),
        value=_floats([trial.value for trial in trials]),
        best=None if best is None else trials.index(best),
        metric=f"validation {searched.metric}",
        larger=searched.larger,
    )


def scale(parameter: Parameter, trials: Sequence[Trial]) -> Scale:
    """A parameter, and where the trials lie on it, as figures take it."""
    values = [trial.parameters.get(parameter.name) for trial in trials]
    if parameter.choices is None:
        return Scale(parameter.title, _floats(values), parameter.low, parameter.high, parameter.log)
    places = {repr(choice): at for at, choice in enumerate(parameter.choices)}
    return Scale(
        parameter.title,
        _floats([places.get(repr(value)) for value in values]),
        0.0,
        len(parameter.choices) - 1.0,
        choices=[str(choice) for choice in parameter.choices],
    )


def all_trials(searched: Searched) -> Table:
    """Every trial with its outcome, value and parameters; drawn as parallel coordinates."""
    trials = searched.trials
    columns: dict[str, Any] = {
        "trial": np.array([trial.number for trial in trials], int),
        "outcome": np.array([trial.outcome for trial in trials], object),
        "epochs": np.array([trial.epochs for trial in trials], int),
        searched.metric: _floats([trial.value for trial in trials]),
    }
    for parameter in searched.parameters:
        columns[parameter.title] = _column([trial.parameters.get(parameter.name) for trial in trials])
    few = finished(searched)
    scales = [scale(one, few) for one in searched.parameters]
    return Table(columns, f"Trials of the study on {searched.data}", lambda: charts.parallel(drawn(searched), scales))


def history(searched: Searched) -> Table:
    """The finished trials in their order: trial, outcome, the value, and the best until then."""
    trials, of = finished(searched), drawn(searched)
    counted = np.where((of.outcome == "completed") & np.isfinite(of.value), of.value, np.nan)
    best = (np.fmax if searched.larger else np.fmin).accumulate(counted)
    columns = {
        "trial": of.number,
        "outcome": np.array([trial.outcome for trial in trials], object),
        searched.metric: of.value,
        "best so far": best,
    }
    return Table(columns, f"Validation {searched.metric} of the trials, in their order", lambda: charts.history(of))


def curves(searched: Searched) -> Table:
    """A row for each finished trial, with the metric after each epoch."""
    trials, of = finished(searched), drawn(searched)
    epochs = sorted({epoch for trial in trials for epoch in trial.curve})
    columns: dict[str, Any] = {
        "trial": of.number,
        "outcome": np.array([trial.outcome for trial in trials], object),
        **{f"epoch {epoch}": _floats([trial.curve.get(epoch) for trial in trials]) for epoch in epochs},
    }
    lines = [(np.array(list(trial.curve)), np.array(list(trial.curve.values()))) for trial in trials]
    title = f"Validation {searched.metric} of each trial after each epoch"
    return Table(columns, title, lambda: charts.learning_curves(of, lines, searched.rungs))


def importances(found: Importance, searched: Searched) -> Table:
    """The share of each parameter, and what chance alone reaches."""
    titles = {one.name: one.title for one in searched.parameters}
    names = [titles[name] for name in found.names]
    columns = {"parameter": np.array(names, object), "share": found.shares, "by chance": found.chance}
    title = "How much each parameter had to do with how far a trial came"
    return Table(columns, title, lambda: charts.importance(names, found.shares, found.chance))


def _floats(values: Sequence[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in values], float)


def _column(values: Sequence[Any]) -> np.ndarray:
    """Numbers as numbers, of the kind that they are; anything else as text."""
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return np.array(values, int)
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return _floats(values)
    return np.array([brief(value) for value in values], object)


def brief(value: object) -> str:
    """A parameter's value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

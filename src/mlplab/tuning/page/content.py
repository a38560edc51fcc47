"""What a study's page says, section by section: the values that its template (study.html.j2) is filled with."""

from pathlib import Path
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures import svg
from mlplab.pages import rendering
from mlplab.reports import wording as runs_in_words
from mlplab.tuning.page import tables, wording
from mlplab.tuning.page.importance import BEST_SHARE, importance
from mlplab.tuning.page.trials import Searched, Trial

_SECTIONS = (
    ("result", "Result"),
    ("course", "Course"),
    ("mattered", "What mattered"),
    ("together", "Together"),
    ("slices", "One by one"),
    ("trials", "Trials"),
    ("failures", "Failures"),
)
MOST_DRAWN = 500
"""Trials in the figures; of more, those that came farthest, so that a page stays one that a browser shows at once."""


def render(searched: Searched, name: str, resume: str) -> str:
    """The page.

    Args:
        name: of the study.
        resume: the command that goes on with it.
    """
    values = content(searched, name, resume)
    return rendering.render("study.html.j2", Path(__file__).parent / "templates", {"brief": tables.brief}, **values)


def content(searched: Searched, name: str, resume: str) -> dict[str, Any]:
    """Everything that the template wants to know."""
    few = _drawn(searched)
    found: dict[str, Any] = {
        "result": _result(searched),
        "course": _course(few) if tables.finished(few) else None,
        "mattered": _mattered(searched) if searched.trials else None,
        "together": _together(few) if tables.finished(few) and few.parameters else None,
        "slices": _slices(few) if tables.finished(few) and few.parameters else None,
        "trials": tables.all_trials(searched) if searched.trials else None,
        "failures": [trial for trial in searched.trials if trial.outcome == "failed"] or None,
    }
    return {
        "title": f"{name}: {searched.data}, mlplab study",
        "name": name,
        "resume": resume,
        "searched": searched,
        "sections": [(id, text) for id, text in _SECTIONS if found[id]],
        "left_out": len(tables.finished(searched)) - len(tables.finished(few)),
        "score": lambda value, digits=2: wording.score(value, searched.metric, digits),
        "script": _for_script(few),
        **found,
    }


def _drawn(searched: Searched) -> Searched:
    """The study with those trials alone that figures show."""
    ranked = searched.ranked()
    failed = [trial for trial in searched.trials if trial.outcome == "failed"]
    kept = {trial.number for trial in [*ranked[:MOST_DRAWN], *failed[: MOST_DRAWN // 5]]}
    return searched.only(kept)


def _result(searched: Searched) -> dict[str, Any]:
    best, winner = searched.best, searched.winner
    network, settings = None, []
    if winner is not None and winner.config is not None:
        network = runs_in_words.network(winner.config)
        settings = runs_in_words.settings(winner.config, winner.config.settings.epochs)
    elif searched.settings is not None:
        network = wording.network(searched.settings)
    if best is not None and not settings:
        settings = [(one.title, tables.brief(best.parameters.get(one.name))) for one in searched.parameters]
    return {
        "best": best,
        "network": network,
        "settings": settings,
        "progress": wording.progress(searched),
        "unfinished": wording.unfinished(searched),
        "winner": winner,
        "winner_said": winner and wording.winner(winner),
    }


def _course(searched: Searched) -> dict[str, Any]:
    history, curves = tables.history(searched), tables.curves(searched)
    return {
        "history": history,
        "history_drawing": svg(history.figure, "history"),
        "on_edge": tables.drawn(searched).on_edge(),
        "curves": curves,
        "curves_drawing": svg(curves.figure, "curves"),
    }


def _mattered(searched: Searched) -> dict[str, Any]:
    found = importance(searched)
    table = None if found is None else tables.importances(found, searched)
    titles = [one.title for one in searched.parameters] if table is None else table["parameter"].tolist()
    return {
        "said": wording.importance(found, titles, searched),
        "table": table,
        "drawing": None if table is None else svg(table.figure, "importance"),
        "best_share": BEST_SHARE,
    }


def _together(searched: Searched) -> dict[str, Any]:
    table, trials = tables.all_trials(searched), tables.finished(searched)
    scales = [tables.scale(one, trials) for one in searched.parameters]
    lying = charts.parallel(tables.drawn(searched), scales, upright=False)
    return {"upright": svg(table.figure, "upright"), "lying": svg(lying, "lying")}


def _slices(searched: Searched) -> list[tuple[str, str]]:
    of, trials = tables.drawn(searched), tables.finished(searched)
    return [
        (one.title, svg(charts.slice_plot(of, tables.scale(one, trials)), f"slice{place}"))
        for place, one in enumerate(searched.parameters)
    ]


def _for_script(searched: Searched) -> dict[str, Any]:
    """Scales, and each trial's places on them: what hovering and filtering need."""
    trials, of = tables.finished(searched), tables.drawn(searched)
    scales = [tables.scale(one, trials) for one in searched.parameters]
    low, high = of.window()
    scales.append(charts.Scale(of.metric, of.value, low, high))
    return {
        "scales": [
            {"name": one.name, "log": one.log, "low": one.low, "high": one.high, "choices": one.choices}
            for one in scales
        ],
        "trials": [
            {
                "number": trial.number,
                "said": wording.trial(trial, searched.metric),
                "parameters": _in_words(searched, trial),
                "values": [None if np.isnan(one.value[at]) else float(one.value[at]) for one in scales],
            }
            for at, trial in enumerate(trials)
        ],
        "ranked": [trial.number for trial in searched.ranked()],
        "best": None if searched.best is None else searched.best.number,
    }


def _in_words(searched: Searched, trial: Trial) -> str:
    told = [(one.title, trial.parameters.get(one.name)) for one in searched.parameters]
    return ", ".join(f"{title} {tables.brief(value)}" for title, value in told if value is not None)

"""The content of a study's page, section by section: the values that its template (study.html.j2) is filled with."""

from pathlib import Path
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures import svg
from mlplab.pages import rendering
from mlplab.reports import wording as report_wording
from mlplab.tuning.page import tables, wording
from mlplab.tuning.page.importance import BEST_SHARE, importance
from mlplab.tuning.page.trials import StudyRecord, Trial

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
"""The most trials in the figures, so that a browser shows the page at once; of more, the best."""


def render(study: StudyRecord, name: str, resume: str) -> str:
    """Return the page as HTML.

    Args:
        name: of the study.
        resume: the command that resumes the study.
    """
    values = content(study, name, resume)
    return rendering.render("study.html.j2", Path(__file__).parent / "templates", {"brief": tables.brief}, **values)


def content(study: StudyRecord, name: str, resume: str) -> dict[str, Any]:
    """Return all values that the template uses."""
    drawn = _drawn(study)
    finished = tables.finished(drawn)
    parameters_drawn = finished and drawn.parameters
    sections: dict[str, Any] = {
        "result": _result(study),
        "course": _course(drawn) if finished else None,
        "mattered": _mattered(study) if study.trials else None,
        "together": _together(drawn) if parameters_drawn else None,
        "slices": _slices(drawn) if parameters_drawn else None,
        "trials": tables.all_trials(study) if study.trials else None,
        "failures": [trial for trial in study.trials if trial.outcome == "failed"] or None,
    }
    return {
        "title": f"{name}: {study.data}, mlplab study",
        "name": name,
        "resume": resume,
        "study": study,
        "sections": [(id, text) for id, text in _SECTIONS if sections[id]],
        "left_out": len(tables.finished(study)) - len(finished),
        "score": lambda value, digits=2: wording.score(value, study.metric, digits),
        "script": _for_script(drawn),
        **sections,
    }


def _drawn(study: StudyRecord) -> StudyRecord:
    """Return the study with only the trials that figures show."""
    failed = [trial for trial in study.trials if trial.outcome == "failed"]
    return study.only({trial.number for trial in [*study.ranked()[:MOST_DRAWN], *failed[: MOST_DRAWN // 5]]})


def _result(study: StudyRecord) -> dict[str, Any]:
    best, winner = study.best, study.winner
    network, settings = None, []
    if winner is not None and winner.config is not None:
        network = report_wording.network(winner.config)
        settings = report_wording.settings(winner.config, winner.config.settings.epochs)
    elif study.settings is not None:
        network = wording.network(study.settings)
    if best is not None and not settings:
        settings = [
            (parameter.title, tables.brief(best.parameters.get(parameter.name))) for parameter in study.parameters
        ]
    return {
        "best": best,
        "network": network,
        "settings": settings,
        "progress": wording.progress(study),
        "unfinished": wording.unfinished(study),
        "winner": winner,
        "winner_said": winner and wording.winner(winner),
    }


def _course(study: StudyRecord) -> dict[str, Any]:
    history, curves = tables.history(study), tables.curves(study)
    return {
        "history": history,
        "history_drawing": svg(history.figure, "history"),
        "on_edge": tables.drawn(study).on_edge(),
        "curves": curves,
        "curves_drawing": svg(curves.figure, "curves"),
    }


def _mattered(study: StudyRecord) -> dict[str, Any]:
    shares = importance(study)
    table = None if shares is None else tables.importances(shares, study)
    titles = [parameter.title for parameter in study.parameters] if table is None else table["parameter"].tolist()
    return {
        "said": wording.importance(shares, titles, study),
        "table": table,
        "drawing": None if table is None else svg(table.figure, "importance"),
        "best_share": BEST_SHARE,
    }


def _together(study: StudyRecord) -> dict[str, Any]:
    table = tables.all_trials(study)
    lying = charts.parallel(tables.drawn(study), tables.scales(study), upright=False)
    return {"upright": svg(table.figure, "upright"), "lying": svg(lying, "lying")}


def _slices(study: StudyRecord) -> list[tuple[str, str]]:
    trials = tables.drawn(study)
    return [
        (scale.name, svg(charts.slice_plot(trials, scale), f"slice{place}"))
        for place, scale in enumerate(tables.scales(study))
    ]


def _for_script(study: StudyRecord) -> dict[str, Any]:
    """Return the scales, and each trial's values on them: what hovering and filtering need."""
    trials = tables.drawn(study)
    scales = [*tables.scales(study), charts.Scale(trials.metric, trials.value, *trials.window())]
    return {
        "scales": [
            {"name": scale.name, "log": scale.log, "low": scale.low, "high": scale.high, "choices": scale.choices}
            for scale in scales
        ],
        "trials": [
            {
                "number": trial.number,
                "said": wording.trial(trial, study.metric),
                "parameters": _parameters(study, trial),
                "values": [None if np.isnan(scale.value[at]) else float(scale.value[at]) for scale in scales],
            }
            for at, trial in enumerate(tables.finished(study))
        ],
        "ranked": [trial.number for trial in study.ranked()],
        "best": None if study.best is None else study.best.number,
    }


def _parameters(study: StudyRecord, trial: Trial) -> str:
    values = [(parameter.title, trial.parameters.get(parameter.name)) for parameter in study.parameters]
    return ", ".join(f"{title} {tables.brief(value)}" for title, value in values if value is not None)

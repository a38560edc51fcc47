"""The content of a study's page, section by section: the values that its template (study.html.j2) is filled with."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.figures import svg
from mlplab.figures.trials import Scale
from mlplab.inspection import majority
from mlplab.pages import rendering
from mlplab.reports import settings_wording
from mlplab.tuning.page import tables, wording
from mlplab.tuning.page.importance import BEST_SHARE, importance
from mlplab.tuning.page.trials import StudyRecord, title

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
    drawn = _drawn(study)
    sections: dict[str, Any] = {id: None for id, _ in _SECTIONS} | {"result": _result(study)}
    if study.trials:
        table = importance(study)
        mattered = {"said": wording.importance(table, study), "table": table, "best_share": BEST_SHARE}
        sections |= {"mattered": mattered, "trials": tables.all_trials(study)}
        sections["failures"] = [trial for trial in study.trials if trial.outcome == "failed"]
    if drawn.finished:
        trials, scales = tables.drawn(drawn), tables.scales(drawn)
        sections["course"] = {
            "history": tables.history(drawn),
            "curves": tables.curves(drawn),
            "on_edge": trials.on_edge(),
        }
        sections["together"] = {
            "upright": svg(charts.parallel(trials, scales), "upright"),
            "lying": svg(charts.parallel(trials, scales, upright=False), "lying"),
        }
        sections["slices"] = [
            (scale.name, svg(charts.slice_plot(trials, scale), f"slice{place}")) for place, scale in enumerate(scales)
        ]
    return rendering.render(
        "study.html.j2",
        Path(__file__).parent / "templates",
        {"brief": tables.brief, "title": title},
        title=f"{name}: {study.config.data['name']}, mlplab study",
        name=name,
        resume=resume,
        study=study,
        sections=[(id, text) for id, text in _SECTIONS if sections[id]],
        left_out=len(study.finished) - len(drawn.finished),
        score=lambda value, digits=2: wording.score(value, study.metric, digits),
        svg=svg,
        script=_for_script(drawn),
        **sections,
    )


def _drawn(study: StudyRecord) -> StudyRecord:
    """Return the study with only the trials that figures show."""
    failed = [trial for trial in study.trials if trial.outcome == "failed"]
    numbers = {trial.number for trial in [*study.ranked()[:MOST_DRAWN], *failed[: MOST_DRAWN // 5]]}
    return dataclasses.replace(study, trials=[trial for trial in study.trials if trial.number in numbers])


def _result(study: StudyRecord) -> dict[str, Any]:
    best, network, settings, test, baseline = study.best, None, [], None, None
    if study.winner is not None and study.winner.result is not None:
        baseline = majority.baseline_of_result(study.winner.result)
        config, test = study.winner.config, study.winner.result.test
        network = settings_wording.network(config)
        settings = settings_wording.settings(config, config.settings.epochs)
    elif best is not None:
        network = study.settings and wording.network(study.settings)
        settings = [(title(name), tables.brief(value)) for name, value in best.parameters.items()]
    return {
        "best": best,
        "network": network,
        "settings": settings,
        "progress": wording.progress(study),
        "unfinished": wording.unfinished(study),
        "test": test,
        "winner_said": test and wording.winner(test),
        "imbalance": majority.imbalance(baseline, rendering.percent),
        "warning": majority.warning_of(baseline, rendering.percent),
    }


def _for_script(study: StudyRecord) -> dict[str, Any]:
    """Return the scales, and each trial's values on them: what hovering and filtering need."""
    trials = tables.drawn(study)
    scales = [*tables.scales(study), Scale(trials.metric, trials.value, *trials.window())]
    return {
        "scales": [
            {"name": scale.name, "log": scale.log, "low": scale.low, "high": scale.high, "choices": scale.choices}
            for scale in scales
        ],
        "trials": [
            {
                "number": trial.number,
                "said": wording.trial(trial, study.metric),
                "parameters": ", ".join(f"{title(name)} {tables.brief(v)}" for name, v in trial.parameters.items()),
                "values": [None if np.isnan(scale.value[at]) else float(scale.value[at]) for scale in scales],
            }
            for at, trial in enumerate(study.finished)
        ],
        "ranked": [trial.number for trial in study.ranked()],
        "best": None if study.best is None else study.best.number,
    }

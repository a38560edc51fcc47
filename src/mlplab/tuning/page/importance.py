"""Which parameters made trials good or bad, and which only seem to by chance."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures import study as charts
from mlplab.table import Table
from mlplab.tuning.page.trials import StudyRecord, Trial, title
from mlplab.tuning.sampling import distribution, quiet_optuna

if TYPE_CHECKING:
    import optuna

ENOUGH = 20
"""The least trials, dropped or completed, of which importances are computed."""

BEST_SHARE = 0.25
"""The share of the trials that counts as good."""

_SHUFFLES = 60
_MOST = 1000
"""Trials that are evaluated; of more, the last ones."""


def importance(study: StudyRecord) -> Table | None:
    """Compute PED-ANOVA: how the good trials' distribution over a parameter's range differs from that of all trials.

    Watanabe, Bansal, Hutter (2023), "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
    subspaces", IJCAI. The good trials are the best quarter. The shares by chance are those of shuffled ranks.

    Returns:
        Table of parameter, share (they add up to 1), and by chance: the share that a parameter without influence stays
        below 19 times of 20. The most important comes first. None for fewer than `ENOUGH` trials, or if fewer than two
        parameters differ between them.
    """
    ranked = sorted(study.ranked(), key=lambda trial: trial.number)[-_MOST:]
    names = [name for name in study.parameters if len({repr(trial.parameters[name]) for trial in ranked}) > 1]
    if len(ranked) < ENOUGH or len(names) < 2:
        return None
    rank_of = {trial.number: rank for rank, trial in enumerate(study.ranked())}
    ranks = np.array([rank_of[trial.number] for trial in ranked], float)
    optuna_study = _optuna_study(ranked, {name: distribution(study.parameters[name]) for name in names})
    divergences = _divergences(optuna_study, names, ranks)
    rng = np.random.default_rng(0)
    shuffled = [_divergences(optuna_study, names, rng.permutation(ranks)) for _ in range(_SHUFFLES)]
    total = divergences.sum() or 1.0
    order = np.argsort(-divergences, kind="stable")
    titles = [title(names[at]) for at in order]
    shares, chance = divergences[order] / total, np.quantile(shuffled, 0.95, axis=0)[order] / total
    return Table(
        {"parameter": np.array(titles, object), "share": shares, "by chance": chance},
        "How much each parameter had to do with how far a trial came",
        lambda: charts.importance(titles, shares, chance),
    )


def _optuna_study(trials: list[Trial], distributions: dict[str, Any]) -> "optuna.Study":
    """Make a study in memory of the trials, all as completed: Optuna would leave out the dropped ones."""
    import optuna

    with quiet_optuna():
        study = optuna.create_study()
    for trial in trials:
        values = {name: trial.parameters[name] for name in distributions}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=0.0))
    return study


def _divergences(study: "optuna.Study", names: list[str], ranks: np.ndarray) -> np.ndarray:
    """Return Optuna's importances of the parameters, not normalized, float (parameters,), if rank 0 is the best."""
    import optuna

    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # low is good here, as the warning demands; normalize is "experimental"
        importances = optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: ranks[trial.number], normalize=False
        )
    return np.array([importances[name] for name in names])

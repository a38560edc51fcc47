"""Which parameters made trials good or bad, and which only seem to by chance."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlplab.tuning.page.trials import Parameter, StudyRecord, Trial
from mlplab.tuning.sampling import quiet_optuna

if TYPE_CHECKING:
    import optuna

ENOUGH = 20
"""The least trials, dropped or completed, of which importances are computed."""

BEST_SHARE = 0.25
"""The share of the trials that counts as good."""

_SHUFFLES = 60
_MOST = 1000
"""Trials that are evaluated; of more, the last ones."""


@dataclass(frozen=True, eq=False)
class Importance:
    """The share of each parameter, the most important first.

    Attributes:
        names: of the parameters.
        shares: float (n,), which add up to 1.
        chance: float (n,), the share that a parameter without influence stays below 19 times of 20.
    """

    names: list[str]
    shares: np.ndarray
    chance: np.ndarray


def importance(study: StudyRecord) -> Importance | None:
    """Compute PED-ANOVA: how the good trials' distribution over a parameter's range differs from that of all trials.

    Watanabe, Bansal, Hutter (2023), "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
    subspaces", IJCAI. The good trials are the best quarter. The shares by chance are those of shuffled ranks.

    Returns:
        None for fewer than `ENOUGH` trials, or fewer than two parameters that all trials have and that differ.
    """
    ranked = sorted(study.ranked(), key=lambda trial: trial.number)[-_MOST:]
    parameters = [parameter for parameter in study.parameters if _differs(parameter.name, ranked)]
    names = [parameter.name for parameter in parameters]
    if len(ranked) < ENOUGH or len(names) < 2:
        return None
    rank_of = {trial.number: rank for rank, trial in enumerate(study.ranked())}
    ranks = np.array([rank_of[trial.number] for trial in ranked], float)
    optuna_study = _optuna_study(ranked, parameters)
    divergences = _divergences(optuna_study, names, ranks)
    rng = np.random.default_rng(0)
    shuffled = [_divergences(optuna_study, names, rng.permutation(ranks)) for _ in range(_SHUFFLES)]
    total = divergences.sum() or 1.0
    order = np.argsort(-divergences, kind="stable")
    chance = np.quantile(shuffled, 0.95, axis=0)
    return Importance([names[at] for at in order], divergences[order] / total, chance[order] / total)


def _differs(name: str, trials: list[Trial]) -> bool:
    """Whether all trials have the parameter, with different values."""
    values = [trial.parameters.get(name) for trial in trials]
    return all(name in trial.parameters for trial in trials) and len(set(map(repr, values))) > 1


def _optuna_study(trials: list[Trial], parameters: list[Parameter]) -> "optuna.Study":
    """Make a study in memory of the trials, all as completed: Optuna would leave out the dropped ones."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    distributions: dict[str, BaseDistribution] = {
        parameter.name: FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        if parameter.choices is None
        else CategoricalDistribution(parameter.choices)
        for parameter in parameters
    }
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

"""Which parameters had to do with how far a trial came, and which seem to by chance alone."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlplab.tuning.page.trials import Parameter, Searched, Trial

if TYPE_CHECKING:
    import optuna

ENOUGH = 20
"""Trials, dropped or completed, below which nothing is said."""

BEST_SHARE = 0.25
"""Of the trials, that are taken for the good ones."""

_SHUFFLES = 60
_MOST = 1000
"""Trials that are looked at; of more, those that came last."""


@dataclass(frozen=True, eq=False)
class Importance:
    """One share a parameter, the most important first.

    Attributes:
        names: of the parameters.
        shares: float (n,), which add up to 1.
        chance: float (n,), what a parameter without influence stays below 19 times of 20, in the same unit.
    """

    names: list[str]
    shares: np.ndarray
    chance: np.ndarray


def importance(searched: Searched) -> Importance | None:
    """PED-ANOVA: how differently the good trials lie over a parameter's range than all trials do.

    Watanabe, Bansal, Hutter (2023), "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
    subspaces", IJCAI. The good trials are the quarter that came farthest. What chance alone reaches is found by the
    same on trials whose order was shuffled.

    Returns:
        None where there are fewer than `ENOUGH` trials or fewer than two parameters that differ in all of them.
    """
    ranked = sorted(searched.ranked(), key=lambda trial: trial.number)[-_MOST:]
    names = [one.name for one in searched.parameters if _differs(one.name, ranked)]
    if len(ranked) < ENOUGH or len(names) < 2:
        return None
    place = {trial.number: rank for rank, trial in enumerate(searched.ranked())}
    rank = np.array([place[trial.number] for trial in ranked], float)
    study = _study(ranked, [one for one in searched.parameters if one.name in names])
    found = _divergences(study, names, rank)
    draws = np.random.default_rng(0)
    shuffled = [_divergences(study, names, draws.permutation(rank)) for _ in range(_SHUFFLES)]
    whole = found.sum() or 1.0
    at = np.argsort(-found, kind="stable")
    chance = np.quantile(shuffled, 0.95, axis=0)
    return Importance([names[place] for place in at], found[at] / whole, chance[at] / whole)


def _differs(name: str, trials: list[Trial]) -> bool:
    """Whether all trials have the parameter, and not all the same."""
    values = [trial.parameters.get(name) for trial in trials]
    return all(name in trial.parameters for trial in trials) and len(set(map(repr, values))) > 1


def _study(trials: list[Trial], ranges: list[Parameter]) -> "optuna.Study":
    """The trials as completed ones, in memory: Optuna leaves those that were dropped out of what it evaluates."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    distributions: dict[str, BaseDistribution] = {
        one.name: FloatDistribution(one.low, one.high, log=one.log)
        if one.choices is None
        else CategoricalDistribution(one.choices)
        for one in ranges
    }
    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    optuna.logging.set_verbosity(told)
    for trial in trials:
        parameters = {name: trial.parameters[name] for name in distributions}
        study.add_trial(optuna.trial.create_trial(params=parameters, distributions=distributions, value=0.0))
    return study


def _divergences(study: "optuna.Study", names: list[str], rank: np.ndarray) -> np.ndarray:
    """What Optuna makes of the trials with these ranks, of which 0 is the best: float (parameters,), not yet shares."""
    import optuna

    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # low is good here, as the warning wants it; and normalize is "experimental"
        found = optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: rank[trial.number], normalize=False
        )
    return np.array([found[name] for name in names])

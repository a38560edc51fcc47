"""The values of a round's trials: a function of the space, the seed and the trials of earlier rounds alone.

So a study that was killed and resumed samples the same trials as one that was never stopped.
"""

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.tuning.space import Choice, Range, Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

DIRECTIONS = {"accuracy": "maximize", "loss": "minimize"}


def import_optuna() -> Any:
    """Import Optuna. Raises `UsageError` if it is not installed."""
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise UsageError(
            f'Tuning needs Optuna, which is not installed ({error}): pip install "mlplab[tune]"'
        ) from error


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from logging each study and trial to standard error."""
    optuna = import_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def sample(space: Space, seed: int, metric: str, earlier: "Sequence[FrozenTrial]", count: int) -> "list[FrozenTrial]":
    """Return the next `count` trials after `earlier` finished ones: in state running, with values, not on disk.

    Optuna's multivariate TPE. Within a round, each trial counts as a bad one for the next (constant liar), so that a
    round does not try the same values again and again.
    """
    optuna = import_optuna()
    distributions = {name: distribution(space.varied[name]) for name in sorted(space.varied)}
    study = optuna.create_study(direction=DIRECTIONS[metric])
    study.add_trials([_as_history(optuna, trial) for trial in earlier])
    trials = []
    for number in range(len(earlier), len(earlier) + count):
        study.sampler = optuna.samplers.TPESampler(
            seed=seed_of(seed, number, 0x7BE), multivariate=True, constant_liar=True
        )
        params = study.ask(distributions).params
        params = {name: _readable(space.varied[name], params[name]) for name in distributions}
        trials.append(
            optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, params=params, distributions=distributions)
        )
    return trials


def values_of(space: Space, params: dict[str, Any]) -> dict[str, Any]:
    """Return a trial's parameters as the space has them: Optuna keeps lists of units as text."""
    return {
        name: parameter.values[parameter.labels.index(params[name])] if isinstance(parameter, Choice) else params[name]
        for name, parameter in space.varied.items()
    }


def distribution(parameter: Range | Choice) -> Any:
    """Return what Optuna samples the parameter from."""
    optuna = import_optuna()
    if isinstance(parameter, Choice):
        return optuna.distributions.CategoricalDistribution(parameter.labels)
    kind = optuna.distributions.IntDistribution if parameter.whole else optuna.distributions.FloatDistribution
    return kind(parameter.low, parameter.high, log=parameter.log)


def seed_of(*numbers: int) -> int:
    """Return a seed made of several numbers, below 2**31."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _readable(parameter: Range | Choice, value: Any) -> Any:
    """Round to four digits, so that a person can read the winner's command."""
    if not isinstance(parameter, Range) or parameter.whole:
        return value
    return min(max(float(f"{value:.4g}"), parameter.low), parameter.high)


def _as_history(optuna: Any, trial: "FrozenTrial") -> "FrozenTrial":
    """Return a trial for the sampler: one that diverged is shown as the worst of all, as Optuna ignores failures."""
    if trial.state != optuna.trial.TrialState.FAIL:
        return trial
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED, params=trial.params, distributions=trial.distributions
    )

"""Which values the trials of a round have: a function of the space, the seed and the trials of earlier rounds alone.

So a study that was killed and gone on with asks for the very trials that it would have asked for.
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
    """The module. Raises `UsageError` where it is not installed."""
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise UsageError(
            f'Tuning needs Optuna, which is not installed ({error}): pip install "mlplab[tune]"'
        ) from error


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna logs each study and trial to standard error; what a person should see is said here."""
    optuna = import_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def sample(space: Space, seed: int, metric: str, earlier: "Sequence[FrozenTrial]", count: int) -> "list[FrozenTrial]":
    """The next `count` trials after `earlier` ones, which are all finished: running, with values, on no disk.

    Optuna's multivariate TPE. Within a round, each trial counts for the next as one that turned out badly (constant
    liar), so that a round does not ask for the same values again and again.
    """
    optuna = import_optuna()
    distributions = {name: _distribution(optuna, space.varied[name]) for name in sorted(space.varied)}
    study = optuna.create_study(direction=DIRECTIONS[metric])
    study.add_trials([_as_history(optuna, trial) for trial in earlier])
    asked = []
    for number in range(len(earlier), len(earlier) + count):
        study.sampler = optuna.samplers.TPESampler(
            seed=seed_of(seed, number, 0x7BE), multivariate=True, constant_liar=True
        )
        params = study.ask(distributions).params
        params = {name: _readable(space.varied[name], params[name]) for name in distributions}
        asked.append(
            optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, params=params, distributions=distributions)
        )
    return asked


def values_of(space: Space, params: dict[str, Any]) -> dict[str, Any]:
    """A trial's parameters as the space has them: Optuna keeps lists of units as text."""
    return {
        name: next(v for v in parameter.values if _label(v) == params[name])
        if isinstance(parameter, Choice)
        else params[name]
        for name, parameter in space.varied.items()
    }


def seed_of(*numbers: int) -> int:
    """A seed from several numbers, below 2**31."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _distribution(optuna: Any, parameter: Range | Choice) -> Any:
    if isinstance(parameter, Choice):
        return optuna.distributions.CategoricalDistribution([_label(value) for value in parameter.values])
    kind = optuna.distributions.IntDistribution if parameter.whole else optuna.distributions.FloatDistribution
    return kind(parameter.low, parameter.high, log=parameter.log)


def _label(value: Any) -> Any:
    return "-".join(map(str, value)) or "none" if isinstance(value, tuple) else value


def _readable(parameter: Range | Choice, value: Any) -> Any:
    """Four digits are enough, and make a command that a person can read."""
    if not isinstance(parameter, Range) or parameter.whole:
        return value
    return min(max(float(f"{value:.4g}"), parameter.low), parameter.high)


def _as_history(optuna: Any, trial: "FrozenTrial") -> "FrozenTrial":
    """A trial as the sampler should see it: one that diverged is the worst of all, not one that never was."""
    if trial.state != optuna.trial.TrialState.FAIL:
        return trial
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED, params=trial.params, distributions=trial.distributions
    )

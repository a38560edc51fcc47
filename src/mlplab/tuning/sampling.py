"""The values of a round's trials: a function of the space, the seed and the trials of earlier rounds alone.

A population has one structure (units, activation, batch size, …), and its trials differ in rates and fractions.

So a study that was killed and resumed samples the same trials as one that was never stopped.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import import_optional
from mlplab.tuning.parameters import Choice, Range
from mlplab.tuning.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_RANDOM_STRUCTURES = 3
"""Structures that are tried before the search learns from them; Optuna's usual ten are more than many studies have."""
_ATTEMPTS = 20
"""Draws before a structure is tried again. Its value is known already, and a study has time for few structures."""

DIRECTIONS = {"accuracy": "maximize", "loss": "minimize"}


def import_optuna() -> Any:
    """Import Optuna. Raises `MissingPackageError` without it."""
    return import_optional("Tuning", "mlplab[tune]", "optuna")


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


def sample_structure(
    space: Space, seed: int, metric: str, earlier: "Sequence[FrozenTrial]", chosen: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return the structure of the next population: a value, as Optuna keeps it, of each parameter in `space.structure`.

    All trials of a population have one structure, so that those that are compared at a rung learn at the same speed.
    Structures compete by the values of trials that were trained to the end. The first has the first choice of each
    list; Optuna's TPE chooses the others, from the best value that each earlier structure reached, among those that
    were not tried yet, as long as there are any.

    Args:
        earlier: the finished trials.
        chosen: structures of populations that are trained next to this one.

    Returns:
        An empty dict if no parameter of the structure varies, or nothing else does: then trials differ in structure.
    """
    names = space.structure
    if not names or len(names) == len(space.varied):
        return {}
    if not earlier and not chosen:
        return {name: _first(space.varied[name]) for name in names}
    optuna = import_optuna()
    distributions = {name: distribution(space.varied[name]) for name in names}
    study = optuna.create_study(direction=DIRECTIONS[metric])
    study.add_trials(_as_structures(names, distributions, metric, earlier, chosen))
    tried = [trial.params for trial in study.trials]
    drawn = []
    for attempt in range(2 * _ATTEMPTS):
        random = _RANDOM_STRUCTURES if attempt < _ATTEMPTS else len(study.trials) + 1  # in the end all at random
        seed_of_attempt = seed_of(seed, len(earlier), len(chosen), attempt, 0x57C)
        study.sampler = _tpe(optuna, seed_of_attempt, n_startup_trials=random)
        trial = study.ask(distributions)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)  # a draw is no trial: the next draws ignore it
        drawn.append({name: _readable(space.varied[name], trial.params[name]) for name in names})
        if drawn[-1] not in tried:
            return drawn[-1]
    return drawn[0]


def sample(
    space: Space,
    seed: int,
    metric: str,
    earlier: "Sequence[FrozenTrial]",
    structures: "Sequence[dict[str, Any]]",
) -> "list[FrozenTrial]":
    """Return the next trials after `earlier` finished ones: in state running, with values, not on disk.

    Optuna's multivariate TPE. Within a round, each trial counts as a bad one for the next (constant liar), so that a
    round does not try the same values again and again.

    Args:
        structures: the structure of each trial to sample, see `sample_structure`.
    """
    optuna = import_optuna()
    distributions = {name: distribution(space.varied[name]) for name in sorted(space.varied)}
    study = optuna.create_study(direction=DIRECTIONS[metric])
    study.add_trials([_as_history(optuna, trial) for trial in earlier])
    trials = []
    for number, structure in enumerate(structures, len(earlier)):
        study.sampler = _fixed(optuna, structure, _tpe(optuna, seed_of(seed, number, 0x7BE)))
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


def _tpe(optuna: Any, seed: int, **options: Any) -> Any:
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True, **options)


def _fixed(optuna: Any, structure: dict[str, Any], sampler: Any) -> Any:
    """Return a sampler that keeps the values of a structure, and leaves the other parameters to `sampler`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls PartialFixedSampler experimental, since 2021
        return optuna.samplers.PartialFixedSampler(structure, sampler) if structure else sampler


def _first(parameter: Range | Choice) -> Any:
    """Return the first choice, or the middle of a range."""
    if isinstance(parameter, Choice):
        return parameter.labels[0]
    low, high = parameter.values
    middle = math.sqrt(low * high) if parameter.log else (low + high) / 2
    return round(middle) if parameter.whole else _readable(parameter, middle)


def _as_structures(
    names: Sequence[str],
    distributions: dict[str, Any],
    metric: str,
    earlier: "Sequence[FrozenTrial]",
    chosen: Sequence[dict[str, Any]],
) -> "list[FrozenTrial]":
    """Return a trial for each structure: with the best value of a complete training, or as the worst of all."""
    create_trial, states = import_optuna().trial.create_trial, import_optuna().trial.TrialState
    values: dict[str, list[float]] = {}
    params: dict[str, dict[str, Any]] = {}
    for trial in earlier:
        structure = {name: trial.params[name] for name in names}
        key = repr(structure)
        params[key] = structure
        reached = values.setdefault(key, [])
        if trial.state == states.COMPLETE and trial.value is not None:
            reached.append(trial.value)
    best = max if metric == "accuracy" else min
    made = [
        create_trial(params=structure, distributions=distributions, value=best(values[key]))
        if values[key]
        else create_trial(params=structure, distributions=distributions, state=states.PRUNED)
        for key, structure in params.items()
    ]
    running = [
        create_trial(params=structure, distributions=distributions, state=states.RUNNING) for structure in chosen
    ]
    return made + running


def _as_history(optuna: Any, trial: "FrozenTrial") -> "FrozenTrial":
    """Return a trial for the sampler: one that diverged is shown as the worst of all, as Optuna ignores failures."""
    if trial.state != optuna.trial.TrialState.FAIL:
        return trial
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED, params=trial.params, distributions=trial.distributions
    )

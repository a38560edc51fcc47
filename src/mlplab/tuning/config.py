"""The configuration of a study: study.json. Imports no Keras, so that wrong arguments are refused at once."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.errors import RunError, UsageError, plain_number, require, require_whole
from mlplab.runs import Settings
from mlplab.tuning.sampling import DIRECTIONS, seed_of, values_of
from mlplab.tuning.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FORMAT = 1
"""The format of study.json that this version writes and reads."""

FILE = "study.json"

HELD_OUT = 0.1
_MOST_HELD_OUT = 0.3
_ENOUGH_TO_COMPARE = 10_000


@dataclass(frozen=True)
class StudyConfig:
    """The configuration of a study, as study.json holds it. Together with the data, it determines the study.

    Attributes:
        data: name, source and hashes of the data set, see `runs.dataset_ref.identity`.
        space: as `Space.of` takes it.
        metric, trials, budget, population, parallel, seed, seeds, command: as `tuner.tune` takes them. Of trials and
            budget, one is None.
        validation: fraction of the training rows on which trials are compared.
        small_first: whether the populations of the first round are as small as possible, since only they show what an
            epoch costs: with a budget.
        rungs: epochs after which a population is halved; the last rung ends it.
        reduction: one trial in this many is trained on after a rung.
        versions, device, threads: that the study was started with.
        chunk_bytes: of the chunks in which the training rows are read, as in `runs.Config`; None: rows that are on the
            device.
        format: see `FORMAT`.
    """

    data: dict[str, Any]
    space: dict[str, Any]
    metric: str
    trials: int | None
    budget: float | None
    population: int
    parallel: int
    rungs: tuple[int, ...]
    reduction: int
    seed: int
    seeds: int
    versions: dict[str, str]
    device: str
    threads: int
    command: list[str] | None = None
    validation: float = HELD_OUT
    small_first: bool = False
    chunk_bytes: int | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, plain_number(value))

    @classmethod
    def read(cls, folder: Path) -> "StudyConfig":
        """Read study.json. Raises `RunError` if it is missing, damaged, or of another format."""
        if not (folder / FILE).exists():
            raise RunError(f"{folder} lacks {FILE}: it is no study, or a damaged one.")
        value = files.read_json(folder / FILE)
        written = value.get("format") if isinstance(value, dict) else None
        if written != FORMAT:
            raise RunError(f"{folder / FILE} has format {written}, and this mlplab reads format {FORMAT}.")
        try:
            config = cls(**{**value, "rungs": tuple(value["rungs"])})
            Space.of(config.space)
        except (TypeError, KeyError, UsageError) as error:
            raise RunError(f"{folder / FILE} is damaged: {error}. Restore it from a copy.") from error
        return config

    @property
    def planned_seconds(self) -> float | None:
        """The seconds of the budget that are planned with: a tenth is left for the winner's test and for delays."""
        return None if self.budget is None else 0.9 * self.budget

    def settings(self, trial: "FrozenTrial") -> Settings:
        """Return the settings of a trial's network, with the trial's seed, trained on all rows: those of a winner."""
        space = Space.of(self.space)
        settings = space.settings(values_of(space, trial.params), seed=seed_of(self.seed, trial.number))
        return dataclasses.replace(settings, epochs=self.rungs[-1], validation=0.0)  # the defaults may have changed

    def settings_on_trial(self, trial: "FrozenTrial") -> Settings:
        """Return a trial's settings while trials are compared: with validation rows."""
        return dataclasses.replace(self.settings(trial), validation=self.validation)


def validation_for(rows: int) -> float:
    """Return the fraction of the training rows on which trials are compared: 10,000 rows, or three tenths of few rows.

    On 6,000 rows the standard error of an accuracy of 0.9 is 0.004, as much as good trials differ.
    """
    return min(max(HELD_OUT, _ENOUGH_TO_COMPARE / max(rows, 1)), _MOST_HELD_OUT)


def rungs(epochs: int) -> tuple[int, ...]:
    """Return a third and all of the epochs as rungs; a training of one epoch has one rung.

    An earlier rung prefers low learning rates and little dropout, with which networks learn faster at first.
    """
    return tuple(sorted({max(1, round(epochs / 3)), epochs}))


def check(metric: str = "accuracy", trials: int | None = None, budget: float | None = None, **numbers: Any) -> None:
    """Raise `UsageError` for bad arguments, before anything is loaded. None: not given."""
    require(metric in DIRECTIONS, "metric", metric, "accuracy or loss")
    if trials is not None and budget is not None:
        raise UsageError("Give trials or budget, not both.", arguments=("trials", "budget"))
    require(budget is None or budget > 0, "budget", budget, "a time above 0, in seconds")
    for name, number in {"trials": trials, **numbers}.items():
        if number is not None:
            require_whole(name, number, 0 if name == "seed" else 1)

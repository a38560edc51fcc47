"""The result of a finished run: result.json, and what `mlplab train --json` prints."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlplab.errors import RunError

SCHEMA = 1
"""Version of result.json and of what `--json` prints."""


@dataclass(frozen=True, eq=False)
class Fields(Mapping[str, Any]):
    """Item access to the fields of a dataclass: `result["test"]` is `result.test`."""

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values, in the order of result.json."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, eq=False)
class Logged(Fields):
    """Loss and accuracy logged in the epoch whose weights were kept; None where they were not logged."""

    loss: float | None
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Scores(Fields):
    """Scores on the rows of a split.

    Attributes:
        interval: 95 % Wilson interval of the accuracy.
        n: rows of the split.
        balanced_accuracy: mean over classes of the fraction of their rows predicted right; None in the results of
            earlier versions.
        macro_f1: mean over classes of F1; None likewise.
    """

    loss: float
    accuracy: float
    interval: list[float]
    n: int
    balanced_accuracy: float | None = None
    macro_f1: float | None = None


@dataclass(frozen=True, eq=False)
class SeedScores(Fields):
    """Mean scores of several seeds on a split.

    Attributes:
        loss, accuracy: means over the seeds.
        sd: standard deviation of the accuracies; None for one seed.
        interval: 95 % interval of the mean accuracy (Student's t); None for one seed.
        n: rows of the split.
        seeds: members that did not diverge.
        balanced_accuracy, macro_f1: means over the seeds, see `Scores`.
    """

    loss: float
    accuracy: float
    sd: float | None
    interval: list[float] | None
    n: int
    seeds: int
    balanced_accuracy: float | None = None
    macro_f1: float | None = None


@dataclass(frozen=True, eq=False)
class RunResult(Fields):
    """The result of one network.

    Attributes:
        schema: see `SCHEMA`.
        run: the run directory, absolute.
        parameters: of the model, without the optimizer's.
        validation: None without a validation split.
        per_class: test accuracy by class name; None for a class without test rows.
        confusion: counts of test rows, true classes in rows and predicted ones in columns; of more than 100 classes,
            the cells that are not empty, as lists `true`, `predicted` (class numbers) and `count`.
        seconds: `import`, `load`, `compile`, `train` (without compilation), `total`.
        peak_memory_bytes: of the accelerator or else the process; None where the system does not report it.
        versions: of Python and of the packages that compute.
        kept_epoch: the epoch, from 1, whose weights the run has; 0 without epochs; None for weights of no epoch, which
            a callback put in place.
    """

    schema: int
    run: str
    parameters: int
    seed: int
    train: Logged
    validation: Scores | None
    test: Scores
    per_class: dict[str, float | None]
    confusion: list[list[int]] | dict[str, list[int]]
    seconds: dict[str, float]
    peak_memory_bytes: int | None
    versions: dict[str, str]
    kept_epoch: int | None = None


@dataclass(frozen=True, eq=False)
class DivergedResult(Fields):
    """A member that diverged, and the reason."""

    schema: int
    run: str
    seed: int
    diverged: str


@dataclass(frozen=True, eq=False)
class PopulationResult(Fields):
    """The result of a population: its members, their means, and their ensemble.

    Attributes:
        seed: of the first member.
        seeds: number of members.
        ensemble: scores of the mean probabilities; `per_class` and `confusion` are the ensemble's too.
    """

    schema: int
    run: str
    parameters: int
    seed: int
    seeds: int
    train: Logged
    validation: SeedScores | None
    test: SeedScores
    ensemble: Scores
    per_class: dict[str, float | None]
    confusion: list[list[int]] | dict[str, list[int]]
    members: list[RunResult | DivergedResult]
    seconds: dict[str, float]
    peak_memory_bytes: int | None
    versions: dict[str, str]


def from_json(value: Any, where: str) -> RunResult | PopulationResult:
    """Return the result that `to_json` described. Raises `RunError` for anything that is not a result."""
    try:
        return _population(value) if "members" in value else _run(value)
    except (TypeError, KeyError) as error:
        raise RunError(f"{where} is damaged: {error}. Restore it from a copy, or train the run again.") from error


def _run(value: dict[str, Any]) -> RunResult:
    return RunResult(**{**value, **_scores(value, Scores)})


def _population(value: dict[str, Any]) -> PopulationResult:
    members = [DivergedResult(**member) if "diverged" in member else _run(member) for member in value["members"]]
    ensemble = Scores(**value["ensemble"])
    return PopulationResult(**{**value, **_scores(value, SeedScores), "ensemble": ensemble, "members": members})


def _scores(value: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return the fields that both results have, validation and test of a kind of scores."""
    validation = value["validation"] and kind(**value["validation"])
    return {"train": Logged(**value["train"]), "validation": validation, "test": kind(**value["test"])}

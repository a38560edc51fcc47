"""What a sweep trains: its combinations of settings, and sweep.json. Imports no Keras."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files
from mlplab.errors import Advice, RunError, UsageError, require_whole
from mlplab.recipes import Recipe, with_recipe
from mlplab.runs import Settings
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import as_text

FORMAT = 1
"""The format of sweep.json that this version writes and reads."""

Combination = dict[str, Any]
"""A value for each setting that is varied."""


@dataclass(frozen=True)
class SweepPlan:
    """What sweep.json holds. Together with the data, it determines the sweep.

    Attributes:
        data: name, source and hashes of the data set, see `runs.dataset_ref.identity`.
        vary: the values of each setting that is varied.
        settings: settings that all combinations have in common, as they were given.
        seeds: networks of each combination.
        recipe: the recipe that `settings` and `vary` change; None: no recipe.
        command: the command line, or None.
        format: see `FORMAT`.

    Raises:
        UsageError: for settings or values that a sweep cannot have.
    """

    data: dict[str, Any]
    vary: dict[str, list[Any]]
    settings: dict[str, Any]
    seeds: int
    recipe: Recipe | None = None
    command: list[str] | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        require_whole("seeds", self.seeds)
        for name, values in self.vary.items():
            _check_values(name, values)
            if self.settings.get(name) is not None:
                raise UsageError(f"{name} is varied, and given once for all: leave one of them out.")
            if self.recipe is not None and name in self.recipe.settings and None in values:
                raise UsageError(
                    f"{name}=None stands for the default, and the recipe {self.recipe.name} gives "
                    f"{as_text(self.recipe.settings[name])}. Give other values, or leave the recipe out.",
                )
        if len(self.combinations()) < 2:
            several = Advice(
                'as in {"dropout": [0, 0.2, 0.5]}, or {"hidden": [[20], [50, 50]]}',
                'as in --vary dropout=0,0.2,0.5, or --vary "hidden=20;50,50"',
            )
            raise UsageError(
                f"A sweep compares two or more combinations: give several values, {several}.", advice=[several]
            )
        self.all_settings()

    @classmethod
    def of(
        cls,
        vary: Mapping[str, Iterable[Any]],
        settings: Mapping[str, Any],
        seeds: int,
        recipe: Recipe | None = None,
        command: list[str] | None = None,
    ) -> "SweepPlan":
        """Make the plan of a new sweep, without its data."""
        for name, values in vary.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise UsageError(f"vary takes a list of values for each setting; got {values!r} for {name}.")
        plain = {name: [_plain(name, value) for value in values] for name, values in vary.items()}
        return cls(
            {},
            plain,
            {name: _plain(name, value) for name, value in settings.items()},
            require_whole("seeds", seeds),
            recipe,
            command,
        )

    @classmethod
    def read(cls, path: Path) -> "SweepPlan":
        """Read sweep.json. Raises `RunError` if it is missing, damaged, or of another format."""
        file = path / files.KINDS["sweep"].marker
        if not file.exists():
            raise RunError(f"There is no sweep at {path}: it lacks {file.name}.")
        value = files.read_json(file)
        written = value.get("format") if isinstance(value, dict) else None
        if written != FORMAT:
            raise RunError(f"{file} has format {written}, and this mlplab reads format {FORMAT}.")
        try:
            recipe = value.pop("recipe", None)  # sweeps of earlier versions have none
            return cls(**value, recipe=None if recipe is None else Recipe(**recipe))
        except (TypeError, AttributeError, UsageError) as error:
            raise RunError(f"{file} is damaged: {error}. Restore it from a copy.") from error

    def combinations(self) -> list[Combination]:
        """Return all combinations, the last setting changing fastest."""
        return [dict(zip(self.vary, values, strict=True)) for values in itertools.product(*self.vary.values())]

    def all_settings(self) -> list[Settings]:
        """Return the settings of each combination."""
        return [Settings.with_defaults(**self.arguments(combination)) for combination in self.combinations()]

    def require_ladder(self, unlabelled: Any) -> None:
        """Raise `UsageError` for images without labels if a combination is no ladder network. None: no such images."""
        for settings in self.all_settings():
            settings.require_ladder(unlabelled)

    def arguments(self, combination: Combination) -> dict[str, Any]:
        """Return the settings of a combination as `train` takes them: the recipe's, those in common, its own."""
        return with_recipe(self.recipe, {**self.settings, **combination})


def is_sweep(path: Any) -> bool:
    """Return whether this is the directory of a sweep."""
    return isinstance(path, str | Path) and (Path(path) / files.KINDS["sweep"].marker).exists()


def _plain(name: str, value: Any) -> Any:
    """Return a setting's value as JSON has it: units as a list, a number of NumPy as one of Python."""
    if isinstance(value, Mapping):
        return {str(key): _plain("", part) for key, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain("", part) for part in value]
    number = value.item() if isinstance(value, np.generic) else value
    return [number] if name == "hidden" and isinstance(number, int) else number


def _check_values(name: str, values: list[Any]) -> None:
    if name == "seed":
        seeds = Advice("give seeds, as in seeds=5", "give --seeds, as in --seeds 5")
        raise UsageError(f"A sweep gives each combination the same seeds: leave out seed, and {seeds}.", advice=[seeds])
    if name not in SETTINGS:
        raise UsageError(f"A sweep varies the settings of a training; got {name!r}. Known: {', '.join(SETTINGS)}.")
    for value in values:
        SETTINGS[name].require(tuple(value) if isinstance(value, list) else value)
        if values.count(value) > 1:
            raise UsageError(f"{name} has the value {as_text(value)} twice: give each value once.")

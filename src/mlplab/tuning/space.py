"""What a study searches: a range, choices or a fixed value for each parameter, from TOML or a Python dict."""

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.errors import DataError, UsageError, plain_number, unknown_name
from mlplab.runs import Settings
from mlplab.runs.setting import Check, Setting, is_kind
from mlplab.runs.settings import SETTINGS

DEFAULT: dict[str, Any] = {
    "width": [512, 1024, 256],
    "depth": [2, 3, 1],
    "activation": ["gelu", "relu"],
    "batch_norm": [True, False],
    "dropout": {"low": 0.2, "high": 0.5},
    "optimizer": "adamw",
    "learning_rate": {"low": 7e-4, "high": 4e-3, "log": True},
    "weight_decay": {"low": 1e-3, "high": 0.1, "log": True},
    "schedule": "cosine",
    "batch_size": 256,
    "epochs": 18,
}
"""The space that is searched by default; see `default` for its batch size and epochs."""

_STEPS = 3_800
"""The steps of a training in the default space, roughly: 18 epochs of Fashion-MNIST in batches of 256."""
_SMALLEST_BATCH = 32
_MOST_EPOCHS = 60


def default(rows: int) -> dict[str, Any]:
    """Return the default space for a number of training rows. With few rows it has smaller batches and more epochs.

    An epoch of a handful of steps trains little, and leaves the moving averages of batch normalisation unchanged.
    """
    batch_size = 2 ** int(math.log2(max(rows * DEFAULT["epochs"] / _STEPS, 1)))
    batch_size = min(max(batch_size, _SMALLEST_BATCH), DEFAULT["batch_size"])
    epochs = round(_STEPS * batch_size / max(rows, 1))
    return {**DEFAULT, "batch_size": batch_size, "epochs": min(max(epochs, DEFAULT["epochs"]), _MOST_EPOCHS)}


_LAYERS = Check("a whole number of at least 1", lambda number: number >= 1)
_PARAMETERS = {name: setting for name, setting in SETTINGS.items() if not setting.not_in_space} | {
    "width": Setting("width", int, 1, "Units of each hidden layer, in place of hidden.", _LAYERS),
    "depth": Setting("depth", int, 1, "Number of hidden layers, in place of hidden.", _LAYERS),
}
"""What a space takes, by name."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, sampled uniformly or, with `log`, on a logarithmic scale."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def values(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    @property
    def labels(self) -> list[Any]:
        """The values as Optuna keeps them: a list of units as text, such as "64-32"."""
        return ["-".join(map(str, v)) or "none" if isinstance(v, tuple) else v for v in self.values]


@dataclass(frozen=True)
class Space:
    """What may vary, and what is fixed.

    Attributes:
        varied: a `Range` or `Choice` by name.
        fixed: a value by name.
        definition: the dict that the space was made of, as TOML or JSON hold it.
    """

    varied: dict[str, Range | Choice]
    fixed: dict[str, Any]
    definition: dict[str, Any]

    @classmethod
    def of(cls, given: "Space | Mapping[str, Any] | str | Path | None") -> "Space":
        """Make a space from a dict or a TOML file; without either, return the default one.

        Raises:
            DataError: if the file cannot be read, or is not TOML.
            UsageError: for unknown parameters, values that they cannot have, and contradictions.
        """
        if isinstance(given, Space):
            return given
        if given is None:
            given = DEFAULT
        if isinstance(given, str | Path):
            given = _read(Path(given))
        if not isinstance(given, Mapping):
            raise UsageError(
                f"A space is a dict, or the path of a TOML file; got {type(given).__name__}. For example: "
                "{'hidden': [[64], [128]], 'learning_rate': {'low': 1e-4, 'high': 1e-2, 'log': True}}"
            )
        return _space(given)

    @property
    def epochs(self) -> int:
        return self.fixed["epochs"]

    @property
    def structure(self) -> list[str]:
        """Names of the varied parameters that decide a network's form or its steps: all but most rates and fractions.

        Networks that differ in one of them are compiled apart, and most learn at a different speed.
        """
        parameters = {name: _PARAMETERS[name] for name in self.varied}
        return sorted(name for name, each in parameters.items() if each.kind is not float or each.compiled_in)

    def settings(self, values: Mapping[str, Any], seed: int) -> Settings:
        """Return the settings of a trial whose varied parameters have these values."""
        arguments = {**self.fixed, **values}
        if "width" in arguments:
            arguments["hidden"] = (arguments.pop("width"),) * arguments.pop("depth")
        return Settings(**arguments, seed=seed)

    def combinations(self) -> list[Settings]:
        """Return settings with each pair of values, or ends, of two varied parameters; the others have their first.

        Raises:
            UsageError: for values that do not go together: a trial may draw any of them.
        """
        first = {name: parameter.values[0] for name, parameter in self.varied.items()}
        found = []
        for names in itertools.combinations(self.varied, min(2, len(self.varied))):
            for values in itertools.product(*(self.varied[name].values for name in names)):
                try:
                    found.append(self.settings({**first, **dict(zip(names, values, strict=True))}, seed=0))
                except UsageError as error:
                    raise UsageError(f"The space has values that do not go together: {error}") from error
        return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            f"{path} is not TOML: {error}. A parameter a line, as in: activation = ['relu', 'gelu']"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _space(given: Mapping[str, Any]) -> Space:
    given = plain(given)
    parsed = {name: _parsed(_declared(name), value) for name, value in given.items()}
    _check_network(set(given))
    varied = {name: value for name, value in parsed.items() if isinstance(value, Range | Choice)}
    fixed = {name: value for name, value in parsed.items() if name not in varied}
    if "width" in given and "depth" not in given:
        fixed["depth"] = 1
    fixed.setdefault("epochs", DEFAULT["epochs"])
    if not varied:
        raise UsageError(
            "The space has no range and no choice: there is nothing to search. For example: "
            "learning_rate = {low = 1e-4, high = 1e-2, log = true}"
        )
    return Space(varied, fixed, definition=dict(given))


def _declared(name: str) -> Setting:
    if name in SETTINGS and (reason := SETTINGS[name].not_in_space):
        raise UsageError(f"{name} is not part of a space: {reason}.")
    if name not in _PARAMETERS:
        raise UsageError(unknown_name("parameter", str(name), _PARAMETERS))
    return _PARAMETERS[name]


def _check_network(names: set[str]) -> None:
    if "hidden" in names and names & {"width", "depth"}:
        raise UsageError("The space gives the hidden layers twice: give hidden, or width and depth, not both.")
    if "hidden" not in names and "width" not in names:
        raise UsageError(
            "The space does not give the hidden layers. Add width and depth (width = [128, 256], depth = [1, 2]), "
            "or hidden (hidden = [[64], [128, 64]])."
        )


def _parsed(declared: Setting, value: Any) -> Any:
    """Return a `Range`, a `Choice`, or a fixed value."""
    if isinstance(value, Mapping) and declared.kind is not dict:
        parameter: Any = _range(declared, value)
    elif declared.name == "hidden":
        parameter = _hidden(value)
    elif isinstance(value, list | tuple):
        parameter = Choice(tuple(value))
    else:
        parameter = value
    if isinstance(parameter, Choice):
        if not parameter.values:
            raise UsageError(f"{declared.name} has an empty list: there is nothing to choose from.")
        if len(set(map(repr, parameter.values))) < len(parameter.values):
            raise UsageError(f"{declared.name} has the same choice twice: {list(parameter.values)}.")
        parameter = parameter.values[0] if len(parameter.values) == 1 else parameter
    if declared.fixed_in_space and isinstance(parameter, Range | Choice):
        raise UsageError(f"{declared.name} takes one value: {declared.fixed_in_space}. Got {value!r}.")
    values = parameter.values if isinstance(parameter, Range | Choice) else (parameter,)
    if isinstance(parameter, Range) and parameter.whole:
        values = (*values, parameter.low + 1)  # where 0 stands for none, 1 may be no value
    for one in values:
        _check_value(declared, one)
    return parameter


def _hidden(value: Any) -> Any:
    """Return the units of the layers, or a choice of several such lists."""
    if is_kind(value, int):
        return (value,)
    if isinstance(value, list | tuple):
        if value and _are_units(value):
            return tuple(value)
        if all(isinstance(layers, list | tuple) and _are_units(layers) for layers in value):
            return Choice(tuple(tuple(layers) for layers in value))
    raise UsageError(f"hidden takes lists of units, in whole numbers, as in hidden = [[64], [128, 64]]; got {value!r}.")


def _are_units(layers: Sequence[Any]) -> bool:
    return all(isinstance(units, int) and not isinstance(units, bool) for units in layers)


def _range(declared: Setting, value: Mapping[str, Any]) -> Any:
    name, whole = declared.name, declared.kind is int
    if declared.kind not in (int, float):
        raise UsageError(f"{name} has no range: give a value, or a list to choose from. Got {dict(value)!r}.")
    if unknown := set(value) - {"low", "high", "log"}:
        raise UsageError(f"The range of {name} has low, high and log; got {', '.join(sorted(map(str, unknown)))} too.")
    low: Any = value.get("low")
    high: Any = value.get("high")
    log = value.get("log", False)
    if not _is_number(low) or not _is_number(high):
        raise UsageError(f"The range of {name} needs low and high, both numbers; got {dict(value)!r}.")
    if low > high:
        raise UsageError(f"The range of {name} has its low end, {low}, above its high end, {high}: exchange them.")
    if not isinstance(log, bool):
        raise UsageError(f"log in the range of {name} is true or false; got {log!r}.")
    if log and low <= 0:
        raise UsageError(f"The range of {name} is logarithmic, so low must be above 0; got {low}. Or leave out log.")
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise UsageError(f"{name} is a whole number, and so are the ends of its range; got {low} and {high}.")
    return low if low == high else Range(low, high, log, whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_WORDS = {
    str: "a name in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    dict: "a name or a table",
}


def _check_value(declared: Setting, value: Any) -> None:
    if not is_kind(value, declared.kind):
        raise UsageError(f"{declared.name} takes {_WORDS[declared.kind]}; the space has {value!r}.")
    try:
        declared.require(value)
    except UsageError as error:
        raise UsageError(f"The space has values that a network cannot have: {error}") from error


def plain(value: Any) -> Any:
    """Return a value as JSON reads it back: lists for tuples and arrays, Python's own numbers for NumPy's."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | range) or (isinstance(value, np.ndarray) and value.ndim):
        return [plain(inner) for inner in value]
    return plain_number(value)

"""The parameters of a space: which there are, and their values: a range, a choice, or one that is fixed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlplab.errors import UsageError, unknown_name
from mlplab.runs.setting import Check, Setting, is_kind
from mlplab.runs.settings import SETTINGS

_LAYERS = Check("a whole number of at least 1", lambda number: number >= 1)
PARAMETERS = {name: setting for name, setting in SETTINGS.items() if not setting.not_in_space} | {
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


def _declared(name: str) -> Setting:
    if name in SETTINGS and (reason := SETTINGS[name].not_in_space):
        raise UsageError(f"{name} is not part of a space: {reason}.")
    if name not in PARAMETERS:
        raise UsageError(unknown_name("parameter", str(name), PARAMETERS))
    return PARAMETERS[name]


def parse(name: str, value: Any) -> Any:
    """Return a `Range`, a `Choice`, or a fixed value of a parameter.

    Raises:
        UsageError: for a parameter that a space does not take, and a value that it cannot have.
    """
    declared = _declared(name)
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

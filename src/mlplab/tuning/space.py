"""What a study searches: a range, choices or a fixed value for each parameter, from TOML or a Python dict."""

import itertools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.errors import DataError, UsageError, plain_number
from mlplab.runs import Settings
from mlplab.tuning.parameters import PARAMETERS, Choice, Range, parse

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
        parameters = {name: PARAMETERS[name] for name in self.varied}
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
    parameters = {name: parse(name, value) for name, value in given.items()}
    _check_network(set(given))
    varied = {name: value for name, value in parameters.items() if isinstance(value, Range | Choice)}
    fixed = {name: value for name, value in parameters.items() if name not in varied}
    if "width" in given and "depth" not in given:
        fixed["depth"] = 1
    fixed.setdefault("epochs", DEFAULT["epochs"])
    if not varied:
        raise UsageError(
            "The space has no range and no choice: there is nothing to search. For example: "
            "learning_rate = {low = 1e-4, high = 1e-2, log = true}"
        )
    return Space(varied, fixed, definition=dict(given))


def _check_network(names: set[str]) -> None:
    if "hidden" in names and names & {"width", "depth"}:
        raise UsageError("The space gives the hidden layers twice: give hidden, or width and depth, not both.")
    if "hidden" not in names and "width" not in names:
        raise UsageError(
            "The space does not give the hidden layers. Add width and depth (width = [128, 256], depth = [1, 2]), "
            "or hidden (hidden = [[64], [128, 64]])."
        )


def plain(value: Any) -> Any:
    """Return a value as JSON reads it back: lists for tuples and arrays, Python's own numbers for NumPy's."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | range) or (isinstance(value, np.ndarray) and value.ndim):
        return [plain(inner) for inner in value]
    return plain_number(value)

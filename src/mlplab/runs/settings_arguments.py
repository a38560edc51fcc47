"""Settings as arguments: of Python functions, and of the command line."""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mlplab.errors import UsageError, flag, shell_command, unknown_name
from mlplab.runs.setting import Setting
from mlplab.runs.settings import SETTINGS

P = ParamSpec("P")
R = TypeVar("R")


def takes_settings(**without: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function with `**settings`: list them in its signature, and refuse unknown names with a suggestion.

    Args:
        without: settings that the function does not take, each with the reason.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        listed = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_type(declared))
            for name, declared in SETTINGS.items()
            if name not in without
        ]
        parameters = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD] + listed
        known = {parameter.name for parameter in parameters}

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name in without:
                    raise UsageError(f"Leave out {name}: {without[name]}.", arguments=(name,))
                if name not in known:
                    raise UsageError(unknown_name("argument", name, known))
            return function(*args, **kwargs)

        checked.__signature__ = signature.replace(parameters=parameters)  # pyright: ignore[reportAttributeAccessIssue]
        return checked

    return decorate


def training_command(source: str, settings: Mapping[str, Any]) -> list[str]:
    """The words of the command line that trains with these arguments of `train`."""
    return ["mlplab", "train", source, *options(settings)]


def options(arguments: Mapping[str, Any]) -> list[str]:
    """The words of the command line for arguments of `train`: `--hidden`, `50,50`, `--batch-norm`."""
    words = []
    for name, value in arguments.items():
        words += [flag(name)] * value if isinstance(value, bool) else [flag(name), as_text(value)]
    return words


def training_call(source: str | None, settings: Mapping[str, Any]) -> str:
    """What a person types to train with these arguments: in the shell, or in Python for data without name and file."""
    if source is not None:
        return shell_command(*training_command(source, settings))
    return f"mlplab.train(data, {', '.join(f'{name}={value!r}' for name, value in settings.items())})"


def as_text(value: Any) -> str:
    """A value as the command line takes it: `50,50`, `0.001` or `Coat=2,Shirt=3`."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={as_text(each)}" for name, each in value.items())
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _type(declared: Setting) -> str:
    kinds = {tuple: "int | Sequence[int]", dict: "Mapping[Any, float] | str"}
    return f"{kinds.get(declared.kind, declared.kind.__name__)} | None"


def types_source() -> str:
    """The text of settings_types.py: all settings as keyword arguments, for editors and type checkers."""
    types = "".join(f"    {name}: {_type(declared)}\n" for name, declared in SETTINGS.items())
    return f'''"""Settings as keyword arguments. Written by `make settings` from settings.py; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class SettingsArguments(TypedDict, total=False):
    """None: the default."""

{types}'''


def write_types() -> None:
    Path(__file__).with_name("settings_types.py").write_text(types_source(), encoding="utf-8")

"""The options of the network and its training, made from the declaration of the settings."""

import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab.cli.options import numbers
from mlplab.errors import UsageError, flag
from mlplab.recipes import Recipe, with_recipe
from mlplab.runs import Settings
from mlplab.runs.setting import Setting
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import as_text


def takes_settings(omit: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a verb: in the place of its parameter `settings` stand the options of all settings but `omit`.

    The verb is called with the settings that a person gave, as one dict. They are checked before Keras is imported,
    with those of the recipe where the verb takes one. There, what a recipe turns on, a flag turns off.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        names = [name for name in SETTINGS if name not in omit]
        of_verb = inspect.signature(verb).parameters
        options = [_option(name, can_turn_off="recipe" in of_verb) for name in names]
        parameters = []
        for parameter in of_verb.values():
            parameters += options if parameter.name == "settings" else [parameter]

        def run(**arguments: Any) -> None:
            values = {name: _value(SETTINGS[name], arguments.pop(name)) for name in names}
            settings = {name: value for name, value in values.items() if value is not None}
            name = arguments.get("recipe")
            Settings.with_defaults(**with_recipe(None if name is None else Recipe.of(name), settings))
            verb(settings=settings, **arguments)

        run.__name__, run.__doc__ = verb.__name__, verb.__doc__
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _option(name: str, can_turn_off: bool) -> inspect.Parameter:
    declared = SETTINGS[name]
    kind: Any = {tuple: str, dict: str}.get(declared.kind, declared.kind)
    both = f"{flag(name)}/{flag(f'no_{name}')}"
    flags = both if kind is bool and can_turn_off else flag(name)
    option = typer.Option(flags, metavar=declared.metavar, help=_help(declared), show_default=False)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(declared: Setting) -> str:
    """Return the help of the option, with its default."""
    if declared.kind in (bool, tuple) or declared.default is None:
        return declared.help
    other = "" if declared.without_hidden is None else f"; without --hidden: {as_text(declared.without_hidden)}"
    return f"{declared.help.rstrip('.')} (default: {as_text(declared.default)}{other})."


def _value(declared: Setting, given: Any) -> Any:
    """Return the value of a setting from that of its option; None: not given."""
    if declared.kind is tuple and given is not None:
        return numbers(flag(declared.name), given, int, "whole numbers with commas between, as in 50,50")
    if declared.kind is dict and given is not None:
        return class_weights(flag(declared.name), given)
    return given


def class_weights(option: str, given: str) -> Any:
    """Return weights by class from a JSON file, or from text such as `Coat=2,Shirt=3`; `balanced` stays a word."""
    pairs = [part.rpartition("=") for part in given.split(",")]
    try:
        if Path(given).exists():
            return json.loads(Path(given).read_text("utf-8"))
        return given if given == "balanced" else {name: float(weight) for name, _, weight in pairs}
    except (OSError, ValueError) as error:
        raise UsageError(
            f'{option} takes balanced, a JSON file such as {{"Coat": 2}}, or classes with weights, as in '
            f"Coat=2,Shirt=3; got {given!r}: {error}."
        ) from error

"""The command that trains the network of a run again, with something changed."""

from collections.abc import Iterable

from mlplab.errors import shell_command
from mlplab.runs import Run
from mlplab.runs.dataset_ref import command_for


def train_again(run: Run, *changed: object, without: Iterable[str] = ()) -> str | None:
    """Return the command that trains a run again; None where only Python has its data or its model.

    Args:
        changed: words that are added: options and their values.
        without: options, and their values, that are left out, beside `--out`.
    """
    config, settings = run.config, run.config.settings
    seeds = {"seed": settings.seed} | ({"seeds": config.seeds} if config.seeds > 1 else {})
    again = None if settings.hidden is None else command_for(config.data, settings.arguments() | seeds)
    words = list(config.command or again or ())
    if not words:
        return None
    for option in ("--out", *without):
        words = [word for word in words if not word.startswith(f"{option}=")]
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    return shell_command(*words, *changed)

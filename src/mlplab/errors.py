"""The errors a user can meet. Each message says what was expected, what came, and what to do.

The command line prints the message alone and exits with 1 (`UsageError`: 2); nobody who used a
command wrongly, or fed it bad data, is shown a traceback.
"""

import difflib
import importlib
import os
import shlex
import subprocess
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, NamedTuple


class Advice(NamedTuple):
    """What to type next, in Python and in the shell. In a text it stands as Python; the command line shows the other.

    Attributes:
        python: an expression, or a few words with the names that Python has.
        shell: a command, or the same words with the flags of the command line.
    """

    python: str
    shell: str

    def __str__(self) -> str:
        return self.python


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def printable(text: str) -> str:
    """Return a text of strangers with its control characters escaped: a terminal would obey them, and lines break."""
    return text.translate(_CONTROL)


def brief(text: object, most: int = 300) -> str:
    """Return the beginning of a text of strangers, for a message: `printable`, and not more than some characters."""
    start = str(text)[: most + 1]
    return printable(start if len(start) <= most else f"{start[:most]}…")


def another(argument: str) -> Advice:
    """Return the advice to give another value for an argument."""
    return Advice(f"Give another {argument}", f"Give another {flag(argument)}")


def shell_command(*words: object) -> str:
    """Format a command as a person types it, quoted where a shell needs it: `mlplab report 'my runs/one'`."""
    texts = [str(word) for word in words]
    return shlex.join(texts) if os.name == "posix" else subprocess.list2cmdline(texts)


class _Message(BaseException):
    """A message that names arguments and advice in the words of Python, and knows those of the command line.

    Attributes:
        arguments: Python arguments that the message names; the command line shows their flags instead.
        advice: what the message says to type.
    """

    def __init__(self, message: str = "", *, arguments: Iterable[str] = (), advice: Iterable[Advice] = ()):
        super().__init__(message)
        self.arguments, self.advice = tuple(arguments), tuple(advice)


class MlplabError(_Message, Exception):
    """Anything mlplab refuses or gives up on, with the remedy in its message."""


class UsageError(MlplabError, ValueError):
    """Arguments that contradict each other or have no meaning."""


class DataError(MlplabError, ValueError):
    """Data that is damaged, of the wrong shape, or out of range."""


class FetchError(MlplabError, OSError):
    """A data set, or a package for a class, that no source could deliver."""


class ModelError(MlplabError, ValueError):
    """A model that does not fit the data, or that the engine cannot train."""


class TrainingError(MlplabError, ArithmeticError):
    """Training that went wrong on the way: the loss is no longer a finite number."""


class RunError(MlplabError, OSError):
    """A run directory that is missing, in the way, damaged, or of another version."""


class BackendError(MlplabError, RuntimeError):
    """Keras runs on another backend than JAX, which the engine needs."""


class ClusterError(MlplabError, RuntimeError):
    """A cluster that does not answer, cannot take a task, or lost it."""


class MissingPackageError(MlplabError, ImportError):
    """An optional package that is not installed; the message ends with the command that installs it.

    The command line exits with 1, as after other failures: what was typed is right, and works once the package is
    there.
    """


class Interrupted(_Message, KeyboardInterrupt):
    """Ctrl-C in a training that can be resumed; the message says how."""


def require(holds: bool, argument: str, value: object, expected: str) -> None:
    """Raise `UsageError` unless an argument's value is what is expected."""
    if not holds:
        raise UsageError(f"{argument} must be {expected}; got {value!r}.", arguments=(argument,))


def require_whole(argument: str, value: Any, least: int = 1) -> int:
    """Return an argument's value as an int. Raise `UsageError` unless it is a whole number of at least `least`."""
    value = plain_number(value)
    valid = isinstance(value, int) and not isinstance(value, bool) and value >= least
    require(valid, argument, value, f"a whole number of at least {least}")
    return value


def plain_number(value: Any) -> Any:
    """Return a number of any library, or an array of no dimension, as Python's own; other values as they are."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else value


def require_unmasked(name: str, values: Any) -> None:
    """Raise `DataError` for a NumPy masked array, or a list with one: its mask would be lost, and what it hides used.

    `name`: of the values, for the message.
    """
    import numpy as np  # not for the list of verbs, nor for errors

    parts = values if isinstance(values, list | tuple) else (values,)
    masked = sum(int(np.ma.count_masked(part)) for part in parts if isinstance(part, np.ma.MaskedArray))
    if any(isinstance(part, np.ma.MaskedArray) for part in parts):
        raise DataError(
            f"{name} must be a plain array; got a masked array with {masked:,} masked values. "
            "Fill them, masked_array.filled(0), or remove their rows."
        )


def import_optional(purpose: str, extra: str, package: str, *submodules: str) -> Any:
    """Import an optional package, and submodules of it, and return the package.

    Args:
        purpose: what needs it, for the message, such as "Reading Parquet".
        extra: what installs it, such as "mlplab[data]".

    Raises:
        MissingPackageError: if it cannot be imported.
    """
    try:
        for module in submodules:
            importlib.import_module(f"{package}.{module}")
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f'{purpose} needs {package}, which is not installed ({error}): pip install "{extra}"'
        ) from error


def flag(argument: str) -> str:
    """Return the command line's name of a Python argument: `--learning-rate`."""
    return f"--{argument.replace('_', '-')}"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Format a message for a name that is not in `known`, with the nearest ones: `Unknown data set 'mnits'. …`."""
    known, name = sorted(known), str(name)
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"Known: {listed}."
    return f"Unknown {kind} {name!r}. {hint}"

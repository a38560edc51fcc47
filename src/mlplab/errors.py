"""The errors a user can meet. Each message says what was expected, what came, and what to do.

The command line prints the message alone and exits with 1 (`UsageError`: 2); nobody who used a
command wrongly, or fed it bad data, is shown a traceback.
"""

import difflib
from collections.abc import Iterable


class MlplabError(Exception):
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


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a training that can be resumed; the message has the command."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Format a message for a name that is not in `known`, with the nearest ones: `Unknown data set 'mnits'. …`."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"Known: {listed}."
    return f"Unknown {kind} {name!r}. {hint}"

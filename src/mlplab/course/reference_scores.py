"""What the solution of an exercise reaches with several seeds: the usual range, beside which a learner's result is put.

The solution is a file like a learner's. It is run once for each seed, on the spot, and handed to the exercise's own
check, which measures it as it measures the learner's. What came out is kept in the cache, for this solution and these
versions.
"""

import ast
import contextlib
import hashlib
import io
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mlplab import files
from mlplab.course.exercise import Exercise
from mlplab.datasets.cache import cache_folder
from mlplab.errors import MlplabError
from mlplab.table import in_notebook

SEEDS = (1, 2, 3, 4, 5, 6)
CONFIDENCE = 0.98
_log = logging.getLogger(__name__)

Measure = Callable[[Mapping[str, Any]], dict[str, float]]
"""From what a file has made, by name, to what the check measures of it, by name."""


def usual_values(exercise: Exercise, constants: Mapping[str, Any], measure: Measure) -> dict[str, tuple[float, ...]]:
    """What the solution reaches, by the name of what is measured, a value a seed.

    Args:
        constants: names that the solution gives a value in its first lines, such as `dataset`, with other values.
        measure: see `Measure`.
    """
    kept = _cache(exercise, constants)
    found = _read(kept)
    if missing := [seed for seed in SEEDS if seed not in found]:
        _log.info("Training the solution with %d seeds, to know the usual range (once) …", len(missing))
    for seed in tqdm(missing, "seeds", leave=False, disable=False if in_notebook() else None):
        made = run_program(exercise.solution, exercise.folder / "solution.py", {**constants, "seed": seed})
        found[seed] = measure(made)
        _keep(kept, found)  # Ctrl-C loses one seed at most
    return {name: tuple(found[seed][name] for seed in SEEDS) for name in found[SEEDS[0]]}


def _read(kept: Path) -> dict[int, dict[str, float]]:
    """What was measured of each seed; nothing, where the file is missing or damaged."""
    if kept.exists():
        with contextlib.suppress(MlplabError, ValueError, TypeError, AttributeError):
            content = files.read_json(kept).items()
            return {int(seed): {name: float(value) for name, value in found.items()} for seed, found in content}
    return {}


def _keep(kept: Path, found: Mapping[int, Mapping[str, float]]) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(kept, found)
    except OSError:  # RunError is one; a folder that a whole class reads from may be read-only
        _log.warning("The usual range could not be kept in %s: the next check trains anew.", kept.parent)


def prediction_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Where one more value of the same normal distribution lies, with that confidence: mean ± t·s·√(1 + 1/n).

    Whitmore (1986), "Prediction limits for a univariate normal observation", The American Statistician 40.

    Args:
        values: at least two.
    """
    from scipy.stats import t

    n, mean = len(values), sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * deviation * math.sqrt(1 + 1 / n)
    return mean - half, mean + half


def run_program(text: str, path: Path, constants: Mapping[str, Any]) -> dict[str, Any]:
    """The names that a program makes, run silently, and apart from this session's random states.

    Args:
        path: what it is called in tracebacks.
        constants: names that the program gives a value, at its top level, with the values that they get in its place.
    """
    from mlplab.engine.backend import isolated_random_state

    program = ast.parse(text, str(path))
    program.body = [statement for statement in program.body if not _sets(statement, constants)]
    made = {"__name__": "solution", **constants}
    with isolated_random_state(), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(program, str(path), "exec"), made)
    return made


def _sets(statement: ast.stmt, constants: Mapping[str, Any]) -> bool:
    """Whether it is `name = …` of one of the constants."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    return isinstance(target, ast.Name) and target.id in constants


def _cache(exercise: Exercise, constants: Mapping[str, Any]) -> Path:
    versions = [version(package) for package in ("mlplab", "keras", "jax")]
    checks = (exercise.folder / "checks.py").read_text("utf-8")
    identity = repr((exercise.solution, checks, sorted(constants.items()), versions))
    return cache_folder() / "course" / f"{exercise.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"

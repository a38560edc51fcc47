"""The usual range of an exercise: values that its solution reaches with several seeds.

The solution is a file like a learner's. It runs here once per seed, and the exercise's own check measures it as it
measures the learner's result. The values are kept in the cache, for this solution and these versions.
"""

import ast
import contextlib
import hashlib
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mlplab import files
from mlplab.course.exercise import Exercise
from mlplab.datasets.cache import cache_folder
from mlplab.errors import MlplabError
from mlplab.table import in_notebook

SEEDS = (1, 2, 3, 4, 5, 6)
_log = logging.getLogger(__name__)


def usual_values(
    exercise: Exercise, constants: Mapping[str, Any], measure: Callable[[Mapping[str, Any]], dict[str, float]]
) -> dict[str, tuple[float, ...]]:
    """Return the values that the solution reaches, one per seed, by the name of the measurement.

    Args:
        constants: values for names that the solution sets in its first lines, such as `dataset`.
        measure: returns the values that the check measures, by name, for the names that a program defines.
    """
    path = _cache_path(exercise, constants)
    values = _read(path)
    if missing := [seed for seed in SEEDS if seed not in values]:
        _log.info("Training the solution with %d seeds, to know the usual range (once) …", len(missing))
    for seed in tqdm(missing, "seeds", leave=False, disable=False if in_notebook() else None):
        program = run_program(exercise.solution, exercise.folder / "solution.py", {**constants, "seed": seed})
        values[seed] = measure(program)
        with files.optional(path):  # a folder that a whole class reads may be read-only
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, values)  # now, because Ctrl-C may come
    return {name: tuple(values[seed][name] for seed in SEEDS) for name in values[SEEDS[0]]}


def prediction_interval(values: Sequence[float], confidence: float = 0.98) -> tuple[float, float]:
    """Return the interval of one more value of the same normal distribution: mean ± t·s·√(1 + 1/n).

    Whitmore (1986), "Prediction limits for a univariate normal observation", The American Statistician 40.

    Args:
        values: at least two.
        confidence: probability that the value lies in the interval.
    """
    from scipy.stats import t

    n, mean = len(values), float(np.mean(values))
    half = float(t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / n))
    return mean - half, mean + half


def run_program(text: str, path: Path, constants: Mapping[str, Any]) -> dict[str, Any]:
    """Run a program silently, without touching this process's random states, and return the names that it defines.

    Args:
        path: its file name in tracebacks.
        constants: values that replace those of assignments at the top level, by name.
    """
    from mlplab.engine.backend import isolated_random_state

    program = ast.parse(text, str(path))
    program.body = [statement for statement in program.body if not _assigns(statement, constants)]
    names = {"__name__": "solution", **constants}
    with isolated_random_state(), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(program, str(path), "exec"), names)
    return names


def _assigns(statement: ast.stmt, constants: Mapping[str, Any]) -> bool:
    """Whether the statement is `name = …` for one of the constants."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in constants
    return False


def _cache_path(exercise: Exercise, constants: Mapping[str, Any]) -> Path:
    versions = [version(package) for package in ("mlplab", "keras", "jax")]
    checks = (exercise.folder / "checks.py").read_text("utf-8")
    identity = repr((exercise.solution, checks, sorted(constants.items()), versions))
    return cache_folder() / "course" / f"{exercise.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> dict[int, dict[str, float]]:
    """Return the values by seed; nothing if the file is missing or damaged."""
    with contextlib.suppress(MlplabError, ValueError, TypeError, AttributeError):
        content = files.read_json(path).items()
        return {int(seed): {name: float(value) for name, value in values.items()} for seed, values in content}
    return {}

"""An exercise is a folder: text.md, starter.py, checks.py, hints.md, solution.py. To add one, add its folder.

The folders are in `exercises/` beside this file, and in the folder that `MLPLAB_EXERCISES` names. Their names are a
number, which gives the order, and the exercise's name: `03-two-dense-layers`. docs/exercises.md explains how to write
one.
"""

import functools
import importlib.util
import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mlplab.errors import Advice, MlplabError, UsageError, unknown_name

_PACKAGED = Path(__file__).parent / "exercises"
_FOLDER = re.compile(r"\d+-([a-z0-9]+(?:-[a-z0-9]+)*)")
_STARTER = """# # {title}
#
# `mlplab course start {name}` shows the task. When you have changed this file, save it, and:
#
#     mlplab course check {name}

"""


@dataclass(frozen=True)
class Exercise:
    """One exercise, read from the folder with its five files."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name.partition("-")[2]

    @property
    def title(self) -> str:
        """The first line of the text, without the #."""
        return self.text.partition("\n")[0].lstrip("# ").strip()

    @property
    def text(self) -> str:
        """The task, as Markdown."""
        return self._read("text.md")

    @property
    def starter(self) -> str:
        """The file that a learner starts with, Python with `# %%` cells; in front, what to do with it."""
        return _STARTER.format(title=self.title, name=self.name) + self._read("starter.py")

    @property
    def solution(self) -> str:
        return self._read("solution.py")

    @property
    def hints(self) -> tuple[str, ...]:
        """From a nudge to nearly everything, as Markdown: the parts of hints.md, divided by lines of `---`."""
        return tuple(part.strip() for part in re.split(r"^---$", self._read("hints.md"), flags=re.MULTILINE))

    @property
    def check(self) -> Callable[..., Any]:
        """The function `check` of checks.py; see `checking`."""
        return self._module.check

    @property
    def seconds(self) -> float:
        """Time limit of a learner's file: `SECONDS` in checks.py, by default five minutes."""
        return float(getattr(self._module, "SECONDS", 300))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that it needs: `DATASETS` in checks.py, by default Fashion-MNIST."""
        return tuple(getattr(self._module, "DATASETS", ("fashion-mnist",)))

    @property
    def parameters(self) -> list[str]:
        """Names that a learner submits: the parameters of `check`."""
        return list(inspect.signature(self.check).parameters)

    @property
    def required(self) -> list[str]:
        """The parameters without a default."""
        parameters = inspect.signature(self.check).parameters
        return [name for name, parameter in parameters.items() if parameter.default is parameter.empty]

    @functools.cached_property
    def _module(self) -> Any:
        try:
            return load_module(self.folder / "checks.py")
        except Exception as error:  # an author's file may raise anything
            raise MlplabError(f"{self.folder / 'checks.py'} does not run: {type(error).__name__}: {error}") from error

    def _read(self, file: str) -> str:
        try:
            return (self.folder / file).read_text("utf-8")
        except OSError as error:
            raise MlplabError(
                f"The exercise in {self.folder} has no {file} ({error.strerror}). It needs text.md, starter.py, "
                "checks.py, hints.md, solution.py."
            ) from error


def load_module(path: Path) -> ModuleType:
    """Run a Python file that is in no package, and return its module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exercises() -> list[Exercise]:
    """Return the exercises of mlplab, then those of `MLPLAB_EXERCISES`, which replace exercises of the same name.

    Raises:
        UsageError: if `MLPLAB_EXERCISES` names no folder.
    """
    folders = [_PACKAGED]
    if more := os.environ.get("MLPLAB_EXERCISES"):
        if not Path(more).is_dir():
            raise UsageError(f"MLPLAB_EXERCISES names {more}, which is no folder: name one with exercises in it.")
        folders.append(Path(more).resolve())
    paths = [path for folder in folders for path in sorted(folder.iterdir())]
    known = [Exercise(path) for path in paths if path.is_dir() and _FOLDER.fullmatch(path.name)]
    return list({exercise.name: exercise for exercise in known}.values())


def find(name: str) -> Exercise:
    """Return the exercise of that name; `UsageError` with the nearest names if there is none."""
    known = {exercise.name: exercise for exercise in exercises()}
    if name not in known:
        lists = Advice("mlplab.course.exercises() lists", "'mlplab course list' shows")
        raise UsageError(f"{unknown_name('exercise', name, known)} {lists} them all.", advice=[lists])
    return known[name]

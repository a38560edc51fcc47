"""An exercise is a folder: text.md, starter.py, checks.py, hints.md, solution.py. Adding one needs nothing else.

The folders stand beside this file, in `exercises/`, and where `MLPLAB_EXERCISES` says. Their names are a number, which
gives the order, and the exercise's name: `03-two-dense-layers`. docs/exercises.md tells how to write one.
"""

import functools
import importlib.util
import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplab.errors import MlplabError, UsageError, unknown_name

_HERE = Path(__file__).parent / "exercises"
_FOLDER = re.compile(r"\d+-([a-z0-9]+(?:-[a-z0-9]+)*)")
_FILES = ("text.md", "starter.py", "checks.py", "hints.md", "solution.py")


@dataclass(frozen=True)
class Exercise:
    """One exercise, read from its folder.

    Attributes:
        folder: where its five files are.
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name.partition("-")[2]

    @property
    def title(self) -> str:
        """The first line of its text, without the #."""
        return self.text.partition("\n")[0].lstrip("# ").strip()

    @property
    def text(self) -> str:
        """The task, as Markdown."""
        return self._read("text.md")

    @property
    def starter(self) -> str:
        """The file that a learner begins with, Python with `# %%` cells."""
        return self._read("starter.py")

    @property
    def solution(self) -> str:
        return self._read("solution.py")

    @functools.cached_property
    def hints(self) -> tuple[str, ...]:
        """From a nudge to nearly everything, as Markdown: the parts of hints.md, divided by lines of `---`."""
        return tuple(part.strip() for part in re.split(r"^---$", self._read("hints.md"), flags=re.MULTILINE))

    @functools.cached_property
    def check(self) -> Callable[..., Any]:
        """The function `check` of checks.py: from what the learner made to what holds, see `checking`."""
        return self._module.check

    @property
    def seconds(self) -> float:
        """How long a learner's file may run: `SECONDS` in checks.py, by default five minutes."""
        return float(getattr(self._module, "SECONDS", 300))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that it is about: `DATASETS` in checks.py, by default Fashion-MNIST."""
        return tuple(getattr(self._module, "DATASETS", ("fashion-mnist",)))

    @property
    def asked(self) -> dict[str, inspect.Parameter]:
        """What has to be handed in: the parameters of `check`, by name. Those with a default may be left out."""
        return dict(inspect.signature(self.check).parameters)

    @functools.cached_property
    def _module(self) -> Any:
        spec = importlib.util.spec_from_file_location(
            f"mlplab_exercise_{self.name.replace('-', '_')}", self.folder / "checks.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # an author's file may raise anything
            raise MlplabError(f"{self.folder / 'checks.py'} does not run: {type(error).__name__}: {error}") from error
        return module

    def _read(self, file: str) -> str:
        try:
            return (self.folder / file).read_text("utf-8")
        except OSError as error:
            raise MlplabError(
                f"The exercise in {self.folder} lacks {file} ({error.strerror}): it is made of {', '.join(_FILES)}."
            ) from error


def exercises() -> list[Exercise]:
    """All exercises, in their order: those that come with mlplab, then those in the folder `MLPLAB_EXERCISES`.

    One of the same name takes the place of one that comes with mlplab.

    Raises:
        UsageError: if `MLPLAB_EXERCISES` names no folder.
    """
    found = {exercise.name: exercise for exercise in _in(_HERE)}
    if own := os.environ.get("MLPLAB_EXERCISES"):
        if not Path(own).is_dir():
            raise UsageError(f"MLPLAB_EXERCISES names {own}, which is no folder: name one that holds exercises.")
        found.update((exercise.name, exercise) for exercise in _in(Path(own)))
    return list(found.values())


@functools.cache
def _exercise(folder: Path) -> Exercise:
    return Exercise(folder)


def _in(folder: Path) -> list[Exercise]:
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name))
    return [_exercise(path.resolve()) for path in folders]


def find(name: str) -> Exercise:
    """The exercise of that name.

    Raises:
        UsageError: if there is none; the message has the nearest names.
    """
    known = {exercise.name: exercise for exercise in exercises()}
    if name not in known:
        raise UsageError(unknown_name("exercise", name, known) + " 'mlplab course list' has them all.")
    return known[name]

"""The rows of docs/accuracy.md that are ours: each recipe as it is, and variants of some.

A row's results are in results/accuracy-NAME.json, which accuracy.py writes and accuracy_page.py reads.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import report

from mlplab.errors import shell_command
from mlplab.recipes import Recipe, names
from mlplab.runs import Settings
from mlplab.runs.settings_arguments import training_command


@dataclass(frozen=True)
class Row:
    """A recipe, perhaps with other values of some settings, and what is measured of it.

    Attributes:
        recipe: the recipe's name.
        variant: name of what is changed; "" for the recipe as it is.
        changed: the settings that take the place of the recipe's.
        what: the change in words, after the recipe's description.
        protocol: how a row differs from those that see all labels, and do not know where a pixel lies.
        n: number of trainings at which the row is final.
        goal: the accuracy that each training is to reach; None: none is set.
    """

    recipe: str
    variant: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)
    what: str = ""
    protocol: str = ""
    n: int = 5
    goal: float | None = None

    @property
    def name(self) -> str:
        """Name of the row's files and runs: `fashion-strong-flip`."""
        return f"{self.recipe}-{self.variant}" if self.variant else self.recipe

    @property
    def of(self) -> Recipe:
        return Recipe.of(self.recipe)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings by name; those left out have the defaults of `train`."""
        return {**self.of.settings, **self.changed}

    @property
    def command(self) -> list[str]:
        """What trains it: `mlplab train mnist --recipe ladder --labelled 100`, as words."""
        words = training_command(self.of.data, self.changed)
        return [*words[:3], "--recipe", self.recipe, *words[3:]]

    @property
    def description(self) -> str:
        """Text of the row in a table."""
        name = f"`{self.recipe}`, {self.variant}" if self.variant else f"`{self.recipe}`"
        protocol = f" – *another protocol: {self.protocol}*" if self.protocol else ""
        return f"**{name}**: {self.what or self.of.description}{protocol}"

    @property
    def to_measure(self) -> str:
        """The command that trains what is missing."""
        return shell_command("python", "benchmarks/accuracy.py", self.name)

    def seeds(self, n: int) -> list[int]:
        """Return the first seed of each of n trainings. Populations have no network in common."""
        return [number * self.of.seeds for number in range(n)]

    @property
    def file(self) -> Path:
        """The file of the row's results."""
        return report.RESULTS / f"accuracy-{self.name}.json"

    def result(self) -> dict[str, Any] | None:
        """Return the content of the row's file; None if there is none."""
        return json.loads(self.file.read_text("utf-8")) if self.file.exists() else None

    def is_of(self, result: Mapping[str, Any]) -> bool:
        """Whether a result is of the settings that the row has now."""
        now, then = Settings.with_defaults(**self.settings), Settings.with_defaults(**result["settings"])
        return (then, result["data"], result.get("networks", 1)) == (now, self.of.data, self.of.seeds)


_DECLARED = (
    Row("speedrun", n=10, goal=0.8696),
    Row("mnist-augmented", protocol="deformations use where a pixel lies", n=3),
    Row("ladder", n=3),
    Row(
        "ladder",
        "100-labels",
        {"labelled": 100},
        what="100 images with labels, all 60,000 without.",
        protocol="100 labels",
        n=3,
    ),
    Row(
        "ladder",
        "1000-labels",
        {"labelled": 1000},
        what="1,000 images with labels, all 60,000 without.",
        protocol="1,000 labels",
        n=3,
    ),
    Row("ladder", "gamma", {"ladder": "gamma"}, what="the Γ-model, which denoises the last layer only.", n=3),
    Row(
        "fashion-strong",
        "flip",
        {"augment": "flip"},
        what="the same with training images flipped left-right at random.",
        protocol="flips use where a pixel lies",
    ),
)
"""Variants, and recipes with another number of trainings or a goal."""


def rows() -> Iterator[Row]:
    """Yield all rows: recipes by name, each before its variants."""
    for name in names():
        declared = {each.variant: each for each in _DECLARED if each.recipe == name}
        yield declared.pop("", Row(name))
        yield from declared.values()


def row(name: str) -> Row:
    """Return a row by its name."""
    return next(each for each in rows() if each.name == name)

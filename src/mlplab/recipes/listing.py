"""The recipes that come with mlplab, as a table with cost and score."""

import functools
import json
from dataclasses import dataclass

from mlplab.recipes.recipe import FOLDER, Recipe, names
from mlplab.table import Table

MEASURED = FOLDER / "measured.json"
"""Written by benchmarks/accuracy_page.py from benchmarks/results/accuracy-NAME.json, as docs/accuracy.md is."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a recipe on the test set of its data set, over trainings that differ in their seed.

    Attributes:
        accuracy: mean over the trainings; of each the network's, or the ensemble's where the recipe has several seeds.
        sd: standard deviation over the trainings; None of one.
        log_loss: mean over the trainings, in nats.
        n: number of trainings.
        seconds: median of the whole command for one training; None if each was interrupted.
        machine: on which they took these seconds: `2 cores`, or the name of a GPU.
    """

    accuracy: float
    sd: float | None
    log_loss: float
    n: int
    seconds: float | None
    machine: str

    @property
    def score(self) -> str:
        """Mean accuracy and standard deviation: `0.8479 ± 0.0034`."""
        return f"{self.accuracy:.4f}" + ("" if self.sd is None else f" ± {self.sd:.4f}")

    @property
    def cost(self) -> str:
        """Time on the machine that it was measured on: `12 s on 2 cores`."""
        if self.seconds is None:
            return "–"
        time = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        return f"{time} on {self.machine}"


@functools.cache
def _all_measured() -> dict[str, Measured]:
    return {name: Measured(**values) for name, values in json.loads(MEASURED.read_text("utf-8")).items()}


def measured(name: str) -> Measured | None:
    """Return what was measured of a recipe that comes with mlplab; None before it was."""
    return _all_measured().get(name)


def table() -> Table:
    """List the recipes that come with mlplab.

    Returns:
        Table of recipe, inputs (the shape that it is for, or any), seeds (networks that it trains at once), data (the
        data set of the score), accuracy (mean test accuracy over n trainings), sd, n, log_loss, seconds (of one
        training), machine, description, source, command. Scores and seconds are None before they were measured.
    """
    rows = []
    for recipe in map(Recipe.of, names()):
        found = measured(recipe.name)
        scores = ("accuracy", "sd", "n", "log_loss", "seconds", "machine")
        rows.append(
            {"recipe": recipe.name, "inputs": recipe.inputs, "seeds": recipe.seeds, "data": recipe.data}
            | {name: None if found is None else getattr(found, name) for name in scores}
            | {"description": recipe.description, "source": recipe.source, "command": recipe.command}
        )
    return Table.of_rows(rows, "Recipes: mean test accuracy over n trainings, and the time of one")

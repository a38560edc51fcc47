"""`mlplab recipes`: settings with a name, what they cost and what they score."""

import dataclasses
from typing import Annotated, Any

import typer

from mlplab import recipes as library
from mlplab.cli.options import Json, Quiet, complete_recipe
from mlplab.cli.output import open_console, print_json, print_rows, say


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE.toml]", help="A recipe to show; without it, all.", autocompletion=complete_recipe
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """List recipes with their cost and score; with a name, show one as the TOML file that it is.

    The TOML goes to standard output: write it into a file, change it, and train with --recipe FILE.toml.
    """
    console = open_console(quiet)
    if name is None:
        listed = [library.Recipe.of(each) for each in library.names()]
        print_rows(console, [_row(recipe) for recipe in listed], unbroken=("recipe", "score on"))
        console.print()
        for recipe in listed:
            say(console, f"{recipe.name}: {recipe.description}")
        say(console, "\nOne of them, as a file: mlplab recipes NAME. To train: mlplab train DATASET --recipe NAME")
        if json_:
            print_json(recipes=library.table().rows())
        return
    recipe = library.Recipe.of(name)
    found = library.measured(recipe.name)
    if json_:
        about: dict[str, Any] = dataclasses.asdict(recipe)
        print_json(**about, command=recipe.command, measured=found and dataclasses.asdict(found))
    else:
        typer.echo(recipe.text, nl=False)
    if found is not None:
        trainings = f"{found.n} training{'s' if found.n > 1 else ''}{_of_networks(recipe)}"
        say(console, f"Test accuracy on {recipe.data}: {found.score} of {trainings}; one takes {found.cost}")
    say(console, f"To train: {recipe.command}")


def _row(recipe: library.Recipe) -> dict[str, Any]:
    found = library.measured(recipe.name)
    return {
        "recipe": recipe.name,
        "inputs": recipe.inputs,
        "score on": recipe.data,
        "test accuracy": "not yet" if found is None else found.score,
        "trainings": None if found is None else f"{found.n}{_of_networks(recipe)}",
        "time of one": None if found is None else found.cost,
    }


def _of_networks(recipe: library.Recipe) -> str:
    return f", each of {recipe.seeds} networks" if recipe.seeds > 1 else ""

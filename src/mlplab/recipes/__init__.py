"""Recipes: settings with a name, for `mlplab.train(data, recipe=…)`. Imports neither Keras nor JAX.

recipe.py       `Recipe`: its settings, and the data that it is for; from its name, or a TOML file that a person writes
listing.py      what there is, as a table with cost and score
NAME.toml       the recipes that come with mlplab, each a file of the same form
measured.json   what benchmarks/accuracy.py measured of them
"""

from mlplab.recipes.listing import Measured, measured, table
from mlplab.recipes.recipe import Recipe, names, seeds_with, with_recipe

__all__ = ["Measured", "Recipe", "measured", "names", "seeds_with", "table", "with_recipe"]

"""`Recipe`: named settings, from those that come with mlplab or from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mlplab.datasets import Data
from mlplab.errors import DataError, UsageError, require_whole, shell_command, unknown_name
from mlplab.runs import Settings
from mlplab.runs.settings import SETTINGS, is_kind

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """Named settings of a network and its training.

    Attributes:
        name: the recipe's name; of a file, the file's name: `mine.toml`.
        settings: values by the names of `Settings`. Settings that it leaves out have the defaults of `train`.
        description: one line that says what is trained.
        source: where the values come from.
        data: the data set whose score is measured; "" where there is none.
        input_shape: shape of one input that the recipe is for, such as (28, 28); None: any.
        seeds: number of networks that are trained at once; the score of several is their ensemble's.

    Raises:
        UsageError: for an unknown setting, and for a value that a setting or an attribute cannot have.
    """

    name: str
    settings: Mapping[str, Any]
    description: str = ""
    source: str = ""
    data: str = ""
    input_shape: tuple[int, ...] | None = None
    seeds: int = 1
    text: str = field(default="", repr=False, compare=False)
    """The TOML that the recipe was read from."""

    def __post_init__(self) -> None:
        for name in ("description", "source", "data"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise UsageError(f"{name} must be a text in quotes; got {value!r}.")
        if self.input_shape is not None:
            object.__setattr__(self, "input_shape", _shape(self.input_shape))
        object.__setattr__(self, "seeds", require_whole("seeds", self.seeds))
        for name in self.settings:
            if name not in SETTINGS:
                raise UsageError(unknown_name("setting", name, [*SETTINGS, *_ABOUT]))
        Settings.with_defaults(**self.settings)

    @classmethod
    def of(cls, given: "Recipe | str | Path") -> "Recipe":
        """Return a recipe by its name, or read it from a TOML file. A text that ends with .toml is a file.

        Raises:
            UsageError: for an unknown name, and for a file with an unknown setting or a value that it cannot have.
            DataError: for a file that cannot be read, or is not TOML.
        """
        if isinstance(given, Recipe):
            return given
        if not isinstance(given, str | Path):
            raise UsageError(f"A recipe is a name, or the path of a TOML file; got {type(given).__name__}.")
        path = Path(given)
        if path.suffix.lower() == ".toml":
            return _read(path, path.name)
        if str(given) not in names():
            raise UsageError(
                f"{unknown_name('recipe', given, names())} A recipe of your own is a file whose name ends with .toml."
            )
        return _read(FOLDER / f"{given}.toml", str(given))

    @property
    def command(self) -> str:
        """What a person types to train it: `mlplab train fashion-mnist --recipe notebook`."""
        return shell_command("mlplab", "train", self.data or "DATASET", "--recipe", self.name)

    @property
    def inputs(self) -> str:
        """The shape of inputs that it is for, in words: `28 × 28`, or `any`."""
        return "any" if self.input_shape is None else _in_words(self.input_shape)

    def require_fit(self, data: Data) -> None:
        """Raise `UsageError` for data of another kind."""
        shape = tuple(data.train.inputs.shape[1:])
        if self.input_shape not in (None, shape):
            raise UsageError(
                f"The recipe {self.name} is for inputs of shape {self.inputs}; got {data.name}, whose inputs "
                f"have shape {_in_words(shape)}. Take another recipe, or copy its settings into a file of your "
                "own without input_shape."
            )

    def used(self, chosen: Settings, seeds: int) -> dict[str, Any]:
        """Return what a run's config keeps of it: its name, and which settings but the seed were changed.

        A recipe of several networks is changed by another number of them.
        """
        own = Settings.with_defaults(**self.settings)
        changed = [name for name in SETTINGS if name != "seed" and getattr(chosen, name) != getattr(own, name)]
        return {"name": self.name, "changed": [*changed, *(["seeds"] if self.seeds not in (1, seeds) else [])]}


def with_recipe(recipe: Recipe | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's settings, with those that a person gave in their places; None counts as not given.

    Raises:
        UsageError: if those of the recipe and those that a person gave contradict each other.
    """
    own = {name: value for name, value in given.items() if value is not None}
    if recipe is None:
        return own
    together = {**recipe.settings, **own}
    try:
        Settings.with_defaults(**together)
    except UsageError as error:
        of_recipe = [name for name in error.arguments if name in recipe.settings and name not in own]
        if not of_recipe:
            raise
        raise UsageError(
            f"{error} The recipe {recipe.name} gives {', '.join(of_recipe)}: take another, or give other values.",
            arguments=error.arguments,
            advice=error.advice,
        ) from error
    return together


def seeds_with(recipe: Recipe | None, given: Any) -> int:
    """Return the number of networks to train: the one that a person gave, else the recipe's, else 1.

    Raises:
        UsageError: unless it is a whole number of at least 1.
    """
    return require_whole("seeds", given if given is not None else 1 if recipe is None else recipe.seeds)


def names() -> list[str]:
    """Return the names of the recipes that come with mlplab, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def _shape(value: Any) -> tuple[int, ...]:
    """Return the sizes of a list or tuple. Raises `UsageError` for anything else."""
    sizes = tuple(value) if isinstance(value, list | tuple) else ()
    if not sizes or not all(is_kind(size, int) and size > 0 for size in sizes):
        raise UsageError(f"input_shape must be a list of whole numbers, such as [28, 28]; got {value!r}.")
    return sizes


def _in_words(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


_ABOUT = [each.name for each in fields(Recipe) if each.name not in ("name", "settings", "text")]
"""What a file may say beside the settings."""


def _read(path: Path, name: str) -> Recipe:
    """Read and check a recipe file."""
    try:
        text = path.read_text("utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError as error:
        raise DataError(f"There is no recipe {path}: the file does not exist.") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not TOML: {error}. Write a setting a line, as in: hidden = [50, 50]") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    about = {name: values.pop(name) for name in _ABOUT if name in values}
    try:
        return Recipe(name, values, **about, text=text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error

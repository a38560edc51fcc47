"""How a file or a folder of one's data is read: what cannot be seen from the data itself."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from mlplab.errors import DataError, UsageError, plain_number, require, require_whole

_MOST_PIXELS = 2**24


class ReadingArguments(TypedDict, total=False):
    """The arguments of `Reading` that `mlplab.load` takes."""

    size: int | str | tuple[int, int] | None
    crop: bool
    colour: str | None
    invert: bool
    label: str | None
    group: str | None
    thumbnails: str | None
    test: float
    split_seed: int


@dataclass(frozen=True)
class Reading:
    """How a source is read.

    Attributes:
        size: height and width of all images; also given as 28 or "48x32" (height first). None: the size that all images
            have.
        crop: fill the size and cut off what is too much, in place of keeping all of an image and adding margins.
        colour: "grey" or "rgb". None: grey if all images are grey, else rgb.
        invert: 255 minus each pixel.
        label: the column, or the array of an NPZ file, with the labels; of a table without header its number from 0.
        group: a column, or a regular expression that finds the group in a file's name, such as `(p\\d+)_`: rows of one
            group (a patient, an object) are all for training or all for testing.
        thumbnails: the column, or the array of an NPZ file, with a picture of each row of features, which pages show.
        test: fraction of the rows that become the test set, where the source has none.
        split_seed: decides which rows those are.
        class_names: in the order of the labels; None: those of the source.

    Raises:
        UsageError: for any other value.
    """

    size: tuple[int, int] | None = None
    crop: bool = False
    colour: str | None = None
    invert: bool = False
    label: str | None = None
    group: str | None = None
    thumbnails: str | None = None
    test: float = 0.2
    split_seed: int = 0
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", _size(self.size))
        require(self.colour in (None, "grey", "rgb"), "colour", self.colour, "grey or rgb")
        require(self.size is not None or not self.crop, "crop", self.crop, "given with a size, such as 28")
        test = plain_number(self.test)
        require(isinstance(test, int | float) and 0 < test < 1, "test", test, "a fraction between 0 and 1, such as 0.2")
        require_whole("split_seed", self.split_seed, least=0)
        for name in ("label", "group", "thumbnails"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))
        if self.class_names is not None:
            object.__setattr__(self, "class_names", tuple(map(str, self.class_names)))

    @classmethod
    def of(cls, **given: Any) -> "Reading":
        """Return a reading from values in any of the forms that a person gives."""
        return cls(**given)

    def changes(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as JSON has them: the inverse of `from_json`."""
        values = {field.name: (getattr(self, field.name), field.default) for field in dataclasses.fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, (value, default) in values.items()
            if value != default
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Reading":
        """Return the reading that a run or a study kept. Raises `DataError` if it is damaged."""
        try:
            return cls.of(**{name: tuple(each) if isinstance(each, list) else each for name, each in value.items()})
        except (TypeError, UsageError) as error:
            raise DataError(f"What was kept of how the data is read is damaged: {error}.") from error

    def arguments(self) -> dict[str, Any]:
        """Return the options of the command line that read a source in this way, by the name of the field."""
        options = self.changes()
        if self.size is not None:
            options["size"] = "x".join(map(str, dict.fromkeys(self.size)))  # of a square one side
        if self.class_names is not None:
            plain = not any("," in name or name != name.strip() or not name for name in self.class_names)
            options["class_names"] = ",".join(self.class_names) if plain else json.dumps(self.class_names)
        return options

    def sha256(self) -> str:
        """Return the hexadecimal SHA-256 of what differs from the defaults and changes the rows; "" if nothing does."""
        changes = {name: value for name, value in self.changes().items() if name != "thumbnails"}
        return hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest() if changes else ""

    def group_pattern(self) -> re.Pattern[str]:
        """Return `group` as a regular expression. Raises `UsageError` if it is none with a group in parentheses."""
        try:
            pattern = re.compile(self.group or "")
        except re.error as error:
            raise UsageError(
                f"group must be a column, or a regular expression such as (p\\d+)_; got {self.group!r}: {error}.",
                arguments=("group",),
            ) from error
        require(pattern.groups > 0, "group", self.group, "a column, or a pattern with parentheses such as (p\\d+)_")
        return pattern


@dataclass(frozen=True)
class Source:
    """A file or folder, and how it is read: `mlplab.load` takes it in place of a path."""

    path: Path
    reading: Reading = Reading()


def _size(given: Any) -> tuple[int, int]:
    """Return height and width from 28, "28", "48x32" or (48, 32)."""
    parts: Sequence[Any] = given if isinstance(given, tuple | list) else str(plain_number(given)).lower().split("x")
    expected = "a number of pixels such as 28, or height and width such as 48x32"
    try:
        sides = [int(part) for part in parts]
    except (TypeError, ValueError):
        sides = []
    right = len(sides) in (1, 2) and min(sides) > 0 and math.prod(sides) <= _MOST_PIXELS
    require(right, "size", given, expected)
    return sides[0], sides[-1]


def class_names_of(text: str) -> tuple[str, ...]:
    """Return class names from a file (one a line, or a JSON list), a JSON list, or text with commas: `cat,dog`.

    Raises:
        UsageError: if a file cannot be read, or has no names.
    """
    try:
        is_file = Path(text).is_file()
        content = Path(text).read_text("utf-8-sig") if is_file else text
        if content.lstrip().startswith("["):
            names = [str(name) for name in json.loads(content)]
        else:
            names = [name.strip() for name in (content.splitlines() if is_file else content.split(","))]
    except (OSError, ValueError) as error:
        names, problem = [], f": {error}"
    else:
        problem = ""
    names = [name for name in names if name]
    if len(names) < 2:
        raise UsageError(
            f"class_names must be a file with a name a line, or names with commas between; got {text!r}{problem}.",
            arguments=("class_names",),
        )
    return tuple(names)

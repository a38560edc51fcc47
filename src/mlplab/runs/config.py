"""The configuration of a run: settings, data set and environment, in config.json."""

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets.classes import Classes, Label
from mlplab.errors import RunError, UsageError, require_whole
from mlplab.runs.settings import Settings

FORMAT = 1
"""The run format that this version writes and reads."""


_OTHER_SCALE = 10
"""Inputs that are this many times larger than those trained on are on another scale."""


@dataclass(frozen=True)
class Preprocessing:
    """The scaling of raw inputs: `(x - offset) / scale` in float32.

    Attributes:
        scale, offset: one number, or one for each feature.
    """

    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0

    @property
    def in_words(self) -> str:
        """What is done to the inputs: `none`, `divided by 255`, or `minus the mean …, divided by …`."""
        if isinstance(self.scale, tuple) or isinstance(self.offset, tuple):
            means, deviations = (f"{np.min(numbers):g} to {np.max(numbers):g}" for numbers in (self.offset, self.scale))
            return f"each feature minus its mean ({means}), divided by its standard deviation ({deviations})"
        if self.offset != 0.0:
            return f"minus the mean {self.offset:g}, divided by the standard deviation {self.scale:g}"
        return "none" if self.scale == 1.0 else f"divided by {self.scale:g}"

    def __call__(self, x: Any) -> Any:
        """Scale a NumPy or JAX array (n, …) of any dtype; float32."""
        x = x.astype("float32")
        if self.offset != 0.0:
            x = x - np.asarray(self.offset, np.float32)
        return x / np.asarray(self.scale, np.float32)


@dataclass(frozen=True)
class Config:
    """config.json: enough to repeat the run, and to know where a repetition would differ.

    Attributes:
        data: `name`, `source` (the argument of `load`; None for arrays), `hashes` of train and test.
        input_shape: of one row.
        class_names: in the order of the labels.
        versions, device, threads: the environment in which the run began.
        command: the command line, or None for a run begun in Python.
        corrected_labels: number of training labels that differ from the data set's: those in corrected-labels.csv.
            `hashes` are those of the data set.
        seeds: number of members of a population. The first has the seed of the settings, each other the next one.
            1: a run of one network.
        labels: the label of each class in the data set; None: 0, 1, ….
        inputs: `dtype`, `low` and `high` of the training inputs, and the `framing` of images, see
            `datasets.images.framing.Framing`; None in the first runs of 0.1.0.
        recipe: `name` of the recipe that the settings began with, and `changed`, the settings that differ from it;
            None: no recipe.
        chunk_bytes: of the chunks in which the training rows are read, on which their order depends; None: rows that
            are in memory as a whole.
        format: see `FORMAT`.
    """

    settings: Settings
    data: dict[str, Any]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    versions: dict[str, str]
    device: str
    threads: int
    command: list[str] | None = None
    corrected_labels: int = 0
    seeds: int = 1
    labels: tuple[Label, ...] | None = None
    inputs: dict[str, Any] | None = None
    recipe: dict[str, Any] | None = None
    chunk_bytes: int | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", require_whole("seeds", self.seeds))
        if self.chunk_bytes is not None:
            object.__setattr__(self, "chunk_bytes", require_whole("chunk_bytes", self.chunk_bytes))

    @property
    def classes(self) -> Classes:
        return Classes.numbered(self.class_names) if self.labels is None else Classes(self.class_names, self.labels)

    @property
    def item_name(self) -> str:
        """What a row is, for texts: "images", or "rows" of features."""
        return "images" if len(self.input_shape) > 1 else "rows"

    @property
    def recipe_in_words(self) -> str | None:
        """The recipe's name and what was changed: `notebook (changed: epochs)`. None: no recipe."""
        if self.recipe is None:
            return None
        changed = ", ".join(name.replace("_", " ") for name in self.recipe["changed"])
        return f"{self.recipe['name']}{f' (changed: {changed})' if changed else ''}"

    @property
    def input_range(self) -> dict[str, Any] | None:
        """`dtype`, `low` and `high` of the training inputs; None if they are not known."""
        return self.inputs or _inputs_before_0_2(self.preprocessing)

    def warn_of_range(self, inputs: np.ndarray) -> None:
        """Warn of raw inputs (n, …) that seem to be scaled already, or to lack the scaling of the training inputs."""
        trained = self.input_range
        if trained is None or not inputs.size:
            return
        low, high = mapped.value_range(inputs)
        is_scaled = trained["dtype"] == "uint8" and trained["high"] > 1 and (low < 0 or high <= 1)
        is_larger = max(-low, high) > _OTHER_SCALE * max(-trained["low"], trained["high"], 1)
        if is_larger or (is_scaled and not np.array_equal(inputs, np.rint(inputs))):
            warnings.warn(
                f"The run was trained on inputs from {trained['low']:g} to {trained['high']:g}, and these go from "
                f"{low:g} to {high:g}. A run scales inputs itself: give them as the data set has them.",
                stacklevel=3,
            )

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Any, where: str = "config.json") -> "Config":
        """The inverse of `to_json`. Raises `RunError` for another format, or for a value that is not a config."""
        written = value.get("format") if isinstance(value, dict) else None
        if not isinstance(written, int):
            raise RunError(f"{where} does not say which run format it has: it does not belong to a run, or is damaged.")
        if written != FORMAT:
            raise RunError(
                f"{where} has run format {written}, and this mlplab reads format {FORMAT}. "
                f"{'Update mlplab' if written > FORMAT else 'Train the run again'}."
            )
        try:
            scaling = {k: tuple(v) if isinstance(v, list) else v for k, v in value["preprocessing"].items()}
            return cls(
                **{
                    **value,
                    "settings": Settings(**value["settings"]),
                    "input_shape": tuple(value["input_shape"]),
                    "class_names": tuple(value["class_names"]),
                    "labels": None if value.get("labels") is None else tuple(value["labels"]),
                    "preprocessing": Preprocessing(**scaling),
                }
            )
        except (TypeError, KeyError, AttributeError, UsageError) as error:
            raise RunError(f"{where} is damaged: {error}. Restore it from a copy, or train the run again.") from error


def _inputs_before_0_2(preprocessing: Preprocessing) -> dict[str, Any] | None:
    """Describe the training inputs of a run that does not say: only 8-bit ones were divided by a full scale."""
    is_full_scale = preprocessing.scale in (16.0, 255.0) and preprocessing.offset == 0.0
    return {"dtype": "uint8", "low": 0, "high": preprocessing.scale} if is_full_scale else None

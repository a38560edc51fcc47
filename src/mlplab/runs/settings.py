"""The settings of a network and its training, each declared once, as a field of `Settings`.

The options of the command line, the arguments of `train`, what a study can search and the commands that mlplab prints
are all made from these fields. To add a setting, add a field and run `make settings`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import UnionType
from typing import Any, get_args, get_origin

from mlplab.errors import Advice, UsageError
from mlplab.runs import augment
from mlplab.runs.setting import Check, Setting, is_kind, setting

_FRACTION = Check("a fraction from 0 to below 1", lambda value: 0 <= value < 1)
_NOT_NEGATIVE = Check("a number of at least 0", lambda value: 0 <= value < math.inf)
_AUGMENT = Check(
    f"none, or {', '.join(augment.CHANGES[:-1])} and {augment.CHANGES[-1]} with + between, each once, with an amount "
    "or not, such as shift:1+rotate (shift by whole pixels; rotate up to 180 degrees; scale and elastic below 1)",
    augment.is_valid,
)
_COUNT = Check("a whole number of at least 1", lambda value: value >= 1)
_UNITS = Check(
    "a list with the units of each layer, at least 1, such as [50, 50]", lambda units: min(units, default=1) >= 1
)
_LADDERS = ("none", "full", "bottom-only", "gamma", "baseline")
_SCHEDULES = ("none", "cosine", "linear-end")
_WEIGHTS = Check(
    "'balanced', or a dict of class (its name or number) and weight, at least 0",
    lambda weights: weights == "balanced" or _are_weights(weights),
)


def _are_weights(value: Any) -> bool:
    numbers = value.values() if isinstance(value, dict) else ()
    return bool(numbers) and all(is_kind(each, float) and 0 <= each < math.inf for each in numbers)


@dataclass(frozen=True)
class Settings:
    """The settings of one network and its training, defaults filled in."""

    hidden: tuple[int, ...] | None = setting(
        None,
        "Units of each hidden layer. Without it: a sensible network and schedule.",
        _UNITS,
        of_model=True,
        without_hidden=(256, 128),
        metavar="50,50",
    )
    ladder: str = setting(
        "none",
        "Train a ladder network, which learns from rows without labels too: full, or less of it; see docs/ladder.md.",
        Check(f"one of {', '.join(_LADDERS)}", lambda name: name in _LADDERS),
        of_model=True,
        metavar="|".join(_LADDERS),
        not_in_space="trials learn from labelled rows alone",
    )
    activation: str = setting("relu", "Activation of the hidden layers: relu, gelu, tanh, …", of_model=True)
    dropout: float = setting(
        0.0, "Fraction of each hidden layer's outputs that is dropped.", _FRACTION, of_model=True, without_hidden=0.2
    )
    pixel_encoding: int = setting(
        0,
        "Give each pixel to the network as N numbers: whether it is above 0, and how far it is through each of N - 1 "
        "equal intervals; 0: the pixel itself.",
        Check("0, or a whole number of at least 2", lambda numbers: numbers == 0 or numbers >= 2),
        of_model=True,
        metavar="N",
    )
    input_dropout: float = setting(0.0, "Fraction of each row's inputs that is dropped.", _FRACTION, of_model=True)
    noise: float = setting(
        0.0,
        "Standard deviation of the normal noise that is added to the scaled inputs.",
        _NOT_NEGATIVE,
        of_model=True,
    )
    hidden_noise: float = setting(
        0.0,
        "Standard deviation of the normal noise that is added to the sums of each hidden layer, before the activation.",
        _NOT_NEGATIVE,
        of_model=True,
    )
    batch_norm: bool = setting(False, "Batch normalisation in the hidden layers.", of_model=True)
    optimizer: str = setting("adam", "Optimizer: adam, adamw, sgd, …", of_model=True)
    learning_rate: float = setting(
        0.001, "Learning rate.", Check("a number above 0", lambda rate: rate > 0), of_model=True
    )
    schedule: str = setting(
        "none",
        "Schedule of the learning rate: cosine falls to 0 over all epochs, linear-end in the last third of them.",
        Check(f"one of {', '.join(_SCHEDULES)}", lambda name: name in _SCHEDULES),
        of_model=True,
        without_hidden="cosine",
        metavar="|".join(_SCHEDULES),
    )
    warmup: float = setting(
        0.0,
        "Fraction of all steps in which the learning rate rises from 0, before the schedule.",
        _FRACTION,
        of_model=True,
        compiled_in=True,
    )
    weight_decay: float | None = setting(
        None,
        "What a step takes from the weights, times the learning rate (as in AdamW); by default the optimizer's own.",
        _FRACTION,
        of_model=True,
    )
    decay_kernels_only: bool = setting(
        False,
        "Weight decay of kernels only, and not of biases and of batch normalisation's scale and offset.",
        of_model=True,
    )
    ema: float = setting(
        0.0,
        "Validate and keep running averages of the weights, with this momentum (0.99 is usual); 0: the weights.",
        _FRACTION,
        of_model=True,
        compiled_in=True,
    )
    swa: float = setting(
        0.0,
        "Keep the mean of the weights after each of the last epochs, this fraction of all (0.25 is usual); 0: the last "
        "weights.",
        _FRACTION,
        not_in_space="trials are compared before their weights are averaged",
    )
    label_smoothing: float = setting(
        0.0,
        "Fraction of a row's target that is spread evenly over all classes (0.1 is usual).",
        _FRACTION,
        of_model=True,
    )
    epochs: int = setting(
        10,
        "Passes over the training rows.",
        _COUNT,
        without_hidden=30,
        fixed_in_space="halving compares trials at the same epochs",
    )
    batch_size: int = setting(32, "Rows in one step.", _COUNT, without_hidden=128)
    early_stopping: int = setting(
        0,
        "Stop after N epochs without a better validation accuracy and keep the best epoch's weights; 0: never.",
        Check("a number of epochs, or 0 for never", lambda epochs: epochs >= 0),
        without_hidden=10,
        metavar="N",
        not_in_space="halving ends trials early instead",
    )
    validation: float = setting(
        0.1,
        "Fraction of the training rows held out, the same of each class; 0: none.",
        _FRACTION,
        not_in_space="all trials are compared on the same validation rows",
    )
    labelled: int | None = setting(
        None,
        "Train on N rows, the same number of each class; a ladder network on the others too, without their labels.",
        Check("a number of rows, at least 1", lambda rows: rows >= 1),
        metavar="N",
        fixed_in_space="all trials train on the same rows",
    )
    class_weight: dict[str, float] | str | None = setting(  # noqa: RUF009 - the default is no dict
        None,
        "How much the rows of each class count in the loss: balanced (rare classes more), or a JSON file such as "
        '{"Coat": 2, "Shirt": 3}; others count 1.',
        _WEIGHTS,
        metavar="balanced|FILE",
        fixed_in_space="all trials are trained for the same weights of the classes",
    )
    augment: str = setting(
        "none",
        "Random changes of the training images, with + between: flip (left-right), shift (up to 2 pixels), rotate (up "
        "to 15 degrees), scale (each side up to 15 %), elastic (smooth displacements, usually 4 % of the side); "
        "another amount after a colon, as in shift:1+rotate:10+scale:0.1+elastic:0.03.",
        _AUGMENT,
        metavar="CHANGES",
    )
    mixup: float = setting(
        0.0,
        "Mix rows and targets of a batch in parts from Beta(α, α), with this α (0.2 is usual); 0: no mixing.",
        _NOT_NEGATIVE,
        compiled_in=True,
    )
    standardize: bool = setting(False, "Scale inputs to mean 0 and standard deviation 1.")
    seed: int = setting(
        0,
        "Seed of the initial weights, the split, the order of rows and dropout.",
        Check("a whole number of at least 0", lambda seed: seed >= 0),
        not_in_space="each trial has its own, made of the study's seed and its number",
    )

    def __post_init__(self) -> None:
        for name, declared in SETTINGS.items():
            value = declared.plain(getattr(self, name))
            declared.require(value)
            object.__setattr__(self, name, value)
        if self.early_stopping and not self.validation:
            raise UsageError(
                f"early_stopping={self.early_stopping} needs held-out rows to watch, and validation=0 holds none out. "
                "Give validation a fraction above 0, such as 0.1, or leave early_stopping out.",
                arguments=("early_stopping", "validation"),
            )
        for names, why in _CONTRADICTIONS.items():
            if all(getattr(self, name) != SETTINGS[name].default for name in names):
                raise UsageError(f"{why}: leave one of them out.", arguments=names)
        if self.warmup and self.schedule == "linear-end":
            raise UsageError(
                "warmup goes with the schedules none and cosine; got schedule='linear-end': leave one of them out.",
                arguments=("warmup", "schedule"),
            )
        if self.ladder != "none":
            self._require_what_a_ladder_takes()

    def _require_what_a_ladder_takes(self) -> None:
        changed = [name for name in _NOT_OF_LADDERS if getattr(self, name) != SETTINGS[name].default]
        if changed:
            raise UsageError(
                f"A ladder network takes none of these settings: {', '.join(changed)}. Leave them out.",
                arguments=changed,
            )

    def require_ladder(self, unlabelled: Any) -> None:
        """Raise `UsageError` for images without labels, unless a ladder network is trained, or there are none: None."""
        if unlabelled is not None and self.ladder == "none":
            full = Advice("ladder='full'", "--ladder full")
            raise UsageError(
                "Only ladder networks learn from images without labels, and one is to be trained that is none. Give "
                f"{full}, or leave unlabelled out.",
                arguments=("unlabelled",),
                advice=[full],
            )

    @classmethod
    def with_defaults(cls, own_model: bool = False, **given: Any) -> "Settings":
        """Settings from the arguments that a person gave; None counts as not given.

        With `hidden`, or a model of the user's own, everything else has its plain default. With neither it has the
        defaults of a sensible network: two hidden layers, dropout, a cosine schedule, early stopping. A ladder network
        without `hidden` has its authors' layers, and everything else its plain default.

        Raises:
            UsageError: for values out of range, and for settings that a compiled model decides.
        """
        given = {name: value for name, value in given.items() if value is not None}
        if own_model and (decided := [name for name in given if SETTINGS[name].of_model]):
            raise UsageError(
                f"A compiled model has its own network and optimizer: give model, or {' and '.join(decided)}, not both."
            )
        if not own_model and "hidden" not in given and given.get("ladder", "none") != "none":
            given = {"hidden": _LAYERS_OF_LADDER, **given}
        if not own_model and "hidden" not in given:
            defaults = {name: s.without_hidden for name, s in SETTINGS.items() if s.without_hidden is not None}
            if given.get("validation") == 0 or given.get("swa"):
                del defaults["early_stopping"]
            given = defaults | given
        return cls(**given)

    @property
    def first_averaged_epoch(self) -> int | None:
        """The first epoch, from 1, whose weights `swa` averages, up to the last; None without `swa`."""
        return self.epochs + 1 - max(1, round(self.swa * self.epochs)) if self.swa else None

    def arguments(self) -> dict[str, Any]:
        """What `train` has to be given for these settings, apart from the seed."""
        plain = Settings(hidden=self.hidden)
        shown = ("hidden", "learning_rate", "epochs", "batch_size")
        chosen = {name: getattr(self, name) for name in SETTINGS if name != "seed"}
        chosen["hidden"] = list(self.hidden or ())
        return {name: value for name, value in chosen.items() if name in shown or value != getattr(plain, name)}


def _declared(name: str, annotation: Any, default: Any, metadata: Mapping[str, Any]) -> Setting:
    kind = get_args(annotation)[0] if isinstance(annotation, UnionType) else annotation
    return Setting(name, get_origin(kind) or kind, default, **metadata)


_LAYERS_OF_LADDER = (1000, 500, 250, 250, 250)
_NOT_OF_LADDERS = (
    "activation",
    "dropout",
    "pixel_encoding",
    "input_dropout",
    "noise",
    "hidden_noise",
    "batch_norm",
    "ema",
    "swa",
    "class_weight",
    "augment",
    "mixup",
    "standardize",
)
_CONTRADICTIONS = {
    ("pixel_encoding", "standardize"): "pixel_encoding takes pixels from 0 to 1, and standardize gives them another "
    "scale",
    ("mixup", "class_weight"): "mixup makes rows of two classes, and class_weight weighs rows by their one class",
    ("swa", "ema"): "swa and ema both put averages in the place of the weights",
    ("swa", "early_stopping"): "swa keeps the mean of the weights after the last epochs, and early_stopping the "
    "weights of the best epoch",
}
"""Settings of which one at most may differ from its default, and why."""

SETTINGS = {each.name: _declared(each.name, each.type, each.default, each.metadata) for each in fields(Settings)}
"""By name, in the order in which they are declared."""

Settings.__doc__ = f"{Settings.__doc__}\n\nAttributes:\n" + "".join(
    f"    {s.name}: {s.help}\n" for s in SETTINGS.values()
)

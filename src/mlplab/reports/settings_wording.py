"""A config in words: the network, its settings, its seed, and the recipes that reach more."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlplab.pages import percent
from mlplab.recipes import Recipe, measured, names
from mlplab.runs import Config


def network(config: Config) -> str:
    """Describe the network in a few words: `28 × 28 inputs → 20 relu → 10 classes`."""
    settings = config.settings
    ends = (
        f"{' × '.join(map(str, config.input_shape))} inputs",
        f"{len(config.class_names):,} class{'es' if len(config.class_names) > 1 else ''}",
    )
    if settings.hidden is None:
        return f"{ends[0]} → your own model → {ends[1]}"
    hidden = [f"{units} {settings.activation}" for units in settings.hidden]
    return " → ".join([ends[0], *(hidden or ["no hidden layer"]), ends[1]])


def settings(config: Config, epochs: int) -> list[tuple[str, str]]:
    """Return names and values of the settings, without those that are off."""
    s = config.settings
    is_own = s.hidden is None
    values: Sequence[tuple[str, object]] = (
        ("recipe", config.recipe_in_words or 0),
        ("network", network(config)),
        ("ladder network", 0 if s.ladder == "none" else f"{s.ladder}, also trained on rows without their labels"),
        ("dropout", 0 if is_own else s.dropout),
        ("pixels encoded", 0 if is_own or not s.pixel_encoding else f"as {s.pixel_encoding} numbers each"),
        ("dropout of the inputs", 0 if is_own else s.input_dropout),
        ("noise added to the inputs", 0 if is_own else s.noise),
        ("noise added in hidden layers", 0 if is_own else s.hidden_noise),
        ("batch normalisation", "yes" if s.batch_norm and not is_own else 0),
        ("optimiser", 0 if is_own else f"{s.optimizer}, learning rate {s.learning_rate:g}"),
        ("schedule", 0 if is_own or s.schedule == "none" else f"{s.schedule} (the learning rate falls to 0)"),
        ("warm-up", 0 if is_own or not s.warmup else f"{percent(s.warmup, 0)} of the steps"),
        ("weight decay", "of kernels only" if s.decay_kernels_only and not is_own else 0),
        ("weights", 0 if is_own or not s.ema else f"running averages, momentum {s.ema:g}"),
        ("weights averaged", f"those after the last {percent(s.swa, 0)} of the epochs" if s.swa else 0),
        ("label smoothing", 0 if is_own else s.label_smoothing),
        ("epochs", f"at most {s.epochs}" if s.early_stopping else s.epochs if epochs else "not recorded"),
        ("batch size", s.batch_size),
        ("early stopping", f"after {s.early_stopping} epochs without improvement" if s.early_stopping else 0),
        ("held out for validation", percent(s.validation, 0) if s.validation else "nothing"),
        ("labelled rows used", f"{s.labelled:,}" if s.labelled else 0),
        ("images without labels", _images(config.data.get("unlabelled"))),
        ("training labels corrected", f"{config.corrected_labels:,}" if config.corrected_labels else 0),
        ("training images changed at random", 0 if s.augment == "none" else _changes(s.augment)),
        ("mixup", f"rows mixed in parts from Beta({s.mixup:g}, {s.mixup:g})" if s.mixup else 0),
        ("inputs", "standardised" if s.standardize else 0),
        ("seed" if config.seeds == 1 else "seeds", seed(config)),
    )
    return [(name, str(value)) for name, value in values if value != 0]


def recipes(config: Config, accuracy_high: float) -> list[tuple[str, str]]:
    """Return what recipes for a run's data set reach, with the command of each, the most accurate first.

    Only those whose mean test accuracy is above the interval of the run's, which ends at `accuracy_high`; without the
    one that it followed unchanged, and those that take longer than a better one.
    """
    own = config.recipe["name"] if config.recipe and not config.recipe["changed"] else None
    found = [(recipe, measured(recipe.name)) for recipe in map(Recipe.of, names()) if recipe.name != own]
    better = [
        (recipe, score)
        for recipe, score in found
        if score and score.accuracy > accuracy_high and recipe.data == config.data["source"]
    ]
    quickest, described = math.inf, []
    for recipe, score in sorted(better, key=lambda each: -each[1].accuracy):
        if score.seconds is not None and score.seconds < quickest:
            quickest = score.seconds
            mean = f" (mean of {score.n} trainings)" if score.n > 1 else ""
            text = f"{recipe.name} reaches {percent(score.accuracy)}{mean} in {score.cost}"
            described.append((text, recipe.command))
    return described


def _images(unlabelled: Mapping[str, Any] | None) -> str | int:
    """Return the number of images without labels beside the data set, and their file; 0 without any."""
    if unlabelled is None:
        return 0
    source = unlabelled["source"]
    return f"{unlabelled['rows']:,} beside the data set, {'an array' if source is None else Path(source).name}"


def _changes(augment: str) -> str:
    """Return the changes of a setting such as "shift+rotate:10", readable: "shift, rotate 10"."""
    return augment.replace("+", ", ").replace(":", " ")


def seed(config: Config) -> str:
    """Return the seed, or the first and the last seed of a population."""
    first = config.settings.seed
    return str(first) if config.seeds == 1 else f"{first} to {first + config.seeds - 1}"

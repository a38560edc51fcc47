"""Sentences that depend on the numbers of a run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.inspection.examples import Examples
from mlplab.pages import percent
from mlplab.recipes import Recipe, measured, names
from mlplab.runs import Config, Run
from mlplab.table import Table

_GAP = 0.03
"""A larger difference between training and validation accuracy is called overfitting."""
_ECE_GOOD, _ECE_FAIR = 0.02, 0.05
_CERTAIN = 2
"""A temperature whose interval spans a larger ratio is not recommended."""
_NEAR_ONE = 0.03
"""A temperature that differs less from 1 is called unnecessary."""


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


def seeds(config: Config, result: Mapping[str, Any]) -> str:
    """Describe how much the seed of a population matters, and how much the ensemble gains."""
    test, ensemble = result["test"], result["ensemble"]["accuracy"]
    if test["sd"] is None:
        return "All networks but one diverged, so the influence of the seed is not known."
    s = config.settings
    random = ["initial weights", "order of the rows", *(["dropout"] if s.dropout or s.input_dropout else [])]
    random += ["noise of the inputs"] if s.noise else []
    random += ["noise of the hidden layers"] if s.hidden_noise else []
    random += ["noise of all layers"] if s.ladder != "none" else []
    random += ["changes of the training rows"] if s.mixup or s.augment != "none" else []
    random += ["choice of the validation rows"] if s.validation else []
    low, high = test["interval"]
    gain = 100 * (ensemble - test["accuracy"])
    alone, together = percent(test["accuracy"], 2), percent(ensemble, 2)
    return (
        f"{test['seeds']} networks were trained that differ only in their seed: in {', '.join(random[:-1])} and "
        f"{random[-1]}. On average they got {alone} of the test rows right, with a standard deviation of "
        f"{100 * test['sd']:.2f} points between seeds. The mean over all possible seeds probably lies between "
        f"{percent(low, 2)} and {percent(high, 2)}. The ensemble, which averages their probabilities, got {together} "
        f"right: {abs(gain):.2f} points {'more' if gain >= 0 else 'less'} than one network on average."
    )


def curves_of_seeds(table: Table, epochs: Sequence[int]) -> str:
    """Describe the curves of a population. `epochs` has the number of epochs of each member."""
    shortest, longest = min(epochs), max(epochs)
    count = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    text = f"A thin line is one network, a thick line the median of all; each was trained for {count} epochs."
    if "val_accuracy" not in table.columns:
        return text + _no_validation(table)
    return (
        f"{text} In the last epoch the median network had {percent(float(table['accuracy'][-1]))} of its training rows "
        f"and {percent(float(table['val_accuracy'][-1]))} of its validation rows right."
    )


def _no_validation(table: Table) -> str:
    return "" if "val_loss" in table.columns else " There is no validation curve: no rows were held out."


def curves(table: Table, kept: int, text: str) -> str:
    """Add to a text about the end of training how far training and validation accuracy differ in the kept epoch."""
    last = int(table["epoch"][-1])
    if not {"accuracy", "val_accuracy"} <= table.columns.keys():
        return text + _no_validation(table)
    at = int(np.flatnonzero(table["epoch"] == kept)[0])
    train, held_out = float(table["accuracy"][at]), float(table["val_accuracy"][at])
    if np.isnan(held_out):  # the model was not validated after this epoch
        return text
    text += f" Then {percent(train)} of the training rows and {percent(held_out)} of the validation rows were right"
    if train - held_out > _GAP:
        return f"{text}: the network learns its training rows by heart (overfitting). Dropout or more data help."
    late = table["val_accuracy"][-3:]
    if kept == last and late[-1] > late[0]:
        return f"{text}. Validation accuracy was still rising: more epochs may help."
    if held_out > train:
        text += (
            " (training accuracy is measured during the epoch, with dropout and changed rows if there are any, and so "
            "may be lower)"
        )
    return f"{text}: hardly any overfitting."


def losses_of_ladder(config: Config, table: Table) -> str:
    """Say what the logged losses of a ladder network with a decoder are; "" for other networks."""
    if config.settings.ladder in ("none", "baseline"):
        return ""
    text = " The training loss is the cross-entropy of the labelled rows, with noise, plus the denoising costs"
    if "val_loss" not in table.columns:
        return f"{text}."
    return f"{text}; the validation loss is the cross-entropy alone. So the two losses cannot be compared."


def calibration(examples: Examples, ece: float, kept: Mapping[str, float] | None) -> str:
    """State whether the probabilities are right on average, and what to do if they are not.

    `kept`: the temperature with its interval, as `calibrate` returns it; None without.
    """
    confidence, right = float(examples.confidence.mean()), float(examples.correct.mean())
    text = (
        f"The network is {percent(confidence)} sure of its answers on average, and right {percent(right)} of the time"
    )
    if ece < _ECE_GOOD:
        return f"{text}. Its probabilities can be taken literally."
    sense = "surer than it should be" if confidence > right else "less sure than it could be"
    use = "Use" if ece > _ECE_FAIR else "Where probabilities matter, use"
    if kept is not None and kept["high"] < _CERTAIN * kept["low"]:
        return f"{text}: it is {sense}. {use} the temperature below."
    why = "" if kept is None else "Too few validation rows were held out for a good temperature: "
    return f"{text}: it is {sense}. {why}{'use' if why else 'Use'} its probabilities to rank answers, no more."


def no_temperature(run: Run) -> str:
    """Explain why a run has no temperature."""
    text = "A temperature can make probabilities more accurate, but it must not be fitted to the test rows, and "
    if run.members:
        return f"{text}there are no rows that none of these networks was trained on."
    return f"{text}this run held no rows out for validation. Train with validation=0.1 (--validation 0.1) to have one."


def temperature(kept: dict[str, float], errors: Table) -> str:
    """Describe the effect of the temperature of `calibrate` on the test rows, with their `calibration_errors`."""
    t = kept["temperature"]
    interval = f"(95 % interval {kept['low']:.2f} to {kept['high']:.2f})"
    if abs(t - 1) < _NEAR_ONE:
        return f"The best temperature is {t:.2f} {interval}, so near to 1 that nothing needs to be corrected."
    (before, after), losses = errors["ece_width"].tolist(), errors["log_loss"].tolist()
    sense = "less extreme, as the network is too sure" if t > 1 else "more extreme, as the network is not sure enough"
    effects = {
        (True, True): "This improves the test rows",
        (True, False): "On the test rows the log-loss improves, the calibration error does not",
        (False, True): "On the test rows the calibration error improves, the log-loss does not",
        (False, False): "This does not improve the test rows",
    }
    effect = effects[losses[1] < losses[0], after < before]
    return (
        f"A temperature of {t:.2f} {interval} makes the probabilities {sense}. {effect}: expected calibration error "
        f"{percent(before, 2)} before, {percent(after, 2)} after; log-loss {losses[0]:.4f} before, {losses[1]:.4f} "
        "after. The predicted classes stay the same."
    )


def confusions(pairs: Table, examples: Examples) -> str:
    """Describe the most frequent confusions."""
    wrong = int((~examples.correct).sum())
    if not wrong:
        return f"All {len(examples):,} rows were right: nothing was confused."
    first = next(iter(pairs))
    if first["count"] == 1 and len(pairs) > 1:
        return f"No class was taken for the same other class twice: all {wrong:,} failures are different."
    times = "once" if first["count"] == 1 else f"{first['count']:,} times"
    text = (
        f"Most often {first['true']} is taken for {first['predicted']}: {times}, "
        f"{percent(first['share'])} of {first['true']}."
    )
    if len(pairs) <= 3:
        return text
    share = int(pairs["count"][:3].sum()) / wrong
    return f"{text} The three most frequent confusions are {percent(share, 0)} of all {wrong:,} failures."


def classes(table: Table) -> str:
    """Name the easiest and the hardest class."""
    f1 = table["f1"]
    if len(table) < 2 or np.isnan(f1).all():
        return ""
    worst, best = int(np.nanargmin(f1)), int(np.nanargmax(f1))
    names = table["class"]
    return f"Hardest is {names[worst]} (F1 {percent(f1[worst])}), easiest {names[best]} (F1 {percent(f1[best])})."


def units(table: Table) -> str:
    """Count the units that contribute nothing."""
    explanations = {
        "dead": "the same output for every row",
        "saturated": "at a limit of its output for almost every row",
    }
    counts: dict[str, Any] = {state: int((table["state"] == state).sum()) for state in explanations}
    if not any(counts.values()):
        return f"All {len(table):,} units are in use: none is dead, none saturated."
    parts = [
        f"{count:,} {'is' if count == 1 else 'are'} {state} ({explanations[state]})"
        for state, count in counts.items()
        if count
    ]
    return (
        f"Of {len(table):,} units {' and '.join(parts)}. Such units contribute little or nothing: the network would do "
        "as well without them."
    )

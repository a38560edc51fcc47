"""Sentences that depend on the numbers of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.inspection.calibration import is_vague
from mlplab.inspection.examples import Examples
from mlplab.pages import percent
from mlplab.runs import Config, Run
from mlplab.table import Table

_GAP = 0.03
"""A larger difference between training and validation accuracy is called overfitting."""
_ECE_GOOD, _ECE_FAIR = 0.02, 0.05
_NEAR_ONE = 0.03
"""A temperature that differs less from 1 is called unnecessary."""


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
    if kept is not None and not is_vague(kept):
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

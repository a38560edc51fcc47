"""Sentences that depend on numbers: what a figure of this run says, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.inspection.examples import Examples
from mlplab.pages import percent
from mlplab.runs import Config, Run
from mlplab.table import Table

_GAP = 0.03
"""Of accuracy between training and validation, from which on it is worth a word."""
_ECE_GOOD, _ECE_FAIR = 0.02, 0.05
_NEAR = 0.03
"""A temperature so near to 1 changes nothing that anybody sees."""


def network(config: Config) -> str:
    """The network in a few words: `28 × 28 inputs → 20 relu → 10 classes`."""
    settings = config.settings
    ends = (
        f"{' × '.join(map(str, config.input_shape))} inputs",
        f"{len(config.class_names):,} class{'es' if len(config.class_names) > 1 else ''}",
    )
    if settings.hidden is None:
        return f"{ends[0]} → a model of your own → {ends[1]}"
    hidden = [f"{units} {settings.activation}" for units in settings.hidden]
    return " → ".join([ends[0], *(hidden or ["no hidden layer"]), ends[1]])


def settings(config: Config, epochs: int) -> list[tuple[str, str]]:
    """What was asked for, as names and values; what is switched off is left out."""
    s = config.settings
    own = s.hidden is None
    told: Sequence[tuple[str, object]] = (
        ("network", network(config)),
        ("dropout", 0 if own else s.dropout),
        ("batch normalisation", "yes" if s.batch_norm and not own else 0),
        ("optimiser", 0 if own else f"{s.optimizer}, learning rate {s.learning_rate:g}"),
        ("schedule", 0 if own or s.schedule == "none" else f"{s.schedule} (the learning rate falls to 0)"),
        ("epochs", f"at most {s.epochs}" if s.early_stopping else s.epochs if epochs else "not recorded"),
        ("batch size", s.batch_size),
        ("early stopping", f"after {s.early_stopping} epochs without improvement" if s.early_stopping else 0),
        ("held out for validation", percent(s.validation, 0) if s.validation else "nothing"),
        ("labelled rows used", f"{s.labelled:,}" if s.labelled else 0),
        ("training labels corrected", f"{config.corrected_labels:,}" if config.corrected_labels else 0),
        ("inputs", "standardised" if s.standardize else 0),
        ("seed" if config.seeds == 1 else "seeds", seed(config)),
    )
    return [(name, str(value)) for name, value in told if value != 0]


def seed(config: Config) -> str:
    """The seed; of a population, the first and the last."""
    first = config.settings.seed
    return str(first) if config.seeds == 1 else f"{first} to {first + config.seeds - 1}"


def seeds(config: Config, result: Mapping[str, Any]) -> str:
    """How much the seed matters, and what the ensemble gains. `config`, `result`: of a population."""
    test, ensemble = result["test"], result["ensemble"]["accuracy"]
    if test["sd"] is None:
        return "All networks but one diverged, so nothing can be said about how much the seed matters."
    s = config.settings
    drawn = ["initial weights", "order of the rows", *(["dropout"] if s.dropout else [])]
    drawn += ["choice of the validation rows"] if s.validation else []
    low, high = test["interval"]
    gain = 100 * (ensemble - test["accuracy"])
    alone, together = percent(test["accuracy"], 2), percent(ensemble, 2)
    return (
        f"{test['seeds']} networks were trained that differ in their seed alone: in {', '.join(drawn[:-1])} and "
        f"{drawn[-1]}. On average {alone} of the test rows were right, with a standard deviation of "
        f"{100 * test['sd']:.2f} points from seed to seed. The mean of ever more seeds probably lies between "
        f"{percent(low, 2)} and {percent(high, 2)}. Together, their probabilities averaged, they get {together}: "
        f"{abs(gain):.2f} points {'more' if gain >= 0 else 'less'} than one of them on average."
    )


def curves_of_seeds(table: Table, epochs: Sequence[int]) -> str:
    """What the curves of a population are, and how long its members were trained. `epochs`: of each member."""
    shortest, longest = min(epochs), max(epochs)
    how_long = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    said = f"A thin line for each network, a strong one for their median; each was trained for {how_long} epochs."
    if "val_accuracy" not in table.columns:
        return said + ("" if "val_loss" in table.columns else " There is no validation curve: no rows were held out.")
    last = percent(float(table["val_accuracy"][-1]))
    return (
        f"{said} In the last epoch the median network had {percent(float(table['accuracy'][-1]))} of its training "
        + (f"rows and {last} of its validation rows right.")
    )


def curves(table: Table, kept: int) -> str:
    """What the curves say: which epoch was kept, and whether training and validation went apart."""
    last = int(table["epoch"][-1])
    said = f"The weights of epoch {kept} of {last} were kept"
    said += ", the best on the validation rows." if kept < last else "."
    if not {"accuracy", "val_accuracy"} <= table.columns.keys():
        return said + ("" if "val_loss" in table.columns else " There is no validation curve: no rows were held out.")
    at = int(np.flatnonzero(table["epoch"] == kept)[0])
    train, held_out = float(table["accuracy"][at]), float(table["val_accuracy"][at])
    said += f" Then {percent(train)} of the training rows and {percent(held_out)} of the validation rows were right"
    if train - held_out > _GAP:
        return f"{said}: the network learns its training rows by heart (overfitting). Dropout or more data help."
    late = table["val_accuracy"][-3:]
    if kept == last and late[-1] > late[0]:
        return f"{said}. Validation was still rising: more epochs may help."
    if held_out > train:
        said += (
            " (training is measured during the epoch, with dropout if there is any, so it may be the lower of the two)"
        )
    return f"{said}: hardly any overfitting."


def calibration(examples: Examples, ece: float, can_be_mended: bool) -> str:
    """Whether the probabilities mean what they say, and what to do."""
    said, right = float(examples.confidence.mean()), float(examples.correct.mean())
    begin = f"The network is {percent(said)} sure of its answers on average, and right {percent(right)} of the time"
    if ece < _ECE_GOOD:
        return f"{begin}. Its probabilities can be taken at their word."
    sense = "surer than it should be" if said > right else "less sure than it could be"
    where = "Use" if ece > _ECE_FAIR else "Where probabilities matter, use"
    advice = (
        f"{where} the temperature below" if can_be_mended else "Read its probabilities as a ranking, not as chances"
    )
    return f"{begin}: it is {sense}. {advice}."


def no_temperature(run: Run) -> str:
    """Why a run has none."""
    begin = "A temperature can make probabilities more honest, but it must not be fitted to the test rows, and "
    if run.members:
        return f"{begin}there are no rows that none of these networks was trained on."
    return f"{begin}this run held no rows out for validation. Train with --validation 0.1 to have one."


def temperature(kept: dict[str, float], errors: Table) -> str:
    """What a temperature does to the test rows, which had no part in fitting it.

    Args:
        kept: see `calibrate`.
        errors: see `calibration.errors`.
    """
    t = kept["temperature"]
    interval = f"(95 % interval {kept['low']:.2f} to {kept['high']:.2f})"
    if abs(t - 1) < _NEAR:
        return f"The best temperature is {t:.2f} {interval}, so near to 1 that there is nothing to mend."
    (before, after), losses = errors["ece_width"].tolist(), errors["log_loss"].tolist()
    sense = "softer, as it is too sure" if t > 1 else "sharper, as it is not sure enough"
    helps = {
        (True, True): "On the test rows that helps",
        (True, False): "On the test rows the log-loss gets better, the calibration error does not",
        (False, True): "On the test rows the calibration error gets smaller, the log-loss does not",
        (False, False): "On the test rows that does not help",
    }
    gain = helps[losses[1] < losses[0], after < before]
    return (
        f"A temperature of {t:.2f} {interval} makes the probabilities {sense}. {gain}: expected calibration error "
        f"{percent(before, 2)} before, {percent(after, 2)} after; log-loss {losses[0]:.4f} before, {losses[1]:.4f} "
        "after. Which class is predicted stays the same."
    )


def confusions(pairs: Table, examples: Examples) -> str:
    """The most frequent confusion in words."""
    wrong = int((~examples.correct).sum())
    if not wrong:
        return f"All {len(examples):,} rows were right: there is nothing to confuse."
    first = next(iter(pairs))
    three = int(pairs["count"][:3].sum())
    return (
        f"Most often {first['true']} is taken for {first['predicted']}: {first['count']:,} times, "
        f"{percent(first['share'])} of {first['true']}."
        + (
            f" The three most frequent confusions are {percent(three / wrong, 0)} of all {wrong:,} failures."
            if len(pairs) > 3
            else ""
        )
    )


def classes(table: Table) -> str:
    """The easiest and the hardest class."""
    f1 = table["f1"]
    if len(table) < 2 or np.isnan(f1).all():
        return ""
    worst, best = int(np.nanargmin(f1)), int(np.nanargmax(f1))
    names = table["class"]
    return f"Hardest is {names[worst]} (F1 {percent(f1[worst])}), easiest {names[best]} (F1 {percent(f1[best])})."


def units(table: Table) -> str:
    """How many units do nothing."""
    states: dict[str, Any] = {state: int((table["state"] == state).sum()) for state in ("dead", "saturated")}
    if not any(states.values()):
        return f"All {len(table):,} units are in use: none is dead, none saturated."
    told = [
        f"{count:,} {'is' if count == 1 else 'are'} {state} ({_STATES[state]})"
        for state, count in states.items()
        if count
    ]
    found = f"Of {len(table):,} units {' and '.join(told)}."
    return f"{found} Such units add little or nothing: the network could do without."


_STATES = {
    "dead": "its answer is the same whatever it is shown",
    "saturated": "it answers with nearly the most or the least it can to almost everything",
}

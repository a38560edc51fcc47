"""The learning-rate finder: loss after the same number of steps at many rates, and which of them to train with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from mlplab.datasets import Data, load
from mlplab.errors import UsageError
from mlplab.progress_bar import bar
from mlplab.runs import Settings
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.table import Table

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from mlplab.experiments.rate_suggestion import RateScan


@dataclass(frozen=True, eq=False, repr=False)
class LearningRates(Table):
    """What the finder gives: a row a rate, and the suggestion.

    Attributes:
        suggestion: the rate to train with.
        low, high: where the valley of the lowest losses begins and ends.
        reason: for the suggestion, in words.
        steps: that each rate was tried for.
    """

    suggestion: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""
    steps: int = 0

    def _more(self) -> list[str]:
        return [*super()._more(), f"Suggested learning rate: {self.suggestion:.2g}. {self.reason}"]


@takes_settings(
    learning_rate="find_learning_rate looks for it; rates=[…] says which to try",
    early_stopping="every rate is tried for the same number of steps",
)
def find_learning_rate(
    data: Any,
    y: Any = None,
    *,
    model: "keras.Model | None" = None,
    rates: Any = None,
    steps: int | None = None,
    verbose: int | str = "auto",
    **settings: Unpack[SettingsArguments],
) -> LearningRates:
    """Find a learning rate: train a network for some steps at each of many rates, from the same weights.

    Args:
        data: what `mlplab.load` takes; or inputs (n, …) with their targets `y`, which go into `model` as they are.
        y: targets (n, …), where `data` is inputs.
        model: a compiled Keras model of your own, tried from its present weights. It is left as it was, and so is its
            optimizer. Without it: the network that `settings` tell of.
        rates: to try; by default 26 from 0.00001 to 1, for SGD from 0.0001 to 10.
        steps: at each rate; by default as many as take some seconds in all.
        verbose: 0: no progress bar.
        settings: of the training that the rate is for, as `mlplab.train` takes them: hidden, dropout, optimizer,
            schedule, epochs, batch_size, validation, seed, …

    Returns:
        Table of learning_rate, loss (of training, mean over the steps), val_loss (after them, on rows held out) and
        diverged; with `suggestion` and `reason`.

    Raises:
        UsageError, DataError, ModelError: for what does not belong together.
        TrainingError: if the loss fell at none of the rates.
    """
    asked = Settings.with_defaults(own_model=model is not None, **settings)
    if y is not None and model is None:
        raise UsageError("Inputs and y go into a model of your own: give model=…, or a data set instead of inputs.")
    loaded = load(data, quiet=verbose == 0) if y is None else None
    from mlplab.engine import inputs  # Keras: after what can be refused without it
    from mlplab.experiments import rate_scan as finder
    from mlplab.experiments.rate_suggestion import suggested
    from mlplab.training import splits

    if model is not None:
        finder.check(model)
    with bar(verbose, "learning rates") as progress:
        how: dict[str, Any] = {"rates": rates, "steps": steps, "progress": progress}
        if model is None:
            assert loaded is not None
            scan = finder.scan_settings(asked, loaded, **how)
            rows = len(splits.split(loaded.train, asked)["train"])
        else:
            x, y, batch = _rows(model, data, y, loaded)
            scan = finder.scan_model(model, x, y, settings=asked, batch=batch, **how)
            rows = round(inputs.check_rows(x=x) * (1 - asked.validation))
    planned = asked.epochs * -(-rows // asked.batch_size)
    schedule = asked.schedule if model is None else finder.schedule_of(model)
    found = suggested(scan, schedule, planned if model is None or "epochs" in settings else None)
    title = f"Loss after {scan.steps:,} steps by learning rate ({'arrays' if loaded is None else loaded.name})"
    columns = columns_of(scan)
    valley = (found.low, found.high)
    return LearningRates(
        columns,
        title,
        lambda: _figure(columns, scan.untrained, found.rate, valley, title),
        suggestion=found.rate,
        low=found.low,
        high=found.high,
        reason=found.reason,
        steps=scan.steps,
    ).show()  # pyright: ignore[reportReturnType] - it returns itself


def columns_of(scan: "RateScan") -> dict[str, np.ndarray]:
    """The columns of the table."""
    return {
        "learning_rate": scan.rates,
        "loss": scan.loss,
        "val_loss": scan.val_loss,
        "diverged": scan.diverged,
    }


def _figure(
    columns: dict[str, np.ndarray], untrained: float, suggestion: float, valley: tuple[float, float], title: str
) -> "Figure":
    from mlplab.figures import scans

    return scans.learning_rates(columns, untrained, suggestion, valley, title)


def _rows(model: "keras.Model", data: Any, y: Any, loaded: Data | None) -> tuple[Any, Any, Any]:
    """Inputs and targets for a model of one's own, and how rows go into it."""
    from mlplab.engine import Rows, inputs
    from mlplab.experiments.cross_validation import targets_of
    from mlplab.training import splits
    from mlplab.training.network import checked

    if loaded is None:
        x, y, _ = inputs.arrays_of((data, y))
        return x, y, Rows()
    checked(model, loaded)
    everything = np.arange(len(loaded.train))
    scaling = splits.fit_preprocessing(loaded.train.inputs, everything, standardize=False)
    return loaded.train.inputs, targets_of(loaded, model), Rows(preprocess=scaling)

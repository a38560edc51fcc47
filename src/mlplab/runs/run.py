"""Reading a run directory, and predicting with it."""

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import files
from mlplab.errors import Advice, DataError, RunError, require_unmasked, shell_command
from mlplab.runs import logs
from mlplab.runs.checkpoint import read_text
from mlplab.runs.config import Config
from mlplab.runs.directory import Predictions, RunDirectory, created_at, is_run
from mlplab.runs.probabilities import mean_probabilities, probabilities_of
from mlplab.runs.result import PopulationResult, RunResult

if TYPE_CHECKING:
    import keras


class Run:
    """A run directory, opened: its configuration, result and predictions, and new predictions.

    A population, one network trained with several seeds, is a run too. It predicts what its ensemble does, the mean of
    its members' probabilities.

    Args:
        path: the directory.

    Attributes:
        path: the directory, absolute.
        directory: its files, see `RunDirectory`.
        config: settings, data set and environment, see `Config`.
        result: see `RunResult` and `PopulationResult`; `result["test"]` is `result.test`. None until the run is
            finished.

    Raises:
        RunError: if it is not a run directory, is damaged, or has another format.

    Example:
        import mlplab

        trained = mlplab.train("digits", hidden=[16], epochs=2, verbose=0)
        run = mlplab.Run(trained.path)
        print(run.summary, run.result["test"]["accuracy"])
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        lists = Advice("mlplab.list_runs() lists", "'mlplab runs' lists")
        if not self.path.is_dir():
            raise RunError(f"There is no run at {path}. {lists} the runs in ./runs.", advice=[lists])
        if (self.path / "study.json").exists():
            raise RunError(f"{path} is a study: its page is study.html, and the run of its winner {path}/winner.")
        if (self.path / "sweep.json").exists():
            raise RunError(f"{path} is a sweep: each directory in it is a run. Give one of them.")
        if not (self.path / "config.json").exists():
            raise RunError(
                f"{path} is no run, or a damaged one: it has no config.json. {lists} the runs in ./runs.",
                advice=[lists],
            )
        self.directory = RunDirectory(self.path)
        self.config: Config = self.directory.config()
        self.result: RunResult | PopulationResult | None = self.directory.result()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self.summary})"

    @property
    def summary(self) -> str:
        """Data set, network and test accuracy in a few words."""
        hidden = self.config.settings.hidden
        network = "own model" if hidden is None else "-".join(map(str, hidden)) or "no hidden layer"
        start = f"{self.config.data['name']}, {network}"
        if self.result is None:
            start += f", {self.config.seeds} seeds" if self.config.seeds > 1 else ""
            return f"{start}, {len(self.epochs)} epochs done, {'diverged' if self.diverged else 'not finished'}"
        test = self.result.test
        if isinstance(self.result, RunResult):
            return f"{start}, test accuracy {test.accuracy:.4f}"
        spread = "" if self.result.test.sd is None else f" ± {self.result.test.sd:.4f}"
        mean = f"{test.accuracy:.4f}{spread} of {self.result.test.seeds} seeds"
        return f"{start}, test accuracy mean {mean}, ensemble {self.result.ensemble.accuracy:.4f}"

    @property
    def diverged(self) -> str | None:
        """Why the training ended without a result; None if it did not diverge. Of a population, if all members did."""
        return self.directory.divergence()

    def require_finished(self) -> RunResult | PopulationResult:
        """Return the result. Raises `RunError` where there is none yet."""
        if self.result is None:
            if reason := self.diverged:
                raise RunError(f"{self.path} has no result: it diverged. {reason}")
            again = files.resuming(self.path)
            raise RunError(f"{self.path} is not finished. Continue it with: {again}", advice=[again])
        return self.result

    @property
    def member_paths(self) -> list[Path]:
        """The directories of a population's members, in the order of their seeds; empty for one network."""
        return self.directory.member_paths(self.config.seeds) if self.config.seeds > 1 else []

    @functools.cached_property
    def members(self) -> "list[Run]":
        """The runs of a population, one for each seed; empty for one network. One that diverged has no result."""
        return [Run(path) for path in self.member_paths]

    @property
    def first(self) -> "Run":
        """The run itself; of a population, the first finished member. For functions that need one network."""
        return next((member for member in self.members if member.result is not None), (self.members or [self])[0])

    def require_one(self) -> None:
        """Raises `RunError` for a population, where one network is needed."""
        if self.config.seeds > 1:
            one = Advice(f"run.members[0], or the directory {self.first.path}", shell_command(self.first.path))
            raise RunError(
                f"{self.path} is a population of {self.config.seeds} networks, and this is about one: take {one}",
                advice=[one],
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.config.class_names

    @property
    def split(self) -> dict[str, np.ndarray]:
        """Row numbers of the "train" and "validation" rows in the data set's training set, int64 and sorted."""
        return self.directory.split()

    @functools.cached_property
    def architecture(self) -> dict[str, Any]:
        """The model and how it is compiled, as Keras writes it in JSON."""
        return self.directory.architecture()

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """An object for each epoch: `epoch` (from 1) and its logs. For a population, medians over its members that
        were still in training."""
        if self.members:
            return logs.medians([member.epochs for member in self.members])
        return self.directory.metrics()

    @property
    def history(self) -> dict[str, list[Any]]:
        """Logs by name, a value for each epoch, NaN where it was not logged: `loss`, `accuracy`, `val_loss`, …"""
        return logs.by_name(self.epochs)

    @property
    def kept_epoch(self) -> int:
        """The epoch, from 1, whose weights the finished run has; 0 for a model that was kept without its history.

        The last, if a callback put weights of no epoch in place.
        """
        if isinstance(self.result, RunResult) and self.result.kept_epoch is not None:
            return self.result.kept_epoch
        checkpoint = read_text(self.path)
        stopping = checkpoint.get("stopping")
        return int(stopping["best_epoch"]) + 1 if stopping else len(checkpoint["history"])

    def predictions(self, split: str = "test") -> Predictions:
        """Return the predictions kept for "test" or "validation". Raises `RunError` where there are none."""
        if not self.directory.has_predictions(split):
            if self.result is not None and self.config.seeds > 1:
                one = Advice(f"run.members[0], or {self.first.path}", shell_command(self.first.path))
                raise RunError(
                    f"{self.path} is a population, each member trained on rows of its own, so together they have no "
                    f"predictions for {split!r}. Take one: {one}",
                    advice=[one],
                )
            self.require_finished()
            raise RunError(f"{self.path} keeps no predictions for {split!r}: it was trained without that split.")
        return self.directory.predictions(split)

    @functools.cached_property
    def model(self) -> "keras.Model":
        """The finished Keras model. It takes inputs scaled by `config.preprocessing`; `predict` takes raw ones."""
        self.require_one()
        self.require_finished()
        return self.directory.trained_model()

    def predict(self, images: ArrayLike, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the probabilities of the classes for raw inputs, as the data set has them (8-bit images).

        The same each time, also where the model draws random numbers when it predicts.

        Args:
            images: (n, h, w), (n, h, w, c) or (n, d), of the run's input shape. Inputs whose range is not that of the
                training inputs are warned about: they were scaled already, or lack a scaling. An `np.memmap` is read in
                chunks.
            rows: the numbers of the images to predict, in this order; None: all.

        Returns:
            float32 (n, classes).

        Raises:
            DataError: for another shape.
        """
        require_unmasked("images", images)
        inputs = np.asarray(images)
        if inputs.shape[1:] != self.config.input_shape or inputs.dtype.kind not in "uifb":
            raise DataError(
                f"{self.path.name} predicts numbers of shape (n, {', '.join(map(str, self.config.input_shape))}); "
                f"got {inputs.dtype} of shape {inputs.shape}. One image alone is images[None]."
            )
        self.config.warn_of_range(inputs)
        each = self.predict_each(inputs, rows)
        return mean_probabilities(each) if self.config.seeds > 1 else each[0]

    def predict_each(self, inputs: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Return what each finished network of the run predicts, of a population one for each seed.

        Args:
            inputs, rows: as in `predict`, which checks them.

        Returns:
            float32 (networks, n, classes).
        """
        self.require_finished()
        networks = self.members or [self]
        finished = [network for network in networks if network.result is not None]
        return np.stack([probabilities_of(each.model, inputs, each.config, rows) for each in finished])


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """List the runs in a folder, oldest first. Other directories are skipped; a damaged run too, with a warning.

    Example:
        import mlplab

        mlplab.train("digits", hidden=[16], epochs=2, verbose=0)
        for run in mlplab.list_runs():
            print(run.path.name, run.summary)
    """
    runs = []
    for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
        if is_run(path) and not path.name.startswith("."):
            try:
                runs.append(Run(path))
            except RunError as error:
                warnings.warn(f"Left out of the list: {error}", stacklevel=2)
    return sorted(runs, key=lambda run: created_at(run.path))

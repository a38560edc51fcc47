"""A run directory, opened."""

import functools
import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import files
from mlplab.errors import DataError, RunError
from mlplab.runs import architecture
from mlplab.runs.config import Config

if TYPE_CHECKING:
    import keras

PREDICT_BATCH = 1000


@dataclass(frozen=True)
class Predictions:
    """A run's predictions for one split.

    Attributes:
        index: int (n,), positions in the data set.
        label: int (n,).
        probabilities: float32 (n, classes).
    """

    index: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray


class Run:
    """A run directory, opened. Knows what is on disk, and how to predict; changes nothing.

    Args:
        path: the directory.

    Attributes:
        path: the directory, absolute.
        config: what was asked, see `Config`.
        result: the object that `mlplab train --json` prints; None until the run is finished.

    A population, one network trained with several seeds, is a run too: what it predicts is its ensemble's, the mean of
    its members' probabilities.

    Raises:
        RunError: if it is no run directory, is damaged, or of another format.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise RunError(f"There is no run at {path}. 'mlplab runs' lists the runs in ./runs.")
        if (self.path / "study.json").exists():
            raise RunError(f"{path} is a study: its page is study.html, and the run of its winner {path}/winner.")
        self.config = Config.from_json(files.read_json(self.path / "config.json"), str(self.path / "config.json"))
        finished = self.path / "result.json"
        self.result: dict[str, Any] | None = files.read_json(finished) if finished.exists() else None

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self.summary})"

    @property
    def summary(self) -> str:
        """Data set, network and test accuracy in a few words."""
        hidden = self.config.settings.hidden
        network = "own model" if hidden is None else "-".join(map(str, hidden)) or "no hidden layer"
        begin = f"{self.config.data['name']}, {network}"
        if self.result is None:
            begin += f", {self.config.seeds} seeds" if self.config.seeds > 1 else ""
            return f"{begin}, {len(self.epochs)} epochs done, not finished"
        if self.config.seeds > 1:
            return f"{begin}, test accuracy {_accuracy_in_words(self.result)}"
        return f"{begin}, test accuracy {self.result['test']['accuracy']:.4f}"

    @property
    def member_paths(self) -> list[Path]:
        """The directories of a population's members, in the order of their seeds; empty for one network."""
        count = self.config.seeds
        width = max(2, len(str(count - 1)))
        return [self.path / "members" / f"{number:0{width}}" for number in range(count)] if count > 1 else []

    @functools.cached_property
    def members(self) -> "list[Run]":
        """The runs of a population, one for each seed; empty for one network. One that diverged has no result."""
        return [Run(path) for path in self.member_paths]

    @property
    def first(self) -> "Run":
        """Where one network is needed: the run itself, or of a population the first member that is finished."""
        return next((member for member in self.members if member.result is not None), (self.members or [self])[0])

    def require_one(self) -> None:
        """Raises `RunError` for a population, where one network is needed."""
        if self.config.seeds > 1:
            raise RunError(
                f"{self.path} is a population of {self.config.seeds} networks, and this is about one: take "
                f"run.members[0], or the directory {self.first.path}"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.config.class_names

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """An object an epoch: `epoch` (from 1) and what was logged. Of a population, the medians of the members that
        were trained so far."""
        if self.members:
            return _medians([member.epochs for member in self.members])
        path = self.path / "metrics.jsonl"
        return files.read_lines(path) if path.exists() else []

    @property
    def history(self) -> dict[str, list[float]]:
        """What was logged, a value an epoch, by name: `loss`, `accuracy`, `val_loss`, …"""
        names = [name for name in (self.epochs or [{}])[0] if name != "epoch"]
        return {name: [epoch[name] for epoch in self.epochs] for name in names}

    def predictions(self, split: str = "test") -> Predictions:
        """The predictions kept for "test" or "validation". Raises `RunError` where there are none."""
        path = self.path / f"predictions-{split}.npz"
        if not path.exists():
            if self.result is not None and self.config.seeds > 1:
                raise RunError(
                    f"{self.path} is a population, each member trained on rows of its own, so together they have no "
                    f"predictions for {split!r}. Take one: run.members[0], or {self.first.path}"
                )
            raise RunError(
                f"{self.path} keeps no predictions for {split!r}: "
                + ("resume it first." if self.result is None else "it was trained without that split.")
            )
        return Predictions(**files.read_arrays(path))

    @functools.cached_property
    def model(self) -> "keras.Model":
        """The finished Keras model. It takes inputs that went through `config.preprocessing`; `predict`, raw ones."""
        self.require_one()
        path = self.path / "model.safetensors"
        if not path.exists():
            raise RunError(f"{self.path} is not finished: go on with mlplab train --resume {self.path}")
        model = architecture.read(self.path / "model.json")
        tensors, _ = files.read_tensors(path)
        try:
            model.set_weights([tensors[str(i)] for i in range(len(tensors))])
        except (KeyError, ValueError) as error:
            raise RunError(f"{path} does not fit the model in model.json: {error}") from error
        return model

    def predict(self, images: ArrayLike) -> np.ndarray:
        """Probabilities of the classes for raw inputs, as the data set has them (uint8 images).

        Args:
            images: (n, h, w), (n, h, w, c) or (n, d), of the run's input shape.

        Returns:
            float32 (n, classes).

        Raises:
            DataError: for another shape.
        """
        inputs = np.asarray(images)
        if inputs.shape[1:] != self.config.input_shape or inputs.dtype.kind not in "uif":
            raise DataError(
                f"{self.path.name} predicts numbers of shape (n, {', '.join(map(str, self.config.input_shape))}); "
                f"got {inputs.dtype} of shape {inputs.shape}. One image alone is images[None]."
            )
        if self.config.seeds == 1:
            return probabilities_of(self.model, inputs, self.config)
        if self.result is None:
            raise RunError(f"{self.path} is not finished: go on with mlplab train --resume {self.path}")
        return mean_probabilities([member.predict(inputs) for member in self.members if member.result is not None])


def probabilities_of(model: "keras.Model", inputs: np.ndarray, config: Config) -> np.ndarray:
    """Probabilities of the classes, float32 (n, classes), for raw inputs (n, …).

    A model whose loss takes logits gives logits; they go through a softmax here.
    """
    from mlplab.engine import ArraySource, Rows, predict  # heavy: only when something is predicted

    source = ArraySource(inputs, batch_size=PREDICT_BATCH, batch=Rows(preprocess=config.preprocessing))
    outputs = np.asarray(predict(model, source, verbose=0), np.float32)
    if getattr(model.loss, "from_logits", False):
        exponentials = np.exp(outputs - outputs.max(1, keepdims=True))
        outputs = exponentials / exponentials.sum(1, keepdims=True)
    return outputs


def mean_probabilities(each: Sequence[np.ndarray]) -> np.ndarray:
    """What an ensemble predicts: the mean of its members' probabilities, float32 (n, classes)."""
    return np.mean(each, axis=0, dtype=np.float64).astype(np.float32)


def _accuracy_in_words(result: dict[str, Any]) -> str:
    """Of a finished population: `mean 0.8573 ± 0.0035 of 10 seeds, ensemble 0.8712`."""
    test, ensemble = result["test"], result["ensemble"]
    spread = "" if test["sd"] is None else f" ± {test['sd']:.4f}"
    return f"mean {test['accuracy']:.4f}{spread} of {test['seeds']} seeds, ensemble {ensemble['accuracy']:.4f}"


def _medians(members: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """An object an epoch: the medians of the members that have it."""
    found = []
    for number in range(max(map(len, members), default=0)):
        logged = [epochs[number] for epochs in members if len(epochs) > number]
        names = [name for name in logged[0] if name != "epoch"]
        medians = {name: statistics.median(each[name] for each in logged) for name in names}
        found.append({"epoch": number + 1, **medians})
    return found


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """The runs in a folder, oldest first. What is no run is passed over; a damaged one, with a warning."""

    def runs() -> Iterator[Run]:
        for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if (path / "config.json").exists() and not path.name.startswith("."):
                try:
                    yield Run(path)
                except RunError as error:
                    warnings.warn(f"Left out of the list: {error}", stacklevel=3)

    return sorted(runs(), key=lambda run: (run.path / "config.json").stat().st_mtime)

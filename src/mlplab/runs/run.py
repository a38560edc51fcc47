"""A run directory, opened."""

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import DataError, RunError
from mlplab.runs import architecture, files
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

    Raises:
        RunError: if it is no run directory, is damaged, or of another format.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise RunError(f"There is no run at {path}. 'mlplab runs' lists the runs in ./runs.")
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
        if self.result is None:
            return f"{self.config.data['name']}, {network}, {len(self.epochs)} epochs done, not finished"
        return f"{self.config.data['name']}, {network}, test accuracy {self.result['test']['accuracy']:.4f}"

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.config.class_names

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """An object an epoch: `epoch` (from 1) and what was logged."""
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
            raise RunError(
                f"{self.path} keeps no predictions for {split!r}: "
                + ("finish it with --resume." if self.result is None else "it was trained without that split.")
            )
        return Predictions(**files.read_arrays(path))

    @functools.cached_property
    def model(self) -> "keras.Model":
        """The finished Keras model. It takes inputs that went through `config.preprocessing`; `predict`, raw ones."""
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
        return probabilities_of(self.model, inputs, self.config)


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

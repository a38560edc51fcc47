"""A model that is ready to train on its data, and its state as a checkpoint."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import Data
from mlplab.datasets.images.framing import framing_of
from mlplab.engine import backend, checks, chunk_bytes_for, keras, keras_internals, state
from mlplab.errors import RunError
from mlplab.runs import Config, Preprocessing, Run, Settings, architecture, machine
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training import ladders
from mlplab.training.device_data import DeviceData
from mlplab.training.network import build_network, check_outputs
from mlplab.training.splits import rows_of_epoch


def weights_digest(model: keras.Model) -> str:
    """Return a text that is equal for equal weights of a model: the start of their SHA-256."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(np.asarray(weight.value).tobytes())
    return digest.hexdigest()[:16]


class TrainingJob:
    """A model with its data on the device, ready to train: the same for a new run and for one that is resumed.

    `device_data` comes from another job with the same data set.

    Attributes:
        kept_epoch: after training, the epoch whose weights the model has; None before, and for weights of no epoch.
    """

    kept_epoch: int | None = None

    def __init__(
        self,
        config: Config,
        data: Data,
        split: Mapping[str, np.ndarray],
        model: keras.Model,
        device_data: DeviceData | None = None,
    ):
        self.config, self.data, self.split, self.model = config, data, split, model
        self.device_data = device_data or DeviceData(data, config.chunk_bytes)
        settings, scaling = config.settings, config.preprocessing
        self.source = self.device_data.training_source(
            model, split["train"], settings, preprocessing=scaling, unlabelled=split.get("unlabelled")
        )
        self.validation = None
        if len(split["validation"]):
            rows = split["validation"]
            self.validation = self.device_data.validation_source(model, rows, preprocessing=scaling)
        checks.build(model, self.source)
        check_outputs(model, data)

    @classmethod
    def of_run(cls, run: Run, data: Data, device_data: DeviceData | None = None) -> "TrainingJob":
        """Open a run directory and rebuild its model with fresh weights."""
        settings = run.config.settings
        if settings.ladder == "none":
            model = run.directory.new_model()
        else:  # of which the directory has the encoder
            model = build_network(settings, data, rows_of_epoch(run.split, data))
        return cls(run.config, data, run.split, model, device_data)

    def classifier(self) -> keras.Model:
        """Return the model that the run keeps, with the present weights: of a ladder network a copy of its encoder."""
        return ladders.classifier(self.model)

    def finish(self) -> None:
        """Do what follows the last epoch and changes the model: of a ladder network, replace its moving averages."""
        ladders.use_statistics(self.model, self.source)

    def checkpoint(
        self,
        history: list[dict[str, Any]],
        *,
        stopped: bool,
        digests: list[str] | None = None,
        stopping: dict[str, Any] | None = None,
        **weights: list[np.ndarray] | None,
    ) -> Checkpoint:
        """Return the present state of the model as the checkpoint after the epochs of `history`.

        `weights`: what else the state keeps, by part, see `Checkpoint`.
        """
        parts = state.read(self.model)._asdict()
        del parts["metrics"]  # they start again with each epoch
        parts |= {part: arrays for part, arrays in weights.items() if arrays is not None}
        return Checkpoint(
            epoch=len(history),
            history=history,
            state={part: [np.asarray(array) for array in arrays] for part, arrays in parts.items()},
            stopping=stopping or {},
            stopped=stopped,
            digests=digests or [],
            random={"seed": self.config.settings.seed, "position": keras_internals.steps_taken(self.model)},
        )

    def restore(self, checkpoint: Checkpoint, run: Run) -> None:
        """Give the model the state of a run's checkpoint. Raises `RunError` if it belongs to another model."""
        now = state.read(self.model)
        then = now._replace(**{part: list(checkpoint.state.get(part, ())) for part in now._fields if part != "metrics"})
        shapes = [[tuple(array.shape) for part in parts for array in part] for parts in (now, then)]
        if shapes[0] != shapes[1]:
            raise RunError(f"The checkpoint in {run.path} does not fit the model in model.json: one is damaged.")
        state.write(self.model, then)
        architecture.follow_weights(self.model)


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """The specification that all networks of a run share.

    Attributes:
        settings: with the seed of the first network.
        data: with corrected labels, if there are any.
        identity: of the data set, see `runs.dataset_ref.identity`.
        command: the command line to record.
        corrected_labels: how many.
        seeds: number of networks.
        threads: number of threads that train them.
        recipe: that the settings began with, as `Config` keeps it.
    """

    settings: Settings
    data: Data
    identity: dict[str, Any]
    command: list[str] | None = None
    corrected_labels: int = 0
    seeds: int = 1
    threads: int = dataclasses.field(default_factory=machine.threads)
    recipe: dict[str, Any] | None = None

    def config(self, seed: int, preprocessing: Preprocessing) -> Config:
        """Return the config of the network with a seed, whose inputs are scaled by its own training rows."""
        return Config(
            settings=dataclasses.replace(self.settings, seed=seed),
            data=self.identity,
            input_shape=self.data.train.inputs.shape[1:],
            class_names=self.data.class_names,
            preprocessing=preprocessing,
            versions=machine.versions(),
            device=backend.device(),
            threads=self.threads,
            command=self.command,
            corrected_labels=self.corrected_labels,
            labels=self.data.labels,
            inputs=self._about_inputs,
            recipe=self.recipe,
            chunk_bytes=chunk_bytes_for(self.data.train.inputs),
        )

    @functools.cached_property
    def _about_inputs(self) -> dict[str, Any]:
        """What `Config.inputs` keeps of the training inputs, the same for all networks."""
        inputs = self.data.train.inputs
        (low, high), framing = mapped.value_range(inputs), framing_of(inputs)
        return {
            "dtype": inputs.dtype.name,
            "low": low,
            "high": high,
            "framing": None if framing is None else framing.to_json(),
        }

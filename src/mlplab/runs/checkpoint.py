"""The newest complete epoch: checkpoint.safetensors with checkpoint.json beside it.

Two files cannot be renamed at once. The state goes to checkpoint.next.safetensors first, then checkpoint.json
names its epoch and SHA-256, then the state takes its place. Readers take the state whose epoch is the named one.
checkpoint.json has its own SHA-256 too, of what `files.write_json` writes of the rest.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files
from mlplab.errors import RunError

_SHA256, _STATE_SHA256 = "sha256", "state_sha256"
TEXT, STATE, NEXT = "checkpoint.json", "checkpoint.safetensors", "checkpoint.next.safetensors"

Tensors = Mapping[str, Sequence[np.ndarray]]
"""Arrays by part (trainable, non_trainable, optimizer, …) and position."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after a complete epoch; epoch 0 is the initial state.

    Attributes:
        epoch: completed epochs.
        history: an object for each epoch, as in metrics.jsonl.
        state: all arrays, by part and position. The part "best" has the best weights of early stopping, "mean" the
            mean weights of the setting `swa`.
        stopping: the counters of early stopping.
        stopped: whether training has ended, early or after the last epoch.
        digests: of the weights after each epoch, before callbacks changed them, see `training.session.EpochWeights`;
            empty where they are not known.
        random: the position of the shuffling: its seed, and the optimizer steps taken. (The state of dropout and
            noise is among the non-trainable variables.)
    """

    epoch: int
    history: list[dict[str, Any]]
    state: Tensors
    stopping: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    digests: list[str] = field(default_factory=list)
    random: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Replace the checkpoint in a run directory, which stays whole until then."""
        tensors = {f"{part}.{i}": np.asarray(a) for part, arrays in self.state.items() for i, a in enumerate(arrays)}
        state = files.tensor_bytes(tensors, note=("epoch", str(self.epoch)))
        text = {name: value for name, value in vars(self).items() if name != "state"}
        text[_STATE_SHA256] = files.sha256(state)
        text[_SHA256] = files.sha256(files.json_bytes(text))
        files.write_bytes(folder / NEXT, state)
        files.write_json(folder / TEXT, text)
        os.replace(folder / NEXT, folder / STATE)

    @classmethod
    def load(cls, folder: Path) -> "Checkpoint":
        """Read the checkpoint in a run directory. Raises `RunError` if it is missing or damaged."""
        text = read_text(folder)
        expected = text.pop(_STATE_SHA256, None)
        for name in (NEXT, STATE):
            if (folder / name).exists():
                tensors, notes = files.read_tensors(folder / name)
                if notes.get("epoch") == str(text.get("epoch")):
                    files.check_sha256(folder / name, expected, TEXT)
                    try:
                        return cls(state=_by_part(tensors), **text)
                    except TypeError as error:
                        raise RunError(f"{folder / TEXT} is damaged: {error}.") from error
        raise RunError(f"{folder} has no state of epoch {text.get('epoch')}: the checkpoint is damaged.")


def read_text(folder: Path) -> dict[str, Any]:
    """Read checkpoint.json. Raises `RunError` if it is missing, or was changed after it was written."""
    path = folder / TEXT
    text = files.read_json(path)
    if not isinstance(text, dict):
        raise RunError(f"{path} is damaged: expected an object, got {type(text).__name__}.")
    expected = text.pop(_SHA256, None)
    if expected not in (None, files.sha256(files.json_bytes(text))):
        raise RunError(
            f"{path} is damaged: it does not have the SHA-256 {str(expected)[:12]}… that it names. It changed after it "
            "was written. Restore it from a copy, or train the run again."
        )
    return text


def _by_part(tensors: Mapping[str, np.ndarray]) -> Tensors:
    state: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in tensors.items():
        part, _, position = name.rpartition(".")
        state.setdefault(part, {})[int(position)] = tensor
    return {part: [array for _, array in sorted(arrays.items())] for part, arrays in state.items()}

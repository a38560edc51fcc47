"""The newest complete epoch: checkpoint.safetensors with checkpoint.json beside it.

Two files cannot be renamed at once. The state goes to checkpoint.next.safetensors first, then checkpoint.json
names its epoch, then the state takes its place; whoever reads takes the state whose epoch is the named one.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files
from mlplab.errors import RunError

_TEXT, _STATE, _NEXT = "checkpoint.json", "checkpoint.safetensors", "checkpoint.next.safetensors"

Tensors = Mapping[str, Sequence[np.ndarray]]
"""Arrays by part (trainable, non_trainable, optimizer, …) and position."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after a complete epoch; epoch 0 is the state that it began with.

    Attributes:
        epoch: epochs done.
        history: an object an epoch, as in metrics.jsonl.
        state: all arrays, by part and position.
        stopping: what early stopping remembers; its best weights are the part "best" of the state.
        stopped: whether training has ended, early or by itself.
        random: where the shuffling stands: its seed, and the optimizer steps done. (The state of dropout and
            noise is among the non-trainable variables.)
    """

    epoch: int
    history: list[dict[str, Any]]
    state: Tensors
    stopping: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    random: dict[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Put it in the place of the checkpoint that is there, which stays whole until then."""
        tensors = {f"{part}.{i}": np.asarray(a) for part, arrays in self.state.items() for i, a in enumerate(arrays)}
        files.write_tensors(folder / _NEXT, tensors, note=("epoch", str(self.epoch)))
        text = {name: value for name, value in asdict(_without_state(self)).items() if name != "state"}
        files.write_json(folder / _TEXT, text)
        os.replace(folder / _NEXT, folder / _STATE)

    @classmethod
    def load(cls, folder: Path) -> "Checkpoint":
        """The checkpoint in a run directory. Raises `RunError` if it is missing or damaged."""
        text = files.read_json(folder / _TEXT)
        for name in (_NEXT, _STATE):
            if (folder / name).exists():
                tensors, notes = files.read_tensors(folder / name)
                if notes.get("epoch") == str(text.get("epoch")):
                    return _assembled(text, tensors, folder)
        raise RunError(f"{folder} has no state of epoch {text.get('epoch')}: the checkpoint is damaged.")


def _without_state(checkpoint: Checkpoint) -> Checkpoint:
    return Checkpoint(**{**vars(checkpoint), "state": {}})


def _assembled(text: dict[str, Any], tensors: dict[str, np.ndarray], folder: Path) -> Checkpoint:
    state: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in tensors.items():
        part, _, position = name.rpartition(".")
        state.setdefault(part, {})[int(position)] = tensor
    try:
        return Checkpoint(
            state={part: [a for _, a in sorted(arrays.items())] for part, arrays in state.items()}, **text
        )
    except TypeError as error:
        raise RunError(f"{folder / _TEXT} is damaged: {error}.") from error

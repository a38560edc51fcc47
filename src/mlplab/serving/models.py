"""Runs that a server predicts with."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlplab.datasets.preparation import Preparation
from mlplab.errors import UsageError, shell_command
from mlplab.runs import Run
from mlplab.runs.preparation import preparation_of
from mlplab.serving.batching import Batcher
from mlplab.serving.limits import Limits
from mlplab.serving.metrics import Metrics
from mlplab.serving.predictor import Predictor

VERSION = "1"
"""Of every model: a run never changes."""


@dataclass(frozen=True, eq=False)
class Model:
    """A run that a server predicts with.

    Attributes:
        name: in addresses.
        run: the run.
        predictor: its network.
        batcher: predicts rows of concurrent requests together.
        preparation: how pictures become its inputs.
    """

    name: str
    run: Run
    predictor: Predictor
    batcher: Batcher
    preparation: Preparation

    @classmethod
    def load(cls, name: str, run: Run, path: Path, executor: Executor, limits: Limits, metrics: Metrics) -> "Model":
        """Return a run's model, warmed up. `path`: the run's ONNX file."""
        predictor = Predictor(path)
        observe = metrics.observe_batches(name)
        batcher = Batcher(predictor.predict, executor, limits.waiting, limits.batch_rows, observe)
        batcher.warm_up(np.zeros(predictor.input.shape, predictor.input.dtype))
        metrics.watch_queue(name, lambda: batcher.length)
        return cls(name, run, predictor, batcher, preparation_of(run))

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.run.class_names


def named_runs(specs: Sequence[str]) -> dict[str, Path]:
    """Return run directories by the names of their models, for texts RUN or NAME=RUN.

    Raises:
        UsageError: for a name that an address cannot have, and for one that two have.
    """
    found: dict[str, Path] = {}
    for spec in specs:
        name, equals, path = spec.partition("=")
        if not equals or "/" in name or Path(spec).is_dir():
            name, path = Path(spec).resolve().name, spec
        if not name or name in (".", "..") or "/" in name or not name.isprintable():
            raise UsageError(f"A model must have a name without / and control characters; got {name!r}.")
        if name in found:
            example = shell_command(
                "mlplab", "serve", *(f"{name}-{i}={p}" for i, p in enumerate((found[name], path), 1))
            )
            raise UsageError(f"Two models have the name {name}. Give them names: {example}")
        found[name] = Path(path)
    return found

"""Keeping a Keras model that is trained already as a finished run."""

import functools
from pathlib import Path
from typing import Any

from mlplab.datasets import load
from mlplab.engine import keras
from mlplab.errors import UsageError, require, require_whole
from mlplab.files import free_path
from mlplab.runs import Run, Settings
from mlplab.runs.dataset_ref import identity
from mlplab.runs.logs import of_history
from mlplab.runs.setting import is_kind
from mlplab.training import seeds as population
from mlplab.training import splits
from mlplab.training.job import RunSpec, TrainingJob
from mlplab.training.network import check_model, data_for
from mlplab.training.outcome import Clock
from mlplab.training.scaling import preprocessing_of_trained
from mlplab.training.trainer import begin_run, finish_run


def save_run(
    model: keras.Model,
    data: Any,
    *,
    history: Any = None,
    kept_epoch: int | None = None,
    scale: float | None = None,
    out: str | Path | None = None,
) -> Run:
    """Keep a Keras model that is trained already as a finished run, so that it can be inspected and compared.

    Args:
        model: a compiled Keras model, trained by `mlplab.fit`, `keras.Model.fit` or elsewhere.
        data: its training and test data, as `mlplab.load` takes them. Fractions go into the model as they are. 8-bit
            inputs go in as it was trained: as they are, or divided by their full scale or by 255. Its first layers, its
            optimizer's moments or the loss of the history say which; without them it is doubtful, and warned about.
        history: the `History` that `fit` returned. Curves need it; so do label errors, for which other networks are
            trained for as many epochs.
        kept_epoch: the epoch of the history, from 1, whose weights the model has, if a callback such as EarlyStopping
            restored them; the last by default.
        scale: what the inputs in `data` are divided by before they go into the model, 1 for as they are; None: see
            `data`.
        out: the directory to make; by default runs/NAME-DATE-TIME.

    Returns:
        The run: the model's weights, its predictions of the test set, its scores.

    Raises:
        UsageError, DataError, ModelError: before anything is written.
        RunError: if `out` exists, or cannot be written.

    Example:
        import mlplab

        (x, y), test = mlplab.load_data("digits")
        model = mlplab.mlp((8, 8), 10, [16])
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
        history = mlplab.fit(model, x / 16, y, epochs=2, verbose=0)
        run = mlplab.save_run(model, "digits", history=history)
    """
    require(scale is None or (is_kind(scale, float) and scale > 0), "scale", scale, "a number above 0")
    local = population.Local(Clock())
    epochs = _epochs_of(history)
    if kept_epoch is not None and require_whole("kept_epoch", kept_epoch, 1) > len(epochs):
        raise UsageError(f"kept_epoch must be an epoch of the history, which has {len(epochs)}; got {kept_epoch}.")
    settings = Settings.with_defaults(own_model=True, epochs=max(len(epochs), 1), validation=0.0)
    path = free_path(out)
    data = data_for(model, load(data), "save_run")
    settings.require_ladder(data.unlabelled)
    local.clock.loaded()
    split = splits.split(data.train, settings)
    check_model(model, data)
    logged = epochs[(kept_epoch or len(epochs)) - 1].get("loss") if epochs else None
    scaling = preprocessing_of_trained(model, data, scale, logged if is_kind(logged, float) else None)
    job = TrainingJob(RunSpec(settings, data, identity(data)).config(settings.seed, scaling), data, split, model)
    write = functools.partial(population.write_network_start, job=job, history=epochs, kept_epoch=kept_epoch)
    with begin_run(path, Path(data.name).stem, write, epochs=len(epochs)) as path:
        return finish_run(path, job, local)


def _epochs_of(history: Any) -> list[dict[str, Any]]:
    """Return an object for each epoch of a `History`, as in metrics.jsonl."""
    if history is None:
        return []
    if not isinstance(history, keras.callbacks.History):
        raise UsageError(f"history must be the History that fit returns; got {type(history).__name__}.")
    return of_history(history)

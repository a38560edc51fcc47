"""The story of a run: load → split → build → fit → save; and going on with one. Here, and only here, the parts meet."""

import contextlib
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from mlplab import scores, splits
from mlplab.datasets import CATALOG, Data, load
from mlplab.engine import ArraySource, Rows, backend, fit, keras, source, state
from mlplab.errors import DataError, Interrupted, ModelError, RunError, UsageError, unknown_name
from mlplab.models import mlp
from mlplab.runs import Config, Run, Settings, architecture, files, machine
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.run import probabilities_of

_log = logging.getLogger("mlplab")

SCHEMA = 1
"""Version of result.json and of what `--json` prints."""


def train(
    data: Any,
    *,
    model: keras.Model | None = None,
    hidden: Sequence[int] | None = None,
    activation: str | None = None,
    dropout: float | None = None,
    batch_norm: bool | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    schedule: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    early_stopping: int | None = None,
    validation: float | None = None,
    labelled: int | None = None,
    standardize: bool | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    verbose: int | str = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    command: list[str] | None = None,
) -> Run:
    """Train a dense network, or a Keras model of your own, and keep all of it in a run directory.

    With `hidden` (or `model`) you get just what you ask for, with neither a sensible network: see `Settings.filled`.

    Args:
        data: what `mlplab.load` takes: a name, an NPZ file, `((x_train, y_train), (x_test, y_test))`, or its result.
        model: a compiled Keras model for the data's inputs, scaled to [0, 1], and classes. Trained in place.
        hidden, activation, dropout, batch_norm: see `mlplab.mlp`.
        optimizer: by Keras's name.
        schedule, early_stopping, validation, labelled, standardize, seed: see `Settings`.
        out: the directory to make; by default runs/NAME-DATE-TIME.
        verbose, callbacks: as in `mlplab.fit`. Callbacks are not part of the run: going on knows nothing of them.
        command: the command line to record.

    Returns:
        The finished run.

    Raises:
        UsageError, DataError, ModelError: before anything is written.
        RunError: if `out` exists, or cannot be written.
        TrainingError, KeyboardInterrupt: the run directory holds the last complete epoch; `resume` goes on.
    """
    begun = _Clock()
    settings = Settings.filled(
        hidden,
        own_model=model is not None,
        activation=activation,
        dropout=dropout,
        batch_norm=batch_norm,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        epochs=epochs,
        batch_size=batch_size,
        early_stopping=early_stopping,
        validation=validation,
        labelled=labelled,
        standardize=standardize,
        seed=seed,
    )
    folder = _free_folder(out)
    data = load(data, quiet=verbose == 0)
    begun.loaded()
    split = splits.split(data.train, settings)
    _tell(data, split)
    preprocessing = splits.fit_preprocessing(data.train.inputs, split["train"], settings.standardize)
    model = _built(settings, data, len(split["train"])) if model is None else _checked(model, data)
    config = Config(
        settings=settings,
        data=_identity(data),
        input_shape=data.train.inputs.shape[1:],
        class_names=data.class_names,
        preprocessing=preprocessing,
        versions=machine.versions(),
        device=backend.device(),
        threads=machine.threads(),
        command=command,
    )
    work = _Work(config, data, split, model)
    path = _create(folder, config, split, work, stem=Path(data.name).stem)
    return _finish(path, work, begun, verbose, callbacks)


def resume(
    path: str | Path,
    *,
    data: Any = None,
    verbose: int | str = "auto",
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Go on with a run that was interrupted, to the very weights that it would have had.

    Bit for bit on the machine, versions and thread count that it began with; a difference is warned about.

    Args:
        path: the run directory. A finished run is returned as it is.
        data: needed for runs begun with arrays: the same arrays.
        verbose, callbacks: as in `train`.

    Raises:
        RunError: if it is no run, is damaged, or is being trained by another process.
        DataError: if the data set is not the one that the run began with.
    """
    begun = _Clock()
    run = Run(path)
    if run.result is not None:
        _log.info(f"{run.path} was finished already: there is nothing left to do.")
        return run
    config = run.config
    if data is None and config.data["source"] is None:
        raise DataError(f"{run.path} was begun with arrays: give them again, mlplab.resume({str(path)!r}, data=…).")
    _warn_of_differences(config)
    data = load(config.data["source"] if data is None else data, quiet=verbose == 0)
    if (hashes := _identity(data)["hashes"]) != config.data["hashes"]:
        raise DataError(
            f"{run.path} was begun with {config.data['name']} of other content. Expected {config.data['hashes']}, "
            f"got {hashes}."
        )
    begun.loaded()
    split = files.read_arrays(run.path / "split.npz")
    _tell(data, split)
    work = _Work(config, data, split, architecture.read(run.path / "model.json"))
    return _finish(run.path, work, begun, verbose, callbacks)


def _tell(data: Data, split: dict[str, np.ndarray]) -> None:
    kind = f"{'images' if data.train.has_images else 'rows'} {'×'.join(map(str, data.train.inputs.shape[1:]))}"
    trained, held_out = len(split["train"]), len(split["validation"])
    _log.info(
        f"{data.name}: {len(data.train):,} {kind} in {len(data.class_names)} classes, {trained:,} to train on, "
        f"{held_out:,} held out for validation; {len(data.test):,} to test on."
    )


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self._start = self._phase = time.perf_counter()
        self._compiled = backend.compile_seconds()
        self.seconds: dict[str, float] = {"import": backend.import_seconds, "load": 0.0}

    def loaded(self) -> None:
        self.seconds["load"] = time.perf_counter() - self._start

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        start, compiled = time.perf_counter(), backend.compile_seconds()
        yield
        self.seconds["train"] = time.perf_counter() - start - (backend.compile_seconds() - compiled)

    def total(self) -> dict[str, float]:
        compiled = backend.compile_seconds() - self._compiled
        total = backend.import_seconds + time.perf_counter() - self._start
        seconds = {**self.seconds, "compile": compiled, "total": total}
        return {name: round(seconds[name], 3) for name in ("import", "load", "compile", "train", "total")}


class _Work:
    """A model with its data in place, ready to train: what a new run and one that goes on have in common."""

    def __init__(self, config: Config, data: Data, split: dict[str, np.ndarray], model: keras.Model):
        self.config, self.data, self.split, self.model = config, data, split, model
        settings = config.settings
        self.source = self._source(split["train"], batch_size=settings.batch_size, shuffle=True, seed=settings.seed)
        self.validation = self._source(split["validation"], batch_size=1000) if len(split["validation"]) else None
        try:
            state.build(model, source.batch_shapes(self.source))
        except ValueError as error:
            raise ModelError(f"The model does not fit {data.train}. Keras says: {error}") from error

    def _source(self, rows: np.ndarray, **arguments: Any) -> ArraySource:
        train = self.data.train.select(rows) if len(rows) < len(self.data.train) else self.data.train
        labels: np.ndarray = train.labels
        if _is_one_hot(self.model.loss):
            labels = np.eye(len(train.class_names), dtype=np.float32)[labels]
        return ArraySource(train.inputs, labels, batch=Rows(preprocess=self.config.preprocessing), **arguments)

    def checkpoint(self, epoch: int, history: list, stopping: "_Stopping | None", stopped: bool) -> Checkpoint:
        """The model as it is now, as a checkpoint."""
        parts = state.read(self.model)._asdict()
        del parts["metrics"]  # they begin anew with each epoch
        if stopping is not None and stopping.best_weights is not None:
            parts["best"] = stopping.best_weights
        return Checkpoint(
            epoch=epoch,
            history=history,
            state={part: [np.asarray(array) for array in arrays] for part, arrays in parts.items()},
            stopping={} if stopping is None else stopping.remembered(),
            stopped=stopped,
            random={"seed": self.config.settings.seed, "position": state.steps_taken(self.model)},
        )

    def go_back_to(self, checkpoint: Checkpoint, path: Path) -> None:
        """Give the model the state of a checkpoint. Raises `RunError` if it is another model's."""
        now = state.read(self.model)
        then = now._replace(**{part: list(checkpoint.state.get(part, ())) for part in now._fields if part != "metrics"})
        shapes = [[tuple(a.shape) for part in s for a in part] for s in (now, then)]
        if shapes[0] != shapes[1]:
            raise RunError(f"The checkpoint in {path} does not fit the model in model.json: one of them is damaged.")
        state.write(self.model, then)


def _finish(
    path: Path, work: _Work, clock: _Clock, verbose: int | str, callbacks: Sequence[keras.callbacks.Callback]
) -> Run:
    """Train from the checkpoint in `path` to the end, and write what a finished run has."""
    with _alone(path):
        checkpoint = Checkpoint.load(path)
        work.go_back_to(checkpoint, path)
        files.write_lines(path / "metrics.jsonl", checkpoint.history)
        settings = work.config.settings
        stopping = _Stopping(work.model, checkpoint, settings.early_stopping) if settings.early_stopping else None
        keeper = _Keeper(path, work, checkpoint, stopping)
        try:
            with clock.training():
                fit(
                    work.model,
                    work.source,
                    validation_data=work.validation,
                    epochs=settings.epochs,
                    initial_epoch=settings.epochs if checkpoint.stopped else checkpoint.epoch,
                    verbose=verbose,
                    callbacks=[*callbacks, *([] if stopping is None else [stopping]), keeper],
                )
        except KeyboardInterrupt as interrupt:
            raise Interrupted(
                f"Interrupted after epoch {len(keeper.history)} of {settings.epochs}; nothing before is lost. "
                f"Go on with: mlplab train --resume {path}"
            ) from interrupt
        kept = keeper.history[stopping.best_epoch if stopping is not None else -1]
        scored = _save_predictions(path, work)
        weights = {str(i): array for i, array in enumerate(work.model.get_weights())}
        files.write_tensors(path / "model.safetensors", weights)
        files.write_json(path / "result.json", _result(path, work, kept, scored, clock))
    return Run(path)


class _Stopping(keras.callbacks.EarlyStopping):
    """Keras's early stopping, which also remembers across processes."""

    def __init__(self, model: keras.Model, checkpoint: Checkpoint, patience: int):
        has_accuracy = "accuracy" in model.get_metrics_result()
        monitor, mode = ("val_accuracy", "max") if has_accuracy else ("val_loss", "min")
        super().__init__(monitor=monitor, mode=mode, patience=patience, restore_best_weights=True)
        self._checkpoint = checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        vars(self).update(self._checkpoint.stopping)
        if "best" in self._checkpoint.state:
            self.best_weights = list(self._checkpoint.state["best"])

    def remembered(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("wait", "best", "best_epoch", "stopped_epoch")}


class _Keeper(keras.callbacks.Callback):
    """Writes a checkpoint and a line of metrics.jsonl after each epoch. Last of the callbacks, so it sees their say."""

    def __init__(self, path: Path, work: _Work, checkpoint: Checkpoint, stopping: _Stopping | None):
        super().__init__()
        self.history = list(checkpoint.history)
        self._path, self._work, self._stopping = path, work, stopping

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.history.append({"epoch": epoch + 1, **(logs or {})})
        stopped = self._work.model.stop_training
        self._work.checkpoint(epoch + 1, self.history, self._stopping, stopped).save(self._path)
        files.append_line(self._path / "metrics.jsonl", self.history[-1])


def _built(settings: Settings, data: Data, rows: int) -> keras.Model:
    """The network that the settings tell of, compiled."""
    known = {name.lower(): name for name, kind in vars(keras.optimizers).items() if _is_optimizer(kind)}
    if settings.optimizer.lower() not in known:
        raise UsageError(unknown_name("optimizer", settings.optimizer, known))
    if not hasattr(keras.activations, settings.activation):
        names = [name for name in vars(keras.activations) if name[0].islower() and name not in ("get", "serialize")]
        raise UsageError(unknown_name("activation", settings.activation, names))
    assert settings.hidden is not None
    model = mlp(
        data.train.inputs.shape[1:],
        len(data.class_names),
        settings.hidden,
        activation=settings.activation,
        dropout=settings.dropout,
        batch_norm=settings.batch_norm,
        seed=settings.seed,
    )
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        steps = -(-rows // min(settings.batch_size, rows))
        rate = keras.optimizers.schedules.CosineDecay(rate, settings.epochs * steps)
    model.compile(
        optimizer=getattr(keras.optimizers, known[settings.optimizer.lower()])(learning_rate=rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _is_optimizer(kind: Any) -> bool:
    own = isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
    wrappers = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
    return own and kind.__name__ not in wrappers


def _checked(model: keras.Model, data: Data) -> keras.Model:
    """A user's own model, if a run can train and keep it."""
    if not isinstance(model, keras.Model) or not model.compiled:
        raise ModelError("model must be a compiled keras.Model: model.compile(loss=…, optimizer=…, metrics=[…]).")
    shape = data.train.inputs.shape[1:]
    if model.built and model.input_shape[1:] != shape:
        raise ModelError(f"The model takes inputs of shape {model.input_shape[1:]}, and {data.name} has {shape}.")
    if model.built and model.output_shape[1:] != (len(data.class_names),):
        raise ModelError(
            f"The model's output has shape {model.output_shape[1:]}, and {data.name} has {len(data.class_names)} "
            "classes: one output for each is needed."
        )
    architecture.describe(model)
    return model


def _is_one_hot(loss: Any) -> bool:
    return loss == "categorical_crossentropy" or isinstance(loss, keras.losses.CategoricalCrossentropy)


def _identity(data: Data) -> dict[str, Any]:
    """What tells a data set from another, and what `load` takes to have it again (None for arrays)."""
    hashes = {
        part.provenance.split: part.provenance.sha256 or {"content": part.content_hash()}
        for part in (data.train, data.test)
    }
    file = data.train.provenance.source
    again = data.name if data.name in CATALOG else str(Path(file).resolve()) if file.endswith(".npz") else None
    return {"name": data.name, "source": again, "hashes": hashes}


def _free_folder(out: str | Path | None) -> Path | None:
    if out is not None and Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        raise RunError(f"{out} exists already. Give another --out, or go on with what is there: --resume {out}")
    return None if out is None else Path(out)


def _create(folder: Path | None, config: Config, split: dict[str, np.ndarray], work: _Work, stem: str) -> Path:
    """Make the run directory, complete in one moment: whoever finds it can resume it."""
    path = folder or Path("runs") / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    described = architecture.describe(work.model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            made = Path(beside) / path.name
            made.mkdir()
            files.write_json(made / "config.json", config.to_json())
            files.write_json(made / "model.json", described)
            files.write_arrays(made / "split.npz", **split)
            work.checkpoint(0, [], None, stopped=False).save(made)
            return _rename(made, path, may_number=folder is None).resolve()
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"The run directory {path} cannot be made ({error.strerror}). Give another --out.") from error


def _rename(made: Path, path: Path, may_number: bool) -> Path:
    for number in range(1, 100):
        numbered = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            os.rename(made, numbered)
        except OSError:
            if not may_number:
                raise
        else:
            return numbered
    raise RunError(f"{path} exists already, and so do its numbered neighbours. Give another --out.")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the run directory: two processes training into it would mix their checkpoints."""
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"{path} is being trained by another process. Wait for it, or end it first.") from error
    try:
        yield
    finally:
        lock.release()


def _warn_of_differences(config: Config) -> None:
    now = {**machine.versions(), "device": backend.device(), "threads": machine.threads()}
    then = {**config.versions, "device": config.device, "threads": config.threads}
    changed = [f"{name} {then.get(name)} → {now[name]}" for name in now if now[name] != then.get(name)]
    if changed:
        warnings.warn(
            f"The run began under other conditions ({', '.join(changed)}): it goes on, but not bit for bit as it "
            "would have.",
            stacklevel=3,
        )


def _save_predictions(path: Path, work: _Work) -> dict[str, Any]:
    """Predict validation and test rows, keep the probabilities, and give each split's scores."""
    train, test, held_out = work.data.train, work.data.test, work.split["validation"]
    # Both splits in one call: one compilation.
    inputs = np.concatenate([train.inputs[held_out], test.inputs])
    probabilities = probabilities_of(work.model, inputs, work.config)
    parts = {
        "validation": (held_out, train.labels[held_out], probabilities[: len(held_out)]),
        "test": (np.arange(len(test)), test.labels, probabilities[len(held_out) :]),
    }
    scored: dict[str, Any] = dict.fromkeys(parts)
    for split, (index, label, predicted) in parts.items():
        if len(index):
            files.write_arrays(path / f"predictions-{split}.npz", index=index, label=label, probabilities=predicted)
            scored[split] = scores.accuracy(label, predicted)
    matrix = scores.confusion(test.labels, parts["test"][2].argmax(1), len(test.class_names))
    by_class = [None if np.isnan(value) else float(value) for value in scores.per_class_accuracy(matrix)]
    return {**scored, "per_class": dict(zip(test.class_names, by_class, strict=True)), "confusion": matrix.tolist()}


def _result(path: Path, work: _Work, kept: dict[str, Any], scored: dict[str, Any], clock: _Clock) -> dict[str, Any]:
    """result.json. The training scores are those logged in the epoch whose weights were kept."""
    return {
        "schema": SCHEMA,
        "run": str(path),
        "parameters": work.model.count_params(),
        "seed": work.config.settings.seed,
        "train": {"loss": kept.get("loss"), "accuracy": kept.get("accuracy")},
        **scored,
        "seconds": clock.total(),
        "peak_memory_bytes": backend.peak_device_memory() or machine.peak_memory_bytes(),
        "versions": machine.versions(),
    }

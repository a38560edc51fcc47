"""What a person sees while networks train: a line for each part that is done and, on a terminal, a bar below.

Imports Keras: verbs import this when they start to train.
"""

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mlplab.cli.output import say
from mlplab.engine import Member, keras
from mlplab.engine.population_progress import population_progress
from mlplab.models.ladder_network import LadderNetwork
from mlplab.progress import Progress as WorkDone

if TYPE_CHECKING:  # it imports Optuna, which training does without
    from mlplab.tuning.runner import StudyProgress


class _Bar:
    """A bar with a title on its left and scores on its right; leaving its context takes it away."""

    def __init__(self, console: Console, *times: ProgressColumn):
        self.console = console
        title, scores = TextColumn("{task.fields[title]}"), TextColumn("{task.fields[scores]}")
        off = not console.is_terminal
        self.bar = Progress(title, BarColumn(), scores, *times, console=console, transient=True, disable=off)
        self.task = self.bar.add_task("", total=None, title="", scores="")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.stop()


class _EpochsBar(_Bar):
    """A line for each epoch."""

    def __init__(self, console: Console):
        super().__init__(console, TimeRemainingColumn(compact=True), TextColumn("left"))
        self.epochs = 0
        self.epoch_started = 0.0

    def start(self, model: Any, steps: int, epochs: int) -> None:
        """Print the model's summary and show the bar."""
        _without_optimizer(model).summary(print_fn=lambda text: self.console.print(text, markup=False, highlight=False))
        self.epochs, self.epoch_started = epochs, time.perf_counter()
        self.bar.update(self.task, total=steps)
        self.bar.start()

    def print_epoch(self, epoch: int, scores: str) -> None:
        now = time.perf_counter()
        count = f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"
        say(self.console, f"{count}  {scores}  {now - self.epoch_started:.1f} s")
        self.epoch_started = now


class TrainingProgressBar(_EpochsBar, keras.callbacks.Callback):
    """The epochs of one network: a Keras callback."""

    def __init__(self, console: Console):
        keras.callbacks.Callback.__init__(self)
        _EpochsBar.__init__(self, console)
        self._epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        parameters: Any = self.params
        self._steps = parameters["steps"]
        self.start(self.model, parameters["epochs"] * self._steps, parameters["epochs"])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self.epoch_started = epoch, time.perf_counter()
        self.bar.update(self.task, title=f"epoch {epoch + 1}/{self.epochs}", completed=epoch * self._steps)

    def on_piece_end(self, step: int, logs: dict[str, float]) -> None:
        """Within an epoch, a few times a second: `step` steps are done."""
        self.bar.update(self.task, completed=self._epoch * self._steps + step + 1, scores=_as_text(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.print_epoch(epoch + 1, _as_text(logs or {}))

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.stop()


class PopulationProgressBar(_EpochsBar):
    """The epochs of a population, each when all members have done it: see `engine.driver.Progress`."""

    _epoch: int | None = None

    def __call__(self, done: int, members: Sequence[Member]) -> None:
        epoch, epochs = max(member.epoch for member in members), max(member.epochs for member in members)
        if self._epoch is None:
            steps = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
            self.start(members[0].model, steps, epochs)
            self._epoch = epoch
        now = population_progress(members)
        scores = "" if now is None else str(now)
        title = f"{len(members)} networks, epoch {min(epoch + 1, epochs)}/{epochs}"
        self.bar.update(self.task, completed=done, title=title, scores=scores)
        if epoch > self._epoch:
            self.print_epoch(epoch, scores)
            self._epoch = epoch


class StudyProgressBar(_Bar):
    """The populations of a study: trials done, the scores of this population, the best so far."""

    def __init__(self, console: Console):
        super().__init__(console, TimeElapsedColumn())

    def __call__(self, progress: WorkDone) -> None:
        watched: StudyProgress = progress.detail
        numbers = f"trials {watched.numbers.start}–{watched.numbers.stop - 1}"
        title = numbers if progress.total is None else f"{numbers} of {progress.total}"
        scores = sorted((score for score in watched.scores if score is not None), reverse=watched.metric == "accuracy")
        diverged = watched.scores.count(None)
        last = [f"{diverged} diverged"] if diverged and (watched.part or watched.seconds is not None) else []
        if watched.best is not None:
            last.append(f"best so far {watched.best[1]:.4f} (trial {watched.best[0]})")
        if watched.seconds is None:
            ends = {"best": scores[0], "median": statistics.median(scores), "worst": scores[-1]} if scores else {}
            shown = [f"{name} {score:.4f}" for name, score in ends.items()]
            self.bar.start()
            self.bar.update(self.task, total=1, completed=watched.part, title=title, scores=", ".join(shown + last))
        else:  # scores of trials trained to the end alone: others were dropped after fewer epochs
            self.bar.stop()
            ended = f"{len(scores)} trained to the end" + (f", the best {scores[0]:.4f}" if scores else "")
            parts = [ended, f"{watched.dropped} dropped", *last]
            say(self.console, f"{title}: {', '.join(parts)}; {watched.seconds:.1f} s")


def _without_optimizer(model: Any) -> keras.Model:
    """The model without its optimizer, whose variables a summary would count; of a ladder network the encoder."""
    model = model.encoder if isinstance(model, LadderNetwork) else model
    if isinstance(model, keras.Sequential):
        return keras.Sequential(model.layers, name=model.name)
    return keras.Model(model.inputs, model.outputs, name=model.name)


def _as_text(logs: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if isinstance(value, float))

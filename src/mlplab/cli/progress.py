"""What a person sees while a network trains. Imports Keras: `train` imports this when it trains."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mlplab.engine import Member, keras
from mlplab.engine.population_progress import population_progress


class TrainingProgressBar(keras.callbacks.Callback):
    """A line an epoch, and below it, on a terminal, a bar with the time left."""

    def __init__(self, console: Console):
        super().__init__()
        self.console = console
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[logs]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._epoch = 0
        self._begun = self._epoch_begun = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        _view(self.model).summary(print_fn=lambda text: self.console.print(text, markup=False, highlight=False))
        parameters: Any = self.params
        self._epochs, self._steps = parameters["epochs"], parameters["steps"]
        total = self._epochs * self._steps
        self._task = self._bar.add_task("", total=total, epoch=1, epochs=self._epochs, logs="")
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._epoch_begun = epoch, time.perf_counter()
        self._bar.update(self._task, epoch=epoch + 1, completed=epoch * self._steps)

    def on_piece_end(self, step: int, logs: dict[str, float]) -> None:
        """Within an epoch, a few times a second: `step` steps are done."""
        done = self._epoch * self._steps + step + 1
        self._bar.update(self._task, completed=done, logs=_told(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = time.perf_counter() - self._epoch_begun
        count = f"epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"
        self.console.print(f"{count}  {_told(logs or {})}  {seconds:.1f} s", highlight=False, soft_wrap=True)

    def on_train_end(self, logs: Any = None) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away; also after training that ended in an error."""
        self._bar.stop()


class PopulationProgressBar:
    """The same of a population: a line an epoch that all have done, the bar over the epochs of all."""

    def __init__(self, console: Console):
        self.console = console
        self._bar = Progress(
            TextColumn("{task.fields[networks]} networks, epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[stand]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._epoch = 0
        self._epoch_begun = 0.0

    def __call__(self, done: int, members: Sequence[Member]) -> None:
        """See `engine.driver.Progress`."""
        epoch, epochs = max(member.epoch for member in members), max(member.epochs for member in members)
        if self._task is None:
            self._begin(members, epoch, epochs)
        stand = population_progress(members)
        told = "" if stand is None else str(stand)
        assert self._task is not None
        self._bar.update(self._task, completed=done, epoch=min(epoch + 1, epochs), stand=told)
        if epoch > self._epoch:
            seconds = time.perf_counter() - self._epoch_begun
            count = f"epoch {epoch:>{len(str(epochs))}}/{epochs}"
            self.console.print(f"{count}  {told}  {seconds:.1f} s", highlight=False, soft_wrap=True)
            self._epoch, self._epoch_begun = epoch, time.perf_counter()

    def _begin(self, members: Sequence[Member], epoch: int, epochs: int) -> None:
        total = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
        _view(members[0].model).summary(print_fn=lambda text: self.console.print(text, markup=False, highlight=False))
        self._task = self._bar.add_task("", total=total, networks=len(members), epoch=epoch, epochs=epochs, stand="")
        self._epoch, self._epoch_begun = epoch, time.perf_counter()
        self._bar.start()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def _view(model: Any) -> keras.Model:
    """The model without its optimizer, whose variables a summary would count among the parameters."""
    if isinstance(model, keras.Sequential):
        return keras.Sequential(model.layers, name=model.name)
    return keras.Model(model.inputs, model.outputs, name=model.name)


def _told(logs: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if isinstance(value, float))

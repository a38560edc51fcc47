"""What a person sees while a study goes on."""

import statistics
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mlplab.cli.options import say
from mlplab.progress import Progress as WorkDone
from mlplab.tuning.runner import StudyProgress


class StudyProgressBar:
    """A line a population, and below it, on a terminal, a bar: trials done, this population's scores, the best."""

    def __init__(self, console: Console):
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[trials]}"),
            BarColumn(),
            TextColumn("{task.fields[scores]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, trials="", scores="")

    def __enter__(self) -> "StudyProgressBar":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def __call__(self, progress: WorkDone) -> None:
        watched: StudyProgress = progress.detail
        numbers = f"trials {watched.numbers.start}–{watched.numbers.stop - 1}"
        of = numbers if progress.total is None else f"{numbers} of {progress.total}"
        if watched.seconds is None:
            self._bar.start()
            self._bar.update(self._task, completed=watched.part, trials=of, scores=self._told(watched))
        else:
            self._bar.stop()
            say(self._console, f"{of}: {self._ended(watched)}; {watched.seconds:.1f} s")

    def _ended(self, watched: StudyProgress) -> str:
        """Scores of those trained to the end alone: others were dropped after fewer epochs."""
        scores = sorted((score for score in watched.scores if score is not None), reverse=watched.metric == "accuracy")
        parts = [f"{len(scores)} trained to the end" + (f", the best {scores[0]:.4f}" if scores else "")]
        parts.append(f"{watched.dropped} dropped")
        if diverged := watched.scores.count(None):
            parts.append(f"{diverged} diverged")
        if watched.best is not None:
            parts.append(f"best so far {watched.best[1]:.4f} (trial {watched.best[0]})")
        return ", ".join(parts)

    def _told(self, watched: StudyProgress) -> str:
        scores = sorted((score for score in watched.scores if score is not None), reverse=watched.metric == "accuracy")
        parts = []
        if scores:
            parts += [f"best {scores[0]:.4f}", f"median {statistics.median(scores):.4f}", f"worst {scores[-1]:.4f}"]
        diverged = watched.scores.count(None)
        if diverged and watched.part:
            parts.append(f"{diverged} diverged")
        if watched.best is not None:
            parts.append(f"best so far {watched.best[1]:.4f} (trial {watched.best[0]})")
        return ", ".join(parts)

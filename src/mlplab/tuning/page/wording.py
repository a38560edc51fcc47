"""The sentences of a study's page that depend on numbers."""

from collections.abc import Sequence

from mlplab.pages.rendering import number, percent
from mlplab.runs import Settings
from mlplab.runs.result import Scores, SeedScores
from mlplab.table import Table
from mlplab.tuning.page.importance import ENOUGH
from mlplab.tuning.page.trials import StudyRecord, Trial


def score(value: float | None, metric: str, digits: int = 2) -> str:
    """Format an accuracy in per cent, any other score as a number."""
    return percent(value, digits) if metric == "accuracy" else number(value, digits + 2)


def progress(study: StudyRecord) -> str:
    """Say how many trials there are, and how they ended."""
    count: dict[str, int] = dict.fromkeys(("completed", "dropped", "failed", "running"), 0)
    for trial in study.trials:
        count[trial.outcome] += 1
    ends = [f"{count['completed']:,} trained to the end", f"{count['dropped']:,} dropped early"]
    ends += [f"{count['failed']:,} failed"] if count["failed"] else []
    ends += [f"{count['running']:,} running"] if count["running"] else []
    duration = f" in {_duration(study.seconds)}" if study.seconds else ""
    return f"{_counted(len(study.trials), 'trial')}{duration}: {', '.join(ends)}."


def unfinished(study: StudyRecord) -> str:
    """Say what is still to be done; empty for a finished study."""
    done = sum(trial.outcome != "running" for trial in study.trials)
    if study.config.trials is not None and done < study.config.trials:
        return f"{done:,} of {study.config.trials:,} trials are done."
    if done < len(study.trials):
        return f"{_counted(len(study.trials) - done, 'trial')} had not ended."
    return "" if study.winner is not None or study.best is None else "The winner is still to be trained again."


def network(settings: Settings) -> str:
    """Describe the hidden layers: `512 gelu → 512 gelu`."""
    hidden = [f"{units} {settings.activation}" for units in settings.hidden or ()]
    return " → ".join(hidden) or "no hidden layer"


def winner(test: Scores | SeedScores) -> str:
    """Describe the uncertainty of the winner's test accuracy."""
    seeds, sd = test.get("seeds", 1), test.get("sd")
    runs = f"The mean of {seeds} seeds" if seeds > 1 else "One run"
    spread = "" if sd is None else f", which differ by {100 * sd:.2f} points (standard deviation)"
    if test.interval is None:
        return f"{runs}{spread}."
    low, high = test.interval
    return f"{runs}{spread}. 95 % interval: {percent(low, 2)} to {percent(high, 2)}."


def importance(shares: Table | None, study: StudyRecord) -> str:
    """Say which parameters mattered, or why that is unknown."""
    judged = len(study.ranked())
    if shares is None and len(study.parameters) < 2:
        return "Fewer than two parameters differed, so there is nothing to compare."
    if shares is None:
        return (
            f"{_counted(judged, 'trial')} can be compared. With fewer than {ENOUGH}, any order of the parameters would "
            "be mostly chance, so none is drawn."
        )
    clear = [f"{row['parameter']} ({percent(row['share'], 0)})" for row in shares if row["share"] > row["by chance"]]
    if not clear:
        return (
            f"No parameter stands out from chance among {judged:,} trials: within the ranges that were searched, none "
            "decided much, or it takes more trials to see it."
        )
    return f"Parameters that stand out from chance, among {judged:,} trials: {_joined(clear)}."


def trial(trial: Trial, metric: str) -> str:
    """Describe a trial in one line, without its parameters."""
    end = {
        "completed": f"trained to the end, {trial.epochs} epochs",
        "dropped": f"dropped after epoch {trial.epochs}",
        "failed": f"failed: {trial.reason or 'it diverged'}",
        "running": "had not ended",
    }[trial.outcome]
    return end if trial.value is None else f"{score(trial.value, metric)}, {end}"


def _duration(seconds: float) -> str:
    """Format a duration: `48 s`, `13 min 24 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

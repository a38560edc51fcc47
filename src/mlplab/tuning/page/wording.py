"""Sentences that depend on numbers: what a study's page says."""

from collections.abc import Sequence

from mlplab.pages.rendering import number, percent
from mlplab.runs import Settings
from mlplab.tuning.page.importance import ENOUGH, Importance
from mlplab.tuning.page.trials import Searched, Trial, Winner


def score(value: float | None, metric: str, digits: int = 2) -> str:
    """An accuracy in per cent, anything else as it is."""
    return percent(value, digits) if metric == "accuracy" else number(value, digits + 2)


def progress(searched: Searched) -> str:
    """How many trials there are, and how they ended."""
    count: dict[str, int] = dict.fromkeys(("completed", "dropped", "failed", "running"), 0)
    for trial in searched.trials:
        count[trial.outcome] += 1
    ends = [f"{count['completed']:,} trained to the end", f"{count['dropped']:,} dropped early"]
    ends += [f"{count['failed']:,} failed"] if count["failed"] else []
    ends += [f"{count['running']:,} running"] if count["running"] else []
    lasting = f" in {_lasting(searched.seconds)}" if searched.seconds else ""
    return f"{_counted(len(searched.trials), 'trial')}{lasting}: {', '.join(ends)}."


def unfinished(searched: Searched) -> str:
    """What is still to come; empty for a finished study."""
    done = sum(trial.outcome != "running" for trial in searched.trials)
    if searched.planned is not None and done < searched.planned:
        return f"{done:,} of {searched.planned:,} trials are done."
    if done < len(searched.trials):
        return f"{_counted(len(searched.trials) - done, 'trial')} had not ended."
    return "" if searched.winner is not None or searched.best is None else "The winner is still to be trained again."


def network(settings: Settings) -> str:
    """The hidden layers in a few words: `512 gelu → 512 gelu`."""
    hidden = [f"{units} {settings.activation}" for units in settings.hidden or ()]
    return " → ".join(hidden) or "no hidden layer"


def winner(found: Winner) -> str:
    """How far the winner's test accuracy reaches."""
    said = f"the mean of {found.seeds} seeds" if found.seeds > 1 else "one run"
    spread = "" if found.sd is None else f", which differ by {100 * found.sd:.2f} points (standard deviation)"
    if found.interval is None:
        return f"{said.capitalize()}{spread}."
    low, high = found.interval
    return f"{said.capitalize()}{spread}. 95 % interval: {percent(low, 2)} to {percent(high, 2)}."


def importance(found: Importance | None, titles: Sequence[str], searched: Searched) -> str:
    """Which parameters mattered, or why nothing is said."""
    judged = len(searched.ranked())
    if found is None and len(titles) < 2:
        return "Fewer than two parameters differed, so there is nothing to compare."
    if found is None:
        return (
            f"{_counted(judged, 'trial')} can be judged. With fewer than {ENOUGH}, any order of the parameters would "
            "be mostly chance, so none is drawn."
        )
    clear = [f"{title} ({percent(share, 0)})" for title, share, chance in _rows(found, titles) if share > chance]
    if not clear:
        return (
            f"No parameter stands out from what chance alone gives among {judged:,} trials: within the ranges that "
            "were searched, none decided much, or it takes more trials to see it."
        )
    return f"What stands out from chance, among {judged:,} trials: {_joined(clear)}."


def _rows(found: Importance, titles: Sequence[str]) -> list[tuple[str, float, float]]:
    return list(zip(titles, found.shares.tolist(), found.chance.tolist(), strict=True))


def trial(one: Trial, metric: str) -> str:
    """A trial in one line, without its parameters."""
    ends = {
        "completed": f"trained to the end, {one.epochs} epochs",
        "dropped": f"dropped after epoch {one.epochs}",
        "failed": f"failed: {one.reason or 'it diverged'}",
        "running": "had not ended",
    }
    return f"{score(one.value, metric)}, {ends[one.outcome]}" if one.value is not None else ends[one.outcome]


def _lasting(seconds: float) -> str:
    """`48 s`, `13 min 24 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""The trials of a study: an Optuna study in SQLite, written by one process, readable by others meanwhile."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlplab.errors import RunError
from mlplab.tuning.sampling import DIRECTIONS, import_optuna

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from mlplab.experiments.successive_halving import Outcome

NAME = "mlplab"
FILE = "study.db"

_PATIENCE = 30.0
"""Seconds that a write waits for whoever reads at the moment, such as optuna-dashboard."""

_T = TypeVar("_T")


def create(folder: Path, metric: str) -> None:
    """An empty study in `folder`, which is closed again: the folder may be renamed."""
    optuna = import_optuna()
    with _telling(folder):
        storage = _storage(folder)
        optuna.create_study(storage=storage, study_name=NAME, direction=DIRECTIONS[metric])
        storage.remove_session()
        storage.engine.dispose()


class Trials:
    """The trials in the database, as whoever carries out the study reads and writes them.

    Args:
        folder: the study's directory.

    Attributes:
        study: the Optuna study.

    Raises:
        RunError: if the database is missing or damaged.
    """

    def __init__(self, folder: Path):
        optuna = import_optuna()
        self._folder, self._states = folder, optuna.trial.TrialState
        if not (folder / FILE).exists():
            raise RunError(f"{folder} lacks {FILE}: it is no study, or a damaged one.")
        try:
            self._storage = _storage(folder)
            self.study: Any = optuna.load_study(study_name=NAME, storage=self._storage)
        except Exception as error:  # SQLAlchemy's, SQLite's, Alembic's and Optuna's own have no family in common
            if _is_of_the_system(error):
                raise _told(folder, error) from error
            raise RunError(f"{folder / FILE} is damaged: {_first_line(error)}. Restore it from a copy.") from error

    def read(self) -> "list[FrozenTrial]":
        """All trials in the order of their numbers."""
        return _patient(self._folder, lambda: self.study.get_trials(deepcopy=False))

    def begin(self, trials: "Sequence[FrozenTrial]") -> None:
        """Add trials that run now; each is in the database with all its values, or not at all."""
        for trial in trials:
            _patient(self._folder, lambda trial=trial: self.study.add_trial(trial))

    def tell(self, trial: "FrozenTrial", outcome: "Outcome", metric: str) -> None:
        """What became of a trial. Its state comes last, so a trial cut off here is told again, and has the same values.

        The value of a trial is that of its last epoch, not of its best: at the end of its schedule is where training
        it again ends, while the best of many epochs is partly luck, the more so the more a curve goes up and down.
        """
        _patient(self._folder, lambda: self._tell(trial, outcome, metric))

    def _tell(self, trial: "FrozenTrial", outcome: "Outcome", metric: str) -> None:
        number = trial._trial_id
        values = outcome.history.get(f"val_{metric}", [])
        for epoch, value in enumerate(values, 1):
            if epoch not in trial.intermediate_values:
                self._storage.set_trial_intermediate_value(number, epoch, value)
        for name, value in (("parameters", outcome.parameters), ("architecture", outcome.group)):
            self._storage.set_trial_user_attr(number, name, value)
        if outcome.failed is not None:
            self._storage.set_trial_user_attr(number, "reason", outcome.failed)
            self._storage.set_trial_state_values(number, self._states.FAIL)
        elif outcome.dropped is not None:
            self._storage.set_trial_state_values(number, self._states.PRUNED, values[-1:])
        else:
            self._storage.set_trial_state_values(number, self._states.COMPLETE, values[-1:])

    @property
    def seconds(self) -> dict[int, float]:
        """What each population took, by the number of its first trial."""
        noted = _patient(self._folder, lambda: self.study.user_attrs.get("seconds", {}))
        return {int(first): seconds for first, seconds in noted.items()}

    def took(self, first: int, seconds: float) -> None:
        """Note what the population took that begins with this trial."""
        noted = {str(number): each for number, each in {**self.seconds, first: seconds}.items()}
        _patient(self._folder, lambda: self.study.set_user_attr("seconds", noted))


def _storage(folder: Path) -> Any:
    from sqlalchemy import URL, NullPool

    url = URL.create("sqlite", database=str((folder / FILE).absolute())).render_as_string(hide_password=False)
    options = {"connect_args": {"timeout": _PATIENCE}, "poolclass": NullPool}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Alembic and SQLAlchemy say to developers
        return import_optuna().storages.RDBStorage(url, engine_kwargs=options)


def _patient(folder: Path, act: Callable[[], _T]) -> _T:
    """Try again while others hold the database; acts are such that doing them twice does no harm."""
    deadline = time.monotonic() + _PATIENCE
    with _telling(folder):
        while True:
            try:
                return act()
            except Exception as error:
                if "locked" not in str(error.__cause__ or error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """What SQLite says against reading or writing becomes a `RunError`."""
    import sqlalchemy.exc

    try:
        yield
    except (import_optuna().exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise _told(folder, error) from error


def _told(folder: Path, error: Exception) -> RunError:
    return RunError(
        f"{folder / FILE} could not be read or written ({_first_line(error.__cause__ or error)}). Trials told "
        f"before are kept. Free some space, or make the folder writable, and go on: mlplab tune --resume {folder}"
    )


def _is_of_the_system(error: BaseException) -> bool:
    """Whether SQLite was kept from its work: disk full, locked, not allowed. A damaged file is another error."""
    import sqlalchemy.exc

    return isinstance(error, sqlalchemy.exc.OperationalError) or (
        error.__cause__ is not None and _is_of_the_system(error.__cause__)
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]

"""The trials of a study: an Optuna study in SQLite, written by one process, readable by others at the same time."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlplab.errors import RunError
from mlplab.files import resuming
from mlplab.tuning.sampling import DIRECTIONS, import_optuna

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from mlplab.experiments.successive_halving import TrialResult

NAME = "mlplab"
FILE = "study.db"

_PATIENCE = 30.0
"""Seconds that a write waits for another process that reads, such as optuna-dashboard."""

_T = TypeVar("_T")


def create(folder: Path, metric: str) -> None:
    """Create an empty study in `folder`, and close it again, so that the folder can be renamed."""
    optuna = import_optuna()
    with _storage_errors_as_run_errors(folder):
        storage = _storage(folder)
        optuna.create_study(storage=storage, study_name=NAME, direction=DIRECTIONS[metric])
        storage.remove_session()
        storage.engine.dispose()


class TrialDatabase:
    """The trials in the database of a study.

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
        except Exception as error:  # SQLAlchemy's, SQLite's, Alembic's and Optuna's errors have no family in common
            if _is_operational(error):
                raise _run_error(folder, error) from error
            raise RunError(f"{folder / FILE} is damaged: {_first_line(error)}. Restore it from a copy.") from error

    def trials(self) -> "list[FrozenTrial]":
        """Return all trials in the order of their numbers."""
        return _retry(self._folder, lambda: self.study.get_trials(deepcopy=False))

    def add(self, trials: "Sequence[FrozenTrial]") -> None:
        """Add running trials. Each is in the database with all its values, or not at all."""
        for trial in trials:
            _retry(self._folder, lambda trial=trial: self.study.add_trial(trial))

    def record(self, trial: "FrozenTrial", result: "TrialResult", metric: str) -> None:
        """Write the result of a trial.

        The state comes last, so a trial whose recording was cut off is recorded again, with the same values.

        The value of a trial is that of its last epoch, not of its best: training it again ends there, at the end of
        its schedule, while the best of many epochs is partly luck, the more so the more its curve goes up and down.
        """
        _retry(self._folder, lambda: self._record(trial, result, metric))

    def _record(self, trial: "FrozenTrial", result: "TrialResult", metric: str) -> None:
        id_ = trial._trial_id
        values = result.history.get(f"val_{metric}", [])
        for epoch, value in enumerate(values, 1):
            if epoch not in trial.intermediate_values:
                self._storage.set_trial_intermediate_value(id_, epoch, value)
        for name, value in (("parameters", result.parameters), ("architecture", result.group)):
            self._storage.set_trial_user_attr(id_, name, value)
        if result.failed is not None:
            self._storage.set_trial_user_attr(id_, "reason", result.failed)
            self._storage.set_trial_state_values(id_, self._states.FAIL)
        elif result.dropped is not None:
            self._storage.set_trial_state_values(id_, self._states.PRUNED, values[-1:])
        else:
            self._storage.set_trial_state_values(id_, self._states.COMPLETE, values[-1:])

    def seconds(self) -> dict[int, float]:
        """Return the seconds of each population, by the number of its first trial."""
        recorded = _retry(self._folder, lambda: self.study.user_attrs.get("seconds", {}))
        return {int(first): seconds for first, seconds in recorded.items()}

    def record_seconds(self, first: int, seconds: float) -> None:
        """Write the seconds of the population whose first trial is `first`."""
        recorded = {str(number): value for number, value in {**self.seconds(), first: seconds}.items()}
        _retry(self._folder, lambda: self.study.set_user_attr("seconds", recorded))


def _storage(folder: Path) -> Any:
    from sqlalchemy import URL, NullPool

    url = URL.create("sqlite", database=str((folder / FILE).absolute())).render_as_string(hide_password=False)
    options = {"connect_args": {"timeout": _PATIENCE}, "poolclass": NullPool}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Alembic and SQLAlchemy warn developers
        return import_optuna().storages.RDBStorage(url, engine_kwargs=options)


def _retry(folder: Path, act: Callable[[], _T]) -> _T:
    """Try again while another process holds the database. Doing an act twice must do no harm."""
    deadline = time.monotonic() + _PATIENCE
    with _storage_errors_as_run_errors(folder):
        while True:
            try:
                return act()
            except Exception as error:  # no family in common, see `_storage_errors_as_run_errors`
                if "locked" not in str(error.__cause__ or error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def _storage_errors_as_run_errors(folder: Path) -> Iterator[None]:
    import sqlalchemy.exc

    try:
        yield
    except (import_optuna().exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise _run_error(folder, error) from error


def _run_error(folder: Path, error: Exception) -> RunError:
    again = resuming(folder, "study")
    return RunError(
        f"{folder / FILE} could not be read or written ({_first_line(error.__cause__ or error)}). Trials recorded "
        f"before are kept. Free some space, or make the folder writable. Continue with: {again}",
        advice=[again],
    )


def _is_operational(error: BaseException) -> bool:
    """Whether the system kept SQLite from its work (disk full, locked, not allowed), rather than a damaged file."""
    import sqlalchemy.exc

    return isinstance(error, sqlalchemy.exc.OperationalError) or (
        error.__cause__ is not None and _is_operational(error.__cause__)
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]

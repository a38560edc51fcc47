"""Progress goes to a folder of the test's own."""

from pathlib import Path

import pytest

from mlplab.course import usual


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that progress is kept in."""
    folder = tmp_path / "progress"
    monkeypatch.setenv("MLPLAB_COURSE", str(folder))
    monkeypatch.delenv("MLPLAB_EXERCISES", raising=False)
    return folder


@pytest.fixture
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Usual ranges of three seeds: real ones, in half the time."""
    monkeypatch.setattr(usual, "SEEDS", (1, 2, 3))

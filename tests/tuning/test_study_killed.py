"""A study that is killed at any moment resumes to the same end; a full disk is a kind of kill."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_studies import OPTIONS, SPACE, trials_with_curves

from mlplab.errors import RunError
from mlplab.tuning import Study, resume, tune

TUNE = """
import sys
from pathlib import Path
from small_studies import OPTIONS, SPACE
from mlplab.tuning import resume, tune
path = Path(sys.argv[1])
resume(path) if path.exists() else tune("digits", SPACE, **OPTIONS, out=path)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")


def kill_when(condition, study: Path) -> None:
    """Start the study, or resume it, and kill the process as soon as the condition holds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", TUNE, str(study)], env=environment)
    while not condition():
        assert process.poll() is None, "the study ended before it was killed"
        time.sleep(0.001)  # between two looks
    process.kill()
    process.wait()


def writes_to(database: Path, count: int):
    """Return a condition that is true once the given number of writes has happened."""
    seen = []

    def condition() -> bool:
        if database.exists() and (not seen or database.stat().st_mtime_ns != seen[-1]):
            seen.append(database.stat().st_mtime_ns)
        return len(seen) > count

    return condition


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_ends_as_if_never_stopped(digits_study, tmp_path):
    """Killed while trials are added, while results are recorded, and while the winner is trained."""
    cut = tmp_path / "studies" / "cut"
    for condition in (
        writes_to(cut / "study.db", 3),
        writes_to(cut / "study.db", 14),
        (cut / "winner" / "checkpoint.json").exists,
    ):
        kill_when(condition, cut)
    resume(cut)
    assert trials_with_curves(Study(cut)) == trials_with_curves(digits_study)
    weights = [(path / "winner" / "model.safetensors").read_bytes() for path in (cut, digits_study.path)]
    assert weights[0] == weights[1]
    assert [path.name for path in cut.parent.iterdir() if not path.name.startswith(".cut")] == ["cut"]


@pytest.mark.slow
def test_a_full_disk_leaves_a_study_that_can_be_resumed(digits_study, tmp_path):
    path, limits = tmp_path / "study", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(progress):
        if progress.detail.seconds is not None:  # a longer file cannot be written from now on
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    try:
        with pytest.raises(RunError, match=r"study\.db could not be read or written .*mlplab\.tuning\.resume"):
            tune("digits", SPACE, **OPTIONS, out=path, progress=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sum(Study(path).counts.values()) < 10
    assert trials_with_curves(resume(path)) == trials_with_curves(digits_study)

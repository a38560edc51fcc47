"""What mlplab wrote before its modules were renamed still opens, resumes and reports.

The folder 0.1.0 was written by commit 38a2406: runs of digits that are finished, interrupted, kept from a model and
trained on corrected labels; populations and studies, finished and interrupted; a learner's progress. How an interrupted
one ends was computed by that version too: here up to rounding, as other machines round otherwise.
"""

import os
import shutil
from pathlib import Path

import pytest

import mlplab
from mlplab.course import progress_store
from mlplab.course.targets import board
from mlplab.tuning import Study
from mlplab.tuning import resume as resume_study

WRITTEN = Path(__file__).parent / "0.1.0"
ENDS_AT = {"run-interrupted": 0.4788732394366197, "population-interrupted": 0.3633802816901408}
"""Test accuracies of the interrupted ones once they were resumed; of a population, the mean of its seeds."""

pytestmark = pytest.mark.filterwarnings("ignore:The (run|study) began under other conditions")


@pytest.fixture
def written(tmp_path):
    """A copy of one directory, to write into: `written("run-finished")`."""
    return lambda name: Path(shutil.copytree(WRITTEN / name, tmp_path / name))


@pytest.mark.parametrize("name", ["run-finished", "run-corrected", "model-kept", "population-finished"])
def test_a_finished_run_opens_and_predicts_as_it_did(name, digits):
    run = mlplab.Run(WRITTEN / name)
    kept = run.predictions("test")
    assert mlplab.score(run).rows()
    assert run.predict(digits.test.images) == pytest.approx(kept.probabilities, abs=1e-5)
    assert run.result["test"]["accuracy"] > 0.2
    assert f"{run.result['test']['accuracy']:.4f}" in run.summary


def test_a_report_is_written_of_a_run(written):
    page = mlplab.report(written("run-finished"))
    assert "Confusion" in page.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run-interrupted", "population-interrupted"])
def test_an_interrupted_run_resumes_to_where_it_would_have_ended(name, written):
    run = mlplab.resume(written(name), verbose=0)
    assert run.result["test"]["accuracy"] == pytest.approx(ENDS_AT[name], abs=0.01)


def test_a_finished_study_opens(written):
    study = Study(written("study-finished"))
    assert study.counts == {"complete": 2, "dropped": 4, "failed": 0, "running": 0}
    assert study.winner is not None
    assert len(study.winner.members) == 2
    assert resume_study(study.path, quiet=True).best == study.best


@pytest.mark.slow
def test_an_interrupted_study_resumes_to_the_same_trials(written):
    study = resume_study(written("study-interrupted"), quiet=True)
    assert [trial["state"] for trial in study.trials] == [
        trial["state"] for trial in Study(WRITTEN / "study-finished").trials
    ]
    assert study.best["number"] == Study(WRITTEN / "study-finished").best["number"]


def test_a_learners_progress_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "MLPLAB_COURSE", str(shutil.copytree(WRITTEN / "course", tmp_path / "course")))
    assert progress_store.progress_of("softmax-regression").passed
    assert progress_store.progress_of("challenge").claimed == [0.87]
    assert board("challenge").rows()[0]["test"] == pytest.approx(0.8731)

"""Sweeps: combinations of settings as populations, their table, and what an interruption leaves."""

import itertools
import json
import shutil

import numpy as np
import pytest
from scipy import stats

import mlplab
from mlplab.errors import DataError, Interrupted, RunError, UsageError
from mlplab.experiments.sweep import Sweep
from mlplab.runs import Run
from mlplab.training import trainer

pytestmark = pytest.mark.slow

VARY = {"learning_rate": [0.01, 0.03], "hidden": [[4], []]}
COMMON = {"epochs": 2, "batch_size": 64, "seed": 3, "seeds": 3, "verbose": 0}


@pytest.fixture(scope="module")
def swept(once, tmp_path_factory) -> Sweep:
    made = once("sweep", lambda out: mlplab.sweep("digits", VARY, runs=out, **COMMON))
    path = shutil.copytree(made, tmp_path_factory.mktemp("sweeps") / "sweep")  # opening it takes its lock
    return mlplab.sweep(path, verbose=0)


def accuracies(run):
    return [member.test.accuracy for member in run.result.members]


def test_each_combination_is_a_population_of_its_settings(swept):
    assert len(swept.runs) == len(swept) == 4
    for run, (rate, hidden) in zip(swept.runs, itertools.product(*VARY.values()), strict=True):
        settings = run.config.settings
        assert (settings.learning_rate, list(settings.hidden)) == (rate, hidden)
        assert (settings.epochs, settings.seed, run.config.seeds) == (2, 3, 3)
        assert run.config.command[:3] == ["mlplab", "train", "digits"]
    assert [run.path.name for run in swept.runs] == [
        "learning_rate=0.01_hidden=4", "learning_rate=0.01_hidden=none",
        "learning_rate=0.03_hidden=4", "learning_rate=0.03_hidden=none",
    ]  # fmt: skip
    assert len(mlplab.list_runs(swept.path)) == 4
    with pytest.raises(RunError, match="is a sweep: each directory in it is a run"):
        Run(swept.path)


def test_the_table_has_means_intervals_and_welchs_test_against_the_first(swept):
    assert swept["hidden"].tolist() == ["4", "none"] * 2
    tested = []
    for row, run in zip(swept, swept.runs, strict=True):
        values = accuracies(run)
        assert row["accuracy"] == pytest.approx(np.mean(values))
        assert row["sd"] == pytest.approx(np.std(values, ddof=1))
        interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(interval)
        assert row["ensemble"] == run.result.ensemble.accuracy
        assert row["validation"] == run.result.validation.accuracy
        for name in ("balanced_accuracy", "macro_f1"):
            assert row[name] == pytest.approx(np.mean([member.test[name] for member in run.result.members]))
        tested.append(stats.ttest_ind(values, accuracies(swept.runs[0]), equal_var=False))
    rows = swept.rows()
    assert rows[0]["difference"] is rows[0]["p_value"] is rows[0]["p_corrected"] is None
    assert [row["p_value"] for row in rows[1:]] == pytest.approx([test.pvalue for test in tested[1:]])
    for row, test in zip(rows[1:], tested[1:], strict=True):
        interval = test.confidence_interval(0.95)
        assert (row["difference_low"], row["difference_high"]) == pytest.approx((interval.low, interval.high))
    smallest = min(row["p_value"] for row in rows[1:])
    assert min(row["p_corrected"] for row in rows[1:]) == pytest.approx(min(1, 3 * smallest))  # Holm


def test_it_is_a_table_with_a_figure_and_its_runs_are_compared(swept, tmp_path):
    assert swept.to_markdown().count("\n") == 6
    [axes] = swept.figure.axes
    assert axes.get_yticklabels()[0].get_text() == "learning rate 0.01, hidden 4"
    assert json.loads(swept.save(tmp_path / "sweep.json").read_text()) == swept.rows()
    assert mlplab.compare(*swept.runs).populations == tuple(run.path.name for run in swept.runs)


def test_an_interrupted_sweep_continues_to_the_same_table(swept, tmp_path, monkeypatch):
    train, calls = trainer.train, []

    def interrupted(*args, **arguments):
        calls.append(arguments["out"])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*args, **arguments)

    monkeypatch.setattr("mlplab.training.train", interrupted)
    path = tmp_path / "a sweep"
    with pytest.raises(Interrupted, match=r"kept. Continue with: mlplab\.sweep\('.*/a sweep'\)") as raised:
        mlplab.sweep("digits", VARY, runs=path, **COMMON)
    assert raised.value.advice[0].shell == f"mlplab sweep --resume '{path}'"
    first, modified = calls[0], (calls[0] / "result.json").stat().st_mtime_ns
    continued = mlplab.sweep(path, verbose=0)
    assert continued.rows() == swept.rows()
    assert (first / "result.json").stat().st_mtime_ns == modified
    with pytest.raises(RunError, match=r"Give another runs, or continue the sweep that is there: mlplab\.sweep"):
        mlplab.sweep("digits", VARY, runs=path, **COMMON)


def test_one_seed_has_no_spread_and_a_combination_that_diverges_is_left_empty(tmp_path):
    vary = {"learning_rate": [0.01, 1e30]}
    table = mlplab.sweep("digits", vary, hidden=[4], epochs=1, batch_size=64, seeds=1, runs=tmp_path / "s", verbose=0)
    first, diverged = table.rows()
    assert first["sd"] is None
    assert "ensemble" not in table.columns
    assert (diverged["accuracy"], diverged["seeds"], table.runs[1]) == (None, 0, None)
    checkpoint = table.path / "learning_rate=1e+30/checkpoint.json"
    modified = checkpoint.stat().st_mtime_ns
    assert mlplab.sweep(table.path, verbose=0).rows() == table.rows()
    assert checkpoint.stat().st_mtime_ns == modified


def test_weights_of_classes_are_varied(tmp_path):
    vary = {"class_weight": [None, "balanced", {3: 2.0, "4": 3}]}
    table = mlplab.sweep("digits", vary, hidden=[4], epochs=1, seeds=1, runs=tmp_path / "s", verbose=0)
    kept = [run.config.settings.class_weight for run in table.runs]
    assert kept == [None, "balanced", {"3": 2.0, "4": 3}]
    assert table["class_weight"].tolist() == [None, "balanced", "3=2,4=3"]
    assert mlplab.sweep(tmp_path / "s", verbose=0).rows() == table.rows()


@pytest.mark.parametrize(
    ("vary", "more", "message"),
    [
        (None, {}, "two or more combinations"),
        ({"dropout": [0.1]}, {}, "two or more combinations"),
        ({"dropout": 0.1}, {}, "takes a list of values"),
        ({"dropout": [0.1, 0.1]}, {}, "dropout has the value 0.1 twice"),
        ({"dropout": [0.1, 2]}, {}, "dropout must be a fraction"),
        ({"dropout": [0.1, 0.2]}, {"dropout": 0.3}, "varied, and given once for all"),
        ({"seed": [1, 2]}, {}, "leave out seed, and give seeds"),
        ({"units": [1, 2]}, {}, "varies the settings of a training; got 'units'"),
        ({"activation": ["relu", "rleu"]}, {}, "Unknown activation 'rleu'"),
        ({"hidden": [[4], [10**9, 10**9]]}, {}, "hidden=1000000000,1000000000 makes .* parameters for each of 2"),
        ({"labelled": [100, 9999]}, {}, "labelled=9999 takes 1000 rows"),
        ({"class_weight": ["balanced", {"ten": 2}]}, {}, "class_weight: Unknown class 'ten'"),
        ({"dropout": [0.1, 0.2]}, {"seeds": 0}, "seeds must be a whole number"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_made(vary, more, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        mlplab.sweep("digits", vary, runs=tmp_path / "sweep", **{"epochs": 1, "seeds": 2, "verbose": 0} | more)
    assert not list(tmp_path.iterdir())


def test_a_sweep_is_continued_with_its_own_settings_and_data(swept, tmp_path):
    with pytest.raises(UsageError, match="leave out epochs"):
        mlplab.sweep(swept.path, epochs=3)
    with pytest.raises(DataError, match="a sweep of digits, and arrays has other"):
        mlplab.sweep(swept.path, data=((np.ones((4, 2)), [0, 1, 0, 1]), (np.ones((2, 2)), [0, 1])))
    copy = shutil.copytree(swept.path, tmp_path / "copy", ignore=shutil.ignore_patterns("learning*"))
    plan = json.loads((copy / "sweep.json").read_text())
    for changed in ({**plan, "format": 9}, {**plan, "vary": {"dropout": [9]}}, [1]):
        (copy / "sweep.json").write_text(json.dumps(changed))
        with pytest.raises(RunError, match=r"format|damaged"):
            mlplab.sweep(copy)


@pytest.mark.slow
def test_numbers_of_numpy_are_numbers(tmp_path):
    vary = {"dropout": np.linspace(0, 0.5, 2)}
    table = mlplab.sweep(
        "digits", vary, hidden=np.array([4]), epochs=1, batch_size=64, seeds=np.int64(1), runs=tmp_path / "s", verbose=0
    )
    assert table["dropout"].tolist() == [0.0, 0.5]
    assert Run(table.runs[1].path).config.settings.hidden == (4,)


def test_data_is_checked_once_and_each_run_keeps_what_was_found(tmp_path, caplog):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    data = mlplab.load(((x, y), (x, y)))
    with caplog.at_level("INFO", logger="mlplab"):
        swept = mlplab.sweep(
            data, {"learning_rate": [0.01, 0.02]}, hidden=[], epochs=1, seeds=1, runs=tmp_path / "sweep", verbose=0
        )
    assert caplog.text.count("MLP-D03") == 1
    for run in swept.runs:
        assert "MLP-D03" in [finding["code"] for finding in run.directory.checks()]


def test_images_without_labels_are_refused_without_a_ladder_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="Only ladder networks learn from images without labels"):
        mlplab.sweep("no-such-data", VARY, unlabelled=tmp_path / "no-such-file.npy")

"""Calibration against independent computations, torchmetrics' numbers, and known probabilities."""

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2
from sklearn.metrics import log_loss
from torchmetrics_reference import drawn

import mlplab
from mlplab.errors import RunError, UsageError
from mlplab.inspection.calibration import (
    at_temperature,
    calibrate,
    calibration_errors,
    expected_calibration_error,
    reliability,
    temperature,
)
from mlplab.inspection.examples import examples_of

TORCHMETRICS = json.loads((Path(__file__).parent / "torchmetrics.json").read_text())


@pytest.mark.parametrize("case", TORCHMETRICS["cases"], ids=lambda case: f"{case['classes']} classes")
def test_the_error_is_torchmetrics(case):
    examples = examples_of(*drawn(case["seed"], case["n"], case["classes"], case["sharpness"]))
    assert expected_calibration_error(examples, case["bins"])[0] == pytest.approx(case["error"], abs=1e-6)


def by_hand(examples, edges):
    """The definition, bin by bin."""
    total = 0.0
    for low, high in itertools.pairwise(edges):
        last = high == edges[-1]
        inside = (examples.confidence >= low) & ((examples.confidence < high) | last)
        if inside.any():
            total += inside.mean() * abs(examples.correct[inside].mean() - examples.confidence[inside].mean())
    return total


@pytest.mark.parametrize("bins", [1, 15])
def test_the_error_is_its_definition(examples, bins):
    equal_mass = np.quantile(examples.confidence, np.linspace(0, 1, bins + 1))
    for equal, edges in (("width", np.linspace(0, 1, bins + 1)), ("mass", equal_mass)):
        value, low, high = expected_calibration_error(examples, bins, equal)
        assert value == pytest.approx(by_hand(examples, edges), abs=1e-6)
        assert 0 <= low <= value <= high <= 1


def test_the_interval_is_that_of_resampled_rows():
    examples = examples_of(*drawn(6, 3000, 10, 0.3))
    rng = np.random.default_rng(5)
    edges = np.linspace(0, 1, 16)
    draws = []
    for _ in range(300):
        rows = rng.integers(len(examples), size=len(examples))
        draws.append(by_hand(examples_of(examples.probabilities[rows], examples.labels[rows]), edges))
    _, low, high = expected_calibration_error(examples)
    expected = np.percentile(draws, (2.5, 97.5))
    assert (low, high) == pytest.approx(tuple(expected), rel=0.1)


def test_the_table_describes_the_rows_of_each_bin(examples):
    table = reliability(examples)
    assert table["n"].sum() == len(examples)
    row = max(table, key=lambda row: row["n"])
    inside = (examples.confidence >= row["bin_low"]) & (examples.confidence <= row["bin_high"])
    assert row["n"] == inside.sum()
    assert row["accuracy"] == pytest.approx(examples.correct[inside].mean())
    assert row["confidence"] == pytest.approx(examples.confidence[inside].mean(), rel=1e-5)
    assert row["accuracy_low"] < row["accuracy"] <= row["accuracy_high"]


def test_logits_2_5_times_too_large_have_temperature_2_5():
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (20_000, 5))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (rng.random((20_000, 1)) > true.cumsum(1)).sum(1).clip(max=4)
    sure = np.exp(2.5 * logits) / np.exp(2.5 * logits).sum(1, keepdims=True)
    found = temperature(sure, labels)
    assert found["temperature"] == pytest.approx(2.5, rel=0.04)
    assert found["after"] < found["before"]
    np.testing.assert_allclose(at_temperature(sure, 2.5), true, atol=1e-6)


def test_a_network_that_is_wholly_sure_and_sometimes_wrong():
    """Its probabilities of 0 count as the smallest normal float32, t. Of 100 rows 10 are wrong: with logits 0 and
    log t, the log-loss is least where the probability of the wrong class, 1 / (1 + t^(-1/T)), is a tenth."""
    probabilities = np.tile(np.float32([1, 0]), (100, 1))
    found = temperature(probabilities, (np.arange(100) % 10 == 0).astype(int))
    best = -np.log(np.finfo(np.float32).tiny) / np.log(9)
    assert best > 20
    assert found["temperature"] == pytest.approx(20, rel=1e-3)
    assert found["before"] == pytest.approx(-0.1 * np.log(np.finfo(np.float32).tiny))


@pytest.fixture
def run(drawn_run, tmp_path):
    """A run with validation predictions."""
    run = mlplab.Run(shutil.copytree(drawn_run.path, tmp_path / "run"))
    probabilities, labels = drawn(7, 300, 10, 0.3)
    arrays = {"index": np.arange(300), "label": labels, "probabilities": probabilities.clip(1e-6)}
    np.savez(run.path / "predictions-validation.npz", **arrays)
    return run


def test_it_is_fitted_to_the_validation_split_and_kept(run):
    found = calibrate(run)
    validation = run.predictions("validation")
    rows = np.arange(len(validation.label))
    logits = np.log(validation.probabilities.astype(np.float64))

    def loss(t):
        scaled = logits / t
        return float((np.log(np.exp(scaled).sum(1)) - scaled[rows, validation.label]).mean())

    expected = minimize(lambda t: loss(t[0]), [1.0], method="Nelder-Mead", options={"xatol": 1e-6})
    assert found["temperature"] == pytest.approx(expected.x[0], rel=1e-3)
    for end in ("low", "high"):  # the ends of the likelihood-ratio interval at p = 0.05
        assert chi2.sf(2 * len(rows) * (loss(found[end]) - expected.fun), 1) == pytest.approx(0.05, rel=1e-3)
    assert found["low"] < found["temperature"] < found["high"]
    assert found["after"] == pytest.approx(expected.fun, abs=1e-8)
    assert json.loads((run.path / "calibration.json").read_text()) == found
    (run.path / "predictions-test.npz").unlink()  # the test set is not used
    assert calibrate(run) == found

    for damaged in ("{", "[]", '{"temperature": 1.5, "before": 1, "after": 0.9}'):
        (run.path / "calibration.json").write_text(damaged)
        assert calibrate(run) == found
        assert json.loads((run.path / "calibration.json").read_text()) == found


def test_errors_with_and_without_temperature(run):
    examples = examples_of(run, inputs=False)
    rows = calibration_errors(examples, run).rows()
    assert [row["probabilities"].split()[0] for row in rows] == ["as", "at"]
    assert rows[0]["ece_width"] == expected_calibration_error(examples)[0]
    assert rows[0]["log_loss"] == pytest.approx(log_loss(examples.labels, examples.probabilities), rel=1e-5)


def test_wrong_arguments_are_refused(drawn_run):
    with pytest.raises(RunError, match="has no validation split"):
        mlplab.calibrate(drawn_run)
    assert len(calibration_errors(examples_of(drawn_run, inputs=False), drawn_run)) == 1
    with pytest.raises(UsageError, match="Unknown kind of bins 'size'"):
        mlplab.show_calibration(drawn_run, equal="size")
    with pytest.raises(UsageError, match="Unknown kind of bins '3'"):
        mlplab.show_calibration(drawn_run, equal=3)
    with pytest.raises(UsageError, match="bins must be a whole number of at least 1"):
        mlplab.show_calibration(drawn_run, bins=0)


def test_the_temperature_is_1_if_none_is_better():
    one_class = temperature(np.ones((9, 1), np.float32), np.zeros(9, int))
    assert one_class == pytest.approx({"temperature": 1, "low": 0.05, "high": 20, "before": 0, "after": 0})


def test_a_run_that_cannot_be_written_to_is_calibrated_too(run, caplog):
    caplog.set_level("INFO", "mlplab")
    (run.path / f".calibration.json.{os.getpid()}.new").mkdir()  # has the name of the temporary file
    assert mlplab.calibrate(run)["temperature"] > 0
    assert not (run.path / "calibration.json").exists()
    assert "will be computed again next time" in caplog.text

"""Learning curves over the rows trained on: nested, stratified parts, the same steps for all, and an honest answer."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

import mlplab
from mlplab.engine import ArraySource, Rows
from mlplab.errors import TrainingError, UsageError
from mlplab.experiments.learning_curve import _rows, answer, last_doubling, learning_curve
from mlplab.experiments.population import ModelBuilder
from mlplab.experiments.size_scan import SizeScan, checked_sizes, nested_order, train_sizes
from mlplab.runs import Settings
from mlplab.training import splits

# batch_size: a third of the rows trained on, so no smaller batch at the end to compile.
SMALL = Settings(hidden=(16,), batch_size=433, epochs=8, learning_rate=0.03)


@hypothesis_settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array), st.integers(0, 99))
def test_the_first_rows_of_the_order_have_its_share_of_each_class(labels, seed):
    order = nested_order(labels, seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(labels)))
    for size in range(1, len(labels) + 1):
        for label in np.unique(labels):
            share = size * (labels == label).mean()
            assert abs((labels[order[:size]] == label).sum() - share) <= 2


def test_sizes_double_up_to_all_rows():
    assert checked_sizes(None, 54_000, 10) == [843, 1687, 3375, 6750, 13_500, 27_000, 54_000]
    assert checked_sizes(None, 100, 10) == [12, 25, 50, 100]
    assert checked_sizes([50, 20, 50], 100, 10) == [20, 50]


@pytest.fixture(scope="module")
def scan(digits) -> SizeScan:
    return train_sizes(SMALL, digits, sizes=[40, 300], seeds=2)


@pytest.mark.slow
def test_a_part_takes_as_many_steps_as_all_rows_would(digits, scan):
    """One network alone: 300 rows over and over, in epochs as long as those of all rows."""
    split = splits.split(digits.train, SMALL)
    rows = split["train"]
    model, seed = ModelBuilder(SMALL).build(1, digits, len(rows))
    part = rows[nested_order(digits.train.labels[rows], seed)[:300]]
    repeated = digits.train.select(np.resize(part, len(rows)))
    scaling = splits.fit_preprocessing(digits.train.inputs, rows, standardize=False)
    order = {"batch_size": 433, "shuffle": True, "seed": seed}
    mlplab.fit(model, ArraySource(repeated.inputs, repeated.labels, batch=Rows(scaling), **order), epochs=8, verbose=0)
    held_out = digits.train.select(split["validation"])
    predicted = model.predict(scaling(held_out.inputs), verbose=0).argmax(1)
    assert scan.held_out == len(held_out)
    assert scan.val_accuracy[1, 1] == pytest.approx((predicted == held_out.labels).mean(), abs=1e-6)


@pytest.mark.slow
def test_more_rows_are_better_on_new_ones_and_harder_to_learn(scan):
    assert scan.val_accuracy.shape == scan.accuracy.shape == (2, 2)
    assert (scan.val_accuracy[1] > scan.val_accuracy[0]).all()
    assert (scan.accuracy[0] > scan.val_accuracy[0]).all()


@pytest.mark.slow
def test_with_early_stopping_the_best_epoch_counts(digits):
    settings = dataclasses.replace(SMALL, epochs=6, learning_rate=0.2)
    reports = []
    last = train_sizes(settings, digits, sizes=[40], seeds=2, progress=reports.append)
    best = train_sizes(dataclasses.replace(settings, early_stopping=6), digits, sizes=[40], seeds=2)
    assert (best.val_accuracy >= last.val_accuracy).all()
    assert (best.val_accuracy > last.val_accuracy).any()
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1].total


@pytest.mark.slow
def test_a_users_network_differs_from_seed_to_seed_too(digits, tmp_path):
    own = mlplab.mlp((8, 8), 10, [12], seed=5)
    own.compile("adam", "sparse_categorical_crossentropy")
    run = mlplab.train(digits, model=own, epochs=1, early_stopping=1, out=tmp_path / "own", verbose=0)
    builder = ModelBuilder.of(run)
    first, second = (builder.build(number, digits, 100)[0].get_weights() for number in (0, 1))
    assert all(np.any(a != b) for a, b in zip(first, second, strict=True) if a.any())
    scan = train_sizes(run, digits, sizes=[40], seeds=2)  # without an accuracy, early stopping goes by the loss
    assert np.isfinite(scan.val_accuracy).all()


@pytest.mark.slow
def test_a_run_is_trained_with_its_own_settings(digits, tmp_path):
    run = mlplab.train(digits, hidden=[16], batch_size=433, epochs=1, out=tmp_path / "run", verbose=0)
    table = learning_curve(run.path, sizes=[100], seeds=1, verbose=0)
    same = train_sizes(run.config.settings, digits, sizes=[100], seeds=1)
    np.testing.assert_allclose(table["val_accuracy"], same.val_accuracy.mean(1))
    with pytest.raises(UsageError, match="A run has its own settings: leave out epochs"):
        learning_curve(run, epochs=3)


@pytest.mark.slow
def test_the_table_has_intervals_an_answer_and_a_figure(digits, tmp_path):
    table = learning_curve(digits, hidden=[16], batch_size=433, epochs=1, sizes=[40, 300], seeds=2, verbose=0)
    row = table.rows()[1]
    assert row["val_accuracy_low"] < row["val_accuracy"] < row["val_accuracy_high"]
    assert row["seeds"] == 2
    assert table.answer in repr(table)
    assert table.save(tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert table.figure.axes[0].get_xscale() == "log"


def trained(*scores, sizes=(500, 1000), rows=1000) -> SizeScan:
    """A scan with these accuracies by size and seed: a better network is right wherever a worse one is."""
    given = np.array(scores)
    right = (np.arange(rows) < np.round(rows * given)[..., None]).astype(float)
    right[np.isnan(given)] = np.nan
    return SizeScan(np.array(sizes), given, right, np.arange(rows) % 2)


def test_where_classes_are_unbalanced_the_table_has_balanced_accuracy():
    labels = np.repeat([0, 1], [80, 20])
    right = np.random.default_rng(0).random((2, 3, 100)) < 0.7
    right[:, 2] = False
    accuracy = right.mean(2)
    scan = SizeScan(np.array([50, 100]), accuracy, np.where(np.arange(3)[:, None] == 2, np.nan, right), labels)
    for row, of_size in zip(_rows(scan), right, strict=True):
        expected = [balanced_accuracy_score(labels, np.where(rows, labels, 1 - labels)) for rows in of_size[:2]]
        assert row["val_balanced_accuracy"] == pytest.approx(np.mean(expected))  # without the seed that diverged
    assert "val_balanced_accuracy" not in _rows(trained([0.8], [0.9]))[0]


def answer_of(scan):
    return answer(scan, *last_doubling(scan))


def test_the_gain_is_of_the_last_doubling_with_the_chance_of_seeds_and_of_rows():
    """Gains of 1, 2 and 3 points: mean 2, sd 1; Student's t at 2 degrees of freedom is 4.3027."""
    scan = trained([0.80, 0.80, 0.80], [0.81, 0.82, 0.83])
    gain, interval = last_doubling(scan)
    # Of 1,000 rows 10 are gained by three seeds, 10 by two, 10 by one.
    by_row = np.repeat([1, 2 / 3, 1 / 3, 0], [10, 10, 10, 970])
    half = 4.3027 * np.sqrt(0.01**2 / 3 + by_row.var(ddof=1) / 1000)
    assert gain == pytest.approx(0.02)
    assert interval == pytest.approx((0.02 - half, 0.02 + half), abs=1e-5)
    assert "too uncertain" in answer_of(scan)
    assert last_doubling(trained([0.8], [0.84], sizes=(250, 1000)))[0] == pytest.approx(0.02)  # of two doublings


def test_seeds_that_agree_on_few_rows_prove_nothing():
    """Two seeds that gain the same three of a hundred rows: chance may have chosen the rows."""
    assert "too uncertain" in answer_of(trained([0.80, 0.80], [0.83, 0.83], rows=100))


def test_the_answer_is_yes_no_or_unknown():
    many = {"rows": 100_000}
    assert "gained 2.0 points" in answer_of(trained([0.80, 0.81], [0.82, 0.83], **many))
    assert answer_of(trained([0.80, 0.81], [0.82, 0.83], **many)).endswith("more rows are worth it.")
    assert "hardly worth it" in answer_of(trained([0.80, 0.81], [0.801, 0.811], **many))
    assert "give more seeds" in answer_of(trained([0.80], [0.82]))
    assert "at most half the largest" in answer_of(trained([0.80], [0.82], sizes=(900, 1000)))
    assert "gained 2.0 points" in answer_of(trained([0.80, 0.81, np.nan], [0.82, 0.83, 0.9], **many))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [5]}, "sizes must be numbers of rows, at least 10, one a class"),
        ({"sizes": []}, "sizes must be numbers of rows"),
        ({"sizes": ["all", 100]}, "sizes must be numbers of rows"),
        ({"sizes": 100}, "sizes must be numbers of rows"),
        ({"sizes": [100_000]}, "a size of 100,000 is too many"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1; got 0"),
        ({"epoch": 3}, "Did you mean 'epochs'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, digits):
    with pytest.raises(UsageError, match=message):
        learning_curve(digits, **{"hidden": [4], "verbose": 0} | arguments)


@pytest.mark.slow
def test_if_all_networks_diverge_that_is_an_error(digits):
    settings = dataclasses.replace(SMALL, learning_rate=1e38, epochs=1)
    with pytest.raises(TrainingError, match="All 2 networks diverged"):
        train_sizes(settings, digits, sizes=[40], seeds=2)

"""Gradients and nearest rows of single rows."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from small_networks import differences, forward, layers, run_of, small_data

from mlplab import keras
from mlplab.errors import DataError, UsageError
from mlplab.inspection.network.attribution import show_neighbours, show_saliency
from mlplab.inspection.network.internals import internals_of
from mlplab.runs import Run


def test_saliency_equals_finite_differences(drawn_run, digits):
    run = drawn_run
    index = int(np.load(run.path / "split.npz")["train"][7])
    table = show_saliency(run, index, "train")
    assert list(table.columns) == ["row", "column", "gradient"]
    assert len(table) == 64
    expected = differences(run, digits.train.inputs[index])
    np.testing.assert_allclose(table["gradient"], expected[table["row"], table["column"]], rtol=2e-3, atol=1e-5)


def test_saliency_kept_in_the_run_is_the_same(drawn_run, digits):
    run = drawn_run
    before = show_saliency(run, (worst := int(internals_of(run).worst[0])))
    np.testing.assert_allclose(
        before["gradient"].reshape(8, 8), differences(run, digits.test.inputs[worst]), rtol=2e-3, atol=1e-5
    )
    assert before.title.startswith(f"test {worst}, {digits.class_names[digits.test.labels[worst]]}, predicted ")
    image, signed, size = before.figure.axes[:3]
    gradient = before["gradient"].reshape(8, 8)
    np.testing.assert_array_equal(signed.images[0].get_array(), gradient)
    np.testing.assert_array_equal(size.images[0].get_array(), np.abs(gradient))
    np.testing.assert_allclose(
        image.images[0].get_array() * digits.test.inputs[worst].max(), digits.test.inputs[worst], rtol=1e-6
    )
    low, high = signed.images[0].get_clim()
    assert high == -low == np.abs(gradient).max()


def neighbours(run: Run, train: np.ndarray, row: np.ndarray, n: int):
    hidden = [forward(run.model, run.config.preprocessing(rows))[-2] for rows in (train, row[None])]
    distance, index = NearestNeighbors(n_neighbors=n, algorithm="brute").fit(hidden[0]).kneighbors(hidden[1])
    return index[0], distance[0]


def test_neighbours_are_scikit_learns(drawn_run, digits):
    run = drawn_run
    worst, other = int(internals_of(run).worst[2]), int(np.setdiff1d(np.arange(99), internals_of(run).worst)[0])
    for index, n in ((worst, 3), (worst, 8), (other, 5)):  # kept, more than are kept, none kept
        table = show_neighbours(run, index, n=n)
        assert list(table.columns) == ["index", "label", "class", "distance"]
        expected, distance = neighbours(run, digits.train.inputs, digits.test.inputs[index], n)
        np.testing.assert_array_equal(table["index"], expected)
        np.testing.assert_allclose(table["distance"], distance, rtol=1e-4)
        np.testing.assert_array_equal(table["label"], digits.train.labels[expected])
        assert table["class"].tolist() == [digits.class_names[label] for label in table["label"]]
        assert len(table.figure.axes) == n + 1


def test_a_row_is_not_its_own_neighbour(drawn_run, digits):
    run = drawn_run
    index = int(np.load(run.path / "split.npz")["validation"][11])
    table = show_neighbours(run, index, "validation", n=4)
    expected, distance = neighbours(run, digits.train.inputs, digits.train.inputs[index], 5)
    assert expected[0] == index
    np.testing.assert_array_equal(table["index"], expected[1:])
    np.testing.assert_allclose(table["distance"], distance[1:], rtol=1e-4)


def test_features_are_drawn_as_bars_and_lines(tmp_path):
    data = small_data((5,), 3)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(7, "tanh"), layers.Dense(3, "softmax")])
    run = run_of(model, data, tmp_path / "features", standardize=True)
    with pytest.raises(DataError, match="arrays"):
        show_saliency(run, 0)
    row = data[1][0][3]
    saliency = show_saliency(run, 3, data=data)
    assert list(saliency.columns) == ["feature", "gradient"]
    np.testing.assert_allclose(saliency["gradient"], differences(run, row), rtol=2e-3, atol=1e-5)
    bars = [bar.get_width() for bar in saliency.figure.axes[0].patches]
    np.testing.assert_allclose(bars, sorted(saliency["gradient"], key=lambda g: -abs(g)))

    nearest = show_neighbours(run, 3, data=data)
    np.testing.assert_array_equal(nearest["index"], neighbours(run, data[0][0], row, 5)[0])
    (axes,) = nearest.figure.axes
    assert len(axes.lines) == 6
    np.testing.assert_allclose(axes.lines[0].get_ydata(), run.config.preprocessing(row), rtol=1e-5)


def test_wrong_arguments_are_refused(drawn_run, digits):
    held_out, n = int(np.load(drawn_run.path / "split.npz")["validation"][0]), len(digits.test)
    for arguments, message in (
        ((n,), f"no row {n} in the test set of digits; its rows are 0 to {n - 1}"),
        ((-1,), "no row -1"),
        ((1.5,), r"no row 1\.5"),
        ((held_out, "train"), rf"no row {held_out} in the train set of digits; its rows are 1,\d\d\d of the 1,\d\d\d:"),
        ((0, "tests"), "'test'"),
        ((0, "test", 0), "n must be"),
    ):
        with pytest.raises(UsageError, match=message):
            show_neighbours(drawn_run, *arguments)

"""Importance and states of units, on weights written by hand."""

import dataclasses

import numpy as np
import pytest
from small_networks import forward, layers, run_of, small_data

from mlplab import keras
from mlplab.figures import png
from mlplab.inspection.network import graph
from mlplab.inspection.network.activity import UnitStatistics
from mlplab.inspection.network.hidden_layers import show_units, units
from mlplab.inspection.network.internals import internals_of
from mlplab.table import Table


@pytest.fixture(scope="module")
def data():
    return small_data((4, 4), 3)


@pytest.fixture(scope="module")
def relu_run(data, tmp_path_factory):
    """Unit 1 is never above 0, unit 3 is always 1, unit 4 is unit 0 with ten times its outgoing weights."""
    hidden = [layers.Dense(5, "relu", name="first"), layers.Dropout(0.2), layers.Dense(4, "relu", name="second")]
    model = keras.Sequential([keras.Input((4, 4)), layers.Flatten(), *hidden, layers.Dense(3, "softmax")])
    run = run_of(model, data, tmp_path_factory.mktemp("runs") / "relu")
    first, bias, second, *rest = run.model.get_weights()
    bias[[0, 2]] = 1
    bias[1] = -100
    first[:, 3], bias[3] = 0, 1
    first[:, 4], bias[4] = first[:, 0], bias[0]
    second[4] = 10 * second[0]
    run.model.set_weights([first, bias, second, *rest])
    return run


@pytest.fixture(scope="module")
def relu_units(relu_run, data):
    return show_units(relu_run, data)


def test_columns_and_order(relu_units):
    assert list(relu_units.columns) == ["layer", "unit", "mean", "sd", "active", "importance", "state"]
    assert relu_units["layer"].tolist() == ["first"] * 5 + ["second"] * 4
    for layer in ("first", "second"):
        assert (np.diff(relu_units["importance"][relu_units["layer"] == layer]) <= 0).all()


def test_statistics_are_numpys(relu_run, relu_units, data):
    outputs = forward(relu_run.model, relu_run.config.preprocessing(data[1][0]))
    kernels = [layer.get_weights()[0] for layer in relu_run.model.layers if layer.get_weights()]
    for row in relu_units:
        at, kernel = {"first": (1, kernels[1]), "second": (3, kernels[2])}[row["layer"]]
        unit = outputs[at][:, row["unit"]]
        assert row["mean"] == pytest.approx(unit.mean(), rel=1e-4, abs=1e-5)
        assert row["sd"] == pytest.approx(unit.std(), rel=1e-3, abs=1e-5)
        assert row["active"] == np.mean(unit > 0)
        assert row["importance"] == pytest.approx(unit.std() * np.linalg.norm(kernel[row["unit"]]), rel=1e-3, abs=1e-5)


def test_units_that_never_change_are_dead(relu_units):
    first = {row["unit"]: row for row in relu_units if row["layer"] == "first"}
    assert {unit for unit, row in first.items() if row["state"] == "dead"} >= {1, 3}
    assert first[0]["state"] == first[4]["state"] == ""
    assert first[1]["importance"] == first[3]["importance"] == 0
    assert first[4]["importance"] == pytest.approx(10 * first[0]["importance"], rel=1e-6)
    assert {row["unit"] for row in list(relu_units)[3:5]} == {1, 3}, "dead units come last"
    assert "dead" in relu_units.title


def test_the_figure_shows_the_weights_and_marks_dead_units(relu_run, relu_units, data):
    figure = relu_units.figure
    assert len(figure.axes) == 5
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == [
        f"unit {unit}" for unit in relu_units["unit"][:5]
    ]
    for axes, weights in zip(figure.axes, internals_of(relu_run, data).weights, strict=True):
        (image,) = axes.images
        assert image.get_clim() == (0, 1)  # 0.5 stands for a weight of 0
        largest = max(float(np.abs(weights).max()), 1e-9)
        np.testing.assert_allclose(image.get_array(), 0.5 + weights / (2 * largest), atol=1e-6)
    assert [axes.get_title().split("\n")[1] for axes in figure.axes[3:]] == ["dead", "dead"]
    assert png(figure)[:4] == b"\x89PNG"


@pytest.mark.parametrize(("activation", "limits"), [("sigmoid", (0, 1)), ("tanh", (-1, 1)), ("softsign", (-1, 1))])
def test_saturated_units(activation, limits):
    low, high = limits
    rows = np.random.default_rng(0).uniform(low, high, (1000, 5)).astype(np.float32)
    rows[:960, 0] = high - 0.049 * (high - low)  # 96 % near the upper limit
    rows[:960, 1] = low + 0.049 * (high - low)
    rows[:960, 2] = high - 0.06 * (high - low)
    rows[:480, 3], rows[480:940, 3] = high, high  # 94 %, and a few by chance
    rows[940:, 3] = (low + high) / 2
    statistics = UnitStatistics(activation)
    for block in np.array_split(rows, 7):
        statistics.add(block)
    columns = statistics.columns()
    assert columns["state"].tolist() == ["saturated", "saturated", "", "", ""]
    np.testing.assert_allclose(columns["mean"], rows.mean(0, dtype=float), atol=1e-6)
    np.testing.assert_allclose(columns["sd"], rows.std(0, dtype=float), rtol=1e-5)
    np.testing.assert_array_equal(columns["active"], (rows > 0).mean(0))
    unbounded = UnitStatistics("relu")
    unbounded.add(np.abs(rows))
    assert unbounded.columns()["state"].tolist() == [""] * 5


def test_a_separate_activation_layer_decides_on_saturation():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4), layers.BatchNormalization(), layers.Activation("sigmoid"), layers.Dense(3)]
    )
    network = graph.read(model)
    tensor, name = network.unit_outputs(network.hidden_dense()[0])
    assert tensor is network.calls[3].outputs[0]
    assert name == "sigmoid"


def internals_with(internals, weights, states):
    """Internals of other weights: a unit for each state, in order."""
    n = len(states)
    columns = {name: np.linspace(1, 0, n) for name in ("mean", "sd", "active", "importance")}
    columns |= {"layer": np.full(n, "first"), "unit": np.arange(n), "state": np.array(states)}
    return dataclasses.replace(internals, weights=weights, units=Table(columns))


def test_units_on_features_are_rows_and_useless_units_are_named(relu_run, data):
    weights = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    table = units(internals_with(internals_of(relu_run, data), weights, ["", "", "saturated", "dead"]))
    (axes, _) = table.figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["unit 0, 1.00", "unit 1, 0.667", "unit 2, saturated", "unit 3, dead"]
    assert table.title.endswith("4, 1 dead, 1 saturated")


def test_at_most_forty_units_are_drawn_and_three_channels_in_colour(relu_run, data):
    weights = np.random.default_rng(0).normal(size=(50, 3, 3, 3)).astype(np.float32)
    table = units(internals_with(internals_of(relu_run, data), weights, [""] * 50))
    assert len(table) == 50
    assert len(table.figure.axes) == 40
    assert "40 of 50 units" in table.figure.get_suptitle()
    image = table.figure.axes[0].images[0].get_array()
    assert image.shape == (3, 3, 3)
    assert image.min() >= 0
    assert image.max() <= 1


def test_units_behind_a_convolution_are_bars(relu_run, data):
    table = units(internals_with(internals_of(relu_run, data), np.zeros((0, 6, 6, 1), np.float32), ["", "", "dead"]))
    (axes,) = table.figure.axes
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], table["importance"])

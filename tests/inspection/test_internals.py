"""Internals: right for every kind of network, kept in the run, read without Keras."""

import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from small_networks import differences, forward, layers, run_of, small_data

import mlplab
from mlplab import keras
from mlplab.errors import DataError, RunError
from mlplab.inspection.network import graph
from mlplab.inspection.network.attribution import show_saliency
from mlplab.inspection.network.geometry import nearest_rows, principal_components
from mlplab.inspection.network.internals import VERSION, _weights, internals_of, kept_internals
from mlplab.inspection.network.unit_norms import outgoing_norm
from mlplab.runs import Run
from mlplab.table import Table


@pytest.fixture
def run(drawn_run) -> Run:
    return drawn_run


@pytest.fixture
def internals(run):
    return internals_of(run)


def hidden_of(run: Run, inputs: np.ndarray) -> np.ndarray:
    """Inputs of the last layer, computed by NumPy."""
    return forward(run.model, run.config.preprocessing(inputs))[-2]


def check_geometry(internals, test: np.ndarray, train: np.ndarray, labels: np.ndarray):
    """Check projection and neighbours against scikit-learn. test, train: hidden outputs."""
    pca = PCA(2, svd_solver="full").fit(test)
    scores = pca.transform(test)
    signs = np.sign((scores * internals.projection).sum(0))
    np.testing.assert_allclose(internals.projection, scores * signs, atol=2e-3 * np.abs(scores).max())
    np.testing.assert_allclose(internals.explained, pca.explained_variance_ratio_, rtol=1e-3)
    distance, index = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(train).kneighbors(test[internals.worst])
    np.testing.assert_allclose(internals.neighbour_distance, distance, rtol=1e-3, atol=1e-4)
    # float32 against float64: rows of almost equal distance may change places.
    assert np.mean(internals.neighbour_index == index) > 0.97
    np.testing.assert_array_equal(internals.neighbour_label, labels[internals.neighbour_index])


def test_the_worst_are_the_failures_with_the_highest_loss(run, internals):
    kept = run.predictions("test")
    loss = -np.log(kept.probabilities[np.arange(len(kept.label)), kept.label])
    failures = kept.probabilities.argmax(1) != kept.label
    loss[~failures] = -np.inf
    np.testing.assert_array_equal(internals.worst, np.argsort(-loss, kind="stable")[: min(60, failures.sum())])
    assert 5 < len(internals.worst) <= 60


def test_weights_are_of_the_first_layer_most_important_unit_first(run, internals):
    first = run.model.layers[1]
    order = internals.units["unit"][:24]
    assert set(internals.units["layer"][:24]) == {first.name}
    assert sorted(order.tolist()) == list(range(24))
    np.testing.assert_array_equal(internals.weights, first.get_weights()[0].T.reshape(24, 8, 8)[order])
    assert (np.diff(internals.units["importance"][:24]) <= 0).all()


def test_they_are_read_back_equal(run, internals, tmp_path, caplog):
    read = kept_internals(Run(run.path))
    for name in ("weights", "projection", "explained", "worst", "saliency", "neighbour_index", "neighbour_label"):
        first, second = getattr(internals, name), getattr(read, name)
        np.testing.assert_array_equal(first, second)
        assert first.dtype == second.dtype
    assert read.projection_of == internals.projection_of
    for table in ("units", "layers"):
        assert getattr(read, table).rows() == getattr(internals, table).rows()
        assert getattr(read, table).title == getattr(internals, table).title

    copy = Run(shutil.copytree(run.path, tmp_path / "copy"))
    path = copy.path / "internals.npz"
    np.savez(path, **{**np.load(path), "version": np.array(VERSION + 1)})
    assert kept_internals(copy) is None
    path.write_bytes(b"PK no archive")
    with caplog.at_level(logging.INFO, "mlplab"):
        assert kept_internals(copy) is None
    assert "computed again" in caplog.text


@pytest.mark.slow
def test_kept_internals_are_shown_without_keras_and_jax(run, internals):
    script = f"""
import sys
import mlplab
from mlplab.inspection.network.internals import internals_of
run = mlplab.Run({str(run.path)!r})
worst = int(internals_of(run).worst[-1])
tables = [mlplab.show_units(run), mlplab.show_projection(run), mlplab.plot_model(run)]
tables += [mlplab.show_saliency(run, worst), mlplab.show_neighbours(run, worst)]
assert all(table.figure is not None for table in tables)
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"keras", "jax", "jaxlib", "tensorflow", "torch"}}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_unfinished_runs_are_refused(run, tmp_path):
    missing = shutil.ignore_patterns("internals.npz", "result.json", "model.safetensors")
    unfinished = shutil.copytree(run.path, tmp_path / "unfinished", ignore=missing)
    with pytest.raises(RunError, match="not finished"):
        internals_of(Run(unfinished))


NORMALISED = [layers.BatchNormalization(), layers.Activation("relu"), layers.Dropout(0.3)]
VARIANTS = {  # input shape, classes, layers after Flatten
    "softmax regression": ((6, 5), 3, [layers.Dense(3, "softmax")]),
    "rescaled, logits": ((6, 5), 4, [layers.Rescaling(2.0, -1.0), layers.Dense(9, "tanh"), layers.Dense(4)]),
    "batch norm": ((5, 5, 3), 3, [layers.Dense(11, use_bias=False), *NORMALISED, layers.Dense(3, "softmax")]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_dense_networks_of_many_kinds(name, tmp_path):
    shape, classes, parts = VARIANTS[name]
    parts, data = [layers.Flatten(), *parts], small_data(shape, classes)
    logits = name == "rescaled, logits"
    model = keras.Sequential([keras.Input(shape), *parts])
    run = run_of(model, data, tmp_path / "run", logits=logits)
    with pytest.raises(DataError, match="arrays"):
        internals_of(run)
    internals = internals_of(run, data)

    dense = [part for part in parts if isinstance(part, layers.Dense)]
    (train, labels), (test, _) = data
    check_geometry(internals, *(hidden_of(run, rows) for rows in (test, train)), labels)
    assert ("no hidden layer" in internals.projection_of) == (len(dense) == 1)
    assert internals.weights.shape == (dense[0].units, *shape)
    order = internals.units["unit"]
    np.testing.assert_array_equal(internals.weights, dense[0].get_weights()[0].T[order].reshape(-1, *shape))
    assert np.isfinite(internals.units["importance"]).all()
    for position, saliency in zip(internals.worst[:3], internals.saliency, strict=False):
        np.testing.assert_allclose(saliency, differences(run, test[position], logits), rtol=2e-3, atol=1e-5)
    table = show_saliency(run, int(internals.worst[0]), data=data)
    np.testing.assert_array_equal(table["gradient"], internals.saliency[0].reshape(-1))
    names = {1: ["feature"], 2: ["row", "column"], 3: ["row", "column", "channel"]}[len(shape)]
    assert list(table.columns) == [*names, "gradient"]
    assert table.figure.axes
    assert kept_internals(run) is not None


@pytest.mark.slow
def test_convolutions_and_branches(tmp_path):
    """A network whose first layer is a convolution has no dense weights on the inputs."""
    data = small_data((8, 8, 1), 3)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.Flatten()(x)
    tower = keras.Sequential([keras.Input((144,)), layers.Dense(10, "relu", name="in_tower")])
    x = layers.Concatenate()([tower(x), layers.Dense(6, "tanh", name="other")(x)])
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="last")(x))
    run = run_of(model, data, tmp_path / "run")
    internals = internals_of(run, data)
    assert internals.weights.shape == (0, 8, 8, 1)
    assert internals.projection_of.startswith("the 16 outputs of concatenate")
    assert sorted(set(internals.units["layer"])) == ["in_tower", "other"]
    x = run.config.preprocessing(data[1][0][internals.worst])
    predicted = run.predictions("test").probabilities[internals.worst].argmax(1)
    lengths = np.sqrt((internals.saliency.reshape(len(x), -1) ** 2).sum(1))
    step = (1e-2 * internals.saliency / lengths[:, None, None, None]).astype(np.float32)
    logs = [np.log(run.model.predict(x + sign * step, verbose=0)[np.arange(len(x)), predicted]) for sign in (1, -1)]
    np.testing.assert_allclose((logs[0] - logs[1]) / 2e-2, lengths, rtol=0.1)


def test_outgoing_weights_through_normalisation_sums_and_shared_layers():
    """The norms include the scale of batch normalisation, and all paths from a unit."""
    inputs = keras.Input((6,))
    x = layers.Dense(5, "relu", name="units")(inputs)
    shared = layers.Dense(4, "tanh", name="shared")
    normal = layers.BatchNormalization(name="normal")
    y = layers.Average()([shared(normal(x)), shared(x)])
    y = layers.Add()([y, layers.Dense(4, name="third")(layers.Dropout(0.1)(x))])
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="last")(y))
    rng = np.random.default_rng(0)
    gamma, variance = rng.uniform(0.5, 2, (2, 5))
    normal.set_weights([gamma, np.zeros(5), np.zeros(5), variance])

    kernels = {name: model.get_layer(name).get_weights()[0] for name in ("shared", "third", "last")}
    out = np.linalg.norm(kernels["last"], axis=1)
    scaled = kernels["shared"] * (gamma / np.sqrt(variance + normal.epsilon))[:, None]
    parts = np.concatenate([scaled, kernels["shared"], kernels["third"]], 1)
    norms = {"units": np.linalg.norm(parts, axis=1), "shared": out / 2, "shared:2": out / 2, "third": out}
    network = graph.read(model)
    dense = network.hidden_dense()
    assert {call.name for call in dense} == set(norms)
    for call in dense:
        tensor, _ = network.unit_outputs(call)
        np.testing.assert_allclose(outgoing_norm(network, tensor), norms[call.name], rtol=1e-5)


def test_encoded_pixels_are_no_hidden_units():
    model = mlplab.mlp((4, 4), 3, [6, 5], activation="linear", pixel_encoding=3)
    network = graph.read(model)
    assert [call.layer.units for call in network.hidden_dense()] == [6, 5]
    first = network.first_dense()
    assert first is network.hidden_dense()[0]
    x, units = np.zeros((2, 4, 4), "float32"), [0, 3, 2]
    x[1, 2, 1] = 1  # one pixel from its lowest to its highest value adds twice its weights, as each number goes from -1
    before = keras.Model(model.inputs[0], first.layer.output)(x)
    pictures = _weights(network, [first], Table({"layer": [first.name] * 3, "unit": units}, ""), (4, 4))
    np.testing.assert_allclose(2 * pictures[:, 2, 1], np.asarray(before[1] - before[0])[units], atol=1e-5)
    bare = graph.read(mlplab.mlp((4, 4), 3, [], pixel_encoding=3))
    assert bare.hidden_name() == "the inputs themselves, as there is no hidden layer"


def test_a_run_without_failures(run, tmp_path):
    copy = Run(
        shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("internals.npz", "SHA256SUMS"))
    )
    test = run.predictions("test")
    labels = test.probabilities.argmax(1)
    np.savez(copy.path / "predictions-test.npz", index=test.index, label=labels, probabilities=test.probabilities)
    internals = internals_of(copy)
    assert internals.worst.shape == (0,)
    assert internals.saliency.shape == (0, 8, 8)
    assert internals.neighbour_index.shape == internals.neighbour_label.shape == (0, 5)
    assert internals.neighbour_distance.shape == (0, 5)
    assert kept_internals(copy) is not None


@pytest.mark.parametrize(("n", "d"), [(200, 30), (20, 600), (600, 514), (5, 1), (1, 4)])
def test_principal_components_of_tall_wide_and_large_matrices(n, d):
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(n, d)) * np.linspace(1, 4, d) ** 2 + 10).astype(np.float32)
    scores, explained = principal_components(rows)
    assert scores.shape == (n, 2)
    centred = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    rank = int((s[:2] > 1e-9).sum())
    np.testing.assert_allclose(explained[:rank], s[:rank] ** 2 / max((s**2).sum(), 1e-9), rtol=1e-4)
    for k in range(rank):
        np.testing.assert_allclose(np.abs(scores[:, k]), np.abs(u[:, k] * s[k]), atol=2e-3 * s[k])
        weights = centred.T @ scores[:, k]
        assert weights[np.abs(weights).argmax()] > 0, "the weight of largest size is positive"
    assert not scores[:, rank:].any()
    assert not explained[rank:].any()


def test_nearest_rows_block_by_block():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(103, 6)).astype(np.float32) + 1000  # far from the origin, where squares cancel
    rows[60] = rows[3]
    queries = np.concatenate([rows[[3, 40]], rng.normal(size=(5, 6)).astype(np.float32) + 1000])
    distances = np.linalg.norm(queries[:, None].astype(float) - rows, axis=2)
    index = np.argsort(distances, 1, kind="stable")[:, :7]
    distance = np.take_along_axis(distances, index, 1)
    for block in (1, 10, 103):
        numbers, far = nearest_rows(queries, (rows[i : i + block] for i in range(0, 103, block)), 7)
        np.testing.assert_allclose(far, distance, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(numbers, index)
        assert far[0, 1] == 0  # row 60 equals row 3
    few, _ = nearest_rows(rows[[3, 40]], iter([rows[:4]]), 9)
    assert few.shape == (2, 4)

"""What only the model can tell: right for every kind of network, kept in the run, read without Keras."""

import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from small_networks import forward, layers, run_of, small_data

import mlplab
from mlplab import files, keras
from mlplab.errors import DataError, RunError
from mlplab.inspection.network.geometry import nearest_rows, principal_components
from mlplab.inspection.network.internals import VERSION, internals_of, kept_internals
from mlplab.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "digits"
    return mlplab.train("digits", hidden=[24, 12], dropout=0.1, epochs=2, verbose=0, out=out)


@pytest.fixture(scope="module")
def internals(run):
    return internals_of(run)


def hidden_of(run: Run, inputs: np.ndarray, layer: int) -> np.ndarray:
    """Outputs of a layer, by NumPy."""
    outputs = forward(run.model, run.config.preprocessing(inputs))[layer]
    return outputs.reshape(len(inputs), -1)


def check_geometry(found, test: np.ndarray, train: np.ndarray, labels: np.ndarray):
    """The projection is scikit-learn's, and so are the neighbours. test, train: hidden outputs."""
    pca = PCA(2, svd_solver="full").fit(test)
    scores = pca.transform(test)
    signs = np.sign((scores * found.projection).sum(0))
    np.testing.assert_allclose(found.projection, scores * signs, atol=2e-3 * np.abs(scores).max())
    np.testing.assert_allclose(found.explained, pca.explained_variance_ratio_, rtol=1e-3)
    distance, index = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(train).kneighbors(test[found.worst])
    np.testing.assert_allclose(found.neighbour_distance, distance, rtol=1e-3, atol=1e-4)
    # float32 against float64: rows may change places whose distances hardly differ.
    assert np.mean(found.neighbour_index == index) > 0.97
    np.testing.assert_array_equal(found.neighbour_label, labels[found.neighbour_index])


def test_projection_and_neighbours_are_scikit_learns(run, internals, digits):
    test, train = (hidden_of(run, part.inputs, -2) for part in (digits.test, digits.train))
    check_geometry(internals, test, train, digits.train.labels)
    assert internals.projection_of == f"the 12 outputs of {run.model.layers[3].name}, the last hidden layer"


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


def test_layers(run, internals):
    rows = internals.layers.rows()
    assert [row["kind"] for row in rows] == [
        *("InputLayer", "Flatten", "Dense", "Dropout", "Dense", "Dropout", "Dense"),
    ]
    assert [row["shape"] for row in rows] == ["8×8", "64", "24", "24", "12", "12", "10"]
    assert [row["activation"] for row in rows] == ["", "", "relu", "", "relu", "", "softmax"]
    assert internals.layers["parameters"].sum() == run.model.count_params()
    assert [row["parents"] for row in rows] == ["", *(row["name"] for row in rows[:-1])]


def test_it_is_computed_once_and_read_back_equal(run, internals, caplog):
    with caplog.at_level(logging.INFO, "mlplab"):
        again = internals_of(Run(run.path))
    assert not caplog.records
    for name in ("weights", "projection", "explained", "worst", "saliency", "neighbour_index", "neighbour_label"):
        first, second = getattr(internals, name), getattr(again, name)
        np.testing.assert_array_equal(first, second)
        assert first.dtype == second.dtype
    assert again.projection_of == internals.projection_of
    for table in ("units", "layers"):
        assert getattr(again, table).rows() == getattr(internals, table).rows()
        assert getattr(again, table).title == getattr(internals, table).title


def test_what_is_kept_is_shown_without_keras_and_jax(run, internals):
    script = f"""
import sys
from mlplab.runs import Run
from mlplab.inspection.network.internals import internals_of
from mlplab.inspection.network.units import show_units
from mlplab.inspection.network.projection import show_projection
from mlplab.inspection.network.attribution import show_neighbours, show_saliency
from mlplab.inspection.network.model_graph import plot_model
run = Run({str(run.path)!r})
worst = int(internals_of(run).worst[-1])
tables = [show_units(run), show_projection(run), plot_model(run)]
tables += [show_saliency(run, worst), show_neighbours(run, worst)]
assert all(table.figure is not None for table in tables)
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"keras", "jax", "jaxlib", "tensorflow", "torch"}}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_files_of_another_version_and_damaged_ones_are_made_anew(run, internals, tmp_path, caplog):
    copy = Run(shutil.copytree(run.path, tmp_path / "copy"))
    path = copy.path / "internals.npz"
    arrays = files.read_arrays(path)
    files.write_arrays(path, **{**arrays, "version": np.array(VERSION + 1)})
    assert kept_internals(copy) is None
    path.write_bytes(b"PK no archive")
    with caplog.at_level(logging.INFO, "mlplab"):
        anew = internals_of(copy)
    assert "computed again" in caplog.text
    assert "Analysing the network of copy …" in caplog.text
    np.testing.assert_array_equal(anew.neighbour_index, internals.neighbour_index)
    assert kept_internals(copy) is not None


def test_it_is_returned_where_it_cannot_be_kept(run, internals, tmp_path, caplog):
    copy = Run(shutil.copytree(run.path, tmp_path / "copy"))
    (copy.path / "internals.npz").unlink()
    (copy.path / "internals.npz").mkdir()  # nothing can be written in its place
    with caplog.at_level(logging.INFO, "mlplab"):
        found = internals_of(copy)
    assert "will be computed again next time" in caplog.text
    np.testing.assert_array_equal(found.worst, internals.worst)


def test_runs_without_what_it_needs(run, tmp_path):
    unfinished = shutil.copytree(run.path, tmp_path / "unfinished")
    for name in ("internals.npz", "result.json", "model.safetensors"):
        (unfinished / name).unlink()
    with pytest.raises(RunError, match="not finished"):
        internals_of(Run(unfinished))


VARIANTS = {
    "softmax regression": ((6, 5), 3, [layers.Flatten(), layers.Dense(3, "softmax")]),
    "rescaled, logits": (
        (6, 5),
        4,
        [layers.Rescaling(2.0, -1.0), layers.Flatten(), layers.Dense(9, "tanh"), layers.Dense(4)],
    ),
    "features, two classes": ((7,), 2, [layers.Dense(8, "sigmoid"), layers.Dense(2, "softmax")]),
    "batch norm": (
        (5, 5, 3),
        3,
        [
            layers.Flatten(),
            layers.Dense(11, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(3),
            layers.Activation("softmax"),
        ],
    ),
    "many classes": ((6,), 100, [layers.Dense(8, "relu"), layers.Dense(100, "softmax")]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_dense_networks_of_many_kinds(name, tmp_path):
    shape, classes, parts = VARIANTS[name]
    data = small_data(shape, classes)
    logits = name == "rescaled, logits"
    model = keras.Sequential([keras.Input(shape), *parts])
    run = run_of(model, data, tmp_path / "run", logits=logits)
    with pytest.raises(DataError, match="begun with arrays"):
        internals_of(run)
    found = internals_of(run, data)

    last = max(i for i, part in enumerate(parts) if isinstance(part, layers.Dense))
    dense = [part for part in parts if isinstance(part, layers.Dense)]
    (train, labels), (test, _) = data
    check_geometry(
        found,
        *(hidden_of(run, rows, last - 1) if last else run.config.preprocessing(rows) for rows in (test, train)),
        labels,
    )
    assert ("no hidden layer" in found.projection_of) == (len(dense) == 1)
    assert found.weights.shape == (dense[0].units, *shape)
    order = found.units["unit"]
    np.testing.assert_array_equal(found.weights, dense[0].get_weights()[0].T[order].reshape(-1, *shape))
    assert np.isfinite(found.units["importance"]).all()
    check_saliency(run, found, np.asarray(test), logits)
    assert kept_internals(run) is not None


def check_saliency(run: Run, found, test: np.ndarray, logits: bool):
    """Along the gradient, log p rises by the square of its length: a central difference, in NumPy, float64."""
    assert found.saliency.shape == (len(found.worst), *run.config.input_shape)
    x = np.asarray(run.config.preprocessing(test[found.worst]), np.float64)
    predicted = run.predictions("test").probabilities[found.worst].argmax(1)
    gradient = found.saliency.astype(np.float64)

    def log_p(x):
        outputs = forward(run.model, x)[-1]
        logs = outputs - np.log(np.exp(outputs).sum(1, keepdims=True)) if logits else np.log(outputs)
        return logs[np.arange(len(x)), predicted]

    squares = (gradient.reshape(len(x), -1) ** 2).sum(1)
    step = 1e-5 * gradient / np.sqrt(squares).reshape(-1, *[1] * (x.ndim - 1))
    slope = (log_p(x + step) - log_p(x - step)) / 2e-5
    np.testing.assert_allclose(slope, np.sqrt(squares), rtol=1e-3)


def test_convolutions_and_branches(tmp_path):
    """Of a network that begins with a convolution there are no weights on the inputs; the rest holds."""
    data = small_data((8, 8, 1), 3)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.Flatten()(x)
    tower = keras.Sequential([keras.Input((144,)), layers.Dense(10, "relu", name="in_tower")])
    x = layers.Concatenate()([tower(x), layers.Dense(6, "tanh", name="other")(x)])
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="last")(x))
    run = run_of(model, data, tmp_path / "run")
    found = internals_of(run, data)
    assert found.weights.shape == (0, 8, 8, 1)
    assert found.projection_of.startswith("the 16 outputs of concatenate")
    assert sorted(set(found.units["layer"])) == ["in_tower", "other"]
    # Importance: what the unit alone adds to the variance of the last layer's sums.
    kernel = np.asarray(run.model.get_layer("last").get_weights()[0], np.float64)
    norm = {"in_tower": np.linalg.norm(kernel[:10], axis=1), "other": np.linalg.norm(kernel[10:], axis=1)}
    for row in found.units:
        assert row["importance"] == pytest.approx(row["sd"] * norm[row["layer"]][row["unit"]], rel=1e-6)

    x = run.config.preprocessing(data[1][0][found.worst])
    predicted = run.predictions("test").probabilities[found.worst].argmax(1)
    lengths = np.sqrt((found.saliency.reshape(len(x), -1) ** 2).sum(1))
    step = (1e-2 * found.saliency / lengths[:, None, None, None]).astype(np.float32)
    logs = [np.log(run.model.predict(x + sign * step, verbose=0)[np.arange(len(x)), predicted]) for sign in (1, -1)]
    np.testing.assert_allclose((logs[0] - logs[1]) / 2e-2, lengths, rtol=0.1)


def test_importance_through_normalisation_sums_and_shared_layers(tmp_path):
    """Outgoing weights as NumPy has them: the scale of batch normalisation, all ways that a unit is taken."""
    data = small_data((6,), 3)
    inputs = keras.Input((6,))
    x = layers.Dense(5, "relu", name="units")(inputs)
    shared = layers.Dense(4, "tanh", name="shared")
    normal = layers.BatchNormalization(name="normal")(x)
    y = layers.Average()([shared(normal), shared(x)])
    y = layers.Add()([y, layers.Dense(4, name="third")(layers.Dropout(0.1)(x))])
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="last")(y))
    rng = np.random.default_rng(0)
    run = run_of(model, data, tmp_path / "run")
    normal = run.model.get_layer("normal")
    normal.set_weights([rng.uniform(0.5, 2, 5), np.zeros(5), np.zeros(5), rng.uniform(0.5, 2, 5)])
    table = internals_of(run, data).units

    gamma, _, _, variance = normal.get_weights()
    kernels = {name: run.model.get_layer(name).get_weights()[0] for name in ("shared", "third", "last")}
    out = np.linalg.norm(kernels["last"], axis=1)
    through, straight, third = (
        (kernels["shared"] * (gamma / np.sqrt(variance + normal.epsilon))[:, None]),
        kernels["shared"],
        kernels["third"],
    )
    norms = {
        "units": np.sqrt((through**2).sum(1) + (straight**2).sum(1) + (third**2).sum(1)),
        "shared": out / 2,
        "shared:2": out / 2,
        "third": out,
    }
    assert set(table["layer"]) == set(norms)
    for row in table:
        expected = row["sd"] * norms[row["layer"]][row["unit"]]
        assert row["importance"] == pytest.approx(expected, rel=1e-5), row


def test_a_run_without_failures(tmp_path):
    (x, _), _ = small_data((6,), 3)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    run_of(model, ((x, np.arange(300) % 3), (x, np.arange(300) % 3)), tmp_path / "drawn")
    labels = forward(model, x)[-1].argmax(1)
    assert set(labels) == {0, 1, 2}
    data = (x, labels), (x[:50], labels[:50])
    run = run_of(model, data, tmp_path / "run")
    found = internals_of(run, data)
    assert found.worst.shape == (0,)
    assert found.saliency.shape == (0, 6)
    assert found.neighbour_index.shape == found.neighbour_label.shape == found.neighbour_distance.shape == (0, 5)
    assert kept_internals(run) is not None


@pytest.mark.parametrize(("n", "d"), [(200, 30), (20, 600), (700, 520), (5, 1), (1, 4)])
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
    assert not scores[:, rank:].any()
    assert not explained[rank:].any()


def test_principal_components_have_a_sign():
    """The largest weight is positive: what grows along the direction that varies most, grows in the first score."""
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32) * np.float32([1, 30, 5])
    scores, _ = principal_components(rows)
    assert np.corrcoef(scores[:, 0], rows[:, 1])[0, 1] > 0.99
    flipped, _ = principal_components(-rows)
    np.testing.assert_allclose(flipped, -scores, atol=1e-4)


def test_nearest_rows_block_by_block():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(103, 6)).astype(np.float32) + 1000  # far from the origin, where squares cancel
    rows[60] = rows[3]
    queries = np.concatenate([rows[[3, 40]], rng.normal(size=(5, 6)).astype(np.float32) + 1000])
    distance, index = (
        NearestNeighbors(n_neighbors=7, algorithm="brute").fit(rows.astype(float)).kneighbors(queries.astype(float))
    )
    distance = np.take_along_axis(np.linalg.norm(queries[:, None].astype(float) - rows, axis=2), index, 1)
    for block in (1, 10, 103):
        found, far = nearest_rows(queries, (rows[i : i + block] for i in range(0, 103, block)), 7)
        np.testing.assert_allclose(far, distance, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(found[2:], index[2:])
        assert found[0, :2].tolist() == [3, 60]
        assert far[0, 1] == 0
    left_out, far = nearest_rows(rows[[3, 40]], (rows[i : i + 10] for i in range(0, 103, 10)), 3, np.array([3, 40]))
    assert left_out[0, 0] == 60
    assert 40 not in left_out
    few, _ = nearest_rows(rows[[3, 40]], iter([rows[:4]]), 9, np.array([3, -1]))
    assert few.shape == (2, 3)

"""A model's graph: its table and its figure, for models of many kinds."""

import itertools
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlplab
from mlplab import keras
from mlplab.errors import ModelError, UsageError
from mlplab.figures.layout import layered
from mlplab.figures.model_graph import model_graph
from mlplab.inspection.network.internals import internals_of
from mlplab.inspection.network.model_graph import plot_model

layers = keras.layers


@pytest.fixture(scope="module")
def branched() -> keras.Model:
    """Two inputs, a shared layer, a nested model, a merge, a skip connection, an operation, two outputs."""
    a, b = keras.Input((8,), name="a"), keras.Input((8,), name="b")
    inside = keras.Sequential([keras.Input((8,)), layers.Dense(6, "tanh", name="i1"), layers.Dense(4, name="i2")])
    shared = layers.Dense(3, "relu", name="shared")
    x = layers.Concatenate(name="merge")([inside(a), shared(a), shared(b), a])
    return keras.Model([a, b], [layers.Dense(2, "softmax", name="out")(x), layers.Dense(1, name="score")(x + 1.0)])


def test_a_sequential_model():
    model = mlplab.mlp((28, 28), 10, [20], dropout=0.2)
    rows = plot_model(model).rows()
    assert [(row["kind"], row["activation"], row["shape"], row["parameters"]) for row in rows] == [
        ("InputLayer", "", "28×28", 0),
        ("Flatten", "", "784", 0),
        ("Dense", "relu", "20", 15_700),
        ("Dropout", "", "20", 0),
        ("Dense", "softmax", "10", 210),
    ]
    assert [row["parents"] for row in rows] == ["", *(row["name"] for row in rows[:-1])]


def test_branches_shared_layers_and_nested_models(branched):
    table = plot_model(branched)
    parents = {row["name"]: row["parents"] for row in table}
    add = next(row["name"] for row in table if row["kind"] == "Add")
    upper = {"a": "", "b": "", "i1": "a", "i2": "i1", "shared": "a", "shared:2": "b"}
    assert parents == {**upper, "merge": "i2, shared, shared:2, a", add: "merge", "score": add, "out": "merge"}
    assert table["parameters"].sum() == branched.count_params()
    assert {row["name"]: row["shape"] for row in table}["merge"] == str(4 + 3 + 3 + 8)


def test_the_figure_has_the_texts_of_the_table(branched):
    table = plot_model(branched)
    (axes,) = table.figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert {"Dense · tanh", "Concatenate", "27 parameters", "same weights", "shared:2", "18"} <= set(texts)
    arrows = [patch for patch in axes.patches if type(patch).__name__ == "FancyArrowPatch"]
    assert len(arrows) == sum(len(row["parents"].split(", ")) for row in table if row["parents"])
    bare = plot_model(branched, show_shapes=False, show_layer_names=False)
    few = {text.get_text() for text in bare.figure.axes[0].texts}
    assert few & {"18", "shared:2"} == set()
    assert "27 parameters" in few


def test_texts_stay_in_their_boxes():
    """Measured as drawn: the left and the right text of each line neither meet nor leave the box."""
    convolution = layers.Conv2D(4, 3, activation="leaky_relu", name="a_convolution_with_a_long_name")
    more = [layers.GlobalAveragePooling2D(), layers.BatchNormalization(), layers.Dense(1000, name="WWWWWW")]
    model = keras.Sequential([keras.Input((28, 28, 3)), convolution, *more])
    figure = plot_model(model).figure
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [p.get_window_extent() for p in axes.patches if type(p).__name__ == "FancyBboxPatch"]
    words = [text.get_window_extent() for text in axes.texts if text.get_text()]
    for word in words:
        assert any(b.x0 < word.x0 and word.x1 < b.x1 and b.y0 < word.y0 and word.y1 < b.y1 for b in boxes)
    for one, other in itertools.combinations(words, 2):
        assert not one.overlaps(other)


def test_the_graph_of_a_run_needs_only_kept_internals(drawn_run, tmp_path):
    rows = plot_model(drawn_run.model).rows()
    assert [row["parameters"] for row in rows] == [0, 0, 64 * 24 + 24, 0, 24 * 12 + 12, 0, 12 * 10 + 10]
    internals_of(drawn_run)
    run = mlplab.Run(shutil.copytree(drawn_run.path, tmp_path / "run"))
    (run.path / "model.json").unlink()
    assert plot_model(run).rows() == rows


def test_models_without_a_graph_and_unwritable_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"not built yet.*keras\.Input"):
        plot_model(keras.Sequential([layers.Dense(2)]))

    class Coded(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match=r"Coded\.call is code"):
        plot_model(Coded())
    model = mlplab.mlp((4,), 2, [3])
    plot_model(model, tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_bytes().startswith(b"<?xml")
    with pytest.raises(UsageError, match="cannot be written"):
        plot_model(model, tmp_path / "model.svg" / "model.png")


@st.composite
def graphs(draw) -> list[list[int]]:
    n = draw(st.integers(1, 14))
    return [sorted(draw(st.sets(st.integers(0, box - 1), max_size=3))) if box else [] for box in range(n)]


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_boxes_never_overlap_and_edges_go_down_around_them(parents):
    layout = layered(parents)
    for level in set(layout.layer.tolist()):
        places = np.sort(layout.x[layout.layer == level])
        assert (np.diff(places) > 1).all()
    edges = [(parent, box) for box, above in enumerate(parents) for parent in above]
    assert len(layout.edges) == len(edges)
    for (parent, box), points in zip(edges, layout.edges, strict=True):
        np.testing.assert_allclose(points[[0, -1], 0], layout.x[[parent, box]])
        np.testing.assert_array_equal(points[:, 1], np.arange(layout.layer[parent], layout.layer[box] + 1))
        for x, level in points[1:-1]:
            assert (np.abs(layout.x[layout.layer == level] - x) > 0.5).all()


def test_small_layouts():
    np.testing.assert_allclose(np.ptp(layered([[], [0], [1], [2]]).x), 0)
    diamond = layered([[], [0], [0], [1, 2]])
    assert diamond.layer.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(diamond.x[[0, 3]], diamond.x[1:3].mean())
    chain_beside_boxes = layered([[], [0], [0], [0], [1], [4]]).x
    np.testing.assert_allclose(chain_beside_boxes[[4, 5]], chain_beside_boxes[1], atol=1e-3)
    late_input = layered([[], [0], [1], [], [2, 3]])
    assert late_input.layer.tolist() == [0, 1, 2, 2, 3]


def test_deep_networks_fit_into_a_figure():
    texts = {"kind": "Dense", "activation": "relu", "shape": "8", "parameters": 72}
    figure = model_graph([{"name": f"dense_{i}", "parents": f"dense_{i - 1}", **texts} for i in range(300)])
    assert max(figure.get_size_inches() * figure.dpi) <= 30_000.5

"""Every layer and activation that has a form as an operation: onnxruntime's values against Keras's own call."""

import numpy as np
import onnx
import onnxruntime
import pytest

from mlplab import keras
from mlplab.errors import ModelError
from mlplab.exports.folding import folded
from mlplab.exports.layers import ACTIVATIONS, operations_of
from mlplab.exports.onnx_nodes import nodes_of
from mlplab.exports.operations import Graph
from mlplab.exports.reading import operations_of_model
from mlplab.inspection.network.graph import read

layers = keras.layers
ROWS = 40


def graph_of_model(model):
    operations, output = operations_of_model(model, "input")
    return Graph(model.input_shape[1:], model.output_shape[-1], tuple(operations), output)


def computed(graph, x):
    """What onnxruntime computes of a graph."""
    nodes, helper = nodes_of(graph, "given", "result"), onnx.helper
    shapes = {"given": graph.input_shape, "result": graph.shapes()[graph.output]}
    given, result = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape]) for name, shape in shapes.items()
    )
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in nodes.constants.items()]
    made = helper.make_graph(nodes.listed, "graph", [given], [result], constants)
    model = helper.make_model(made, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["result"], {"given": x})[0]


def drawn(model, rng):
    """Give a model weights that differ from one another; variances above 0."""
    for layer in model.layers:
        values = [
            rng.uniform(0.3, 1.7, weights.shape) * np.sign(rng.normal(size=weights.shape))
            for weights in layer.get_weights()
        ]
        layer.set_weights(
            [np.abs(v) if "variance" in w.path else v for v, w in zip(values, layer.weights, strict=True)]
        )
    return model


def agree(model, rng, spread=3.0):
    """Compare the graph of a model, as it is read and folded, with Keras's call."""
    drawn(model, rng)
    x = (spread * rng.normal(size=(ROWS, *model.input_shape[1:]))).astype(np.float32)
    expected = np.asarray(model(x, training=False))
    graph = graph_of_model(model)
    for each in (graph, folded(graph)):
        np.testing.assert_allclose(computed(each, x), expected, rtol=2e-5, atol=2e-5 * max(1, np.abs(expected).max()))
    return folded(graph)


@pytest.mark.parametrize("function", sorted(ACTIVATIONS - {"prelu"}))
def test_activation(function, rng):
    agree(keras.Sequential([keras.Input((9,)), layers.Dense(7, function)]), rng)
    agree(keras.Sequential([keras.Input((9,)), layers.Activation(function)]), rng)


LAYERS = {
    "relu": layers.ReLU(),
    "relu to 1.5": layers.ReLU(max_value=1.5),
    "relu to 0": layers.ReLU(max_value=0.0),
    "relu above 0.7": layers.ReLU(threshold=0.7),
    "relu with all": layers.ReLU(negative_slope=0.3, max_value=2.0, threshold=0.5),
    "relu with a slope": layers.ReLU(negative_slope=0.3),
    "relu with a slope to 6": layers.ReLU(negative_slope=0.3, max_value=6.0),
    "leaky": layers.LeakyReLU(),
    "leaky 0.01": layers.LeakyReLU(0.01),
    "elu": layers.ELU(0.4),
    "prelu": layers.PReLU(),
    "softmax": layers.Softmax(),
    "batch normalisation": layers.BatchNormalization(epsilon=0.01),
    "without scale": layers.BatchNormalization(scale=False),
    "without centre": layers.BatchNormalization(center=False),
    "layer normalisation": layers.LayerNormalization(epsilon=0.02),
    "plain layer normalisation": layers.LayerNormalization(center=False, scale=False),
    "RMS normalisation": layers.RMSNormalization(epsilon=0.02),
    "rescaling": layers.Rescaling(0.25, offset=-3),
    "rescaling by feature": layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], offset=[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
    "normalization": layers.Normalization(mean=[1, 2, 3, 4, 5, 6.0], variance=[6, 5, 4, 3, 2, 1.0]),
    "inverted normalization": layers.Normalization(mean=2.0, variance=4.0, invert=True),
    "dense without bias": layers.Dense(4, use_bias=False),
    "a factor a unit": layers.EinsumDense("ab,b->ab", 6),
    "a factor and a bias a unit": layers.EinsumDense("ab,b->ab", 6, bias_axes="b"),
    "product of einsum": layers.EinsumDense("ab,bc->ac", 5, bias_axes="c", activation="tanh"),
    "dropout": layers.Dropout(0.5),
    "noise": layers.GaussianNoise(1.0),
    "identity": layers.Identity(),
    "reshape": layers.Reshape((2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, rng):
    """Alone, between two dense layers, and on rows of two dimensions."""
    layer = LAYERS[name]
    agree(keras.Sequential([keras.Input((6,)), layer]), rng)
    new = type(layer).from_config(layer.get_config())
    agree(keras.Sequential([keras.Input((6,)), layers.Dense(6), new, layers.Flatten(), layers.Dense(3)]), rng)
    if not isinstance(layer, layers.EinsumDense):
        new = type(layer).from_config(layer.get_config())
        agree(keras.Sequential([keras.Input((3, 6) if name != "reshape" else (3, 2)), new]), rng)


def test_adapted_statistics_keep_small_differences_of_large_numbers(rng):
    """Years, for example: 2,000 and a few. One product and sum would lose them in rounding."""
    data = (2e5 + rng.normal(size=(200, 3))).astype(np.float32)
    layer = layers.Normalization()
    layer.adapt(data)
    model = keras.Sequential([keras.Input((3,)), layer])
    for graph in (graph_of_model(model), folded(graph_of_model(model))):
        np.testing.assert_allclose(computed(graph, data), np.asarray(model(data)), atol=1e-6)


MERGES = [
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
]


@pytest.mark.parametrize("merge", MERGES, ids=lambda merge: merge.__name__)
def test_merge(merge, rng):
    inputs = keras.Input((5,))
    parts = [layers.Dense(4, name=name)(inputs) for name in ("input", "probabilities", "softmax")]
    parts = parts[:2] if merge is layers.Subtract else parts
    agree(keras.Model(inputs, merge()(parts)), rng)


def test_arithmetic_of_tensors(rng):
    inputs = keras.Input((5,))
    one, other = layers.Dense(4)(inputs), layers.Dense(4)(inputs)
    agree(keras.Model(inputs, (one + other) * (one - other)), rng)


def test_skip_connections_shared_layers_and_nested_models(rng):
    inputs, shared = keras.Input((6,)), layers.Dense(6, "tanh", name="shared")
    inner_inputs = keras.Input((6,))
    inner = keras.Model(inner_inputs, layers.Add()([inner_inputs, layers.Dense(6, "relu")(inner_inputs)]), name="inner")
    x = layers.Add()([inputs, shared(layers.BatchNormalization()(shared(inputs)))])
    agree(keras.Model(inputs, layers.Concatenate()([inner(x), inputs])), rng)


def test_nested_models_with_layers_of_the_same_names(rng):
    """As of a model from a file, whose layers are called like those that are added to it."""

    def inner(name):
        inputs = keras.Input((6,))
        return keras.Model(inputs, layers.Dense(6, "relu", name="dense")(inputs), name=name)

    model = keras.Sequential([keras.Input((6,)), inner("one"), inner("other"), layers.Dense(3, name="dense")])
    nested = [layer.get_layer("dense") for layer in model.layers[:2]]
    graph = agree(model, rng)
    assert [layer.name for layer in (*nested, model.layers[2])] == ["dense"] * 3
    assert [o.output for o in graph.operations if o.kind == "dense"] == ["dense/1", "dense/2/1", "dense/3"]


def test_random_changes_of_images_are_for_training_alone(rng):
    changes = [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.1),
        layers.RandomBrightness(0.1),
    ]
    agree(keras.Sequential([keras.Input((4, 4, 1)), *changes, layers.Flatten(), layers.Dense(3)]), rng)


def test_batch_normalisation_and_scaling_cost_nothing(rng):
    """Pixels / 255, flattened, three dense layers with batch normalisation: three dense operations remain."""
    model = keras.Sequential([keras.Input((4, 4)), layers.Rescaling(1 / 255), layers.Flatten()])
    for units in (8, 6, 3):
        for layer in (layers.Dense(units, use_bias=False), layers.BatchNormalization(), layers.Activation("relu")):
            model.add(layer)
    kinds = [operation.kind for operation in agree(model, rng, spread=200).operations]
    assert kinds == ["reshape", *["dense", "activation"] * 3]


def test_a_value_that_is_taken_twice_is_not_folded_away(rng):
    inputs = keras.Input((5,))
    dense = layers.Dense(4)(inputs)
    agree(keras.Model(inputs, layers.Concatenate()([layers.BatchNormalization()(dense), dense])), rng)


REFUSED = {
    "conv2d": ((8, 8, 1), layers.Conv2D(2, 3)),
    "unit_normalization": ((6,), layers.UnitNormalization()),
    "softmax": ((3, 6), layers.Softmax(axis=1)),
    "batch_normalization": ((3, 6), layers.BatchNormalization(axis=1)),
    "dense": ((6,), layers.Dense(4, "celu")),
    "einsum_dense": ((3, 6), layers.EinsumDense("abc,cd->abd", (None, 4))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_without_a_form_is_named(name):
    shape, layer = REFUSED[name]
    model = keras.Sequential(
        [keras.Input(shape), type(layer).from_config({**layer.get_config(), "name": f"my_{name}"})]
    )
    with pytest.raises(ModelError, match=rf"The layer my_{name} \({type(layer).__name__}.*Export as keras"):
        operations_of_model(model, "input")


def test_a_constant_among_the_inputs_is_refused():
    """Keras adds it; the graph has no value for it."""
    inputs = keras.Input((5,))
    one, other = layers.Dense(4)(inputs), layers.Dense(4)(inputs)
    constant = keras.ops.convert_to_tensor(np.full((1, 4), 5, np.float32))
    summed = keras.layers.Add(name="with_bias")([one, constant, other])
    with pytest.raises(ModelError, match=r"The layer with_bias \(Add, 4 outputs\) has no form"):
        operations_of_model(keras.Model(inputs, summed), "input")


def test_a_mask_is_refused():
    inputs = keras.Input((5,))
    mask = keras.Input((5,), dtype="bool")
    call = read(keras.Model([inputs, mask], layers.Softmax(name="masked")(inputs, mask))).calls[-1]
    with pytest.raises(ModelError, match=r"The layer masked \(Softmax"):
        operations_of(call, ("input", "mask"), "masked")


def test_another_precision_is_refused():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, dtype="mixed_bfloat16", name="low")])
    with pytest.raises(ModelError, match="The layer low computes in bfloat16"):
        operations_of_model(model, "input")

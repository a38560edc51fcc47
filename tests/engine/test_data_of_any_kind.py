"""Data in every form that Keras takes it gives what Keras makes of it."""

import tracemalloc
from collections import namedtuple

import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models, slow_except

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, inputs, placement
from mlplab.engine.ordered_source import OrderedSource
from mlplab.errors import DataError
from mlplab.memory import aligned_empty

layers = keras.layers
ROWS = 20
X = np.linspace(-1, 1, 3 * ROWS, dtype="float32").reshape(ROWS, 3)
Y = np.linspace(0, 1, ROWS, dtype="float32")[:, None]
CLASSES = (np.arange(ROWS) % 3).astype("int32")
WEIGHTS = np.linspace(0, 2, ROWS)

Pair = namedtuple("Pair", "left right")


def trained_by_both(build, x, y, **arguments):
    """Train by Keras and by mlplab, and evaluate: models, weights, histories and scores are equal."""
    trained = []
    for fit in (keras.Model.fit, mlplab.fit):
        keras.utils.set_random_seed(1)
        model = build()
        plain = {"packed": False} if fit is mlplab.fit else {}
        trained.append((model, fit(model, x, y, batch_size=8, verbose=0, shuffle=False, **plain, **arguments)))
    (theirs, expected), (ours, history) = trained
    assert_equal_histories(expected, history)
    assert_equal_models(theirs, ours)
    given = {"sample_weight": arguments.get("sample_weight"), "verbose": 0, "return_dict": True}
    assert mlplab.evaluate(ours, x, y, **given) == pytest.approx(theirs.evaluate(x, y, **given), rel=1e-6)
    return ours, history


def compiled(model, loss, **arguments):
    model.compile("sgd", loss, **arguments)
    return model


def dense(loss="mse", units=1, **arguments):
    return compiled(keras.Sequential([keras.Input((3,)), layers.Dense(units)]), loss, **arguments)


def classifier(**arguments):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, "softmax")])
    return compiled(model, "sparse_categorical_crossentropy", **arguments)


def by_step(shape=(5,), **arguments):
    model = keras.Sequential([keras.Input((*shape, 2)), layers.Dense(3, "softmax")])
    return compiled(model, "sparse_categorical_crossentropy", weighted_metrics=["accuracy"], **arguments)


def steps(*shape):
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(ROWS, *shape, 2)),
        rng.integers(3, size=(ROWS, *shape), dtype="int32"),
        rng.random((ROWS, *shape)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", slow_except([(5,), (2, 3)], (5,)), ids=str)
def test_a_weight_for_each_time_step_or_pixel(shape):
    x, y, weights = steps(*shape)
    held_out = (x[:8], y[:8], weights[:8])
    trained_by_both(lambda: by_step(shape), x, y, sample_weight=weights, validation_data=held_out)


@pytest.mark.slow
def test_a_weight_for_each_row_of_several_time_steps():
    x, y, _ = steps(5)
    trained_by_both(by_step, x, y, sample_weight=WEIGHTS[:, None])


def two_outputs(loss=("mse", "mse"), make=list, **arguments):
    inputs = keras.Input((3,))
    outputs = make([layers.Dense(1, name=name)(inputs) for name in "ab"])
    return compiled(keras.Model(inputs, outputs), loss if isinstance(loss, dict | str) else list(loss), **arguments)


def test_weights_for_one_of_two_outputs():
    trained_by_both(two_outputs, X, [Y, Y], sample_weight=[WEIGHTS, None])


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_the_model_has_no_output_for_may_have_a_weight_of_0(label):
    y, weights = np.where(CLASSES == 0, label, CLASSES), (CLASSES != 0).astype("float32")
    trained_by_both(classifier, X, y, sample_weight=weights)
    with pytest.raises(DataError, match="Expected labels from 0 to 2 in y"):
        mlplab.fit(classifier(), X, y, sample_weight=weights + 1, verbose=0)


@pytest.mark.slow
def test_padded_time_steps_may_have_any_label():
    x, y, weights = steps(5)
    trained_by_both(by_step, x, np.where(weights < 0.5, -1, y), sample_weight=np.where(weights < 0.5, 0, weights))
    trained_by_both(by_step, x, np.where(weights < 0.5, -1, y)[..., None], sample_weight=(weights >= 0.5).astype(float))


@pytest.mark.slow
def test_time_steps_that_the_model_masks_may_have_any_label():
    x = np.random.default_rng(0).integers(5, size=(ROWS, 6), dtype="int32")

    def build():
        embedding = layers.Embedding(5, 4, mask_zero=True)
        model = keras.Sequential([keras.Input((6,), dtype="int32"), embedding, layers.Dense(3, "softmax")])
        return compiled(model, "sparse_categorical_crossentropy", metrics=["accuracy"])

    trained_by_both(build, x, np.where(x == 0, -1, x % 3).astype("int32"))


def without_nan(y, predicted):
    known = keras.ops.logical_not(keras.ops.isnan(y))
    return keras.ops.where(known, keras.ops.square(keras.ops.where(known, y, 0.0) - predicted), 0.0)


def test_nan_that_the_loss_leaves_out():
    y = np.where(np.arange(ROWS)[:, None] % 4 == 0, np.nan, Y)
    trained_by_both(lambda: dense(without_nan), X, y, validation_data=(X, y))
    with pytest.raises(DataError, match=r"y has 5 values that are NaN or infinite, the first at \[0, 0\]"):
        mlplab.fit(dense(), X, y, verbose=0)
    with pytest.raises(DataError, match=r"y has 5 values that are NaN"):
        mlplab.evaluate(dense(), X, y, verbose=0)


LOSSES = {
    "tuple of outputs": (tuple, (Y, Y), ["mse", "mae"]),
    "list of outputs, tuple of targets": (list, (Y, Y), ["mse", "mae"]),
    "tuple of outputs, list of targets": (tuple, [Y, Y], ["mse", "mae"]),
    "one loss for all": (list, [Y, Y], "mse"),
    "dict of outputs, list of targets": (lambda outputs: dict(zip("ab", outputs, strict=True)), [Y, Y], ["mse", "mae"]),
    "list of outputs, dicts": (list, {"a": Y, "b": Y}, {"a": "mse", "b": "mae"}),
    "list of outputs, dict of losses": (list, [Y, Y], {"a": "mse", "b": "mae"}),
    "a list of one": (lambda outputs: outputs[:1], [Y], ["mse"]),
    "a list of one output": (lambda outputs: outputs[:1], Y, "mse"),
    "a dict of one output": (lambda outputs: {"a": outputs[0]}, Y, "mse"),
    "a dict of one": (lambda outputs: {"a": outputs[0]}, {"a": Y}, "mse"),
    "a list of one target": (lambda outputs: outputs[0], [Y], "mse"),
    "a tuple of one target": (lambda outputs: outputs[0], (Y,), "mse"),
}


@pytest.mark.parametrize("name", slow_except(LOSSES, "dict of outputs, list of targets", "a dict of one output"))
def test_losses_targets_and_outputs_of_different_nesting(name):
    make, y, loss = LOSSES[name]
    trained_by_both(lambda: two_outputs(loss, make), X, y)


@pytest.mark.slow
def test_namedtuples():
    def build():
        inputs = Pair(keras.Input((3,), name="left"), keras.Input((3,), name="right"))
        outputs = Pair(layers.Dense(1, name="a")(inputs.left), layers.Dense(1, name="b")(inputs.right))
        return compiled(keras.Model(inputs, outputs), Pair("mse", "mae"))

    ours, _ = trained_by_both(build, Pair(X, X[::-1]), Pair(Y, 1 - Y))
    assert type(mlplab.predict(ours, Pair(X, X), verbose=0)) is Pair


@pytest.mark.parametrize(("x_type", "y_type"), [(">f4", ">i4"), (">i2", "<i8"), (">u2", ">f8")])
def test_numbers_of_the_other_byte_order(x_type, y_type):
    x, y = (10 * X + 10).astype(x_type), CLASSES.astype(y_type)
    native = mlplab.evaluate(classifier_of_zeros(), x.astype(float), CLASSES, verbose=0)
    assert mlplab.evaluate(classifier_of_zeros(), x, y, verbose=0) == native


def classifier_of_zeros():
    model = classifier()
    model.set_weights([np.eye(3), np.zeros(3)])
    return model


@pytest.mark.slow
def test_sparse_arrays():
    import jax.experimental.sparse
    import scipy.sparse

    x = np.where(np.arange(3 * ROWS).reshape(ROWS, 3) % 4 == 0, X, 0)
    expected = classifier_of_zeros().evaluate(scipy.sparse.csr_matrix(x), CLASSES, verbose=0)
    for form in (scipy.sparse.csr_matrix, scipy.sparse.coo_array, jax.experimental.sparse.BCOO.fromdense):
        assert mlplab.evaluate(classifier_of_zeros(), form(x), CLASSES, verbose=0) == pytest.approx(expected, rel=1e-6)
        assert mlplab.predict(classifier_of_zeros(), form(x), verbose=0).shape == (ROWS, 3)


def test_a_sparse_array_that_does_not_fit_in_memory():
    import scipy.sparse

    with pytest.raises(DataError, match=r"x is a sparse array of shape \(3, .*do not fit in memory"):
        mlplab.predict(dense(), scipy.sparse.csr_array((3, 2**45)))


@pytest.mark.slow
def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(b=np.arange(ROWS, dtype="int32"), c=1.5)
    columns = {"y": pandas.Series(Y[:, 0]), "w": pandas.Series(WEIGHTS)}
    trained_by_both(dense, table, columns["y"], sample_weight=columns["w"])
    trained_by_both(lambda: compiled(keras.Sequential([layers.Dense(1)]), "mse"), table["b"], columns["y"])


def test_no_epochs_and_no_inputs():
    trained_by_both(dense, X, Y, epochs=0)
    with pytest.raises(mlplab.errors.ModelError, match="does not fit y of shape"):
        mlplab.fit(dense(), y=Y)


def test_keras_limits_epochs():
    keras.config.set_max_epochs(2)
    try:
        with pytest.warns(UserWarning, match="Limiting epochs to 2"):
            history = mlplab.fit(dense(), X, Y, epochs=5, verbose=0)
        assert history.epoch == [0, 1]
    finally:
        keras.config.set_max_epochs(None)


@pytest.mark.parametrize("offset", [0, 16], ids=["aligned", "not aligned"])
def test_an_array_that_is_changed_in_place_is_not_seen(offset):
    """JAX on a CPU would share the memory of an array at a multiple of 64 bytes."""

    def at(array):
        room = np.zeros(array.nbytes + 128, np.uint8)
        begin = -room.ctypes.data % 64 + offset
        placed = room[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
        placed[...] = array
        return placed

    def losses(x, y, callbacks=()):
        keras.utils.set_random_seed(1)
        held_out = (at(X), at(Y)) if not callbacks else (x, y)
        arguments = {"epochs": 2, "shuffle": False, "verbose": 0, "callbacks": list(callbacks)}
        return mlplab.fit(dense(), x, y, validation_data=held_out, **arguments).history

    x, y = at(X), at(Y)
    change = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: (x.fill(0), y.fill(9)))
    assert losses(x, y, [change]) == losses(X, Y)
    assert x.sum() == 0


def test_arrays_are_copied_to_the_device_and_jax_arrays_shared():
    given = keras.ops.ones((4, 3))
    assert ArraySource(given).arrays[0] is given
    large = np.ones((10**7,), "float32")
    there = placement.on_device(large)
    large.fill(0)
    assert np.asarray(there).min() == 1


def test_memory_that_cannot_change_is_shared(fashion_mnist):
    for shared in (fashion_mnist.train.inputs, fashion_mnist.test.inputs):
        assert placement.on_device(shared).unsafe_buffer_pointer() == shared.ctypes.data
    owned = aligned_empty((10**6,), np.dtype(np.uint8))
    owned[:] = 7
    owned.flags.writeable = False  # until its owner makes it writable again
    there = placement.on_device(owned)
    owned.flags.writeable = True
    owned[:] = 0
    assert np.asarray(there).min() == 7


IMAGES = np.arange(12_000 * 784, dtype=np.uint32).astype(np.uint8).reshape(12_000, 28, 28)
"""9 MB; in float32 four times as much."""


@pytest.mark.parametrize("kind", [ArraySource, OrderedSource], ids=["trained on", "evaluated"])
@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4"])
def test_images_over_255_take_memory_for_their_bytes_alone(dtype, kind):
    x = (IMAGES / 255).astype(dtype)
    source, peak = _traced(lambda: inputs.from_arrays(inputs.arrays_of((x, None)), 32, kind=kind))
    np.testing.assert_array_equal(source.arrays[0], IMAGES)
    assert peak < IMAGES.nbytes + 4 * 2**20


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f4", "every second row"])
def test_floats_are_in_memory_once_more_and_no_intermediate_copy_is(dtype):
    expected = np.sqrt(IMAGES, dtype=np.float32)
    x = np.repeat(expected, 2, axis=0)[::2] if dtype == "every second row" else expected.astype(dtype)
    source, peak = _traced(lambda: inputs.from_arrays(inputs.arrays_of((x, None)), 32))
    np.testing.assert_array_equal(source.arrays[0], expected)
    assert source.arrays[0].dtype == np.float32
    assert peak < expected.nbytes + 4 * 2**20


def test_floats_to_evaluate_are_read_where_they_are():
    x = np.sqrt(IMAGES, dtype=np.float32)
    assert np.shares_memory(inputs.source_given(x, batch_size=32).arrays[0], x)


def _traced(make):
    """Return what a function makes, and the peak of the memory that NumPy took for it."""
    tracemalloc.start()
    try:
        return make(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

"""`mlplab.fit` gives what `keras.Model.fit` gives. The oracle is Keras itself, on the same rows in the same order."""

import models
import numpy as np
import pytest
from against import (
    assert_equal_histories,
    assert_equal_models,
    assert_plain_fit_is_keras,
    fit_both,
    largest_difference,
    slow_except,
)

from mlplab import keras
from mlplab.engine import inputs

pytestmark = pytest.mark.usefixtures("fully_optimized")  # as people compile: it compares bits


@pytest.mark.slow
@pytest.mark.parametrize("name", models.DENSE)
def test_the_plain_step_is_keras_bit_for_bit_with_a_partial_last_batch(name, uneven):
    x, y = models.data(name, *uneven)
    assert_plain_fit_is_keras(models.DENSE[name], x, y, epochs=2)


@pytest.mark.parametrize("name", slow_except(models.PACKED, "notebook"))
def test_the_packed_step_is_keras_up_to_rounding_after_100_steps(name, rows):
    x, y = models.data(name, *rows)
    (theirs, expected), (ours, history) = fit_both(models.ALL[name], x, y, packed=True)
    assert largest_difference(theirs, ours) <= 1e-5
    assert list(history.history) == list(expected.history)
    for key, values in expected.history.items():
        np.testing.assert_allclose(history.history[key], values, atol=1e-3, err_msg=key)


@pytest.mark.slow
def test_loss_of_an_epoch_over_60_000_rows_is_keras_within_1e_3(fashion_mnist):
    x, y = fashion_mnist.train.images / np.float32(255), fashion_mnist.train.labels
    (_, expected), (_, history) = fit_both(models.batch_norm_l2, x, y, packed=True, batch_size=64)
    assert abs(history.history["loss"][0] - expected.history["loss"][0]) < 1e-3


def weighted():
    return models.small(weighted_metrics=["accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {"class_weight": {0: 2.0, 3: 0.25, 9: 0.0}, "validation_split": 0.3, "validation_freq": 2, "initial_epoch": 1},
        {"validation_split": 0.3, "validation_batch_size": 17, "validation_freq": [1, 3], "batch_size": 1000},
    ],
    ids=str,
)
def test_arguments_mean_what_they_mean_to_keras(arguments, few):
    assert_plain_fit_is_keras(weighted, *few, **{"epochs": 3, **arguments})


@pytest.mark.slow
def test_sample_weights_in_training_and_validation(few, other):
    x, y = few
    weight, other_weight = np.linspace(0, 2, len(y)), np.linspace(0, 2, len(other[1]))[:, None]
    held_out = (*other, other_weight)
    assert_plain_fit_is_keras(weighted, x, y, sample_weight=weight, validation_data=held_out)


@pytest.mark.slow
def test_sample_weights_for_each_of_two_outputs(few):
    x, y = models.data("two_outputs", *few)
    weight = np.linspace(0, 2, len(few[0]), dtype="float32")
    weight = {"digit": weight, "high": weight[::-1].copy()}
    assert_plain_fit_is_keras(models.two_outputs, x, y, sample_weight=weight)


def test_class_weights_of_labels_of_labels_in_a_column_and_of_one_hot_rows():
    labels, weights = np.array([0, 3, 1, 3]), {0: 2.0, 3: 0.25}
    for y in (labels, labels[:, None], np.eye(10)[labels]):
        assert inputs.weights_of_classes(y, weights).tolist() == [2, 0.25, 1, 0.25]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float64", "JAX arrays"])
def test_inputs_of_every_dtype(dtype, few):
    if dtype == "JAX arrays":
        x, y = map(keras.ops.convert_to_tensor, few)
    else:
        x, y = (255 * few[0]).astype(dtype), few[1].astype("int32")
    assert_plain_fit_is_keras(models.small, x, y)


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "packed"), [("mixed_float16", False), ("mixed_bfloat16", True)])
def test_mixed_precision(policy, packed, few):
    def build():
        keras.config.set_dtype_policy(policy)
        try:
            return models.small()
        finally:
            keras.config.set_dtype_policy("float32")

    (theirs, expected), (ours, history) = fit_both(build, *few, packed=packed, epochs=2)
    assert isinstance(ours.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    if packed:
        assert largest_difference(theirs, ours) <= 1e-3  # half precision: one rounding is 5e-4 of a value near 1
    else:
        assert_equal_models(theirs, ours)
        assert_equal_histories(expected, history)

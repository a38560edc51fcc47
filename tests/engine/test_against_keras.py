"""`mlplab.fit` gives what `keras.Model.fit` gives. The oracle is Keras itself, on the same rows in the same order."""

import models
import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models, fit_both, largest_difference, slow_except

from mlplab import keras


@pytest.mark.slow
@pytest.mark.parametrize("name", models.DENSE)
def test_the_plain_step_is_keras_bit_for_bit_with_a_partial_last_batch(name, uneven):
    x, y = models.data(name, *uneven)
    (theirs, expected), (ours, history) = fit_both(models.DENSE[name], x, y, packed=False, epochs=2)
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)


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
        {"class_weight": {0: 2.0, 3: 0.25, 9: 0.0}, "validation_split": 0.3, "validation_freq": 2},
        {"validation_split": 0.3, "validation_batch_size": 17, "validation_freq": [1, 3], "batch_size": None},
        {"batch_size": 1000, "initial_epoch": 1},
    ],
    ids=str,
)
def test_arguments_mean_what_they_mean_to_keras(arguments, few):
    (theirs, expected), (ours, history) = fit_both(weighted, *few, packed=False, **{"epochs": 3, **arguments})
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)


@pytest.mark.slow
def test_sample_weights_in_training_and_validation(few, other):
    x, y = few
    weight, other_weight = np.linspace(0, 2, len(y)), np.linspace(0, 2, len(other[1]))[:, None]
    held_out = (*other, other_weight)
    (theirs, expected), (ours, history) = fit_both(
        weighted, x, y, packed=False, sample_weight=weight, validation_data=held_out
    )
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True], ids=["one for both", "each its own"])
def test_sample_weights_with_two_outputs(nested, few):
    x, y = models.data("two_outputs", *few)
    weight = np.linspace(0, 2, len(x), dtype="float32")
    weight = {"digit": weight, "high": weight[::-1].copy()} if nested else weight
    (theirs, expected), (ours, history) = fit_both(models.two_outputs, x, y, packed=False, sample_weight=weight)
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)


@pytest.mark.slow
def test_class_weights_of_one_hot_rows_and_of_labels_in_a_column(few):
    weights = {0: 2.0, 3: 0.25}
    x, y = models.data("one_hot", *few)
    (theirs, _), (ours, _) = fit_both(models.one_hot, x, y, packed=False, class_weight=weights)
    assert_equal_models(theirs, ours)
    (theirs, _), (ours, _) = fit_both(models.small, x, few[1][:, None], packed=False, class_weight=weights)
    assert_equal_models(theirs, ours)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float64", "float16", "JAX arrays"])
def test_inputs_of_every_dtype(dtype, few):
    if dtype == "JAX arrays":
        x, y = map(keras.ops.convert_to_tensor, few)
    else:
        x, y = (255 * few[0]).astype(dtype), few[1].astype("int32")
    (theirs, expected), (ours, history) = fit_both(models.small, x, y, packed=False)
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)


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

"""Images that were divided by 255 are bytes on the device, and the floats that they were in the step."""

import jax
import models
import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models, fit_both

import mlplab
from mlplab.engine import inputs, uint8_images

BYTES = np.arange(256, dtype=np.uint8)


def test_every_byte_comes_back_as_the_float_that_it_was():
    many = np.tile(BYTES, (50, 9))
    floats = many.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(floats, (many / 255).astype(np.float32))  # as it is with double precision between
    for given in (floats, many / 255, floats.astype(">f4")):
        found = uint8_images.whole_numbers(given)
        assert found is not None
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, many)
        np.testing.assert_array_equal(jax.jit(uint8_images.over_255)(found), floats)


@pytest.mark.parametrize(
    "name", ["one value off", "negative", "above 1", "too large", "not a number", "float16", "bytes", "empty", "nest"]
)
def test_what_is_no_such_image_is_left_as_it_is(name):
    images = np.tile(BYTES / 255, (2000, 1)).astype(np.float32)
    last = images.copy()
    last[-1, -1] = {"negative": -1 / 255, "above 1": 256 / 255, "too large": 3e38, "not a number": np.nan}.get(
        name, np.nextafter(np.float32(1), np.float32(0))
    )
    others = {"float16": images.astype("float16"), "bytes": BYTES, "empty": images[:0], "nest": [images, images]}
    assert uint8_images.whole_numbers(others.get(name, last)) is None
    assert uint8_images.whole_numbers(images) is not None


@pytest.mark.slow
def test_trained_on_bytes_a_model_is_the_one_that_keras_trains_on_floats():
    rng = np.random.default_rng(0)
    images, labels = (rng.integers(0, 256, (192, 28, 28)) / 255).astype("float32"), rng.integers(0, 10, 192, "int32")
    assert inputs.from_arrays((images, labels, None), 32).arrays[0].dtype == np.uint8
    held_out = images[:32], labels[:32]
    (theirs, expected), (ours, history) = fit_both(
        models.small, images, labels, packed=False, epochs=2, validation_data=held_out
    )
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)
    np.testing.assert_allclose(mlplab.predict(ours, images), theirs.predict(images, verbose=0), rtol=1e-6)
    assert mlplab.evaluate(ours, *held_out, verbose=0) == pytest.approx(theirs.evaluate(*held_out, verbose=0))

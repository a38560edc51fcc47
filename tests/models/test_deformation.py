"""Deformed images, held against SciPy's interpolation and against what rotation, scaling and smooth noise are."""

import jax
import numpy as np
import pytest
from scipy import ndimage

from mlplab import keras
from mlplab.errors import UsageError
from mlplab.models import RandomDeformation
from mlplab.models.deformation import SMOOTHNESS, elastic_fields, sampled

ROWS, COLUMNS = np.mgrid[:12, :17].astype("float32")
RAMPS = np.tile(np.stack([ROWS, COLUMNS], -1), (400, 1, 1, 1))
"""Images whose two channels are the row and the column: what is read there is the place where it was read."""


def deformed(**amounts):
    """Return the places that the values of 400 images came from, and which of these are inside the images."""
    layer = RandomDeformation(**amounts, fill_value=np.nan, seed=3)
    places = np.asarray(jax.jit(lambda images: layer(images, training=True))(RAMPS))
    return places, np.isfinite(places).all(-1)


@pytest.mark.parametrize("channels", [1, 3])
def test_values_between_pixels_are_those_of_scipy(channels):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 6, 9, channels)).astype("float32")
    places = rng.uniform(-3, 11, (3, 2, 54)).astype("float32")
    values = np.asarray(jax.jit(sampled)(images, places, -2.0))
    for image, place, value in zip(images, places, values, strict=True):
        for channel in range(channels):
            arguments = {"order": 1, "mode": "grid-constant", "cval": -2.0}
            expected = ndimage.map_coordinates(image[..., channel], place.reshape(2, 6, 9), **arguments)
            np.testing.assert_allclose(value[..., channel], expected, atol=1e-5)


def test_whole_pixels_are_moved_without_a_change_of_their_values():
    image = np.random.default_rng(1).normal(size=(7, 7)).astype("float32")
    rows, columns = np.mgrid[:7, :7]
    places = [(columns, 6 - rows), (rows, 6 - columns), (rows + 2, columns)]  # turned, mirrored, moved up
    expected = [np.rot90(image), image[:, ::-1], np.pad(image[2:], [(0, 2), (0, 0)])]
    images = np.tile(image[..., None], (3, 1, 1, 1))
    values = jax.jit(sampled)(images, np.float32([np.reshape(place, (2, -1)) for place in places]))
    np.testing.assert_array_equal(np.asarray(values)[..., 0], expected)


def test_rotations_and_scalings_have_the_range_that_was_given():
    """A, fitted to where the values came from, is a rotation between scalings: A = diag(1/vertical, 1/horizontal) R."""
    places, is_inside = deformed(rotate=20, scale=0.1)
    found = []
    for place, inside in zip(places, is_inside, strict=True):
        centred = np.stack([ROWS - 5.5, COLUMNS - 8, np.ones_like(ROWS)], -1)[inside]
        fitted, *_ = np.linalg.lstsq(centred, place[inside] - [5.5, 8], rcond=None)
        np.testing.assert_allclose(centred @ fitted, place[inside] - [5.5, 8], atol=1e-3)
        np.testing.assert_allclose(fitted[2], 0, atol=1e-3)
        factors = 1 / np.linalg.norm(fitted[:2], axis=0)
        cos_and_sin = fitted[:2] * factors
        np.testing.assert_allclose(cos_and_sin @ cos_and_sin.T, np.eye(2), atol=1e-3)
        found.append([*factors, np.degrees(np.arctan2(cos_and_sin[1, 0], cos_and_sin[0, 0]))])
    found = np.array(found)
    np.testing.assert_allclose(found.min(0), [0.9, 0.9, -20], rtol=0.05)
    np.testing.assert_allclose(found.max(0), [1.1, 1.1, 20], rtol=0.05)
    assert (np.abs(found - [1, 1, 0]) <= [0.1001, 0.1001, 20.01]).all()
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.2


def test_elastic_displacements_are_smooth_normal_fields():
    fields = elastic_fields(12, 17)
    rows, columns = ROWS.ravel(), COLUMNS.ravel()
    squared = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
    np.testing.assert_allclose(fields.T @ fields, np.exp(-squared / (4 * (SMOOTHNESS * 12) ** 2)), atol=0.02)
    places, is_inside = deformed(elastic=0.05)
    moved = (places - RAMPS)[:, 4:8, 5:12]
    assert is_inside[:, 4:8, 5:12].all()
    np.testing.assert_allclose(moved.mean((0, 1, 2)), 0, atol=0.1)
    np.testing.assert_allclose(moved.std((0, 1, 2)), 0.05 * 12, rtol=0.1)
    assert abs(np.corrcoef(moved.reshape(-1, 2).T)[0, 1]) < 0.1


def test_nothing_changes_outside_training_or_without_amounts():
    images = np.random.default_rng(2).integers(0, 255, (2, 5, 5, 3), "uint8")
    np.testing.assert_array_equal(RandomDeformation(rotate=30, elastic=0.1)(images), images)
    np.testing.assert_array_equal(jax.jit(lambda x: RandomDeformation(seed=0)(x, training=True))(images), images)


@pytest.mark.slow
def test_it_is_a_layer_that_keras_trains_saves_and_loads(tmp_path):
    deformation = RandomDeformation(rotate=30, scale=0.2, elastic=0.05, seed=4)
    model = keras.Sequential([keras.Input((6, 6, 1)), deformation, keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).normal(size=(16, 6, 6, 1)).astype("float32")
    before = np.asarray(deformation.seed_generator.state)
    model.fit(x, (np.arange(16) % 3).astype("int32"), batch_size=8, verbose=0)
    assert not np.array_equal(deformation.seed_generator.state, before)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].get_config() == deformation.get_config()
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rotate": 200}, "rotate must be an angle from 0 to 180 degrees; got 200"),
        ({"scale": 1}, "scale must be a fraction from 0 to below 1; got 1"),
        ({"elastic": -0.1}, "elastic must be a fraction"),
    ],
)
def test_wrong_amounts_are_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        RandomDeformation(**wrong)


@pytest.mark.parametrize("shape", [(28, 28), (None, 28, 1), (2, 8, 8, 1)])
def test_inputs_that_are_no_images_of_known_size_are_refused_when_the_layer_is_built(shape):
    message = "takes images .batch, height, width, channels. of known height and width; got inputs of shape .None, "
    with pytest.raises(UsageError, match=message):
        keras.Sequential([keras.Input(shape), RandomDeformation(rotate=10), keras.layers.Flatten()])

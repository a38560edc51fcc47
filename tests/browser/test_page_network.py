"""What the script of an exported page computes: probabilities, gradients and contributions, against Keras and JAX."""

import numpy as np
import pytest
from drawing_pages import agree, answered, exported, in_page, ready

import mlplab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_runs(mnist):
    """Settings of small networks of every kind, to be trained on the first 1,000 rows of MNIST."""
    data = ((mnist.train.inputs[:1000], mnist.train.labels[:1000]), (mnist.test.inputs, mnist.test.labels))
    return data, {
        "normalised": {"hidden": [24], "batch_norm": True, "standardize": True},
        "ensemble": {"hidden": [12], "seeds": 2},
        "ladder": {"hidden": [24, 16], "ladder": "full", "labelled": 200},
    }


def test_it_agrees_with_the_run_on_all_test_images(visit, fashion_page, fashion_mnist, mnist_page, mnist):
    for exported_page, data in ((fashion_page, fashion_mnist), (mnist_page, mnist)):
        assert exported_page.written.check.rows == 10_000
        assert exported_page.written.check.other_classes == 0
        page = ready(visit, exported_page.path).page
        agree(in_page(page, data.test.inputs), exported_page.run.predict(data.test.inputs))
    assert fashion_page.path.stat().st_size < 200_000


@pytest.mark.parametrize("kind", ["normalised", "ensemble", "ladder"])
def test_it_agrees_with_networks_of_other_kinds(visit, small_runs, kind, tmp_path):
    data, settings = small_runs
    run = mlplab.train(data, epochs=1, seed=0, verbose=0, out=tmp_path / kind, **settings[kind])
    page = ready(visit, exported(run, tmp_path, data).path).page
    inputs = data[1][0]
    agree(in_page(page, inputs), run.predict(inputs))
    if kind == "ensemble":
        page.select_option("#member", "1")
        page.locator("#strip button").first.click()
        answered(page, "Test image")
        each = run.predict_each(inputs[[int(page.evaluate("mlplab.page.current"))]])
        assert f" of {len(each)} networks say so" in page.inner_text("#votes")
        assert page.locator("#layers .units").count() == 1


def every_operation():
    """A network with all kinds of operations, and of activations."""
    keras, layers = mlplab.keras, mlplab.keras.layers
    inputs = keras.Input((6, 6))
    x = layers.Flatten()(inputs)
    x = layers.LayerNormalization()(layers.Dense(8, "gelu")(x))
    branches = [
        layers.Dense(8, name)(x)
        for name in ("tanh", "silu", "mish", "softplus", "elu", "selu", "softsign", "hard_silu", "hard_sigmoid")
    ]
    x = layers.Add()([layers.Maximum()(branches[:3]), layers.Multiply()(branches[3:6]), layers.Minimum()(branches[6:])])
    x = layers.Concatenate()([layers.RMSNormalization()(x), layers.Softmax()(layers.Dense(5)(x))])
    x = layers.Average()([layers.PReLU()(layers.Dense(6)(x)), layers.LeakyReLU()(layers.Dense(6)(x))])
    x = layers.Subtract()([x, layers.ReLU(max_value=1.0, negative_slope=0.1)(layers.Dense(6, "sigmoid")(x))])
    x = layers.Reshape((3, 2))(layers.BatchNormalization()(x))
    outputs = layers.Dense(3)(layers.Flatten()(layers.Dense(4, "relu6")(x)))
    model = keras.Model(inputs, outputs)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def test_it_computes_every_operation_and_its_gradient(visit, rng, tmp_path):
    import jax
    import jax.numpy as jnp

    images, labels = rng.integers(0, 256, (240, 6, 6), np.uint8), np.arange(240) % 3
    data = (images[:200], labels[:200]), (images[200:], labels[200:])
    mlplab.keras.utils.set_random_seed(0)
    run = mlplab.train(data, model=every_operation(), epochs=2, verbose=0, out=tmp_path / "own")
    page = ready(visit, exported(run, tmp_path, data).path).page
    inputs = images[200:210]
    agree(in_page(page, inputs), run.predict(inputs))
    scale = run.config.preprocessing.scale

    @jax.jit
    @jax.grad
    def gradient(pixels, one):
        logits = run.model(pixels[None] / scale)[0]
        return logits[one] - jax.nn.logsumexp(jnp.where(jnp.arange(3) == one, -jnp.inf, logits))

    for one, image in enumerate(inputs[:3].astype(np.float32)):
        expected = gradient(image, one)
        found = page.evaluate(
            """([pixels, one]) => { mlplab.predict(pixels); mlplab.page.network.explain(one);
            return [...mlplab.page.network.gradients.input]; }""",
            [image.reshape(-1).tolist(), one],
        )
        np.testing.assert_allclose(found, np.ravel(expected), rtol=2e-3, atol=2e-6)


def test_contributions_add_up_to_the_growth_of_the_odds(visit, fashion_page, fashion_mnist):
    page = ready(visit, fashion_page.path).page
    image = fashion_mnist.test.inputs[3]

    def odds(p, one):
        return np.log(p[one]) - np.log(np.delete(p, one).sum())

    for one in (1, 6):
        pulls = page.evaluate(
            "([pixels, one]) => mlplab.contributions(pixels, one, 2000)", [image.reshape(-1).tolist(), one]
        )
        p, blank = fashion_page.run.predict(np.stack([image, np.zeros_like(image)])).astype(float)
        assert sum(pulls) == pytest.approx(odds(p, one) - odds(blank, one), rel=0.01, abs=0.05)
        assert not np.any(np.array(pulls)[image.reshape(-1) == 0])

"""The ladder network computes what the paper's formulas say, with Keras's own step."""

import ladder_oracle as oracle
import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.engine import SemiSupervisedSource
from mlplab.engine.signature import signature
from mlplab.errors import DataError, UsageError
from mlplab.models import constant_then_linear
from mlplab.models.combinator import Combinator
from mlplab.models.ladder import PRESETS
from mlplab.runs import architecture

COSTS = (2.0, 0.7, 0.5, 0.3)
RATE = 0.25
rng = np.random.default_rng(0)
X = rng.random((30, 2, 3), np.float32)
Y = (np.arange(30) % 4).astype("int32")
BATCH = {"labelled": X[:8], "unlabelled": X[8:16]}, Y[:8]


def small(costs=COSTS, optimizer=None, seed=5, **arguments):
    """6-5-4-4, with all weights moved away from where they begin, so that no gradient is 0."""
    model = mlplab.ladder((2, 3), 4, [5, 4], costs=costs, seed=seed, **arguments)
    draw = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(weight + draw.normal(0, 0.4, weight.shape))
    model.compile(optimizer or keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def noise_of_first_step(model):
    """The noise of each level, (rows, units), labelled rows first. Moves the model's seeds."""
    widths = (6, 5, 4, 4)
    rows = sum(map(len, BATCH[0].values()))
    return [
        np.asarray(noise(np.zeros((rows, width), "float32"), training=True), np.float64)
        for noise, width in zip(model.noises, widths, strict=True)
    ]


def in_numpy(batch):
    x, y = batch
    return {name: rows.reshape(len(rows), -1).astype(np.float64) for name, rows in x.items()}, y


@pytest.fixture(scope="module")
def step():
    """A model before and after one step of SGD, the step's logs, and its noise."""
    before, after = small(), small()
    logs = after.train_on_batch(*BATCH, return_dict=True)
    noise = noise_of_first_step(small())
    return before, after, logs, noise


@pytest.mark.slow
def test_a_call_gives_the_probabilities_and_costs_of_the_formulas():
    model = small()
    probabilities = model(BATCH[0], training=True)
    weights, noise, (x, y) = oracle.weights_of(model), noise_of_first_step(small()), in_numpy(BATCH)
    of_labelled = oracle.encode(weights, x["labelled"], [of_level[: len(y)] for of_level in noise])[-1]
    np.testing.assert_allclose(probabilities, of_labelled, rtol=1e-4, atol=1e-6)
    errors = oracle.denoising_costs(weights, x["unlabelled"], [of_level[len(y) :] for of_level in noise])
    assert float(model.losses[0]) == pytest.approx(sum(COSTS[level] * error for level, error in errors.items()))


@pytest.mark.slow
def test_the_loss_is_that_of_the_formulas(step):
    before, _, logs, noise = step
    expected = oracle.loss(oracle.weights_of(before), in_numpy(BATCH), noise, COSTS)
    assert logs["loss"] == pytest.approx(expected, rel=2e-6)


@pytest.mark.slow
def test_the_gradient_is_that_of_the_formulas(step):
    """Of each weight, along a random direction: by differences in float64, and by the step of SGD."""
    before, after, _, noise = step
    weights, batch = oracle.weights_of(before), in_numpy(BATCH)
    draw = np.random.default_rng(2)
    for weight, moved in zip(weights.arrays(), oracle.weights_of(after).arrays(), strict=True):
        gradient = (weight - moved) / RATE
        direction = draw.normal(size=weight.shape)
        kept, values = weight.copy(), []
        for shift in (1e-6, -1e-6):
            weight[...] = kept + shift * direction
            values.append(oracle.loss(weights, batch, noise, COSTS))
        weight[...] = kept
        slope = (values[0] - values[1]) / 2e-6
        assert slope == pytest.approx((gradient * direction).sum(), rel=2e-4, abs=2e-5)


@pytest.mark.slow
def test_labelled_rows_do_not_touch_the_denoising(step):
    """They are normalised by themselves: with other labelled rows, only the cross-entropy changes."""
    before, _, _, noise = step
    weights = oracle.weights_of(before)
    other = {**BATCH[0], "labelled": 1 - BATCH[0]["labelled"]}, BATCH[1]
    logs = small().train_on_batch(*other, return_dict=True)
    costs = oracle.loss(weights, in_numpy(other), noise, COSTS)
    assert logs["loss"] == pytest.approx(costs, rel=2e-6)


@pytest.mark.slow
def test_a_step_moves_the_averages_of_the_unlabelled_rows(step):
    before, after, _, _ = step
    _, means, variances, _ = oracle.encode(oracle.weights_of(before), in_numpy(BATCH)[0]["unlabelled"])
    for layer, mean, variance in zip(normalisations(after), means[1:], variances[1:], strict=True):
        np.testing.assert_allclose(layer.moving_mean.numpy(), 0.01 * mean, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(layer.moving_variance.numpy(), 0.99 + 0.01 * variance * 8 / 7, rtol=1e-5)


def normalisations(model):
    return [layer for layer in model.encoder.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.slow
def test_predictions_are_of_the_encoder_normalised_by_averages_over_batches():
    model = small()
    statistics = model.statistics()
    model.use_statistics(statistics.predict(X[:24], batch_size=8, verbose=0))
    weights, x = oracle.weights_of(model), X.reshape(30, 6).astype(np.float64)
    of_batches = [oracle.encode(weights, x[start : start + 8])[1:3] for start in (0, 8, 16)]
    h = x
    for level, (kernel, beta) in enumerate(zip(weights.kernels, weights.betas, strict=True), 1):
        mean = np.mean([means[level] for means, _ in of_batches], axis=0)
        variance = np.mean([variances[level] * 8 / 7 for _, variances in of_batches], axis=0)
        z = (h @ kernel - mean) / np.sqrt(variance + 1e-10)
        h = oracle.softmax(weights.gamma * (z + beta)) if level == 3 else np.maximum(z + beta, 0)
    np.testing.assert_allclose(model.predict(X, verbose=0), h, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.encoder.predict(X, verbose=0), model.predict(X, verbose=0))
    in_dict = model.predict({"labelled": X, "unlabelled": X}, verbose=0)
    np.testing.assert_array_equal(in_dict, model.predict(X, verbose=0))


def test_statistics_of_a_source_are_those_of_its_labelled_batches():
    model = small()
    source = SemiSupervisedSource(X, Y, labelled=np.arange(12), batch_size=6, seed=3)
    (segment,) = source.segments(0)
    weights = oracle.weights_of(model)
    statistics = mlplab.predict(model.statistics(), source, verbose=0)
    for step, rows in enumerate(segment.indices["labelled"]):
        _, means, variances, _ = oracle.encode(weights, X[rows].reshape(6, 6).astype(np.float64))
        for (mean, variance), m, v in zip(statistics, means[1:], variances[1:], strict=True):
            np.testing.assert_allclose(mean[step], m, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(variance[step], v * 6 / 5, rtol=1e-4)


def test_the_combinator_is_the_vanilla_one():
    z, u = rng.normal(size=(2, 7, 5)).astype("float32")
    layer = Combinator(5)
    np.testing.assert_array_equal(layer.a.numpy(), np.eye(10)[[1, 6]].sum(0)[:, None] * np.ones(5))
    a = rng.normal(size=(10, 5))
    layer.a.assign(a)
    expected = oracle.combine(a, z.astype(np.float64), u.astype(np.float64))
    np.testing.assert_allclose(layer(z, u), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_initial_weights_are_normal_by_the_number_of_inputs():
    model = mlplab.ladder((28, 28), 10, [60, 40], seed=1)
    kernels = oracle.weights_of(model)
    for kernel in [*kernels.kernels, *kernels.decoder.values()]:
        inputs = len(kernel)
        assert kernel.std() * np.sqrt(inputs) == pytest.approx(1, abs=4 / np.sqrt(2 * kernel.size))
        assert np.abs(kernel).max() * np.sqrt(inputs) > 2.5  # not cut off
    assert [kernel.shape for kernel in kernels.decoder.values()] == [(10, 40), (40, 60), (60, 784)]
    assert not np.any(kernels.betas[0])
    np.testing.assert_array_equal(kernels.gamma, np.ones(10))


@pytest.mark.parametrize(
    ("preset", "costs", "noise"),
    [
        ("all-labels", (1000, 1, 0.01, 0.01, 0.01, 0.01, 0.01), 0.3),
        ("bottom-only", (2000, 0, 0, 0, 0, 0, 0), 0.3),
        ("gamma", (0, 0, 0, 0, 0, 0, 2), 0.3),
        ("100-labels", (1000, 10, 0.1, 0.1, 0.1, 0.1, 0.1), 0.3),
        ("1000-labels", (2000, 20, 0.1, 0.1, 0.1, 0.1, 0.1), 0.2),
        ("baseline", (0, 0, 0, 0, 0, 0, 0), 0.5),
    ],
)
def test_presets_are_the_authors(preset, costs, noise):
    assert PRESETS[preset].costs(6) == costs
    assert PRESETS[preset].noise == noise


def test_presets_of_shallow_networks():
    assert PRESETS["all-labels"].costs(2) == (1000, 1, 0.01)
    assert PRESETS["all-labels"].costs(1) == (1000, 0.01)


@pytest.mark.parametrize(("preset", "levels"), [("bottom-only", 4), ("gamma", 1), ("baseline", 0)])
def test_a_decoder_goes_down_to_the_lowest_level_with_a_cost(preset, levels):
    model = mlplab.ladder((6,), 4, [5, 4], preset=preset, seed=0)
    assert len(model.combinators) == levels
    assert len(model.decoder) == max(levels - 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize("costs", [(0, 0, 0, 3.0), (0, 0, 0, 0)])
def test_costs_of_0_are_left_out(costs):
    model = small(costs=costs)
    logs = model.train_on_batch(*BATCH, return_dict=True)
    noise = noise_of_first_step(small(costs=costs))
    expected = oracle.loss(oracle.weights_of(small(costs=costs)), in_numpy(BATCH), noise, costs)
    assert logs["loss"] == pytest.approx(expected, rel=2e-6)


def test_labelled_and_unlabelled_rows_must_be_equally_many():
    with pytest.raises(DataError, match="as many labelled as unlabelled rows; got 8 and 7"):
        small()({"labelled": X[:8], "unlabelled": X[:7]}, training=True)


def test_noise_is_new_in_each_step_and_decided_by_the_seed():
    first, second = noise_of_first_step(model := small()), noise_of_first_step(model)
    again, other = noise_of_first_step(small()), noise_of_first_step(small(seed=6))
    for level, (a, b, c, d) in enumerate(zip(first, second, again, other, strict=True)):
        np.testing.assert_array_equal(a, c)
        assert not np.any(a == b), level
        assert not np.any(a == d), level
    assert np.std(np.concatenate([level.ravel() for level in first])) == pytest.approx(0.3, rel=0.1)


@pytest.mark.slow
def test_a_whole_training_is_the_same_in_keras_and_in_mlplab():
    """Keras gets the source's batches one by one. Noise and averages are equal too; packed: up to rounding."""
    source = SemiSupervisedSource(X, Y, labelled=np.arange(12), batch_size=6, seed=3)
    theirs, ours, packed = (small(optimizer=keras.optimizers.Adam(0.01)) for _ in range(3))
    order = {"steps_per_epoch": source.steps, "shuffle": False}
    expected = theirs.fit(batches(source, epochs=3), epochs=3, verbose=0, **order)
    history = mlplab.fit(ours, source, epochs=3, verbose=0, packed=False)
    for p, q in zip(theirs.variables, ours.variables, strict=True):
        np.testing.assert_array_equal(q.numpy(), p.numpy())
    for trained in (history, mlplab.fit(packed, source, epochs=3, verbose=0)):
        np.testing.assert_allclose(trained.history["loss"], expected.history["loss"], rtol=1e-5)
        assert trained.history["accuracy"] == pytest.approx(expected.history["accuracy"])


def batches(source, epochs):
    for epoch in range(epochs):
        (segment,) = source.segments(epoch * source.steps)
        for step in range(source.steps):
            rows = {name: order[step] for name, order in segment.indices.items()}
            yield {name: X[numbers] for name, numbers in rows.items()}, Y[rows["labelled"]]


@pytest.mark.slow
def test_training_continues_where_it_stopped():
    def source():
        return SemiSupervisedSource(X, Y, labelled=np.arange(12), batch_size=6, seed=3)

    whole, parts = small(optimizer="adam"), small(optimizer="adam")
    mlplab.fit(whole, source(), epochs=3, verbose=0)
    mlplab.fit(parts, source(), epochs=1, verbose=0)
    mlplab.fit(parts, source(), epochs=2, verbose=0)
    for p, q in zip(whole.variables, parts.variables, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.slow
def test_an_array_stands_for_labelled_and_unlabelled_rows():
    both, one = small(costs=(0, 0, 0, 1)), small(costs=(0, 0, 0, 1))
    expected = both({"labelled": X, "unlabelled": X}, training=True)
    np.testing.assert_array_equal(one(X, training=True), expected)
    assert float(one.losses[0]) == float(both.losses[0]) > 0


def test_the_configuration_builds_the_same_model(tmp_path):
    model = mlplab.ladder((2, 3), 4, [5, 4], preset="gamma", noise=0.1, seed=5)
    again = keras.models.clone_model(model)
    for p, q in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert again.get_config() == model.get_config()
    trained = small()
    trained.save(tmp_path / "ladder.keras")
    loaded = keras.models.load_model(tmp_path / "ladder.keras")
    for p, q in zip(trained.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_networks_share_a_program_unless_they_compute_something_else():
    first = signature(small(seed=5))
    assert signature(small(seed=6)) == first
    for other in (small(noise=0.1), small(input_noise=0.1), small(costs=(2.0, 0.7, 0.5, 0.2))):
        assert signature(other) != first


def test_the_encoder_is_a_model_of_keras_own_layers():
    model = small()
    rebuilt = architecture.build(architecture.describe(model.encoder))
    rebuilt.set_weights(model.encoder.get_weights())
    np.testing.assert_array_equal(rebuilt.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "50-labels"}, "preset"),
        ({"costs": (1, 2)}, "costs must be 4 numbers of at least 0: of the inputs and of 3 layers"),
        ({"costs": (1, 2, 3, -1)}, "costs must be"),
        ({"noise": 1.5}, "noise must be a number from 0 to 1"),
        ({"input_noise": -0.1}, "input_noise must be a number from 0 to 1"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        mlplab.ladder((6,), 4, [5, 4], **arguments)


def test_the_rate_is_constant_then_falls_to_0_by_epochs():
    schedule = constant_then_linear(0.002, epochs=150, steps_per_epoch=600)

    def rate(epoch, step):
        return float(schedule(600 * epoch + step))

    for epoch in (0, 50, 100, 101, 102, 130, 149):
        expected = 0.002 if epoch <= 100 else 0.002 * (150 - epoch) / 49.5
        assert rate(epoch, 0) == pytest.approx(expected)
        assert rate(epoch, 599) == pytest.approx(expected)
    assert rate(150, 0) == 0
    assert float(constant_then_linear(0.1, 1, 10)(9)) == pytest.approx(0.1)
    with pytest.raises(UsageError, match="constant must be a fraction"):
        constant_then_linear(0.1, 10, 10, constant=1)

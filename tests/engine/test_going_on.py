"""A second call continues where the first ended; the same seed gives the same bytes."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import models
import numpy as np
import pytest
from against import assert_equal_models, numbers
from jax.sharding import SingleDeviceSharding

import mlplab
from mlplab import keras


def trained(build, data, *fits, **arguments):
    model = build()
    for fit in fits:
        mlplab.fit(model, *data, verbose=0, **{"seed": 3, **fit, **arguments})
    return model


@pytest.mark.parametrize(
    ("name", "packed"), [("dropout", True), pytest.param("batch_norm_l2", False, marks=pytest.mark.slow)]
)
def test_fit_3_and_fit_2_are_fit_5_bit_for_bit(name, packed, few):
    build = models.ALL[name]
    whole = trained(build, few, {"epochs": 5}, packed=packed)
    assert_equal_models(whole, trained(build, few, {"epochs": 3}, {"epochs": 2}, packed=packed))
    assert_equal_models(whole, trained(build, few, {"epochs": 3}, {"epochs": 5, "initial_epoch": 3}, packed=packed))


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=20),  # more steps than an epoch has
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
    ids=["accumulating", "loss scale"],
)
def test_every_epoch_has_another_order_whatever_the_optimizer_counts(optimizer, few):
    def build():
        return models.small(optimizer())

    def losses(**arguments):
        # the weights change first in the fourth epoch, by the sum over three whole ones and two batches
        return mlplab.fit(build(), *few, verbose=0, epochs=6, seed=1, **arguments).history["loss"]

    whole = trained(build, few, {"epochs": 4})
    assert_equal_models(whole, trained(build, few, {"epochs": 1}, {"epochs": 3}))
    assert losses()[-1] != pytest.approx(losses(shuffle=False)[-1], rel=1e-5)


class _WithoutOptimizer(keras.Sequential):
    """A step that does not use the optimizer, and logs the first label of its batch."""

    def train_step(self, state, data):
        _, y = data
        return {"loss": 0.0 * y[0], "first": y[0]}, state


def test_the_order_changes_also_where_no_optimizer_counts_steps(few):
    def firsts(seed):
        model = _WithoutOptimizer([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
        model.compile(loss="sparse_categorical_crossentropy")
        return mlplab.fit(model, *few, verbose=0, epochs=8, batch_size=len(few[0]), seed=seed).history["first"]

    assert len(set(firsts(1))) > 2
    assert firsts(1) == firsts(1) != firsts(2)


def test_another_seed_gives_other_bytes(few):
    a, b = (trained(models.dropout, few, {"seed": seed}) for seed in (1, 2))
    assert any((p != q).any() for p, q in zip(numbers(a), numbers(b), strict=True))


def test_the_seed_of_keras_counts_where_none_is_given(few):
    def weights(seed):
        model = models.small()
        keras.utils.set_random_seed(seed)
        mlplab.fit(model, *few, verbose=0)
        return model.get_weights()[0]

    np.testing.assert_array_equal(weights(5), weights(5))
    assert (weights(5) != weights(6)).any()


def _cleared():
    keras.backend.clear_session()


@pytest.mark.parametrize("lose", [_cleared, lambda: ThreadPoolExecutor(1)], ids=["clear_session", "another thread"])
def test_the_seed_of_keras_counts_where_keras_has_lost_it(lose, few):
    def trained():
        keras.utils.set_random_seed(3)
        pool = lose()
        return pool.submit(job).result() if pool else job()

    def job():
        model = models.sequential()
        mlplab.fit(model, *few, epochs=2, verbose=0)
        return model

    assert_equal_models(trained(), trained())


def test_shuffling_by_batch_keeps_the_rows_of_a_batch_together(few):
    """A batch's mean gradient does not depend on the order within it, except for rounding."""
    by_batch, in_order = (trained(models.small, few, {"shuffle": shuffle}) for shuffle in ("batch", False))
    for p, q in zip(by_batch.get_weights(), in_order.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-5)


@pytest.mark.slow
def test_repeated_fits_do_not_grow(few):
    import jax

    model = models.small()
    alive = []
    for _ in range(4):
        mlplab.fit(model, *few, verbose=0, validation_split=0.3)
        mlplab.predict(model, few[0])
        alive.append(len(jax.live_arrays()))
    assert alive[1] == alive[-1]


class _InterruptSecondEpoch(keras.callbacks.Callback):
    """Sends Ctrl-C within the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_piece_end(self, step, logs):
        if self.epoch == 1:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_leaves_the_model_after_the_last_complete_epoch(few):
    interrupted, whole = models.small(), models.small()
    with pytest.raises(KeyboardInterrupt):
        mlplab.fit(interrupted, *few, epochs=3, seed=1, verbose=0, callbacks=[_InterruptSecondEpoch()])
    mlplab.fit(whole, *few, epochs=1, seed=1, verbose=0)
    metrics = {id(variable) for variable in [*interrupted.metrics_variables, *whole.metrics_variables]}
    for p, q in zip(interrupted.variables, whole.variables, strict=True):
        if id(p) not in metrics:
            np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_ctrl_c_while_jax_compares_keys_of_a_cache_is_ctrl_c(few, monkeypatch):
    """JAX makes a ValueError of an exception that Python raises in a comparison made by its C++ code."""
    compare, pressed = SingleDeviceSharding.__eq__, []

    def compare_and_press(one, other):
        if not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))
        return compare(one, other)

    model = models.small()
    monkeypatch.setattr(SingleDeviceSharding, "__eq__", compare_and_press)
    with pytest.raises(KeyboardInterrupt):
        mlplab.fit(model, *few, epochs=3, verbose=0)
    assert pressed
    mlplab.fit(model, *few, verbose=0)  # nothing is left of it


def test_a_second_ctrl_c_ends_a_callback_at_once(few):
    reached = []

    def press_twice(epoch, logs):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
            reached.append(epoch)

    callback = keras.callbacks.LambdaCallback(on_epoch_end=press_twice)
    with pytest.raises(KeyboardInterrupt):
        mlplab.fit(models.small(), *few, epochs=3, verbose=0, callbacks=[callback])
    assert reached == [0]


@pytest.mark.slow
def test_a_long_epoch_runs_in_pieces_of_a_fraction_of_a_second(rows):
    times = []
    listener = keras.callbacks.Callback()
    listener.on_piece_end = lambda step, logs: times.append((step, time.perf_counter()))
    x, y = (np.tile(array, (3, *[1] * (array.ndim - 1))) for array in rows)
    mlplab.fit(models.dropout(), x, y, batch_size=1, seed=1, verbose=0, callbacks=[listener])
    assert times[-1][0] == len(x) - 1
    assert np.median(np.diff([moment for _, moment in times[2:]])) < 1

"""A batch source may bring several streams, chunks from disk, and a transform inside the step."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest
from against import assert_equal_models

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Segment
from mlplab.engine.placement import also_on, on_device
from mlplab.engine.source import Rows


def add_noise(x, y, key):
    return x + 0.3 * jax.random.normal(key, x.shape), y


def source(x, y, **arguments):
    return ArraySource(x, y, batch_size=32, **arguments)


def trained(source, epochs=1, build=models.small, **arguments):
    model = build()
    history = mlplab.fit(model, source, epochs=epochs, verbose=0, **arguments)
    return model, history


@pytest.mark.slow
def test_an_array_source_is_what_fit_makes_of_arrays(few, other):
    ours, history = trained(source(*few, shuffle=True, seed=4), epochs=2, validation_data=source(*other))
    model = models.small()
    expected = mlplab.fit(model, *few, epochs=2, verbose=0, seed=4, validation_data=other)
    assert_equal_models(model, ours)
    assert history.history == expected.history
    assert trained(source(*few, shuffle=True, seed=4), 2, validation_data=other)[1].history == expected.history
    mixed = mlplab.fit(models.small(), *few, epochs=2, verbose=0, seed=4, validation_data=source(*other))
    assert mixed.history == expected.history


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_a_subset_is_what_a_source_of_these_rows_alone_is(few, shuffle):
    rows = np.random.default_rng(0).permutation(len(few[0]))[:64]
    alone, expected = trained(source(few[0][rows], few[1][rows], shuffle=shuffle, seed=4), epochs=2)
    all_rows = source(*few)
    ours, history = trained(source(*all_rows.arrays[:2], shuffle=shuffle, seed=4, subset=rows), epochs=2)
    assert_equal_models(alone, ours)
    assert history.history == expected.history
    predicted = mlplab.predict(ours, source(few[0], None, subset=rows[:5]))
    np.testing.assert_array_equal(predicted, mlplab.predict(ours, few[0][rows[:5]]))


def test_subsets_share_the_arrays_that_are_on_the_device(few):
    all_rows = source(*few)
    part = source(*all_rows.arrays[:2], subset=np.arange(40))
    assert part.arrays[0].unsafe_buffer_pointer() == all_rows.arrays[0].unsafe_buffer_pointer()
    assert (part.rows, part.steps) == (40, 2)


@dataclass(frozen=True)
class _Keys:
    """A batch whose x is a number made of the step's key."""

    def rows(self, arrays, index):
        return arrays[index]

    def __call__(self, rows, key):
        return jnp.broadcast_to(jax.random.uniform(key), (len(rows), 1)), rows


class _KeySource:
    batch, steps = _Keys(), 6

    def __init__(self, seed):
        self.seed = seed

    def segments(self, position):
        for steps in (4, 2):
            yield Segment(np.zeros(32, "float32"), np.zeros((steps, 16), "int32"))


class _Seen(keras.Model):
    """Writes down what it is given, step by step."""

    def __init__(self):
        super().__init__()
        self.seen = self.add_weight(shape=(12,), initializer="zeros", trainable=False)
        self.done = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(x[0, 0] * keras.ops.one_hot(self.done, 12))
            self.done.assign_add(1)
        return x


def keys_of(seed):
    """A number for the key of each of the 12 steps of two epochs."""
    model = _Seen()
    model.compile("sgd", loss="mse")
    mlplab.fit(model, _KeySource(seed), epochs=2, verbose=0)
    return model.seen.numpy().tolist()


def test_every_step_has_another_key_by_seed_and_position():
    keys = keys_of(seed=1)
    assert len(set(keys)) == 12
    assert keys == keys_of(seed=1)
    assert not set(keys) & set(keys_of(seed=2))


def test_a_transform_is_deterministic_and_continues_where_it_stopped(few):
    def noisy():
        return source(*few, shuffle=True, seed=1, batch=Rows(transform=add_noise))

    whole, _ = trained(noisy(), epochs=3)
    parts, _ = trained(noisy(), epochs=1)
    mlplab.fit(parts, noisy(), epochs=2, verbose=0)
    assert_equal_models(whole, parts)


@pytest.mark.slow
def test_a_preprocessing_is_what_scaling_beforehand_is(few):
    images = np.rint(255 * few[0]).astype("uint8")
    scaled, _ = trained(source(images, few[1], batch=Rows(preprocess=_scale)))
    beforehand, _ = trained(source(images / np.float32(255), few[1]))
    for p, q in zip(scaled.get_weights(), beforehand.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)


def _scale(x):
    return x.astype(jnp.float32) / 255


@dataclass(frozen=True)
class _Pairs:
    def rows(self, arrays, index):
        labelled, unlabelled = arrays
        rows, free = index["labelled"], index["unlabelled"]
        return {"image": labelled["x"][rows], "free": unlabelled[free]}, labelled["y"][rows]

    def __call__(self, rows, key):
        return rows


class _TwoStreams:
    """10 labelled and 20 unlabelled rows a step, drawn each from its own order."""

    batch, steps, seed = _Pairs(), 5, 0

    def __init__(self, x, y):
        self._arrays = jax.device_put(({"x": x[:50], "y": y[:50]}, x[50:150]))

    def segments(self, position):
        rng = np.random.default_rng((self.seed, position))
        orders = {"labelled": (50, 10), "unlabelled": (100, 20)}
        yield Segment(
            self._arrays,
            {name: rng.permutation(n).astype("int32").reshape(-1, batch) for name, (n, batch) in orders.items()},
        )


class _SemiSupervised(keras.Model):
    """Cross-entropy on the labelled rows, entropy on the others (Grandvalet & Bengio 2004)."""

    def __init__(self):
        super().__init__()
        self.net = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])

    def call(self, x):
        free = self.net(x["free"])
        self.add_loss(-0.1 * keras.ops.mean(keras.ops.sum(free * keras.ops.log(free + 1e-7), -1)))
        return self.net(x["image"])


@pytest.mark.slow
def test_two_streams_of_indices(few):
    def build():
        keras.utils.set_random_seed(7)
        model = _SemiSupervised()
        model.compile(keras.optimizers.SGD(0.1), **models.CLASSIFIER)
        return model

    ours, history = trained(_TwoStreams(*few), epochs=2, build=build)
    theirs = build()
    # The same batches, one by one, through Keras's own step.
    stream = _TwoStreams(*few)
    for epoch in range(2):
        (segment,) = stream.segments(5 * epoch)
        theirs.reset_metrics()
        for step in range(5):
            index = {name: rows[step] for name, rows in segment.indices.items()}
            arrays = jax.tree.map(np.asarray, segment.arrays)
            theirs.train_on_batch(*stream.batch(stream.batch.rows(arrays, index), None))
    for p, q in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)
    assert history.history["loss"][1] < history.history["loss"][0]


class _Chunks:
    """Images in files, of which one at a time is in memory; last batches and the last chunk are smaller."""

    batch, seed = Rows(), 0

    def __init__(self, folder, x, y, size=80):
        self._sizes, self._files, self._y, self._folder = [], [], y, folder
        for i, start in enumerate(range(0, len(x), size)):
            part = x[start : start + size]
            np.memmap(folder / f"{i}.bin", "float32", "w+", shape=part.shape)[:] = part
            self._sizes.append(len(part))

    @property
    def steps(self):
        return sum(-(-n // 32) for n in self._sizes)

    def segments(self, position):
        first = 0
        for i, n in enumerate(self._sizes):
            x = np.memmap(self._folder / f"{i}.bin", "float32", "r", shape=(n, 28, 28))
            arrays = (x, self._y[first : first + n], None)
            rows = np.arange(n, dtype="int32")
            whole = n - n % 32
            if whole:
                yield Segment(arrays, rows[:whole].reshape(-1, 32))
            if whole < n:
                yield Segment(arrays, rows[None, whole:])
            first += n


@pytest.fixture
def chunks(tmp_path, few):
    return _Chunks(tmp_path, *few)


@pytest.mark.slow
def test_chunks_from_disk(chunks, few):
    x, y = few
    ours, history = trained(chunks, epochs=2)
    theirs, bounds = models.small(), [*range(0, 80, 32), *range(80, 160, 32), 160, 192]
    for _ in range(2):
        theirs.reset_metrics()
        for start, stop in itertools.pairwise(bounds):
            theirs.train_on_batch(x[start:stop], y[start:stop])
    for p, q in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)
    assert len(history.history["loss"]) == 2


@pytest.mark.slow
def test_chunks_are_predicted_and_evaluated_in_their_order(chunks, few):
    model = models.small()
    np.testing.assert_allclose(mlplab.predict(model, chunks), model.predict(few[0], verbose=0), atol=1e-6)
    np.testing.assert_allclose(mlplab.evaluate(model, chunks), model.evaluate(*few, verbose=0), rtol=1e-5)


@pytest.mark.skipif(len(jax.local_devices()) < 2 or jax.default_backend() != "cpu", reason="only cores share memory")
def test_cores_share_one_copy_of_the_data(few):
    arrays = on_device(few)
    shared = also_on(jax.local_devices()[1], arrays)
    assert [array.devices() for array in shared] == [{jax.local_devices()[1]}] * 2
    assert [array.unsafe_buffer_pointer() for array in shared] == [array.unsafe_buffer_pointer() for array in arrays]

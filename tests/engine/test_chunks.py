"""Chunks: each row once an epoch, well mixed, and with one chunk the bits of rows in memory."""

import threading
import tracemalloc

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlplab
from mlplab import keras, mapped, npz
from mlplab.engine import ArraySource, ChunkedSource, Rows
from mlplab.errors import DataError

SIZE = 10 * 32 + 7


def scaled(x):
    return x.astype("float32") / 255


@pytest.fixture(scope="module")
def rows(fashion_mnist, tmp_path_factory):
    """Images in memory, the same in a file, and labels."""
    images = fashion_mnist.train.images[:SIZE]
    path = tmp_path_factory.mktemp("chunks") / "images.npy"
    np.save(path, images)
    return images, np.load(path, mmap_mode="r"), fashion_mnist.train.labels[:SIZE]


@pytest.fixture
def tiny_chunks(monkeypatch):
    """Chunks of one batch of 32; the images of `rows` are too many for memory then."""
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", str(32 * 788))


def dense():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(source, **arguments):
    model = dense()
    history = mlplab.fit(model, source, epochs=2, verbose=0, **arguments)
    return model.get_weights(), history.history


def assert_equal(one, other):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1] == other[1]


def order_of(source, position):
    """Return the numbers of the rows in the order in which an epoch reads them, by chunk. Rows are their numbers."""
    chunks, before = [], None
    for segment in source.segments(position):
        values = segment.arrays[0][segment.indices[int(segment.start) :]].reshape(-1)
        if segment.arrays is before:
            chunks[-1] = np.concatenate([chunks[-1], values])
        else:
            chunks.append(values)
        before = segment.arrays
    return chunks


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_one_chunk_gives_the_bits_of_rows_in_memory(rows, shuffle):
    images, in_file, labels = rows
    order = {"batch_size": 32, "shuffle": shuffle, "seed": 3, "batch": Rows(scaled), "subset": np.arange(5, SIZE)}
    in_chunks = ChunkedSource(in_file, labels, chunk_bytes=10**6, **order)
    assert in_chunks.chunks == 1
    assert_equal(trained(in_chunks), trained(ArraySource(images, labels, **order)))


def test_several_chunks_in_order_give_the_bits_of_rows_in_memory(rows):
    images, in_file, labels = rows
    order = {"batch_size": 32, "batch": Rows(scaled)}
    in_chunks = ChunkedSource(in_file, labels, chunk_bytes=3 * 32 * 788, **order)
    assert in_chunks.chunks == 4
    assert_equal(trained(in_chunks), trained(ArraySource(images, labels, **order)))


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 300),
    batch_size=st.integers(1, 70),
    chunk_bytes=st.integers(1, 2000),
    shuffle=st.sampled_from([True, False, "batch"]),
    part=st.floats(0.01, 1),
    position=st.integers(0, 2**40),
)
def test_an_epoch_reads_each_row_once(count, batch_size, chunk_bytes, shuffle, part, position):
    subset = np.sort(np.random.default_rng(count).permutation(count)[: max(1, int(part * count))])
    order = {"batch_size": batch_size, "shuffle": shuffle, "chunk_bytes": chunk_bytes, "subset": subset}
    source = ChunkedSource(np.arange(count, dtype=np.int32), **order)
    read = np.concatenate(order_of(source, position))
    np.testing.assert_array_equal(np.sort(read), subset)
    if not shuffle:
        np.testing.assert_array_equal(read, subset)
    again = ChunkedSource(np.arange(count, dtype=np.int32), **order)
    np.testing.assert_array_equal(np.concatenate(order_of(again, position)), read)
    segments = list(source.segments(position))
    assert sum(segment.steps - int(segment.start) for segment in segments) == source.steps
    assert len({jax.tree.map(np.shape, (s.arrays, s.indices)).__repr__() for s in segments}) <= 2  # programs


def test_chunks_are_mixed_over_the_whole_file_and_anew_in_each_epoch():
    count, chunk = 400_000, 40_000
    source = ChunkedSource(np.arange(count, dtype=np.int32), batch_size=100, shuffle=True, chunk_bytes=4 * chunk)
    first, second = (order_of(source, position) for position in (0, 4000))
    assert len(first) == len(second) == 10
    for read in first:
        tenths = np.bincount(read * 10 // count, minlength=10)
        assert np.abs(tenths - chunk / 10).max() < 0.35 * chunk / 10  # a thousand blocks: 100 ± 9 of each tenth
        places = np.argsort(read)  # of neighbours in the file
        assert 0.3 < np.abs(np.diff(places)).mean() / chunk < 0.37  # 1/3, as of numbers drawn at random
    together = [np.isin(a, b).mean() for a in first for b in second]
    assert max(together) < 0.2  # 0.1 on average


def test_arrays_in_a_large_file_are_read_in_chunks(rows, tiny_chunks):
    images, in_file, labels = rows
    model = dense()
    assert mapped.is_large(in_file.nbytes)
    expected = mlplab.predict(model, images, verbose=0)
    np.testing.assert_array_equal(mlplab.predict(model, in_file, verbose=0), expected)
    arguments = {"verbose": 0, "return_dict": True}
    assert mlplab.evaluate(model, in_file, labels, **arguments) == mlplab.evaluate(model, images, labels, **arguments)
    known = {"batch_size": 32, "shuffle": True, "seed": 5, "chunk_bytes": mapped.chunk_bytes()}
    explicit = trained(ChunkedSource(in_file, labels, **known))
    in_chunks = trained(in_file, y=labels, batch_size=32, seed=5, validation_data=(in_file, labels))
    in_memory = trained(in_file, y=labels, batch_size=32, seed=5, validation_data=(images, labels))
    assert_equal(in_chunks, in_memory)
    np.testing.assert_array_equal(in_chunks[0][0], explicit[0][0])


@pytest.mark.parametrize("dtype", [">f4", "float64"])
def test_floats_in_a_large_file(rows, dtype, tiny_chunks, tmp_path):
    images, _, labels = rows
    np.save(tmp_path / "x.npy", (images / 255).astype(dtype))
    x = np.load(tmp_path / "x.npy", mmap_mode="r+")
    in_chunks = trained(x, y=labels, batch_size=32, shuffle=False)
    in_memory = trained(x.copy(), y=labels, batch_size=32, shuffle=False)  # as bytes, by another program
    for a, b in zip(in_chunks[0], in_memory[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    for name, values in in_memory[1].items():
        np.testing.assert_allclose(in_chunks[1][name], values, rtol=1e-5)
    x[40, 3, 2] = np.nan
    with pytest.raises(DataError, match=r"x has 1 values that are NaN or infinite, the first at \[40, 3, 2\]"):
        mlplab.fit(dense(), x, labels, verbose=0)


@pytest.mark.parametrize("kind", ["npy", "npz", "fortran"])
def test_reading_a_chunk_takes_memory_for_that_chunk_alone(kind, tmp_path, monkeypatch):
    """Also of an NPZ file, where floats may begin at any byte, and of a map with another order of axes."""
    array = np.arange(2**20, dtype=np.float32).reshape(1024, 32, 32)  # 4 MB
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "1000")
    path = tmp_path / f"x.{kind}"
    if kind == "npz":
        np.savez(path, x=array)
        in_file = npz.read(path, decode=lambda *_: pytest.fail("it is mapped"))["x"]
        assert not in_file.flags.aligned
    else:
        with path.open("wb") as file:
            np.save(file, np.asarray(array, order="F" if kind == "fortran" else "C"))
        in_file = np.load(path, mmap_mode="r")
        assert in_file.flags.c_contiguous == (kind == "npy")
    source = ChunkedSource(in_file, chunk_bytes=32 * 4096, batch_size=32, shuffle=True)
    tracemalloc.start()
    try:
        for segment in source.segments(0):
            np.testing.assert_array_equal(segment.arrays[0][:, 0, 0] % 1024, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_members_of_a_population_are_what_they_are_alone(rows, tiny_chunks):
    _, in_file, labels = rows

    def build():
        return dense()

    population = mlplab.fit_population(build, [{"seed": 1}, {"seed": 2}], in_file, labels, epochs=2, verbose=0)
    for member in population:
        alone = trained(in_file, y=labels, batch_size=32, seed=member.variation["seed"])
        for a, b in zip(member.model.get_weights(), alone[0], strict=True):
            np.testing.assert_array_equal(a, b)
    assert population.predict(in_file).shape == (2, SIZE, 10)


def test_callbacks_by_batch_change_no_bit(rows):
    _, in_file, labels = rows
    source = ChunkedSource(in_file, labels, chunk_bytes=3 * 32 * 788, batch_size=32, shuffle=True, batch=Rows(scaled))
    steps = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)

    watched = trained(source, callbacks=[Watch()])
    assert steps == [*range(11)] * 2
    assert_equal(trained(source), watched)


def test_a_file_that_changes_ends_the_training_and_leaves_no_thread(rows, tmp_path):
    images, _, labels = rows
    np.save(tmp_path / "x.npy", images)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    source = ChunkedSource(x, labels, chunk_bytes=3 * 32 * 788, batch_size=32, shuffle=True, batch=Rows(scaled))

    def cut(epoch, logs):
        with open(tmp_path / "x.npy", "r+b") as file:
            file.truncate(1000)

    model = dense()
    with pytest.raises(DataError, match=r"x\.npy was changed while it was read"):
        mlplab.fit(model, source, epochs=3, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=cut)])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
    assert model.optimizer.iterations == 11

"""Streams train, evaluate and predict as the same batches do in arrays, and as Keras does with the same stream."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import jax
import models
import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models

import mlplab
from mlplab import keras
from mlplab.errors import DataError, UsageError

BATCH = 32


def plain_fit(model, *data, **arguments):
    return mlplab.fit(model, *data, packed=False, **arguments)


FITS = (keras.Model.fit, plain_fit)


class Batches(keras.utils.PyDataset):
    """Rows in batches of 32; writes down how Keras's methods for epochs are called."""

    def __init__(self, x, y, weights=None, **arguments):
        super().__init__(**arguments)
        self.parts, self.calls = (x, y) if weights is None else (x, y, weights), []

    def __len__(self):
        return -(-len(self.parts[0]) // BATCH)

    def __getitem__(self, index):
        return tuple(part[index * BATCH : (index + 1) * BATCH] for part in self.parts)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


class EndlessBatches(Batches):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return super().__getitem__(index % len(self))


def batches(x, y):
    """Endless batches of 32."""
    for start in itertools.cycle(range(0, len(x) - BATCH + 1, BATCH)):
        yield x[start : start + BATCH], y[start : start + BATCH]


def filled_again(batches):
    """The batches, in arrays that are filled anew for each."""
    images, labels = np.empty((BATCH, 28, 28), "float32"), np.empty(BATCH, "int32")
    for images[:], labels[:] in batches:
        yield images, labels


def once(x, y):
    for start in range(0, len(x), BATCH):
        yield x[start : start + BATCH], y[start : start + BATCH]


def assert_fits_are_equal(make, build=models.small, **arguments):
    """Keras and mlplab give the same model and History for streams made by the same function."""
    (theirs, expected), (ours, history) = [
        (model, fit(model, make(), shuffle=False, verbose=0, **arguments)) for fit in FITS for model in [build()]
    ]
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)
    return ours, history


@pytest.mark.slow
def test_a_stream_is_what_the_same_batches_in_arrays_are(uneven, other):
    streamed, arrays = models.small(), models.small()
    history = mlplab.fit(
        streamed, Batches(*uneven), epochs=2, shuffle=False, verbose=0, validation_data=Batches(*other)
    )
    expected = mlplab.fit(arrays, *uneven, epochs=2, shuffle=False, verbose=0, validation_data=other)
    assert_equal_models(arrays, streamed)
    assert history.history == expected.history
    assert mlplab.evaluate(streamed, Batches(*uneven), verbose=0) == mlplab.evaluate(arrays, *uneven, verbose=0)
    predicted = mlplab.predict(streamed, Batches(*uneven), verbose=0)
    np.testing.assert_array_equal(predicted, mlplab.predict(arrays, uneven[0], verbose=0))
    assert len(predicted) == len(uneven[0])


def test_a_data_set_of_many_stacks_is_trained_as_keras_does(rows):
    assert_fits_are_equal(lambda: Batches(*rows), epochs=2)


def assert_workers_keep_the_order(rows, **arguments):
    streamed, arrays = models.small(), models.small()
    mlplab.fit(streamed, Batches(*rows, **arguments), epochs=2, shuffle=False, verbose=0)
    mlplab.fit(arrays, *rows, epochs=2, shuffle=False, verbose=0)
    assert_equal_models(arrays, streamed)


@pytest.mark.parametrize("arguments", [{"workers": 2}, {"workers": 3, "max_queue_size": 2}])
def test_the_workers_of_a_data_set_keep_its_order(arguments, uneven):
    assert_workers_keep_the_order(uneven, **arguments)


def assert_a_forked_process_ends_without_error(rows):
    codes = []

    def batches():
        for start in (0, 32, 64, 96):  # of which Keras reads two ahead, in this thread
            process = multiprocessing.get_context("fork").Process(target=int)
            process.start()
            process.join()
            codes.append(process.exitcode)
            yield rows[0][start : start + 32], rows[1][start : start + 32]

    mlplab.fit(models.small(), batches(), steps_per_epoch=4, shuffle=False, verbose=0)
    assert codes == [0, 0, 0, 0]


@pytest.mark.slow
def test_processes_that_streams_start_keep_the_order_and_end_without_error(uneven, tmp_path):
    """A `PyDataset` reads its batches in other processes, and so does a `DataLoader`, which fails if one of them does.

    Such processes are forked. This test runs in a new process, because one in which Ray was used cannot be forked: the
    child deletes Ray's connection, and waits for ever for a thread that only its parent has.
    """
    path = tmp_path / "rows.npz"
    np.savez(path, *uneven)
    code = (
        f"import numpy as np, test_streams\nrows = tuple(np.load({str(path)!r}).values())\n"
        "test_streams.assert_workers_keep_the_order(rows, workers=2, use_multiprocessing=True)\n"
        "test_streams.assert_a_forked_process_ends_without_error(rows)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120, env=environment)


def test_the_methods_for_epochs_of_a_data_set_are_called_as_by_keras(few, other):
    calls = []
    for fit in FITS:
        train, held_out = Batches(*few), Batches(*other)
        fit(models.small(), train, validation_data=held_out, epochs=2, shuffle=False, verbose=0)
        calls.append((train.calls, held_out.calls))
    assert calls[0] == calls[1]


def test_keras_shuffles_the_batches_of_a_data_set(few):
    trained = []
    for fit in FITS:
        keras.utils.set_random_seed(3)
        trained.append(fit(models.small(), Batches(*few), epochs=2, verbose=0).model)
    assert_equal_models(*trained)


def test_an_endless_generator_continues_from_epoch_to_epoch(few):
    """Each epoch has 4 of the 6 batches, and the next one begins with the fifth."""
    assert_fits_are_equal(lambda: batches(*few), steps_per_epoch=4, epochs=3)


def test_endless_data_sets_and_streams_for_validation(few, other):
    endless = {"steps_per_epoch": 4, "epochs": 2, "validation_steps": 2}
    model, history = assert_fits_are_equal(
        lambda: EndlessBatches(*few), **endless, validation_data=EndlessBatches(*other)
    )
    assert len(history.history["val_loss"]) == 2
    ours = mlplab.evaluate(model, batches(*other), steps=5, verbose=0)
    np.testing.assert_allclose(ours, model.evaluate(batches(*other), steps=5, verbose=0), rtol=1e-6)
    predicted = mlplab.predict(model, EndlessBatches(*other), steps=4, verbose=0)
    np.testing.assert_allclose(predicted, model.predict(EndlessBatches(*other), steps=4, verbose=0), atol=1e-6)


def test_a_generator_that_ends_early_is_warned_about_as_by_keras(few):
    def histories(**arguments):
        for fit in FITS:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                history = fit(models.small(), once(*few), shuffle=False, verbose=0, **arguments)
            yield history, [str(warning.message) for warning in caught if "ran out of data" in str(warning.message)]

    for arguments in ({}, {"steps_per_epoch": 4, "epochs": 2}, {"steps_per_epoch": 10}):
        (expected, their_warnings), (history, our_warnings) = histories(**arguments)
        assert_equal_histories(expected, history)
        assert our_warnings == their_warnings
        assert our_warnings


@pytest.mark.parametrize("make", [itertools.chain, filled_again])
def test_all_iterators_are_streams_even_if_they_use_their_arrays_again(make, few):
    streamed, arrays = models.small(), models.small()
    mlplab.fit(streamed, make(batches(*few)), steps_per_epoch=6, epochs=2, shuffle=False, verbose=0)
    mlplab.fit(arrays, *few, epochs=2, shuffle=False, verbose=0)
    assert_equal_models(arrays, streamed)


@pytest.mark.slow
def test_arrays_with_steps_are_read_as_by_keras(few, other):
    for arguments in (
        {"steps_per_epoch": 4, "epochs": 3, "batch_size": 32},
        {"steps_per_epoch": 3, "epochs": 2, "validation_data": other, "validation_steps": 2},
    ):
        histories = []
        for fit in FITS:
            model = models.small()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Your input ran out of data")
                histories.append(fit(model, *few, shuffle=False, verbose=0, **arguments))
        assert_equal_models(histories[0].model, histories[1].model)
        assert_equal_histories(*histories)
    np.testing.assert_allclose(
        mlplab.evaluate(model, *few, steps=2, batch_size=32, verbose=0),
        model.evaluate(*few, steps=2, batch_size=32, verbose=0),
        rtol=1e-6,
    )
    assert mlplab.predict(model, few[0], steps=2, batch_size=32, verbose=0).shape == (64, 10)


def test_keras_shuffles_arrays_with_steps(few):
    trained = []
    for fit in FITS:
        keras.utils.set_random_seed(3)
        trained.append(fit(models.small(), *few, steps_per_epoch=3, epochs=2, batch_size=32, verbose=0).model)
    assert_equal_models(*trained)


@pytest.mark.slow
def test_sample_weights_and_class_weights(few):
    weights = np.random.default_rng(0).uniform(0, 2, len(few[0])).astype("float32")
    assert_fits_are_equal(lambda: Batches(*few, weights))
    assert_fits_are_equal(lambda: Batches(*few), class_weight={0: 5.0, 3: 0.5})
    for fit in FITS:
        with pytest.raises(ValueError, match=r"`class_weight` is not supported for Python generator"):
            fit(models.small(), once(*few), class_weight={0: 5.0}, shuffle=False, verbose=0)
        with pytest.raises(ValueError, match=r"`class_weight`\s+and `sample_weight` at the same time"):
            fit(models.small(), Batches(*few, weights), class_weight={0: 5.0}, shuffle=False, verbose=0)


def test_a_stream_of_the_other_byte_order(few):
    def swapped():
        for x, y in batches(*few):
            yield x.astype(">f4"), y.astype(">i8")

    ours, theirs = models.small(), models.small()
    common = {"steps_per_epoch": 6, "shuffle": False, "verbose": 0}
    mlplab.fit(ours, swapped(), **common)
    mlplab.fit(theirs, batches(few[0].astype("float32"), few[1]), **common)
    assert_equal_models(ours, theirs)


@pytest.mark.slow
def test_several_inputs_and_outputs(few):
    x, y = models.data("two_outputs", *few)

    def dictionaries():
        for start in range(0, len(few[0]), BATCH):
            yield jax.tree.map(lambda array, start=start: array[start : start + BATCH], (x, y))

    assert_fits_are_equal(dictionaries, models.two_outputs, steps_per_epoch=6)


def test_an_error_of_the_stream_is_raised_as_it_is_and_its_thread_ends(few):
    class Failed(Exception):
        pass

    def failing():
        yield from once(*few)
        raise Failed("the disk is gone")

    model = models.small()
    before = model.get_weights()
    with pytest.raises(Failed, match="the disk is gone"):
        mlplab.fit(model, failing(), shuffle=False, verbose=0)
    for p, q in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_ctrl_c_ends_the_waiting_for_a_stream(few):
    def interrupting():
        yield from itertools.islice(batches(*few), 5)
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            time.sleep(0.05)
            yield from itertools.islice(batches(*few), 1)

    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        mlplab.fit(models.small(), interrupting(), steps_per_epoch=10_000, shuffle=False, verbose=0)
    assert time.perf_counter() - began < 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_a_model_stops_a_stream_before_its_end(few):
    model, read = models.small(), []

    def stopping():
        for batch in batches(*few):
            read.append(batch)
            if len(read) == 50:
                model.stop_training = True
            yield batch

    options = {"steps_per_epoch": 10_000, "epochs": 3, "shuffle": False, "verbose": 0, "validation_data": few}
    history = mlplab.fit(model, stopping(), **options)
    assert {len(values) for values in history.history.values()} == {1}
    assert 50 <= len(read) < 1000  # some stacks more, which were read ahead
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_what_a_stream_decides_is_refused(few):
    with pytest.raises(UsageError, match=r"seed: .*set_random_seed"):
        mlplab.fit(models.small(), Batches(*few), seed=1, verbose=0)
    with pytest.raises(UsageError, match=r"validation_split needs arrays.*validation_data"):
        mlplab.fit(models.small(), Batches(*few), validation_split=0.1, verbose=0)
    for fit in FITS:
        with pytest.raises(ValueError, match=r"`y` should not be passed"):
            fit(models.small(), Batches(*few), few[1], shuffle=False, verbose=0)
        with pytest.raises(ValueError, match=r"must yield at least one batch"):
            fit(models.small(), iter(()) if fit is plain_fit else (_ for _ in ()), shuffle=False, verbose=0)
    with pytest.raises(DataError, match=r"no batch"):
        mlplab.fit(models.small(), Batches(few[0][:0], few[1][:0]), shuffle=False, verbose=0)


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_number_of_steps_is_printed_when_it_is_known(verbose, few, capsys):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your input ran out of data")
        mlplab.fit(models.small(), once(*few), shuffle=False, verbose=verbose)
    assert "6/6" in capsys.readouterr().out


@pytest.mark.parametrize(
    "build", [models.without_input, pytest.param(models.custom_train_step, marks=pytest.mark.slow), models.subclass]
)
def test_models_that_are_built_by_their_first_batch(build, few, other):
    assert_fits_are_equal(lambda: Batches(*few), build, epochs=2)
    fresh = build()
    assert mlplab.predict(fresh, Batches(*other), verbose=0).shape == (len(other[0]), 10)
    assert len(mlplab.evaluate(build(), Batches(*other), verbose=0)) == 2


class Count(keras.callbacks.Callback):
    """Stops at the third batch, and counts those that a generator has given by then."""

    def __init__(self, given):
        super().__init__()
        self.given, self.seen = given, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(len(self.given))
        self.model.stop_training = batch == 2


def test_nothing_is_read_ahead_where_callbacks_see_every_batch(few):
    counts = []
    for fit in FITS:
        given = []

        def counted(given=given):
            for batch in batches(*few):
                given.append(batch)
                yield batch

        count = Count(given)
        fit(models.small(), counted(), steps_per_epoch=5, epochs=2, shuffle=False, verbose=0, callbacks=[count])
        counts.append(count.seen)
    assert counts[0] == counts[1] == [2, 2, 3]  # Keras looks at two batches beforehand


def test_keras_setting_for_the_most_steps_of_an_epoch(few):
    histories = []
    keras.config.set_max_steps_per_epoch(2)
    try:
        for fit in FITS:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Limiting steps_per_epoch to 2")
                histories.append(fit(models.small(), *few, epochs=2, batch_size=32, shuffle=False, verbose=0))
    finally:
        keras.config.set_max_steps_per_epoch(None)
    assert_equal_histories(*histories)
    assert_equal_models(*[history.model for history in histories])

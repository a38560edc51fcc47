"""Whether torch's `DataLoader` and `tf.data` do in mlplab what they do in Keras, where they are installed.

`check` trains two equal networks on each stream, by `keras.Model.fit` and by `mlplab.fit(packed=False)`: their weights
must be equal bit for bit, and those of rows in their own order equal to those of arrays. `streams.py` calls it before
it times anything. It is no test of `tests/`, because torch and TensorFlow are too large for what each test run sets up.

    python benchmarks/same_bits.py
"""

import importlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

import mlplab
from mlplab import keras

ROWS, BATCH = 400, 32  # the last batch of an epoch has 16 rows
STEPS = -(-ROWS // BATCH)

Case = tuple[Callable[[], Any], dict[str, Any]]
"""Makes a stream, the same one each time, and the arguments of `fit` beside it."""


def left_out() -> list[str]:
    """Say which libraries are not installed."""
    missing = {"DataLoader": "torch", "tf.data": "tensorflow"}
    return [f"{stream}: {package} is not installed" for stream, package in missing.items() if not find_spec(package)]


def rows(count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((count, 28, 28), np.float32), rng.integers(0, 10, count)


def data_loader(x: np.ndarray, y: np.ndarray, **arguments: Any) -> Any:
    """Return torch's loader of arrays, batches of 32. Its order begins anew with each loader made."""
    torch = importlib.import_module("torch")  # optional: the other streams do without
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y.astype("int64")))
    return torch.utils.data.DataLoader(data, **{"batch_size": BATCH, **arguments})


def tf_data(x: np.ndarray, y: np.ndarray, drop_remainder: bool = False) -> Any:
    """Return `tf.data`'s set of arrays, batches of 32."""
    tensorflow = importlib.import_module("tensorflow")  # optional, as torch is
    return tensorflow.data.Dataset.from_tensor_slices((x, y)).batch(BATCH, drop_remainder=drop_remainder)


def in_order() -> dict[str, Callable[[np.ndarray, np.ndarray], Any]]:
    """Return streams of all rows in their own order."""
    found: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {}
    if find_spec("torch"):
        found["DataLoader"] = data_loader
        found["DataLoader, 2 workers"] = lambda x, y: data_loader(x, y, num_workers=2)
    if find_spec("tensorflow"):
        found["tf.data"] = tf_data
        found["tf.data, prefetched"] = lambda x, y: tf_data(x, y).prefetch(2)
    return found


def cases() -> Iterator[tuple[str, Case]]:
    """Yield what is trained on, by name."""
    x, y = rows()
    other = rows(100)
    for name, make in in_order().items():
        yield name, (lambda make=make: make(x, y), {})
        yield f"{name}, validated", (lambda make=make: make(x, y), {"validation_data": make(*other)})
    if find_spec("torch"):
        for arguments in (
            {"shuffle": True},
            {"shuffle": True, "num_workers": 2},
            {"drop_last": True},
            {"shuffle": True, "drop_last": True, "num_workers": 2, "persistent_workers": True},
        ):
            name = ", ".join(f"{key}={value}" for key, value in arguments.items())
            yield f"DataLoader, {name}", (lambda arguments=arguments: data_loader(x, y, **arguments), {})
        yield "DataLoader, 5 steps an epoch", (lambda: data_loader(x, y), {"steps_per_epoch": 5})
    if find_spec("tensorflow"):
        yield "tf.data, 5 steps an epoch", (lambda: tf_data(x, y), {"steps_per_epoch": 5, "epochs": 2})
        yield "tf.data, repeated twice", (lambda: tf_data(x, y).repeat(2), {})
        yield "tf.data, repeated for ever", (lambda: tf_data(x, y).repeat(), {"steps_per_epoch": STEPS - 3})
        unknown = {"steps_per_epoch": None}
        yield "tf.data, of unknown length", (lambda: tf_data(x, y).filter(lambda *_: True), unknown)
        yield "tf.data, shuffled", (lambda: tf_data(x, y).unbatch().shuffle(ROWS, seed=1).batch(BATCH), {})
        whole = {"validation_data": tf_data(*other).repeat(), "validation_steps": 2}
        yield "tf.data, drop_remainder", (lambda: tf_data(x, y, drop_remainder=True), whole)


def network() -> keras.Model:
    model = mlplab.mlp((28, 28), 10, [20], seed=0)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def plain_fit(model: keras.Model, stream: Any, **arguments: Any) -> Any:
    return mlplab.fit(model, stream, packed=False, **arguments)


def trained(fit: Callable[..., Any], case: Case) -> tuple[keras.Model, dict[str, list[float]]]:
    """Return a trained network and its history."""
    make, arguments = case
    model = network()
    history = fit(model, make(), **{"epochs": 2, "verbose": 0, "shuffle": False, **arguments})
    return model, history.history


def check() -> int:
    """Compare all cases; raises AssertionError at the first difference. Returns their number."""
    count = 0
    for name, case in cases():
        (theirs, history), (ours, our_history) = trained(keras.Model.fit, case), trained(plain_fit, case)
        assert_equal(f"weights: {name}", theirs.get_weights(), ours.get_weights())
        assert history.keys() == our_history.keys(), name
        for key, values in history.items():
            np.testing.assert_allclose(our_history[key], values, rtol=2e-6, err_msg=f"{name}: {key}")
        count += 1
    x, y = rows()
    of_arrays, _ = trained(lambda model, _, **arguments: plain_fit(model, x, y=y, **arguments), (lambda: None, {}))
    for name, make in in_order().items():
        of_stream, _ = trained(plain_fit, (lambda make=make: make(x, y), {}))
        assert_equal(f"weights of arrays: {name}", of_arrays.get_weights(), of_stream.get_weights())
        evaluate: list[Any] = [keras.Model.evaluate, mlplab.evaluate]
        evaluated = [function(of_arrays, make(x, y), verbose=0) for function in evaluate]
        np.testing.assert_allclose(evaluated[1], evaluated[0], rtol=2e-6, err_msg=f"evaluate: {name}")
        predict: list[Any] = [keras.Model.predict, mlplab.predict]
        predicted = [function(of_arrays, make(x, y), verbose=0) for function in predict]
        np.testing.assert_allclose(predicted[1], predicted[0], rtol=1e-5, atol=1e-7, err_msg=f"predict: {name}")
        assert_equal(f"predictions: {name}", [mlplab.predict(of_arrays, x, verbose=0)], predicted[1:])
        count += 1
    return count


def assert_equal(name: str, theirs: list[np.ndarray], ours: list[np.ndarray]) -> None:
    for expected, got in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(got, expected, err_msg=name)


if __name__ == "__main__":
    print(f"{check()} comparisons: equal")
    print(*left_out(), sep="\n")

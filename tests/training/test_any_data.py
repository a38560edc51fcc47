"""A run trains on the right numbers, whatever form inputs and labels have and whatever the model does with them."""

import json
import warnings

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.datasets import Data, Provenance
from mlplab.errors import DataError, UsageError
from mlplab.runs import Predictions, Preprocessing, Run
from mlplab.runs.dataset_ref import data_of
from mlplab.training import splits
from mlplab.training.network import data_for, targets_for
from mlplab.training.outcome import _by_class
from mlplab.training.scaling import preprocessing_for, preprocessing_of_trained

pytestmark = pytest.mark.slow

SHORT = {"hidden": [8], "epochs": 1, "batch_size": 64, "labelled": 640, "seed": 1, "verbose": 0}
layers = keras.layers


def arrays(digits: Data, inputs=lambda x: x, labels=lambda y: y):
    return tuple((inputs(part.inputs), labels(part.labels)) for part in (digits.train, digits.test))


def compiled(*first, loss="sparse_categorical_crossentropy", classes=10, metrics=("accuracy",)):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((8, 8)), *first, layers.Flatten(), layers.Dense(classes, "softmax")])
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(0.01), metrics=list(metrics))
    return model


@pytest.fixture(scope="session")
def short_run(digits, tmp_path_factory) -> Run:
    return mlplab.train(digits, **SHORT, out=tmp_path_factory.mktemp("runs") / "short")


def test_labels_with_gaps_are_as_many_classes_as_occur(digits, tmp_path):
    values = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 900])
    given = arrays(digits, labels=lambda y: values[y])
    file = tmp_path / "gaps.npz"
    np.savez(file, x_train=given[0][0], y_train=given[0][1], x_test=given[1][0], y_test=given[1][1])
    run = mlplab.train(file, **SHORT, out=tmp_path / "gaps")
    assert run.class_names == tuple(map(str, values))
    written = json.loads((run.path / "config.json").read_text())
    assert written["labels"] == values.tolist()
    assert Run(run.path).config == run.config
    assert run.predict(digits.test.images).shape == (len(digits.test), 10)
    np.testing.assert_array_equal(data_of(run).test.labels, digits.test.labels)
    rows = mlplab.show_failures(run, trueclass=900, maxtoshow=None)
    assert set(rows["true"]) == {"900"}


def test_a_run_of_an_earlier_version_keeps_its_classes_and_floats(short_run, digits, tmp_path):
    """It counted classes up to the largest label, and kept whole floats as floats."""
    given = arrays(digits, lambda x: x.reshape(-1, 64), lambda y: y + 1)
    names = tuple(map(str, range(11)))
    parts = []
    for (x, y), split in zip(given, ("train", "test"), strict=True):
        parts.append(mlplab.datasets.Dataset(x.astype("float32"), y, names, Provenance("arrays", split)))
    run = mlplab.train(
        Data("arrays", *parts),
        **{**SHORT, "labelled": None, "validation": 0, "batch_size": 103},
        out=tmp_path / "before",
    )
    config = json.loads((run.path / "config.json").read_text())
    for name in ("labels", "inputs"):
        del config[name]
    (run.path / "config.json").write_text(json.dumps(config))
    (run.path / "SHA256SUMS").unlink()
    again = data_of(Run(run.path), given)
    assert again.class_names == names
    assert again.train.inputs.dtype == np.float32
    np.testing.assert_array_equal(again.train.labels, digits.train.labels + 1)


def test_one_class_alone_is_refused(digits, tmp_path):
    with pytest.raises(DataError, match=r"two classes or more, and all 1,442 rows of arrays train are 'cat'"):
        mlplab.train(arrays(digits, labels=lambda y: ["cat"] * len(y)), **SHORT, out=tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def test_large_numbers_that_are_not_scaled_are_warned_about(digits):
    floats = digits.train.images * np.float32(15.3)
    with pytest.warns(UserWarning, match=r"go from 0 to 244\.8 and are not scaled.*standardize=True"):
        assert splits.fit_preprocessing(floats, np.arange(100), standardize=False) == Preprocessing()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits.fit_preprocessing(floats, np.arange(100), standardize=True)
        splits.fit_preprocessing(floats / 255, np.arange(100), standardize=False)
        preprocessing_for(compiled(layers.Rescaling(1 / 255)), floats, np.arange(100), standardize=False)


def test_inputs_of_another_range_are_warned_about_at_predict(short_run, digits, tmp_path):
    with pytest.warns(
        UserWarning, match=r"trained on inputs from 0 to 16, and these go from 0 to 1\..*as the data set"
    ):
        short_run.predict(digits.test.images / 16)
    with pytest.warns(UserWarning, match="these go from 0 to 240"):
        short_run.predict(digits.test.images.astype(int) * 15)
    scaled = mlplab.train(arrays(digits, lambda x: x / 16), **SHORT, out=tmp_path / "scaled")
    with pytest.warns(UserWarning, match="trained on inputs from 0 to 1, and these go from 0 to 16"):
        scaled.predict(digits.test.images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled.predict(digits.test.images / 16)
        short_run.predict(digits.test.images[:1] * 0.0)
        short_run.predict(digits.test.images * 1.0)


LOSSES = [kind for name, kind in vars(keras.losses).items() if name[0].isupper() and name not in ("Loss", "CTC")]
OF_CLASS_NUMBERS = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle")


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_every_loss_gets_the_targets_that_it_takes(kind, digits):
    loss = kind()
    for given in (loss, [loss]):
        targets = targets_for(compiled(loss=given, metrics=()), digits)
        if kind.__name__ in OF_CLASS_NUMBERS:
            np.testing.assert_array_equal(targets, digits.train.labels)
        else:
            np.testing.assert_array_equal(targets, keras.utils.to_categorical(digits.train.labels, 10))
            assert targets.dtype == np.float32
    assert np.isfinite(float(loss(targets[:9], np.full((9, 10), 0.1, np.float32))))


@pytest.mark.parametrize(
    ("name", "sparse"), [("mse", False), ("sparse_categorical_crossentropy", True), ("kld", False), ("circle", True)]
)
def test_losses_by_name_get_the_targets_that_they_take(name, sparse, digits):
    assert targets_for(compiled(loss=name), digits).ndim == (1 if sparse else 2)


def test_a_loss_of_one_hot_rows_trains_as_with_one_hot_rows(digits, tmp_path):
    arguments = {"epochs": 2, "batch_size": 103, "verbose": 0}
    by_hand = compiled(loss="mse")
    one_hot = keras.utils.to_categorical(digits.train.labels, 10)
    history = mlplab.fit(by_hand, digits.train.images / np.float32(16), one_hot, seed=0, **arguments).history
    run = mlplab.train(digits, model=compiled(loss="mse"), validation=0, out=tmp_path / "mse", **arguments)
    np.testing.assert_allclose(run.history["loss"], history["loss"], rtol=1e-4)
    np.testing.assert_allclose(run.model.get_weights()[0], by_hand.get_weights()[0], atol=1e-4)
    assert run.result.train.accuracy == pytest.approx(history["accuracy"][-1], abs=0.01)


def normalised(x):
    layer = layers.Normalization(axis=None)
    layer.adapt(x)
    return layer


@pytest.mark.parametrize("kind", ["raw", "scaled", "normalization"])
def test_a_kept_model_is_scored_on_what_it_was_trained_on(kind, digits, tmp_path):
    x, x_test = digits.train.images, digits.test.images
    model = compiled(*([normalised(x)] if kind == "normalization" else []))
    factor = np.float32(1 / 16) if kind == "scaled" else np.float32(1)
    history = mlplab.fit(model, x * factor, digits.train.labels, epochs=2, batch_size=103, verbose=0)
    expected = mlplab.evaluate(model, x_test * factor, digits.test.labels, verbose=0, return_dict=True)
    run = mlplab.save_run(model, arrays(digits), history=history, out=tmp_path / "kept")
    assert run.result.test.accuracy == pytest.approx(expected["accuracy"], abs=1e-6)
    assert run.result.test.loss == pytest.approx(expected["loss"], rel=1e-4)
    if kind == "scaled":
        given = mlplab.save_run(model, digits, scale=255, out=tmp_path / "given")
        assert given.config.preprocessing == Preprocessing(255.0)
    with pytest.raises(UsageError, match="scale must be a number above 0; got 0"):
        mlplab.save_run(model, digits, scale=0, out=tmp_path / "none")


@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_without_moments_and_history_the_loss_is_a_guess_and_a_warning_says_so(scale, digits):
    model = compiled(layers.Flatten(), layers.Dense(16, "relu"))
    x = digits.train.images / np.float32(scale)
    mlplab.fit(model, x, digits.train.labels, epochs=12, batch_size=103, verbose=0)
    assert preprocessing_of_trained(model, digits, None) == Preprocessing(scale)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    with pytest.warns(UserWarning, match=r"is doubtful\. Give save_run the scale .* scale=1 for none, or the history"):
        assert preprocessing_of_trained(model, digits, None) == Preprocessing(scale)
    assert preprocessing_of_trained(model, digits, 255) == Preprocessing(255.0)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mse"])
@pytest.mark.parametrize(("scale", "rate"), [(1.0, 0.001), (16.0, 0.1), (255.0, 3.0)])
def test_without_moments_the_logged_loss_says_how_a_model_was_trained(loss, scale, rate, digits, tmp_path):
    model = compiled(layers.Flatten(), layers.Dense(16, "tanh"))
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    labels, test_labels = (
        part.labels if loss[0] == "s" else keras.utils.to_categorical(part.labels, 10)
        for part in (digits.train, digits.test)
    )
    history = mlplab.fit(model, digits.train.images / np.float32(scale), labels, epochs=6, batch_size=103, verbose=0)
    run = mlplab.save_run(model, digits, history=history, out=tmp_path / "run")
    assert run.config.preprocessing == Preprocessing(scale)
    expected = model.evaluate(digits.test.images / np.float32(scale), test_labels, verbose=0, return_dict=True)
    assert run.result.test.accuracy == pytest.approx(expected["accuracy"], abs=1e-6)


@pytest.mark.parametrize(
    ("first", "scale"),
    [
        ([], 16.0),
        ([layers.Rescaling(1 / 16)], 1.0),
        ([layers.Rescaling(1 / 8, -1)], 1.0),
        ([keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Rescaling(1 / 16)])], 1.0),
        ([layers.Normalization(axis=None, mean=5, variance=36)], 1.0),
        ([layers.Normalization(axis=None, mean=0.3, variance=0.14)], 16.0),
        ([layers.Dropout(0.1), layers.Rescaling(1 / 16), layers.GaussianNoise(0.1)], 1.0),
        ([layers.Rescaling(2, -1)], 16.0),
        ([layers.BatchNormalization()], 16.0),
        ([layers.Dense(4), layers.Rescaling(1 / 16)], 16.0),
    ],
)
def test_a_model_that_scales_its_inputs_is_trained_on_them_as_they_are(first, scale, digits):
    x = digits.train.images
    assert preprocessing_for(compiled(*first), x, np.arange(len(x)), standardize=False) == Preprocessing(scale)


def test_a_users_model_has_an_output_for_each_number(digits, tmp_path):
    """A class that does not occur has an output too; so has one below the first label."""
    some = np.isin(digits.train.labels, (1, 2, 5)), np.isin(digits.test.labels, (1, 2, 5))
    parts = digits.train.select(some[0]), digits.test.select(some[1])
    given = tuple((part.images, part.labels) for part in parts)
    run = mlplab.train(given, model=compiled(classes=6), epochs=1, batch_size=64, verbose=0, out=tmp_path / "six")
    assert run.class_names == tuple("012345")
    np.testing.assert_array_equal(run.predictions().label, parts[1].labels)
    assert data_for(compiled(classes=3), mlplab.load(given)).class_names == ("1", "2", "5")


def test_of_many_classes_only_cells_that_are_not_empty_are_written():
    names = tuple(map(str, range(10_000)))
    probabilities = np.zeros((4, 10_000), np.float32)
    probabilities[np.arange(4), [7, 7, 9_999, 0]] = 1
    written = _by_class(Predictions(np.arange(4), np.array([7, 7, 9_999, 5]), probabilities), names)
    assert written["confusion"] == {"true": [5, 7, 9_999], "predicted": [0, 7, 9_999], "count": [1, 2, 1]}
    assert {name: value for name, value in written["per_class"].items() if value is not None} == {
        "5": 0.0,
        "7": 1.0,
        "9999": 1.0,
    }
    few = _by_class(Predictions(np.arange(4), np.array([7, 7, 9, 5]), probabilities[:, :10]), names[:10])
    assert np.array(few["confusion"]).shape == (10, 10)

"""A run: what is asked is trained, what is trained is kept, and what was interrupted goes on to the same end."""

import json
import random
import shutil
import types

import numpy as np
import pytest
from filelock import FileLock
from sklearn.metrics import accuracy_score, confusion_matrix

import mlplab
from mlplab import keras
from mlplab.datasets import Data
from mlplab.errors import DataError, Interrupted, ModelError, RunError, TrainingError, UsageError
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.dataset_ref import data_of

layers = keras.layers
SMALL = {"hidden": [16, 16], "dropout": 0.2, "epochs": 6, "early_stopping": 2, "schedule": "cosine", "verbose": 0}


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory) -> mlplab.Run:
    return mlplab.train(digits, **SMALL, out=tmp_path_factory.mktemp("runs") / "finished")


def bytes_of(run: mlplab.Run) -> dict[str, bytes]:
    names = ("model.safetensors", "predictions-test.npz", "predictions-validation.npz", "metrics.jsonl", "split.npz")
    return {name: (run.path / name).read_bytes() for name in names if (run.path / name).exists()}


def test_a_run_directory_holds_what_format_1_says(finished):
    names = {path.name for path in finished.path.iterdir() if not path.name.startswith(".")}
    assert names == {
        *("config.json", "metrics.jsonl", "split.npz", "checkpoint.safetensors", "checkpoint.json"),
        *("model.safetensors", "model.json", "predictions-validation.npz", "predictions-test.npz", "result.json"),
    }
    config = json.loads((finished.path / "config.json").read_text())
    assert config["format"] == 1
    assert config["settings"]["hidden"] == [16, 16]
    assert config["preprocessing"] == {"scale": 16.0, "offset": 0.0}
    assert config["data"]["name"] == "digits"
    assert config["versions"]["keras"] == keras.__version__


def test_the_result_is_what_the_predictions_amount_to(finished, digits):
    result, predictions = finished.result, finished.predictions("test")
    assert list(result) == [
        *("schema", "run", "parameters", "seed", "train", "validation", "test", "per_class", "confusion"),
        *("seconds", "peak_memory_bytes", "versions"),
    ]
    assert list(result["seconds"]) == ["import", "load", "compile", "train", "total"]
    np.testing.assert_array_equal(predictions.label, digits.test.labels)
    predicted = predictions.probabilities.argmax(1)
    assert result["test"]["accuracy"] == accuracy_score(predictions.label, predicted)
    assert result["confusion"] == confusion_matrix(predictions.label, predicted).tolist()
    assert result["test"]["n"] == len(digits.test)
    low, high = result["test"]["interval"]
    assert low < result["test"]["accuracy"] < high
    assert result["parameters"] == 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10


def test_early_stopping_keeps_the_best_epoch(finished):
    history = finished.history
    best = int(np.argmax(history["val_accuracy"]))
    assert finished.result["validation"]["accuracy"] == pytest.approx(history["val_accuracy"][best])
    assert finished.result["train"]["accuracy"] == history["accuracy"][best]


def test_an_opened_run_predicts_what_it_predicted(finished, digits):
    opened = mlplab.Run(finished.path)
    expected = finished.predictions("test").probabilities
    np.testing.assert_allclose(opened.predict(digits.test.images), expected, atol=1e-6)
    with pytest.raises(DataError, match=r"numbers of shape \(n, 8, 8\); got uint8 of shape \(8, 8\).*images\[None\]"):
        opened.predict(digits.test.images[0])


def test_the_held_out_rows_were_not_trained_on(finished, digits):
    held_out = finished.predictions("validation")
    split = np.load(finished.path / "split.npz")
    np.testing.assert_array_equal(held_out.index, split["validation"])
    np.testing.assert_array_equal(held_out.label, digits.train.labels[held_out.index])
    assert not set(split["train"]) & set(split["validation"])


def test_same_seed_same_bytes_other_seed_others(finished, digits, tmp_path):
    again = mlplab.train(digits, **SMALL, out=tmp_path / "again")
    assert bytes_of(again) == bytes_of(finished)
    other = mlplab.train(digits, **SMALL, seed=1, out=tmp_path / "other")
    for name, content in bytes_of(other).items():
        assert content != bytes_of(finished)[name], name


class EndAfter(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch, by the signal's own exception."""

    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.last:
            raise KeyboardInterrupt


def test_going_on_after_any_epoch_ends_where_it_would_have_ended(finished, digits, tmp_path):
    for epoch in range(len(finished.epochs)):
        path = tmp_path / f"cut-{epoch}"
        with pytest.raises(Interrupted, match=f"after epoch {epoch} of 6.*--resume .*{path.name}"):
            mlplab.train(digits, **SMALL, out=path, callbacks=[EndAfter(epoch)])
        cut = mlplab.Run(path)
        assert cut.result is None
        assert len(cut.epochs) == epoch
        assert bytes_of(mlplab.resume(path, verbose=0)) == bytes_of(finished)


def test_a_run_stopped_early_is_not_trained_further(finished, digits, tmp_path):
    """Killed between the last checkpoint and the result."""
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy)
    for name in ("result.json", "model.safetensors", "predictions-test.npz", "predictions-validation.npz"):
        (copy / name).unlink()
    assert bytes_of(mlplab.resume(copy, verbose=0)) == bytes_of(finished)


def test_a_finished_run_is_returned_as_it_is(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.path.iterdir()}
    assert mlplab.resume(finished.path).result == finished.result
    assert {path: path.stat().st_mtime_ns for path in finished.path.iterdir()} == before


@pytest.fixture
def cut(digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **SMALL, out=tmp_path / "cut", callbacks=[EndAfter(2)])
    return tmp_path / "cut"


def test_two_processes_cannot_train_one_run(cut):
    with FileLock(cut / ".lock"), pytest.raises(RunError, match="trained by another process"):
        mlplab.resume(cut, verbose=0)


def test_other_data_is_refused(cut, digits):
    other = Data("digits", digits.train.select(np.arange(1000)), digits.test)
    with pytest.raises(DataError, match="other content"):
        mlplab.resume(cut, data=other, verbose=0)


def test_other_conditions_are_said(cut):
    config = json.loads((cut / "config.json").read_text())
    config["versions"]["jax"], config["threads"] = "0.1", 77
    (cut / "config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"jax 0\.1 → .*threads 77 → .*not bit for bit"):
        mlplab.resume(cut, verbose=0)


def test_damage_is_named(cut):
    (cut / "checkpoint.json").write_text("{")
    with pytest.raises(RunError, match=r"checkpoint\.json is damaged"):
        mlplab.resume(cut, verbose=0)
    with pytest.raises(RunError, match="There is no run at"):
        mlplab.resume(cut / "nowhere")


def test_a_directory_in_the_way_is_left_alone(finished, digits):
    before = bytes_of(finished)
    with pytest.raises(RunError, match=r"exists already.*--resume"):
        mlplab.train(digits, **SMALL, out=finished.path)
    assert bytes_of(finished) == before


def test_a_loss_that_explodes_leaves_the_last_good_epoch(digits, tmp_path):
    wild = {"hidden": [8], "optimizer": "sgd", "learning_rate": 1e38, "epochs": 2, "verbose": 0, "validation": 0}
    with pytest.raises(TrainingError, match="epoch 1"):
        mlplab.train(digits, **wild, out=tmp_path / "wild")
    assert Checkpoint.load(tmp_path / "wild").epoch == 0


def own_model(last="softmax", classes=10, shape=(8, 8), **arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(16, "relu")])
    model.add(layers.Dense(classes, last))
    arguments = {"loss": "sparse_categorical_crossentropy", "optimizer": keras.optimizers.Adam(0.01), **arguments}
    arguments = {"metrics": ["accuracy"], **arguments}
    if isinstance(arguments["optimizer"], types.FunctionType):
        arguments["optimizer"] = arguments["optimizer"]()
    model.compile(**arguments)
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"loss": "categorical_crossentropy"},
        {"last": None, "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
        {"optimizer": lambda: keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.9)},
        {"metrics": []},
    ],
    ids=["sparse", "one-hot", "logits", "ema", "no metric"],
)
def test_a_model_of_ones_own_becomes_a_run(arguments, digits, tmp_path):
    asked = {"epochs": 3, "seed": 2, "verbose": 0, "early_stopping": 2}
    run = mlplab.train(digits, model=own_model(**arguments), **asked, out=tmp_path / "own")
    np.testing.assert_allclose(run.predict(digits.test.images).sum(1), 1, rtol=1e-5)
    assert run.result["test"]["accuracy"] > 0.5
    with pytest.raises(Interrupted):
        mlplab.train(digits, model=own_model(**arguments), **asked, out=tmp_path / "cut", callbacks=[EndAfter(2)])
    assert bytes_of(mlplab.resume(tmp_path / "cut", verbose=0)) == bytes_of(run)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: own_model(classes=7), r"shape \(7,\), and digits has 10 classes"),
        (lambda: own_model(shape=(28, 28)), r"inputs of shape \(28, 28\), and digits has \(8, 8\)"),
        (lambda: own_model(loss=lambda y, p: keras.ops.mean(p)), "code of your own"),
        (lambda: keras.Sequential([layers.Flatten()]), "compiled"),
        (lambda: "mlp", "compiled keras.Model"),
    ],
    ids=["classes", "shape", "own loss", "not compiled", "no model"],
)
def test_a_model_that_cannot_be_a_run_is_refused_before_anything_is_written(model, message, digits, tmp_path):
    with pytest.raises(ModelError, match=message):
        mlplab.train(digits, model=model(), out=tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": own_model, "hidden": [5]}, "give model, or hidden, not both"),
        ({"model": own_model, "optimizer": "sgd"}, "give model, or optimizer, not both"),
        ({"hidden": [5], "optimizer": "admw"}, r"Unknown optimizer 'admw'. Did you mean .*'adamw'"),
        ({"hidden": [5], "activation": "rleu"}, r"Unknown activation 'rleu'. Did you mean .*'relu'"),
        ({"hidden": [5], "validation": 0, "early_stopping": 3}, "early_stopping=3 needs held-out rows"),
        ({"epochs": 0}, "epochs must be"),
    ],
)
def test_contradictions_are_refused(asked, message, digits, tmp_path):
    asked = {**asked, **({"model": asked["model"]()} if "model" in asked else {})}
    with pytest.raises(UsageError, match=message):
        mlplab.train(digits, **asked, out=tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_arrays_features_and_files_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = (rng.normal(size=(300, 5)) + 2 * labels[:, None]).astype("float32")
    arrays = (features[:200], labels[:200]), (features[200:], labels[200:])
    asked = {"hidden": [8], "epochs": 4, "learning_rate": 0.03, "standardize": True, "verbose": 0}
    run = mlplab.train(arrays, **asked, out=tmp_path / "arrays")
    assert run.result["test"]["accuracy"] > 0.8
    assert run.config.data["source"] is None
    with pytest.raises(Interrupted):
        mlplab.train(arrays, **asked, out=tmp_path / "cut", callbacks=[EndAfter(1)])
    with pytest.raises(DataError, match=r"begun with arrays.*data="):
        mlplab.resume(tmp_path / "cut", verbose=0)
    assert bytes_of(mlplab.resume(tmp_path / "cut", data=arrays, verbose=0)) == bytes_of(run)

    file = tmp_path / "mine.npz"
    np.savez(file, **dict(zip(("x_train", "y_train", "x_test", "y_test"), (*arrays[0], *arrays[1]), strict=True)))
    with pytest.raises(Interrupted):
        mlplab.train(file, **asked, out=tmp_path / "file", callbacks=[EndAfter(1)])
    assert bytes_of(mlplab.resume(tmp_path / "file", verbose=0)) == bytes_of(run)


def test_runs_are_listed_oldest_first(digits, tmp_path):
    for seed in (2, 1):
        mlplab.train(digits, hidden=[4], epochs=1, verbose=0, seed=seed, out=tmp_path / f"seed-{seed}")
    (tmp_path / "no run").mkdir()
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "config.json").write_text('{"format": 2}')
    with pytest.warns(UserWarning, match="Left out of the list: .*run format 2"):
        found = mlplab.list_runs(tmp_path)
    assert [run.config.settings.seed for run in found] == [2, 1]
    assert "digits, 4, test accuracy" in repr(found[0])
    assert mlplab.list_runs(tmp_path / "nowhere") == []


def test_without_a_name_each_run_gets_its_own(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {mlplab.train(digits, hidden=[4], epochs=1, verbose=0).path for _ in range(3)}
    assert len(paths) == 3
    assert all(path.parent == tmp_path / "runs" and path.name.startswith("digits-20") for path in paths)


def test_global_random_state_is_left_alone(digits, tmp_path):
    before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002 - the global state is the point
    mlplab.train(digits, hidden=[4], dropout=0.1, epochs=1, verbose=0, out=tmp_path / "run")
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002


@pytest.fixture
def corrections(digits, tmp_path):
    """A file that gives the first forty training rows the next class, and one row the label that it has."""
    path = tmp_path / "corrections.csv"
    wrong = (digits.train.labels[:40] + 1) % 10
    lines = [f"{index},{digits.class_names[label]},x" for index, label in enumerate(wrong)]
    path.write_text("\n".join(["index,label,note", *lines, f"50,{digits.train.labels[50]},x"]))
    return path


def test_corrected_labels_are_trained_on_and_kept(corrections, digits, tmp_path):
    run = mlplab.train(digits, **SMALL, corrected_labels=corrections, out=tmp_path / "run")
    wanted = digits.train.labels.copy()
    wanted[:40] = (wanted[:40] + 1) % 10
    assert run.config.corrected_labels == 40
    corrections.unlink()
    np.testing.assert_array_equal(data_of(run).train.labels, wanted)
    np.testing.assert_array_equal(data_of(run).test.labels, digits.test.labels)
    again = data_of(run)
    assert data_of(run, again) is again  # what it gave it takes
    with pytest.raises(DataError, match="other content"):
        data_of(mlplab.train(digits, hidden=[4], epochs=1, verbose=0, out=tmp_path / "plain"), again)
    held_out = run.predictions("validation")
    np.testing.assert_array_equal(held_out.label, wanted[held_out.index])
    by_hand = Data("digits", type(digits.train)(digits.train.inputs, wanted, *_told(digits)), digits.test)
    assert bytes_of(mlplab.train(by_hand, **SMALL, out=tmp_path / "by hand")) == bytes_of(run)
    assert run.config.data == mlplab.Run(tmp_path / "plain").config.data


def _told(data):
    return data.class_names, data.train.provenance


def test_a_run_with_corrected_labels_goes_on_with_them(corrections, digits, tmp_path):
    whole = mlplab.train(digits, **SMALL, corrected_labels=corrections, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        mlplab.train(digits, **SMALL, corrected_labels=corrections, out=tmp_path / "cut", callbacks=[EndAfter(2)])
    corrections.unlink()
    kept = tmp_path / "cut" / "corrected-labels.csv"
    lines = kept.read_text()
    kept.write_text("".join(lines.splitlines(keepends=True)[:-1]))
    with pytest.raises(RunError, match="it corrects 39 labels, and the run began with 40"):
        mlplab.resume(tmp_path / "cut", verbose=0)
    kept.write_text("index,label\n7,x\n")
    with pytest.raises(RunError, match=r"corrected labels, and they are damaged: .*Unknown class 'x'"):
        mlplab.resume(tmp_path / "cut", verbose=0)
    kept.write_text(lines)
    assert bytes_of(mlplab.resume(tmp_path / "cut", verbose=0)) == bytes_of(whole)


def test_a_file_that_corrects_nothing_changes_nothing(finished, digits, tmp_path):
    path = tmp_path / "same.csv"
    path.write_text("index,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(digits.train.labels)))
    run = mlplab.train(digits, **SMALL, corrected_labels=path, out=tmp_path / "run")
    assert bytes_of(run) == bytes_of(finished)
    assert run.config.corrected_labels == 0
    assert not (run.path / "corrected-labels.csv").exists()


def test_corrections_that_do_not_fit_are_refused_before_anything_is_written(digits, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("index,label\n1442,3\n")
    with pytest.raises(DataError, match=r"line 2: the training set has the rows 0 to 1441; got the index 1442"):
        mlplab.train(digits, **SMALL, corrected_labels=path, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_that_is_trained_already_is_kept_as_a_run(digits, tmp_path):
    x, x_test = digits.train.images / np.float32(16), digits.test.images / np.float32(16)
    data = (x, digits.train.labels), (x_test, digits.test.labels)
    model = mlplab.mlp((8, 8), 10, [12], seed=0)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = mlplab.fit(model, *data[0], epochs=3, verbose=0)
    logged = dict(history.history)
    weights, expected = model.get_weights(), mlplab.predict(model, x_test, verbose=0)
    run = mlplab.save_run(model, data, history=history, out=tmp_path / "kept")
    np.testing.assert_allclose(run.predictions("test").probabilities, expected, atol=1e-6)
    assert run.history == logged
    assert run.result["train"]["accuracy"] == logged["accuracy"][-1]
    for before, after, kept in zip(weights, model.get_weights(), mlplab.Run(run.path).model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(before, kept)
    # A kill before the end leaves nothing to train: going on only finishes what is kept.
    (run.path / "result.json").unlink()
    again = mlplab.resume(run.path, data=data, verbose=0)
    np.testing.assert_array_equal(again.predictions("test").probabilities, run.predictions("test").probabilities)


def test_a_model_without_history_is_kept_too_and_nonsense_is_refused(digits, tmp_path):
    model = mlplab.mlp((8, 8), 10, [12], seed=0)
    with pytest.raises(ModelError, match="must be a compiled"):
        mlplab.save_run(model, "digits", out=tmp_path / "a")
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    with pytest.raises(UsageError, match="History that fit returns; got dict"):
        mlplab.save_run(model, "digits", history={"loss": [1.0]}, out=tmp_path / "a")
    run = mlplab.save_run(model, "digits", out=tmp_path / "a")
    assert (run.epochs, run.result["train"]["loss"]) == ([], None)
    expected = mlplab.predict(model, digits.test.images / np.float32(16), verbose=0)
    np.testing.assert_allclose(run.predictions("test").probabilities, expected, atol=1e-6)
    assert mlplab.report(run).exists()
    with pytest.raises(RunError, match=r"does not tell for how many epochs.*history=history"):
        mlplab.find_label_errors(run, verbose=0)

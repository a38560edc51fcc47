"""A run trains what its settings say, keeps all of it, and ends the same however often it is interrupted."""

import json
import os
import random
import shutil

import numpy as np
import pytest
from filelock import FileLock
from sklearn.metrics import accuracy_score, confusion_matrix
from small_runs import SETTINGS, SMALL, Interrupt, Poison, bytes_of

import mlplab
from mlplab import keras
from mlplab.datasets import Data, Dataset
from mlplab.engine import ArraySource, Rows
from mlplab.errors import DataError, Interrupted, ModelError, RunError, TrainingError, UsageError
from mlplab.reports import wording
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.dataset_ref import data_of

layers = keras.layers


def test_a_run_directory_holds_what_format_1_says(finished):
    names = {path.name for path in finished.path.iterdir() if not path.name.startswith(".")}
    assert names == {
        *(
            "config.json",
            "checks.json",
            "metrics.jsonl",
            "split.npz",
            "checkpoint.safetensors",
            "checkpoint.json",
            "SHA256SUMS",
        ),
        *("model.safetensors", "model.json", "predictions-validation.npz", "predictions-test.npz", "result.json"),
    }
    config = json.loads((finished.path / "config.json").read_text())
    assert config["format"] == 1
    assert SETTINGS.items() <= config["settings"].items()
    assert config["preprocessing"] == {"scale": 16.0, "offset": 0.0}
    assert config["data"]["name"] == "digits"
    assert config["versions"]["keras"] == keras.__version__


def test_a_run_predicts_numbers_of_the_other_byte_order(finished, digits):
    images = digits.test.images[:5]
    np.testing.assert_array_equal(finished.predict(images.astype(">i2")), finished.predict(images))


class Logs(keras.callbacks.Callback):
    """Logs values that JSON has no form for, and one in every second epoch only."""

    def on_epoch_end(self, epoch, logs=None):
        logs |= {"rate": self.model.optimizer.learning_rate, "counts": np.arange(2), "mean": np.float32(0.5)}
        if epoch % 2:
            logs["f1"] = np.float64(0.25)


def test_logs_of_any_kind_are_kept_and_resumed(digits, tmp_path):
    path = tmp_path / "run"
    arguments = {**SMALL, "early_stopping": 0, "schedule": "none", "epochs": 3, "out": path}
    with pytest.raises(Interrupted):
        mlplab.train(digits, **arguments, callbacks=[Logs(), Interrupt(2)])
    run = mlplab.resume(path, data=digits, verbose=0, callbacks=[Logs()])
    assert run.history["counts"] == [[0, 1]] * 3
    assert run.history["mean"] == [0.5] * 3
    np.testing.assert_array_equal(run.history["f1"], [np.nan, 0.25, np.nan])
    np.testing.assert_allclose(run.history["rate"], 0.03)
    assert "counts" not in mlplab.show_curves(run).columns


def test_a_history_of_unequal_lengths_is_kept(digits, tmp_path):
    x, y = digits.train.images[:200] / np.float32(16), digits.train.labels[:200]
    model = mlplab.mlp((8, 8), 10, hidden=8)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = mlplab.fit(model, x, y, epochs=3, validation_split=0.2, validation_freq=2, verbose=0)
    run = mlplab.save_run(model, ((x, y), (x, y)), history=history, out=tmp_path / "run")
    np.testing.assert_array_equal(run.history["val_loss"], [np.nan, *history.history["val_loss"], np.nan])
    assert wording.curves(mlplab.show_curves(run), run.kept_epoch, "Epoch 3 was kept.") == "Epoch 3 was kept."


def test_masked_arrays_are_refused(digits, tmp_path, finished):
    x, y = digits.train.images[:20], digits.train.labels[:20]
    masked = np.ma.masked_array(x, x == 0)
    probabilities = np.full((20, 10), 0.1)
    model = mlplab.mlp((8, 8), 10, 8)
    model.compile("sgd", "sparse_categorical_crossentropy")
    jobs = {
        "fit": lambda: mlplab.fit(model, masked, y),
        "weights": lambda: mlplab.fit(model, x, y, sample_weight=np.ma.masked_array(np.ones(20))),
        "validation": lambda: mlplab.fit(model, x, y, validation_data=(x, np.ma.masked_array(y))),
        "evaluate": lambda: mlplab.evaluate(model, {"x": masked}, y),
        "predict": lambda: mlplab.predict(model, [masked]),
        "a population": lambda: mlplab.fit_population(lambda: model, 2, masked, y),
        "a source": lambda: ArraySource(x, y, np.ma.masked_array(np.ones(20)), batch=Rows()),
        "learning rates": lambda: mlplab.find_learning_rate(x, np.ma.masked_array(y), model=model, verbose=0),
        "some rows": lambda: digits.test.select(np.ma.masked_array([1, 2])),
        "a list": lambda: mlplab.score([np.ma.masked_array(row) for row in probabilities], y),
        "inputs": lambda: mlplab.train(((masked, y), (x, y)), hidden=8, out=tmp_path / "run"),
        "labels": lambda: mlplab.load(((x, y), (x, np.ma.masked_array(y)))),
        "predictions": lambda: mlplab.score(np.ma.masked_array(probabilities), y),
        "predicted labels": lambda: mlplab.score(probabilities, np.ma.masked_array(y, y == 2)),
        "images": lambda: finished.predict(masked),
    }
    for name, job in jobs.items():
        with pytest.raises(DataError, match="must be a plain array; got a masked array"):
            job()
        assert not (tmp_path / "run").exists(), name


def test_data_that_is_changed_in_place_is_not_seen(digits, tmp_path):
    x, y = digits.train.images[:100].copy(), digits.train.labels[:100].copy()
    data = mlplab.load(((x, y), (x, y)))
    x.fill(0)
    y.fill(0)
    np.testing.assert_array_equal(data.train.images, digits.train.images[:100])
    np.testing.assert_array_equal(data.test.labels, digits.train.labels[:100])


@pytest.mark.slow
def test_numbers_of_numpy_are_arguments(digits, tmp_path):
    numbers = {"epochs": np.int64(1), "learning_rate": np.float32(0.5), "seeds": np.int64(2), "seed": np.int64(4)}
    run = mlplab.train(digits, hidden=8, labelled=np.int64(640), **numbers, out=tmp_path / "run", verbose=0)
    assert run.config.seeds == 2
    assert [member.config.settings.seed for member in run.members] == [4, 5]
    assert run.config.settings.hidden == (8,)


def test_the_result_is_the_score_of_the_predictions(finished, digits):
    result, predictions = finished.result, finished.predictions("test")
    assert list(result) == [
        *("schema", "run", "parameters", "seed", "train", "validation", "test", "per_class", "confusion"),
        *("seconds", "peak_memory_bytes", "versions", "kept_epoch"),
    ]
    assert list(result.seconds) == ["import", "load", "compile", "train", "total"]
    np.testing.assert_array_equal(predictions.label, digits.test.labels)
    predicted = predictions.probabilities.argmax(1)
    assert result["test"]["accuracy"] == result.test.accuracy == accuracy_score(predictions.label, predicted)
    assert result.confusion == confusion_matrix(predictions.label, predicted).tolist()
    assert result.test.n == len(digits.test)
    low, high = result.test.interval
    assert low < result.test.accuracy < high
    assert result.parameters == 64 * 8 + 8 + 8 * 10 + 10


def test_early_stopping_keeps_the_best_epoch(finished):
    history = finished.history
    best = int(np.argmax(history["val_accuracy"]))
    assert (finished.kept_epoch, len(finished.epochs)) == (best + 1, best + 2)
    assert finished.result.validation.accuracy == pytest.approx(history["val_accuracy"][best])
    assert finished.result.train.accuracy == history["accuracy"][best]


def test_an_opened_run_predicts_as_it_did(finished, digits):
    opened = mlplab.Run(finished.path)
    assert opened.result == finished.result
    expected = finished.predictions("test").probabilities
    np.testing.assert_allclose(opened.predict(digits.test.images), expected, atol=1e-6)
    with pytest.raises(DataError, match=r"numbers of shape \(n, 8, 8\); got uint8 of shape \(8, 8\).*images\[None\]"):
        opened.predict(digits.test.images[0])


def test_the_validation_rows_were_not_trained_on(finished, digits):
    held_out = finished.predictions("validation")
    np.testing.assert_array_equal(held_out.index, finished.split["validation"])
    np.testing.assert_array_equal(held_out.label, digits.train.labels[held_out.index])
    assert not set(finished.split["train"]) & set(finished.split["validation"])


def test_the_same_seed_makes_the_same_bytes_and_leaves_global_random_state_alone(finished, digits, tmp_path):
    before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002 - the global state is the point
    again = mlplab.train(digits, **SMALL, out=tmp_path / "again")
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002
    assert bytes_of(again.path) == bytes_of(finished.path)
    other = mlplab.train(digits, **{**SMALL, "seed": 1}, out=tmp_path / "other")
    for name, content in bytes_of(other.path).items():
        assert content != bytes_of(finished.path)[name], name


def test_a_run_interrupted_after_any_epoch_ends_the_same(finished, digits, tmp_path):
    for epoch in range(len(finished.epochs)):
        path = tmp_path / f"after-{epoch}"
        with pytest.raises(Interrupted, match=f"after epoch {epoch} of 5.*mlplab.resume.*{path.name}"):
            mlplab.train(digits, **SMALL, out=path, callbacks=[Interrupt(epoch)])
        run = mlplab.Run(path)
        assert run.result is None
        assert len(run.epochs) == epoch
        assert bytes_of(mlplab.resume(path, verbose=0).path) == bytes_of(finished.path)


def test_a_run_killed_between_checkpoint_and_result_is_not_trained_further(finished, tmp_path):
    copy = shutil.copytree(finished.path, tmp_path / "copy")
    for name in ("result.json", "model.safetensors", "predictions-test.npz", "predictions-validation.npz"):
        (copy / name).unlink()
    assert bytes_of(mlplab.resume(copy, verbose=0).path) == bytes_of(finished.path)


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("place", ["new", "empty"])
def test_what_is_refused_leaves_no_directory_in_the_way(place, seeds, tmp_path):
    path = tmp_path / place
    if place == "empty":
        path.mkdir()
    wrong = [print] if seeds == 1 else lambda seed: [print]
    with pytest.raises(UsageError, match=r"callbacks must be keras\.callbacks\.Callback"):
        mlplab.train("digits", **SMALL, out=path, seeds=seeds, callbacks=wrong)
    assert not path.exists() if place == "new" else list(path.iterdir()) == []
    with pytest.raises(UsageError, match="epochs must be a whole number"):
        mlplab.train("digits", **{**SMALL, "epochs": 2.0}, out=path, seeds=seeds)
    assert not path.exists() if place == "new" else list(path.iterdir()) == []


def test_networks_beyond_the_memory_of_the_machine_are_refused(tmp_path):
    with pytest.raises(
        UsageError, match=r"hidden=1000000000 makes 75,000,000,010 parameters\. Training takes at least"
    ):
        mlplab.train("digits", hidden=[10**9], out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"for each of 100,000,000 networks\. .*fewer networks at once"):
        mlplab.train("digits", hidden=[20], seeds=10**8, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_whose_data_is_gone_is_refused_by_name(tmp_path):
    x, y = np.random.default_rng(0).random((60, 3)), np.arange(60) % 3
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    run = mlplab.train(tmp_path / "mine.npz", hidden=[2], epochs=1, out=tmp_path / "run", verbose=0)
    (tmp_path / "mine.npz").unlink()
    for read in (lambda: mlplab.find_label_errors(run), lambda: mlplab.score(run, split="train")):
        with pytest.raises(DataError, match=rf"The data of {run.path} is gone: .*mine\.npz.* data='…/mine\.npz'"):
            read()
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "mine.npz"
    np.savez(moved, x_train=x, y_train=y, x_test=x, y_test=y)
    assert len(data_of(run, str(moved)).train) == 60  # as the message advises


@pytest.mark.parametrize("name", ["predictions-test.npz", "predictions-validation.npz", "split.npz"])
def test_a_damaged_array_file_of_a_run_is_a_run_error(name, finished, tmp_path):
    copy = shutil.copytree(finished.path, tmp_path / "copy")
    whole = (copy / name).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for content in (whole[:300], bytes(flipped)):
        (copy / name).write_bytes(content)
        run = mlplab.Run(copy)
        with pytest.raises(RunError, match=f"{name} is damaged"):
            run.split if name == "split.npz" else run.predictions(name.removeprefix("predictions-")[:-4])


def test_a_finished_run_is_returned_unchanged(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.path.iterdir()}
    assert mlplab.resume(finished.path).result == finished.result
    with pytest.raises(RunError, match=r"exists already.*mlplab\.resume"):
        mlplab.train("digits", **SMALL, out=finished.path)
    assert {path: path.stat().st_mtime_ns for path in finished.path.iterdir()} == before


def test_what_cannot_be_resumed_is_refused(interrupted, digits):
    with FileLock(interrupted / ".lock"), pytest.raises(RunError, match="trained by another process"):
        mlplab.resume(interrupted, verbose=0)
    other = Data("digits", digits.train.select(np.arange(1000)), digits.test)
    with pytest.raises(DataError, match="other content"):
        mlplab.resume(interrupted, data=other, verbose=0)
    (interrupted / "checkpoint.json").write_text("{")
    with pytest.raises(RunError, match=r"checkpoint\.json is damaged"):
        mlplab.resume(interrupted, verbose=0)
    with pytest.raises(RunError, match="There is no run at"):
        mlplab.resume(interrupted / "nowhere")


def test_another_environment_is_warned_about(interrupted):
    config = json.loads((interrupted / "config.json").read_text())
    config["versions"]["jax"], config["threads"] = "0.1", 77
    (interrupted / "SHA256SUMS").unlink()
    (interrupted / "config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"jax 0\.1 → .*threads 77 → .*its numbers may differ"):
        mlplab.resume(interrupted, verbose=0)


def test_a_loss_that_is_not_finite_leaves_the_last_good_epoch(digits, tmp_path):
    with pytest.raises(TrainingError, match="epoch 2"):
        mlplab.train(digits, **SMALL, out=tmp_path / "run", callbacks=[Poison()])
    assert Checkpoint.load(tmp_path / "run").epoch == 1
    assert "in epoch 2" in mlplab.Run(tmp_path / "run").diverged
    run = mlplab.resume(tmp_path / "run", data=digits, verbose=0)  # without what spoiled it
    assert run.diverged is None
    assert run.result is not None


def users_model(last="softmax", classes=10, shape=(8, 8), **arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(8, "relu")])
    model.add(layers.Dense(classes, last))
    model.compile(**{"loss": "sparse_categorical_crossentropy", "optimizer": "adam", **arguments})
    return model


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one-hot", "logits"])
def test_a_users_model_becomes_a_run(kind, digits, tmp_path):
    def model():
        if kind == "one-hot":
            return users_model(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(0.03))
        averaged = keras.optimizers.AdamW(0.03, use_ema=True, ema_momentum=0.9)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return users_model(None, loss=loss, optimizer=averaged, metrics=["accuracy"])

    arguments = {"epochs": 3, "seed": 2, "verbose": 0, "early_stopping": 2}
    run = mlplab.train(digits, model=model(), **arguments, out=tmp_path / "run")
    np.testing.assert_allclose(run.predictions().probabilities.sum(1), 1, rtol=1e-5)
    assert run.result.test.accuracy > 0.6
    with pytest.raises(Interrupted):
        mlplab.train(digits, model=model(), **arguments, out=tmp_path / "cut", callbacks=[Interrupt(2)])
    assert bytes_of(mlplab.resume(tmp_path / "cut", verbose=0).path) == bytes_of(run.path)


def compiled(model):
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Subclass(keras.Model):
    def call(self, x):
        return x


def two_inputs():
    ends = [keras.Input((8, 8)), keras.Input((8, 8))]
    return compiled(keras.Model(ends, layers.Dense(10, "softmax")(layers.Flatten()(layers.Add()(ends)))))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: users_model(classes=7), r"shape \(7,\), and digits has 10 classes"),
        (lambda: users_model(shape=(28, 28)), r"inputs of shape \(28, 28\), and digits has \(8, 8\)"),
        (lambda: users_model(loss=lambda y, p: keras.ops.mean(p)), "code of your own"),
        (lambda: compiled(Subclass()), "Subclass is code of your own"),
        (lambda: two_inputs(), r"inputs of shape \(8, 8\) and \(8, 8\), and digits has \(8, 8\)"),
        (lambda: keras.Sequential([layers.Flatten()]), "Compile the model before"),
        (lambda: "mlp", "train takes a keras.Model; got str"),
    ],
    ids=["classes", "shape", "own loss", "subclass", "two inputs", "not compiled", "no model"],
)
def test_a_model_that_cannot_be_a_run_is_refused_before_anything_is_written(model, message, digits, tmp_path):
    with pytest.raises(ModelError, match=message):
        mlplab.train(digits, model=model(), out=tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_may_take_any_number_of_rows_of_pixels_and_its_input_in_a_list(digits, tmp_path):
    rows = keras.Input((None, 8))
    model = compiled(keras.Model([rows], layers.Dense(10, "softmax")(layers.GlobalAveragePooling1D()(rows))))
    run = mlplab.train(digits, model=model, epochs=1, batch_size=500, verbose=0, out=tmp_path / "run")
    theirs = model.predict(digits.test.inputs / 16, verbose=0)
    np.testing.assert_allclose(run.predictions().probabilities, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": users_model, "hidden": [5]}, "give model, or hidden, not both"),
        ({"model": users_model, "optimizer": "sgd"}, "give model, or optimizer, not both"),
        ({"hidden": [5], "optimizer": "admw"}, r"Unknown optimizer 'admw'. Did you mean .*'adamw'"),
        ({"hidden": [5], "activation": "rleu"}, r"Unknown activation 'rleu'. Did you mean .*'relu'"),
        ({"hidden": [5], "validation": 0, "early_stopping": 3}, "early_stopping=3 needs held-out rows"),
        ({"epochs": 0}, "epochs must be"),
    ],
)
def test_contradictions_are_refused(arguments, message, digits, tmp_path):
    arguments = {**arguments, **({"model": arguments["model"]()} if "model" in arguments else {})}
    with pytest.raises(UsageError, match=message):
        mlplab.train(digits, **arguments, out=tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": 0}, "seeds must be a whole number of at least 1; got 0"),
        ({"seeds": 2.0}, "seeds must be a whole number of at least 1; got 2.0"),
        ({"seeds": 2, "callbacks": [Poison()]}, "Each of 2 networks needs its own callbacks"),
        ({"ray": "local"}, "give seeds too, or leave ray out"),
        ({"callbacks": lambda seed: []}, "only where there are several"),
        ({"seeds": 2, "ray": "local", "callbacks": lambda seed: []}, "Callbacks stay in this process"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_wrong_use_of_seeds_is_refused_before_anything_is_written(arguments, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        mlplab.train("digits", hidden=[4], **arguments, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_arrays_features_and_files_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = (rng.normal(size=(300, 5)) + 2 * labels[:, None]).astype("float32")
    arrays = (features[:200], labels[:200]), (features[200:], labels[200:])
    arguments = {"hidden": [8], "epochs": 4, "learning_rate": 0.03, "standardize": True, "verbose": 0}
    run = mlplab.train(arrays, **arguments, out=tmp_path / "arrays")
    assert run.result.test.accuracy > 0.8
    assert run.config.data["source"] is None
    file = tmp_path / "mine.npz"
    np.savez(file, **dict(zip(("x_train", "y_train", "x_test", "y_test"), (*arrays[0], *arrays[1]), strict=True)))
    for data in (arrays, file):
        with pytest.raises(Interrupted):
            mlplab.train(data, **arguments, out=tmp_path / type(data).__name__, callbacks=[Interrupt(1)])
    with pytest.raises(DataError, match=r"begun with arrays.*data="):
        mlplab.resume(tmp_path / "tuple", verbose=0)
    assert bytes_of(mlplab.resume(tmp_path / "tuple", data=arrays, verbose=0).path) == bytes_of(run.path)
    assert bytes_of(mlplab.resume(tmp_path / type(file).__name__, verbose=0).path) == bytes_of(run.path)


def test_runs_are_listed_oldest_first(finished, tmp_path):
    for age, name in enumerate(("newer", "older")):
        shutil.copytree(finished.path, tmp_path / name)
        os.utime(tmp_path / name / "config.json", (0, 1000 - age))
    (tmp_path / "no run").mkdir()
    (tmp_path / "other format").mkdir()
    (tmp_path / "other format" / "config.json").write_text('{"format": 2}')
    with pytest.warns(UserWarning, match="Left out of the list: .*run format 2"):
        runs = mlplab.list_runs(tmp_path)
    assert [run.path.name for run in runs] == ["older", "newer"]
    assert "digits, 8, test accuracy" in repr(runs[0])
    assert mlplab.list_runs(tmp_path / "nowhere") == []


def test_without_a_name_each_run_gets_its_own(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        with pytest.raises(Interrupted):
            mlplab.train(digits, **SMALL, callbacks=[Interrupt(0)])
    paths = list((tmp_path / "runs").iterdir())
    assert len(paths) == 3
    assert all(path.name.startswith("digits-20") for path in paths)


@pytest.fixture
def corrections(digits, tmp_path):
    """A file that gives the first forty training rows the next class, and one row the label that it has."""
    path = tmp_path / "corrections.csv"
    wrong = (digits.train.labels[:40] + 1) % 10
    lines = [f"{index},{digits.class_names[label]},x" for index, label in enumerate(wrong)]
    path.write_text("\n".join(["index,label,note", *lines, f"50,{digits.train.labels[50]},x"]))
    return path


def test_corrected_labels_are_trained_on_and_kept(corrections, finished, digits, tmp_path):
    run = mlplab.train(digits, **SMALL, corrected_labels=corrections, out=tmp_path / "run")
    wanted = digits.train.labels.copy()
    wanted[:40] = (wanted[:40] + 1) % 10
    assert run.config.corrected_labels == 40
    assert run.config.data == finished.config.data
    corrected = data_of(run)
    np.testing.assert_array_equal(corrected.train.labels, wanted)
    np.testing.assert_array_equal(corrected.test.labels, digits.test.labels)
    assert data_of(run, corrected) is corrected
    with pytest.raises(DataError, match="other content"):
        data_of(finished, corrected)
    held_out = run.predictions("validation")
    np.testing.assert_array_equal(held_out.label, wanted[held_out.index])
    train = Dataset(digits.train.inputs, wanted, digits.class_names, digits.train.provenance)
    by_hand = mlplab.train(Data("digits", train, digits.test), **SMALL, out=tmp_path / "by hand")
    assert bytes_of(by_hand.path) == bytes_of(run.path)

    with pytest.raises(Interrupted):
        mlplab.train(digits, **SMALL, corrected_labels=corrections, out=tmp_path / "cut", callbacks=[Interrupt(2)])
    corrections.unlink()
    kept = tmp_path / "cut" / "corrected-labels.csv"
    lines = kept.read_text()
    kept.write_text("".join(lines.splitlines(keepends=True)[:-1]))
    with pytest.raises(RunError, match=r"corrected-labels\.csv is damaged: expected the SHA-256"):
        mlplab.resume(tmp_path / "cut", verbose=0)
    (tmp_path / "cut" / "SHA256SUMS").unlink()
    with pytest.raises(RunError, match="it corrects 39 labels, and the run began with 40"):
        mlplab.resume(tmp_path / "cut", verbose=0)
    kept.write_text("index,label\n7,x\n")
    with pytest.raises(RunError, match=r"corrected labels, and they are damaged: .*Unknown class 'x'"):
        mlplab.resume(tmp_path / "cut", verbose=0)
    kept.write_text(lines)
    assert bytes_of(mlplab.resume(tmp_path / "cut", verbose=0).path) == bytes_of(run.path)


def test_a_file_that_corrects_nothing_changes_nothing(finished, digits, tmp_path):
    path = tmp_path / "same.csv"
    path.write_text("index,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(digits.train.labels)))
    run = mlplab.train(digits, **SMALL, corrected_labels=path, out=tmp_path / "run")
    assert bytes_of(run.path) == bytes_of(finished.path)
    assert run.config.corrected_labels == 0
    assert not (run.path / "corrected-labels.csv").exists()


def test_corrections_that_do_not_fit_are_refused_before_anything_is_written(digits, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("index,label\n1442,3\n")
    with pytest.raises(DataError, match=r"line 2: the training set has the rows 0 to 1441; got the index 1442"):
        mlplab.train(digits, **SMALL, corrected_labels=path, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_trained_model_is_kept_as_a_run(digits, tmp_path):
    x, x_test = digits.train.images / np.float32(16), digits.test.images / np.float32(16)
    data = (x, digits.train.labels), (x_test, digits.test.labels)
    model = users_model(metrics=["accuracy"])
    history = mlplab.fit(model, *data[0], epochs=2, verbose=0)
    logs, weights, expected = dict(history.history), model.get_weights(), mlplab.predict(model, x_test, verbose=0)
    run = mlplab.save_run(model, data, history=history, out=tmp_path / "kept")
    np.testing.assert_allclose(run.predictions("test").probabilities, expected, atol=1e-6)
    assert run.history == logs
    assert (run.kept_epoch, run.result.train.accuracy) == (2, logs["accuracy"][-1])
    for before, after, kept in zip(weights, model.get_weights(), mlplab.Run(run.path).model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(before, kept)
    # After a kill before the end there is nothing to train: resuming only finishes the directory.
    (run.path / "result.json").unlink()
    again = mlplab.resume(run.path, data=data, verbose=0)
    np.testing.assert_array_equal(again.predictions("test").probabilities, run.predictions("test").probabilities)


def test_a_model_without_history_is_kept_too_and_nonsense_is_refused(digits, tmp_path):
    model = mlplab.mlp((8, 8), 10, [8], seed=0)
    with pytest.raises(ModelError, match=r"Compile the model before mlplab\.save_run"):
        mlplab.save_run(model, "digits", out=tmp_path / "run")
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    with pytest.raises(UsageError, match="History that fit returns; got dict"):
        mlplab.save_run(model, "digits", history={"loss": [1.0]}, out=tmp_path / "run")
    run = mlplab.save_run(model, "digits", scale=16, out=tmp_path / "run")
    assert (run.epochs, run.kept_epoch, run.result.train.loss) == ([], 0, None)
    expected = mlplab.predict(model, digits.test.images / np.float32(16), verbose=0)
    np.testing.assert_allclose(run.predictions("test").probabilities, expected, atol=1e-6)
    assert mlplab.report(run).exists()
    with pytest.raises(RunError, match=r"does not say for how many epochs.*history=history"):
        mlplab.find_label_errors(run, verbose=0)

"""What people do with files and tables of their own, from training to conclusions, and the numbers that they see.

Each number is held against Keras, NumPy, scikit-learn or SciPy. The data are the digits, with pixels from 0 to 255.
"""

import contextlib
import csv
import io
import json
import os
import pickle
import resource
import time

import numpy as np
import pandas
import pytest
from command_line import mlplab as command
from command_line import refused, result_of
from npz_files import archive, header
from PIL import Image
from scipy import stats
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight

import mlplab
from mlplab import Run, keras

SLOWLY = ("--hidden", 16, "--epochs", 3, "--batch-size", 64)
NETWORK = (*SLOWLY, "--learning-rate", 0.01)
IN_PYTHON = {"hidden": [16], "epochs": 3, "batch_size": 64, "learning_rate": 0.01, "verbose": 0}
WORDS = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
IN_ORDER = np.array([f"{number} {word}" for number, word in enumerate(WORDS)])


@pytest.fixture(scope="module")
def pixels(digits):
    """Arrays x_train, y_train, x_test, y_test: images (n, 8, 8) of bytes from 0 to 255, and digits."""
    parts = {"train": digits.train, "test": digits.test}
    images = {f"x_{name}": np.round(part.images * (255 / 16)).astype(np.uint8) for name, part in parts.items()}
    return images | {f"y_{name}": part.labels for name, part in parts.items()}


@pytest.fixture(scope="module")
def images_run(once, pixels):
    """A network trained on the bytes divided by 255, in the shape of images."""
    pairs = (pixels["x_train"], pixels["y_train"]), (pixels["x_test"], pixels["y_test"])
    return Run(once("job-images", lambda out: mlplab.train(pairs, **IN_PYTHON, out=out)))


def changed(pixels, inputs=lambda x: x, labels=lambda y: y):
    return {name: (inputs if name.startswith("x") else labels)(array) for name, array in pixels.items()}


def pairs(arrays):
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def weights(path):
    return (path / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_images_from_0_to_255_train_as_bytes_do(dtype, images_run, pixels, tmp_path):
    np.savez(tmp_path / "photos.npz", **changed(pixels, lambda x: x.astype(dtype)))
    done = command("train", "photos.npz", *NETWORK, "--out", "run", cwd=tmp_path)
    assert "photos: 1,442 images 8×8 in 10 classes, 1,299 to train on, 143 held out" in done.stderr
    assert weights(tmp_path / "run") == weights(images_run.path)
    predicted = images_run.model.predict(pixels["x_test"] / np.float32(255), verbose=0).argmax(1)  # by Keras
    expected = metrics.accuracy_score(pixels["y_test"], predicted)
    assert result_of(tmp_path / "run")["test"]["accuracy"] == expected > 0.8
    assert f"Test accuracy {expected:.4f}" in done.stderr


@pytest.mark.slow
def test_flat_rows_in_a_file_are_taken_as_pixels(images_run, pixels, tmp_path):
    np.savez(tmp_path / "rows.npz", **changed(pixels, lambda x: x.reshape(-1, 64).astype(float)))
    done = command("train", "rows.npz", *NETWORK, "--out", "run", cwd=tmp_path)
    assert "rows: 1,442 rows of 64 whole numbers, taken as 8-bit, in 10 classes" in done.stderr
    assert weights(tmp_path / "run") == weights(images_run.path)


@pytest.mark.slow
def test_a_table_of_pixels_with_text_labels_keeps_the_words(images_run, pixels, tmp_path):
    """Read from CSV files, as tables of pixels are handed around; one column is the label."""
    tables = {}
    for part in ("train", "test"):
        table = pandas.DataFrame(pixels[f"x_{part}"].reshape(-1, 64)).assign(label=IN_ORDER[pixels[f"y_{part}"]])
        tables[part] = pandas.read_csv(io.StringIO(table.to_csv(index=False)))
    data = tuple((table.drop(columns="label"), table["label"]) for table in tables.values())
    run = mlplab.train(data, **IN_PYTHON, out=tmp_path / "run")
    assert run.class_names == tuple(IN_ORDER)
    assert weights(run.path) == weights(images_run.path)
    np.testing.assert_array_equal(run.predict(data[1][0]), images_run.predict(pixels["x_test"]))
    predicted = IN_ORDER[run.predict(data[1][0]).argmax(1)]
    recall = metrics.recall_score(data[1][1], predicted, average=None, labels=IN_ORDER)
    assert run.result.per_class == pytest.approx(dict(zip(IN_ORDER, recall, strict=True)))
    assert mlplab.score(run).rows() == mlplab.score(run.predictions().probabilities, data[1][1]).rows()
    failures = mlplab.show_failures(run, data=data, maxtoshow=None)
    wrong = np.flatnonzero(predicted != data[1][1])
    assert failures["index"].tolist() == wrong.tolist()
    assert failures["predicted"].tolist() == predicted[wrong].tolist()


@pytest.mark.slow
def test_a_binary_classifier_with_one_sigmoid_is_read_by_every_verb(pixels, tmp_path):
    is_three = np.array(["other", "three"])
    data = pairs(changed(pixels, labels=lambda y: is_three[(y == 3).astype(int)]))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    run = mlplab.train(data, model=model, epochs=3, batch_size=64, out=tmp_path / "run", verbose=0)
    truth, p = pixels["y_test"] == 3, model.predict(pixels["x_test"] / 255, verbose=0)[:, 0]
    assert run.result.test.accuracy == metrics.accuracy_score(truth, p > 0.5)
    printed = json.loads(command("scores", run.path, "--no-baselines", "--json", "--quiet").stdout)
    values = {row["metric"]: row["value"] for row in printed["scores"]}
    assert values["log-loss"] == pytest.approx(metrics.log_loss(truth, p), abs=1e-6)
    assert values["macro F1"] == pytest.approx(metrics.f1_score(truth, p > 0.5, average="macro"))
    shown = json.loads(command("failures", run.path, "--max", 400, "--json", "--quiet").stdout)["failures"]
    assert sorted(row["index"] for row in shown) == np.flatnonzero((p > 0.5) != truth).tolist()
    assert {row["true"] for row in shown} <= set(is_three)


@pytest.mark.slow
def test_unbalanced_classes_and_their_weights(pixels, tmp_path):
    def to_class(y):
        return (y == 3).astype(int)

    np.savez(tmp_path / "rare.npz", **changed(pixels, labels=to_class))
    labels, truth = to_class(pixels["y_train"]), to_class(pixels["y_test"])
    plain = command("train", "rare.npz", *SLOWLY, "--out", "plain", cwd=tmp_path)
    balanced = command("train", "rare.npz", *SLOWLY, "--class-weight", "balanced", "--out", "balanced", cwd=tmp_path)
    recalls = []
    for name, done in (("plain", plain), ("balanced", balanced)):
        predicted = Run(tmp_path / name).predict(pixels["x_test"]).argmax(1)
        expected, share = metrics.balanced_accuracy_score(truth, predicted), (truth == 0).mean()
        assert f"balanced accuracy, the mean over classes, is {expected:.4f}, and macro F1" in done.stderr
        assert f"always naming the most frequent class, 0, is right for {share:.4f} of the rows" in done.stderr
        recalls.append(metrics.recall_score(truth, predicted))
    assert recalls[1] > recalls[0] + 0.1
    trained_on = labels[Run(tmp_path / "plain").split["train"]]
    by_sklearn = compute_class_weight("balanced", classes=np.array([0, 1]), y=trained_on)
    (tmp_path / "weights.json").write_text(json.dumps(dict(zip("01", by_sklearn, strict=True))))
    command("train", "rare.npz", *SLOWLY, "--class-weight", "weights.json", "--out", "file", cwd=tmp_path)
    assert weights(tmp_path / "file") == weights(tmp_path / "balanced")


@pytest.fixture(scope="module")
def swept(once, pixels):
    """`mlplab sweep` over three learning rates with two seeds each, and its table in four kinds of files."""

    def sweep(folder):
        folder.mkdir()
        np.savez(folder / "photos.npz", **pixels)
        rates = ("--vary", "learning-rate=0.0003,0.003,0.03", "--seeds", 2)
        options = ("--runs", "sweep", "--out", "table.csv", "--quiet")
        assert command("sweep", "photos.npz", *rates, *SLOWLY, *options, cwd=folder).returncode == 0
        for suffix in ("md", "tex", "json"):
            command("sweep", "--resume", "sweep", "--out", f"table.{suffix}", "--quiet", cwd=folder)

    return once("job-sweep", sweep)


def accuracies(path):
    return [member["test"]["accuracy"] for member in result_of(path)["members"]]


RATES = (0.0003, 0.003, 0.03)


@pytest.mark.slow
def test_a_sweep_makes_a_table_for_a_paper(swept):
    members = [accuracies(swept / f"sweep/learning_rate={rate}") for rate in RATES]
    rows = list(csv.DictReader((swept / "table.csv").read_text("utf-8").splitlines()))
    for row, rate, values in zip(rows, RATES, members, strict=True):
        expected = (rate, np.mean(values), np.std(values, ddof=1))
        assert [float(row[name]) for name in ("learning_rate", "accuracy", "sd")] == pytest.approx(expected)
    for row, values in zip(rows[1:], members[1:], strict=True):
        test = stats.ttest_ind(values, members[0], equal_var=False)
        assert float(row["p_value"]) == pytest.approx(test.pvalue)
        assert float(row["difference"]) == pytest.approx(np.mean(values) - np.mean(members[0]))
    as_json = json.loads((swept / "table.json").read_text("utf-8"))
    assert [row["accuracy"] for row in as_json] == [float(row["accuracy"]) for row in rows]
    in_markdown, in_tex = ((swept / f"table.{suffix}").read_text("utf-8").splitlines() for suffix in ("md", "tex"))
    for row in rows:
        cells = [f"{float(row[name]):.4g}" for name in ("learning_rate", "accuracy")]
        assert any(line.startswith(f"| {' | '.join(cells)} |") for line in in_markdown)
        assert any(line.startswith(f"{' & '.join(cells)} &") for line in in_tex)


@pytest.mark.slow
def test_three_populations_are_compared_as_populations(swept):
    folders = [swept / f"sweep/learning_rate={rate}" for rate in RATES]
    done = command("compare", *folders, "--json")
    printed, members = json.loads(done.stdout), [accuracies(folder) for folder in folders]
    for row, values in zip(printed["groups"], members, strict=True):
        assert (row["runs"], row["accuracy"]) == (2, pytest.approx(np.mean(values)))
    of_pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [stats.ttest_ind(members[a], members[b], equal_var=False).pvalue for a, b in of_pairs]
    assert [row["p_value"] for row in printed["group_pairs"]] == pytest.approx(expected)
    assert len(printed["pairs"]) == 3  # of ensembles; not the 15 of all networks
    assert done.stderr.count("Over seeds: ") == 3


@pytest.mark.slow
def test_a_search_ends_within_its_budget_winner_included(pixels, tmp_path):
    np.savez(tmp_path / "photos.npz", **pixels)
    space = "hidden = [64]\nepochs = 30\nlearning_rate = {low = 0.001, high = 0.01, log = true}\n"
    (tmp_path / "space.toml").write_text(space)
    start = time.monotonic()
    done = command(
        "tune", "photos.npz", "--budget", "20s", "--space", "space.toml", "--json", "--out", "study", cwd=tmp_path
    )
    assert time.monotonic() - start < 20 + 15  # times that are planned with are of a machine that others use, too
    assert done.returncode == 0, done.stderr
    winner = Run(tmp_path / "study/winner")
    test = winner.predictions("test")
    np.testing.assert_array_equal(test.label, pixels["y_test"])
    assert winner.result.test.accuracy > 0.9


@contextlib.contextmanager
def full_disk_after(size):
    """No file can be longer than some bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_loses_no_epoch(images_run, pixels, tmp_path):
    np.savez(tmp_path / "photos.npz", **pixels)
    with full_disk_after(10_000):
        done = command("train", "photos.npz", *NETWORK, "--out", "run", cwd=tmp_path)
    assert "nothing of it is kept. Give another --out, or free some space." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photos.npz"]
    with full_disk_after(17_000):  # the checkpoints fit, the predictions do not
        done = command("train", "photos.npz", *NETWORK, "--out", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "predictions-test.npz could not be written (File too large)" in done.stderr
    assert "Free some space, then resume" in done.stderr
    assert command("train", "--resume", "run", "--quiet", cwd=tmp_path).returncode == 0
    assert weights(tmp_path / "run") == weights(images_run.path)
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == (images_run.path / "metrics.jsonl").read_bytes()


WRITE = "np.savez_compressed('data.npz', x_train=…, y_train=…, x_test=…, y_test=…)"


def foreign_files(folder, pixels):
    """Write what people have instead of an NPZ file of plain arrays: name of the file → what is said of it."""
    y, whole = np.zeros(3, int), io.BytesIO()
    np.savez(whole, **pixels)
    contents = {
        "bomb.npz": archive(x_train=header((10**13,)), y_train=y, x_test=y, y_test=y),
        "zeros.npz": archive(x_train=header((10**12,)) + bytes(1000), y_train=y, x_test=y, y_test=y),
        "record.npz": archive(x_train=np.array([("a", 1)], "O,i4"), y_train=y, x_test=y, y_test=y),
        "words.npz": archive(**{**pixels, "y_train": header((3,), "|O") + bytes(24)}),
        "cut.npz": whole.getvalue()[: len(whole.getvalue()) // 2],
        "empty.npz": b"",
        "page.npz": b"<!DOCTYPE html><title>404</title>",
        "pickle.npz": pickle.dumps(pixels),
        "named.npz": archive(a=pixels["x_train"], b=pixels["y_train"]),
        "table.csv": b"a,b\n1,2\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for folder_of_images in ("pictures", "pictures.npz"):
        (folder / folder_of_images / "cat").mkdir(parents=True)
        Image.fromarray(pixels["x_test"][0]).save(folder / folder_of_images / "cat" / "0.png")
    unreadable = "is not a readable NPZ file of plain arrays ({}). Copy it again, or write it by " + WRITE
    no_zip = unreadable.format("File is not a zip file")
    return {
        **dict.fromkeys(("bomb.npz", "zeros.npz"), "is not a readable NPZ file of plain arrays (x_train.npy"),
        "record.npz": "x_train.npy holds Python objects, which are not loaded",
        "words.npz": "y_train.npy holds Python objects, which are not loaded: texts are kept by .astype(str)",
        **dict.fromkeys(("cut.npz", "empty.npz", "page.npz", "pickle.npz"), no_zip),
        "named.npz": f"must hold the arrays x_train, y_train, x_test, y_test. Got a, b. Write it by {WRITE}, or say",
        "table.csv": "Which column of table.csv has the labels? Its columns are 'a', 'b'. Name it: --label COLUMN.",
        **dict.fromkeys(("pictures", "pictures.npz"), "A class needs 2 rows or more, one to train on"),
    }


def test_files_that_are_no_data_set_get_one_message_and_leave_nothing(pixels, tmp_path):
    messages = foreign_files(tmp_path, pixels)
    there = set(tmp_path.iterdir())
    for name, message in messages.items():
        for verb in (["train"], ["data", "show"], ["lr"]):
            wrong_use = message.startswith("Which column")
            assert refused(command(*verb, name, cwd=tmp_path), 2 if wrong_use else 1, message)
    assert set(tmp_path.iterdir()) == there


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_training_that_diverges_says_what_helps_and_is_not_to_be_continued(seeds, images_run, pixels, tmp_path):
    np.savez(tmp_path / "photos.npz", **pixels)
    rate = ("--learning-rate", 1e30, "--seeds", seeds)
    done = command("train", "photos.npz", *SLOWLY, *rate, "--out", "run", cwd=tmp_path)
    assert "finite number in epoch 1 (loss: nan)" in done.stderr
    assert done.stderr.endswith("Try a smaller learning rate, or inputs scaled to [0, 1].\n")
    assert command("report", "run", cwd=tmp_path).stderr.endswith(
        done.stderr.splitlines()[-1].removeprefix("Error: ") + "\n"
    )
    listed = command("runs", ".", cwd=tmp_path).stderr
    assert "0/3  diverged" in listed
    assert "--resume" not in listed
    again = command("train", "photos.npz", *NETWORK, "--out", "run", cwd=tmp_path)
    assert refused(again, 1, "run exists already: a run that diverged. Give another --out.")
    assert command("train", "photos.npz", *NETWORK, "--out", "other", "--quiet", cwd=tmp_path).returncode == 0
    assert weights(tmp_path / "other") == weights(images_run.path)

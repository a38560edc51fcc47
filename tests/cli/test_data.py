"""`mlplab data`: what a person sees on standard error, and what a program reads on standard output."""

import hashlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import mlplab, refused
from matplotlib.image import imread
from rich.console import Console

from mlplab.datasets import CATALOG, Data


def run(*arguments: str) -> SimpleNamespace:
    return mlplab("data", *arguments)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_is_for_people(fashion_mnist: Data) -> None:
    result = run("list")
    assert result.returncode == 0
    assert result.stdout == ""
    row = next(line for line in result.stderr.splitlines() if "fashion-mnist" in line)
    assert row.split()[:6] == ["fashion-mnist", "60,000", "10,000", "28x28", "10", "yes"]
    assert "MIT" in row


def test_list_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MLPLAB_DATA", raising=False)
    result = run("list", "--json", "--quiet")
    assert result.stderr == ""
    listed = json.loads(result.stdout)
    assert listed["schema"] == 1
    assert listed["cache"] == str(tmp_path / "empty")
    assert {each["name"]: each["on_disk"] for each in listed["datasets"]} == {
        "fashion-mnist": False,
        "mnist": False,
        "kmnist": False,
        "emnist-balanced": False,
        "emnist-letters": False,
        "emnist-digits": False,
        "digits": True,
    }
    mnist = next(each for each in listed["datasets"] if each["name"] == "mnist")
    assert (mnist["train"], mnist["test"], mnist["shape"]) == (60_000, 10_000, [28, 28])


def test_fetch_says_where_the_files_are(mnist: Data) -> None:
    result = run("fetch", "mnist", "--json")
    files = json.loads(result.stdout)["files"]
    assert set(files) == {payload.file for payload in CATALOG["mnist"].payloads}
    for file in files.values():
        assert Path(file["path"]).is_file()
        assert f"{file['path']}: verified" in result.stderr
    assert "nothing to fetch" in run("fetch", "digits").stderr
    assert run("fetch", "digits", "--quiet").stderr == ""


def test_show_prints_everything_and_draws_samples(fashion_mnist: Data, tmp_path: Path) -> None:
    result = run("show", "fashion-mnist", "--json")
    shown = json.loads(result.stdout)
    assert shown["shape"] == [28, 28]
    assert shown["dtype"] == "uint8"
    assert shown["train"]["rows"] == 60_000
    assert shown["test"]["class_counts"] == dict.fromkeys(fashion_mnist.class_names, 1_000)
    assert shown["train"]["sha256"] == fashion_mnist.train.provenance.sha256
    assert shown["picture"] == "fashion-mnist-samples.png"
    for text in (
        "Ankle boot",
        "6,000",
        *fashion_mnist.test.provenance.sha256.values(),
        *map(str, CATALOG["fashion-mnist"].providers),
        "MIT, Zalando SE",
        "fashion-mnist-samples.png",
    ):
        assert text in result.stderr
    picture = imread(tmp_path / "fashion-mnist-samples.png")
    assert min(picture.shape[:2]) > 500
    assert np.ptp(picture[:, :, 0]) > 0.9


def test_show_writes_the_named_file(digits: Data, tmp_path: Path) -> None:
    result = run("show", "digits", "--out", "ten.png", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["ten.png"]
    assert run("show", "digits", "--out", "new/folder/ten.png", "--quiet").returncode == 0
    assert (tmp_path / "new" / "folder" / "ten.png").read_bytes() == (tmp_path / "ten.png").read_bytes()
    assert refused(run("show", "digits", "--out", "ten.docx"), 2, "Name a .png file")


def test_show_takes_files_and_leaves_out_what_they_have_not(tmp_path: Path) -> None:
    rows, labels = np.eye(4), np.arange(4)
    np.savez("mine.npz", x_train=rows, y_train=labels, x_test=rows, y_test=labels)
    result = run("show", "mine.npz", "--json")
    assert json.loads(result.stdout)["picture"] is None
    assert "features 4 uint8" in result.stderr
    assert "Licence: not known" in result.stderr
    digest = hashlib.sha256(Path("mine.npz").read_bytes()).hexdigest()
    assert result.stderr.count("SHA-256") == result.stderr.count(digest) == 1

    images = np.arange(4 * 2 * 3 * 3, dtype=np.uint8).reshape(4, 2, 3, 3)  # colours, and a class without images
    np.savez("colours.npz", x_train=images, y_train=[0, 0, 2, 2], x_test=images, y_test=labels)
    assert json.loads(run("show", "colours.npz", "--json").stdout)["train"]["class_counts"]["1"] == 0
    assert (tmp_path / "colours-samples.png").is_file()


def test_unknown_names() -> None:
    for verb in ("show", "fetch"):
        assert refused(run(verb, "fashionmnist"), 2, "Did you mean 'fashion-mnist'")


@pytest.mark.parametrize(("colours", "shown"), [("truecolor", True), (None, False)])
def test_samples_in_a_terminal_with_colours(
    colours: Any, shown: bool, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=colours, width=100)
    monkeypatch.setattr("mlplab.cli.data.open_console", lambda quiet: console)
    run("show", "digits")
    assert "Samples of each class: digits-samples.png" in screen.getvalue()
    # Ten images of 8×8, two pixels a character.
    assert screen.getvalue().count("▀") == (10 * 8 * 4 if shown else 0)

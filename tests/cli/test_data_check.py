"""`mlplab data check`: exit codes, text, JSON and files; what `mlplab train` says of its data and keeps."""

import dataclasses
import hashlib
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import mlplab, refused
from sklearn.datasets import load_sample_images

import mlplab as package
from mlplab.datasets import Data, load
from mlplab.datasets.checks import KINDS, brief_findings
from mlplab.reports import report
from mlplab.runs import Run

DOCS = Path(__file__).parents[2] / "docs" / "data-check.md"


@pytest.fixture(scope="module")
def leaking(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits with five test images in the training set, and one blank image."""
    path = tmp_path_factory.mktemp("data") / "leaking.npz"
    x, y = digits.train.images.copy(), digits.train.labels.copy()
    x[:5], y[:5] = digits.test.images[:5], digits.test.labels[:5]
    x[9] = 0
    np.savez(path, x_train=x, y_train=y, x_test=digits.test.images, y_test=digits.test.labels)
    return path


def test_findings_are_printed_with_their_rows_and_advice(leaking: Path) -> None:
    result = mlplab("data", "check", leaking)
    assert (result.returncode, result.stdout) == (1, "")
    assert "error MLP-D03: 5 test images are in the training set too, 1.41 % of the test set" in result.stderr
    assert KINDS["MLP-D03"].advice.split(",")[0] in result.stderr
    assert "Rows: train 0 with test 0, train 1 with test 1" in result.stderr
    assert "warning MLP-D07: 1 training image is blank" in result.stderr
    assert "leaking: 1 error, 1 warning." in result.stderr


def test_json_has_all_rows_and_ignored_codes_are_off(leaking: Path) -> None:
    result = mlplab("data", "check", leaking, "--json", "--quiet", "--ignore", "mlp-d07")
    assert (result.returncode, result.stderr) == (1, "")
    content = json.loads(result.stdout)
    assert (content["schema"], content["train"], content["ignored"]) == (1, 1442, ["MLP-D07"])
    (finding,) = content["findings"]
    assert (finding["code"], finding["severity"], finding["files"]) == ("MLP-D03", "error", None)
    assert finding["rows"] == {"train": [0, 1, 2, 3, 4], "test": [0, 1, 2, 3, 4]}
    assert finding["groups"][0] == [["train", 0], ["test", 0]]


def test_exit_code_is_0_without_problems(leaking: Path) -> None:
    result = mlplab("data", "check", leaking, "--ignore", "MLP-D03", "--ignore", "MLP-D07")
    assert result.returncode == 0
    assert "nothing found" in result.stderr


@pytest.mark.parametrize("suffix", [".html", ".json", ".csv", ".md", ".tex"])
def test_files(suffix: str, leaking: Path, tmp_path: Path) -> None:
    out = tmp_path / f"check{suffix}"
    assert mlplab("data", "check", leaking, "--out", out, "--quiet").returncode == 1
    assert "MLP-D03" in out.read_text("utf-8")


def test_wrong_use_is_refused(leaking: Path) -> None:
    assert refused(mlplab("data", "check", leaking, "--ignore", "MLP-D99"), 2, "Unknown code 'MLP-D99'")
    assert refused(mlplab("data", "check", leaking, "--out", "check.pdf"), 2, "A check is written as .html")
    assert refused(mlplab("data", "check", "digit"), 2, "Did you mean 'digits'")


def test_each_code_has_a_section() -> None:
    headings = [line[4:] for line in DOCS.read_text("utf-8").splitlines() if line.startswith("### ")]
    assert headings == list(KINDS)
    assert all(kind.page.endswith(f"data-check.md#{kind.code.lower()}") for kind in KINDS.values())


def test_rows_are_named_by_their_files(digits: Data) -> None:
    train = digits.train.select(np.append(np.arange(100), 7))
    named = dataclasses.replace(train, files=tuple(f"{i}.png" for i in range(101)))
    assert named.select([3, 5]).files == ("3.png", "5.png")
    check = package.check_data(dataclasses.replace(digits, train=named), verbose=0)
    (finding,) = (finding for finding in check.to_json()["findings"] if finding["code"] == "MLP-D01")
    assert finding["files"] == {"train": ["7.png", "100.png"]}


def test_train_says_and_keeps_what_it_found(leaking: Path, tmp_path: Path) -> None:
    options = ["--hidden", 4, "--epochs", 1, "--out", tmp_path / "run"]
    result = mlplab("train", leaking, *options)
    assert "Data: error MLP-D03: 5 test images are in the training set too" in result.stderr
    assert f"mlplab data check {leaking}" in result.stderr
    run = Run(tmp_path / "run")
    kept = run.directory.checks()
    assert kept is not None
    assert [finding["code"] for finding in kept] == ["MLP-D03", "MLP-D07"]
    assert kept[0]["count"] == {"train": 5, "test": 5}
    (run.path / "checks.json").unlink()  # as a run of a version that did not look
    assert run.directory.checks() is None


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of the two photographs that come with scikit-learn, in colour: which of the two each is from."""
    path = tmp_path_factory.mktemp("photos") / "patches.npz"
    each = [
        photograph[row : row + 16, column : column + 16]
        for photograph in load_sample_images().images
        for row in range(0, 416, 32)
        for column in range(0, 608, 32)
    ]
    images, labels = np.stack(each), np.repeat([0, 1], len(each) // 2)
    np.savez(path, x_train=images[::2], y_train=labels[::2], x_test=images[1::2], y_test=labels[1::2])
    return path


@pytest.mark.slow
def test_photographs_are_to_be_standardised(patches: Path, tmp_path: Path) -> None:
    result = mlplab("data", "check", patches)
    assert "information MLP-D18" in result.stderr
    assert "standardize=True (mlplab train --standardize)" in result.stderr.replace("\n ", "")
    assert f"To train on standardised pixels: mlplab train {patches} --standardize\n" in result.stderr
    options = ["--hidden", "4", "--epochs", "1", "--validation", "0", "--out"]
    run = ["train", patches, *options, tmp_path / "run"]
    result = mlplab(*run)
    command = result.stderr.partition("on which standardised inputs often do better. To try: ")[2].splitlines()[0]
    words = shlex.split(command)
    assert [*words[:3], words[-1]] == ["mlplab", "train", str(patches), "--standardize"]
    again = mlplab(*words[1:], "--out", tmp_path / "again")
    assert Run(tmp_path / "again").config.preprocessing.offset == pytest.approx(np.load(patches)["x_train"].mean())
    assert "standardised" not in again.stderr
    page = report(Run(tmp_path / "again")).read_text("utf-8")
    digest = hashlib.sha256(patches.read_bytes()).hexdigest()
    assert f"<dt>train and test: {patches.name}</dt><dd><code>{digest}</code></dd></dl>" in page
    assert Run(tmp_path / "again").config.settings == dataclasses.replace(
        Run(tmp_path / "run").config.settings, standardize=True
    )


def test_drawings_are_not_advised_to_be_standardised(leaking: Path, tmp_path: Path) -> None:
    result = mlplab("train", leaking, "--hidden", 4, "--epochs", 1, "--out", tmp_path / "run")
    assert "standardised" not in result.stderr


def test_the_report_shows_what_was_found(digits_run: Run, leaking: Path, tmp_path: Path) -> None:
    run = Run(shutil.copytree(digits_run.path, tmp_path / "run"))
    run.directory.write_checks(brief_findings(load(leaking)))
    page = report(run).read_text("utf-8")
    assert "What was found in the data" in page
    assert "5 test images are in the training set too, 1.41 % of the test set" in page
    assert "mlplab data check digits --out check.html" in page


def test_train_is_quiet(leaking: Path, tmp_path: Path) -> None:
    result = mlplab("train", leaking, "--hidden", 4, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert (result.returncode, result.stderr) == (0, "")

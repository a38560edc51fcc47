"""Files that a person names for results: their folder is made; what cannot be written is refused before the work."""

import numpy as np
import pytest
import typer
from command_line import mlplab, refused

from mlplab.cli import app

WRITTEN = {"--out", "--picture", "--submission"}
SUFFIXES = {"report": ".html", "export": ".safetensors"}
OF_DIRECTORIES = ("train", "tune")
"""Verbs whose --out is the directory of a run or a study."""


@pytest.fixture
def calls(trained, digits, tmp_path):
    """The words of a call of each verb that writes files, without the option for the file."""
    np.savez(tmp_path / "new.npz", x_test=digits.test.images[:20])
    run = trained[1]
    settings = ["digits", "--hidden", 4, "--epochs", 1]
    return {
        "lr": settings,
        "learning-curve": settings,
        "sweep": [*settings, "--vary", "dropout=0,0.1"],
        "report": [run],
        "scores": [run],
        "failures": [run],
        "figure": [run, "confusion"],
        "labels": [run],
        "compare": [run, run],
        "predict": [run, tmp_path / "new.npz"],
        "export": [run],
        "data show": ["digits"],
        "data check": ["digits"],
        "course check": ["softmax-regression", "mine.py"],
    }


def options():
    """Yield each verb that writes files, with an option that names one."""

    def of(command, words=()):
        for name, inner in getattr(command, "commands", {}).items():
            yield from of(inner, (*words, name))
        for option in command.params:
            yield from ((" ".join(words), name) for name in option.opts if name in WRITTEN)

    yield from (each for each in of(typer.main.get_command(app)) if each[0] not in OF_DIRECTORIES)


@pytest.mark.parametrize(("verb", "option"), list(options()))
def test_a_file_that_cannot_be_written_is_refused_before_the_work(verb, option, calls, trained, tmp_path):
    before = sorted(trained[1].rglob("*"))
    (tmp_path / "file").write_text("in the way")
    suffix = ".png" if option == "--picture" else SUFFIXES.get(verb, ".csv")
    (tmp_path / f"folder{suffix}").mkdir()
    refusals = {f"file/new/a{suffix}": "cannot be written: Not a directory", f"folder{suffix}": "is a folder"}
    for file, why in refusals.items():
        done = mlplab(*verb.split(), *calls[verb], option, tmp_path / file, cwd=tmp_path)
        assert refused(done, 2, f"{tmp_path / file} {why}")
        assert len(done.stderr.splitlines()) == 1  # neither the result nor a sign of the work
    assert sorted(trained[1].rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", f"folder{suffix}", "new.npz"]


@pytest.mark.parametrize("option", ["--out", "--submission"])
def test_the_folder_of_a_file_is_made(option, calls, tmp_path):
    done = mlplab("predict", *calls["predict"], option, tmp_path / "new" / "folder" / "a.csv")
    assert done.returncode == 0
    assert len((tmp_path / "new" / "folder" / "a.csv").read_text().splitlines()) == 21

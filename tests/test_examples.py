"""The example in the docstring of each public name runs as it stands."""

import inspect
import re
import shutil
from textwrap import dedent

import matplotlib
import numpy as np
import pytest

import mlplab

NAMES = [name for name in mlplab.__all__ if name != "keras"]  # Keras's own module has no example of ours


def example_of(public):
    """Return the code in the section Example of a docstring."""
    docstring = inspect.getdoc(public) or ""
    example = re.search(r"^Example:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    assert example, f"the docstring of {public.__name__} has no section Example"
    return dedent(example[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_example(name, digits_run, tmp_path, monkeypatch):
    """`run` is a finished run of digits, the working directory an empty one."""
    example = example_of(getattr(mlplab, name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPLAB_COURSE", str(tmp_path / "course"))
    matplotlib.use("agg")
    run = mlplab.Run(shutil.copytree(digits_run.path, tmp_path / "run"))
    exec(compile(example, f"example of {name}", "exec"), {"mlplab": mlplab, "np": np, "run": run})


@pytest.mark.parametrize("name", ["RandomDeformation", "constant_then_linear"])
def test_example_of_a_part_of_models(name):
    exec(compile(example_of(getattr(mlplab.models, name)), f"example of {name}", "exec"), {"mlplab": mlplab})

"""The package as it is imported: light, complete, and on the right backend."""

import subprocess
import sys

import pytest

import mlplab


def python(code, **arguments):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **arguments)


@pytest.mark.parametrize("name", mlplab.__all__)
def test_every_public_name_is_there(name):
    assert getattr(mlplab, name) is not None
    assert name in dir(mlplab)


def test_only_public_names_are_listed():
    assert dir(mlplab) == sorted([*mlplab.__all__, "__version__"])
    assert python("import mlplab; print(mlplab.runs.Settings.__name__)").stdout == "Settings\n"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = mlplab.tarin


def test_importing_loads_nothing_heavy_and_chooses_the_backend():
    code = "import sys, os, mlplab; print(os.environ['KERAS_BACKEND'], {'keras', 'jax', 'numpy'} & set(sys.modules))"
    assert python(code, env={}).stdout == "jax set()\n"


def test_opening_a_run_loads_neither_keras_nor_jax(digits_run):
    code = (
        f"import sys, mlplab; run = mlplab.Run({str(digits_run.path)!r}); run.predictions('test'); run.history\n"
        "print({'keras', 'jax'} & set(sys.modules))"
    )
    assert python(code).stdout == "set()\n"


def test_the_digits_are_read_without_scikit_learn():
    code = "import sys, mlplab; mlplab.load('digits'); print({'sklearn', 'scipy', 'keras', 'jax'} & set(sys.modules))"
    assert python(code).stdout == "set()\n"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import mlplab.engine.fit, mlplab.engine.predict", "import mlplab.cli"])
def test_names_are_functions_whatever_was_imported_first(first):
    """A submodule with the name of a function would take its place in the package."""
    functions = [name for name in mlplab.__all__ if name not in ("course", "keras")]
    code = f"{first}\nimport mlplab\nprint(all(callable(getattr(mlplab, name)) for name in {functions}))"
    assert python(code).stdout == "True\n"


@pytest.mark.slow
def test_the_command_line_keeps_keras_lean_and_nobody_else(tmp_path):
    code = (
        "import sys; from mlplab.cli import main; sys.argv = ['mlplab', 'train', 'digits', '--hidden', '4', '--epochs',"
        " '1', '--quiet', '--out', 'run']\ntry: main()\nexcept SystemExit: pass\n"
        "print({'keras', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules))\n"
        "import pandas, matplotlib.figure, sklearn.metrics"
    )
    done = python(code, cwd=tmp_path)
    assert done.stdout == "{'keras'}\n"
    assert done.stderr == ""

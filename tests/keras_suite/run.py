"""Run Keras's own tests, from the installed package, with Keras's training and with mlplab's, and compare.

    python tests/keras_suite/run.py                      # the files that train: Keras, then mlplab; some 20 minutes
    python tests/keras_suite/run.py trainers/trainer_test.py

Prints what passes with Keras and fails with mlplab, and exits with 1 if there is any. `passes_with_keras.txt` lists the
tests that pass with Keras and call `fit`, `evaluate` or `predict`; this script renews it for the files that it runs.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

SOURCE = Path(str(importlib.util.find_spec("keras").origin)).parent / "src"
LIST = Path(__file__).with_name("passes_with_keras.txt")

NOT_FOR_JAX = ("backend/tensorflow/", "backend/torch/", "export/", "applications/", "jax_multi_process")
"""Files that test other backends, other packages or large downloads."""

Outcomes = dict[str, dict]


def files_that_train() -> list[str]:
    """Return the test files, relative to `keras/src`, in which `fit`, `evaluate` or `predict` is called."""
    paths = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in SOURCE.rglob("*_test.py")}
    return sorted(
        name
        for name, text in paths.items()
        if any(f".{method}(" in text for method in ("fit", "evaluate", "predict"))
        and not any(part in name for part in NOT_FOR_JAX)
    )


def outcomes(names: Iterable[str], mlplab: bool, *options: str) -> Outcomes:
    """Run test files, relative to `keras/src`. Return the outcome of each test by FILE::CLASS::TEST.

    `options`: more arguments for pytest.
    """
    result: Outcomes = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "outcomes.jsonl"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "through_mlplab", "-p", "no:cacheprovider"]
            command += ["-c", os.devnull, "--rootdir", folder, "--outcomes", str(path), *["--mlplab"] * mlplab]
            paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = os.environ | {"PYTHONPATH": paths, "KERAS_BACKEND": "jax"}
            command += [*options, str(SOURCE / name)]
            subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=False)
            lines = path.read_text().splitlines() if path.exists() else []
        for outcome in map(json.loads, lines):
            result[f"{name}::{outcome['test'].split('::', 1)[1]}"] = outcome
    return result


def training_tests(with_keras: Outcomes) -> list[str]:
    """Return the names of tests that pass with Keras and train, evaluate or predict."""
    return sorted(test for test, one in with_keras.items() if one["outcome"] == "passed" and one.get("calls"))


def failing(tests: Iterable[str], with_mlplab: Outcomes) -> dict[str, str]:
    """Return why tests do not pass with mlplab, by name."""
    missing = {"outcome": "failed", "reason": "the test did not run"}
    found = {test: with_mlplab.get(test, missing) for test in tests}
    return {test: one.get("reason", "") for test, one in found.items() if one["outcome"] != "passed"}


def main(names: Sequence[str]) -> int:
    chosen = names or files_that_train()
    with_keras = outcomes(chosen, mlplab=False)
    tests = training_tests(with_keras)
    others = [test for test in LIST.read_text().splitlines() if test.split("::")[0] not in chosen]
    LIST.write_text("\n".join(sorted([*others, *tests])) + "\n")
    with_mlplab = outcomes(chosen, mlplab=True)
    failed = failing(tests, with_mlplab)
    for test, reason in failed.items():
        print(f"{test}\n    {reason}")
    calls = sum(with_mlplab[test]["calls"] for test in tests if test in with_mlplab)
    eager = sum(with_mlplab[test]["eager"] for test in tests if test in with_mlplab)
    print(f"{len(tests)} tests pass with Keras and train; {len(failed)} of them fail with mlplab.")
    print(f"{calls} calls of fit, evaluate and predict, {eager} of them of models with run_eagerly=True.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run Keras's own tests, from the installed package, with Keras's training and with mlplab's, and compare.

    python tests/keras_suite/run.py                      # the files that train: Keras, then mlplab
    python tests/keras_suite/run.py trainers/trainer_test.py

Prints what passes with Keras and fails with mlplab, and exits with 1 if there is any that `DIFFERENCES` does not name.
`passes_with_keras.txt` lists the tests that pass with Keras and call `fit`, `evaluate` or `predict`; this script renews
it for the files that it runs.
"""

import concurrent.futures
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

SOURCE = Path(str(importlib.util.find_spec("keras").origin)).parent / "src"
LIST = Path(__file__).with_name("passes_with_keras.txt")

NOT_FOR_JAX = ("backend/tensorflow/", "backend/torch/", "export/", "applications/", "jax_multi_process")
"""Files that test other backends, other packages or large downloads."""

DIFFERENCES = {
    "callbacks/backup_and_restore_test.py::BackupAndRestoreCallbackTest::test_best_case_step": (
        "an error of a callback leaves the model as it was after the last complete epoch"
    ),
}
"""Tests that fail with mlplab because of a row of "What differs" in docs/engine.md, and which."""

Outcomes = dict[str, dict]


def files_that_train() -> list[str]:
    """Return the test files, relative to `keras/src`, in which `fit`, `evaluate` or `predict` is called.

    `run_layer_test` of Keras's `TestCase` calls `fit`.
    """
    paths = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in SOURCE.rglob("*_test.py")}
    return sorted(
        name
        for name, text in paths.items()
        if any(call in text for call in (".fit(", ".evaluate(", ".predict(", ".run_layer_test("))
        and not any(part in name for part in NOT_FOR_JAX)
    )


def outcomes(names: Iterable[str], mlplab: bool, only: Collection[str] | None = None) -> Outcomes:
    """Run test files, relative to `keras/src`. Return the outcome of each test by FILE::CLASS::TEST.

    The files of one folder run in one process, and as many processes at once as there are cores.
    `only`: the tests to run; None: all.
    """
    folders: dict[str, list[str]] = {}
    for name in names:
        if only is None or any(test.startswith(f"{name}::") for test in only):
            folders.setdefault(name.rpartition("/")[0], []).append(name)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        parts = threads.map(lambda files: _outcomes_of_process(files, mlplab, only), folders.values())
        return {test: outcome for part in parts for test, outcome in part.items()}


def _outcomes_of_process(names: Sequence[str], mlplab: bool, only: Collection[str] | None) -> Outcomes:
    with tempfile.TemporaryDirectory() as folder:
        path, chosen = Path(folder) / "outcomes.jsonl", Path(folder) / "only.txt"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "through_mlplab", "-p", "no:cacheprovider"]
        command += ["-c", os.devnull, "--rootdir", str(SOURCE), "--continue-on-collection-errors"]
        command += ["--outcomes", str(path), *["--mlplab"] * mlplab]
        if only is not None:
            chosen.write_text("\n".join(only))
            command += ["--only", str(chosen)]
        paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": paths, "KERAS_BACKEND": "jax"}
        command += [str(SOURCE / name) for name in names]
        subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=False)
        lines = path.read_text().splitlines() if path.exists() else []
    return {outcome["test"]: outcome for outcome in map(json.loads, lines)}


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
    tests = training_tests(outcomes(chosen, mlplab=False))
    others = [test for test in LIST.read_text().splitlines() if test.split("::")[0] not in chosen]
    LIST.write_text("\n".join(sorted([*others, *tests])) + "\n")
    with_mlplab = outcomes(chosen, mlplab=True, only=tests)
    failed = failing(tests, with_mlplab)
    for test, reason in failed.items():
        print(f"{test}\n    {reason}")
        if test in DIFFERENCES:
            print(f"    differs: {DIFFERENCES[test]}")
    calls = sum(with_mlplab[test]["calls"] for test in tests if test in with_mlplab)
    eager = sum(with_mlplab[test]["eager"] for test in tests if test in with_mlplab)
    unknown = failed.keys() - DIFFERENCES.keys()
    print(f"{len(tests)} tests pass with Keras and train.")
    print(f"{len(failed)} of them fail with mlplab, {len(unknown)} of these for no reason that is documented.")
    print(f"{calls} calls of fit, evaluate and predict, {eager} of them of models with run_eagerly=True.")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

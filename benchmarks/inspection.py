"""Seconds that the report, the comparison and the scores of finished runs take as whole processes.

Two runs are trained on Fashion-MNIST first. Then each command runs in turn, `--rounds` times. The first report of a
run has to compute units and projection, and the first of a data set has to train simple methods; both are measured
separately. As a measure of the machine, a process also imports scikit-learn's metrics and matplotlib, which every
notebook with a confusion matrix does.

    .venv/bin/python benchmarks/inspection.py
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

_MLPLAB = [sys.executable, "-m", "mlplab"]
_IMPORTS = [sys.executable, "-c", "import sklearn.metrics, matplotlib.pyplot"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    on = report.machine()
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / "twenty", Path(folder) / "fifty"]
        for run, hidden in zip(runs, ("20", "50,50"), strict=True):
            train = ["train", "fashion-mnist", "--hidden", hidden, "--epochs", "5", "--out", str(run), "--quiet"]
            _seconds([*_MLPLAB, *train])
        first = _first_reports(runs, folder)
        commands = {
            "report": [*_MLPLAB, "report", str(runs[0])],
            "compare": [*_MLPLAB, "compare", *map(str, runs)],
            "compare, as a page": [*_MLPLAB, "compare", *map(str, runs), "--out", f"{folder}/compare.html"],
            "failures": [*_MLPLAB, "failures", str(runs[0]), "--out", f"{folder}/failures.png"],
            "scores": [*_MLPLAB, "scores", str(runs[0])],
            "(imports of sklearn.metrics and pyplot)": _IMPORTS,
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _, (name, command) in report.alternating(list(commands.items()), rounds):
            seconds[name].append(_seconds(command))
        size = (runs[0] / "report.html").stat().st_size
    figures = {name: report.spread(values) for name, values in {**first, **seconds}.items()}
    report.print_table(
        ("whole process", "median, s", "min", "max"),
        [(name, *(f"{figures[name][key]:.2f}" for key in ("median", "min", "max"))) for name in figures],
    )
    print(f"The report of 10,000 test images has {size / 1e6:.2f} MB.")
    packages = ("mlplab", "numpy", "matplotlib", "jinja2", "scikit-learn", "jax", "keras")
    report.save("inspection", {"n": rounds, "report_bytes": size, "seconds": figures}, on, packages)


def _first_reports(runs: list[Path], folder: str) -> dict[str, list[float]]:
    """The first report of a data set, with simple methods to train, and the first of a run, once each."""
    data = os.environ.get("MLPLAB_CACHE") or _output("from mlplab.datasets.cache import cache_folder as f; print(f())")
    fresh = {**os.environ, "MLPLAB_CACHE": f"{folder}/cache", "MLPLAB_DATA": str(Path(data) / "fashion-mnist")}
    _seconds([*_MLPLAB, "data", "fetch", "fashion-mnist", "--quiet"], fresh)
    return {
        "the first report of a data set": [_seconds([*_MLPLAB, "report", str(runs[0])], fresh)],
        "the first report of a run": [_seconds([*_MLPLAB, "report", str(runs[1])], fresh)],
    }


def _output(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _seconds(command: list[str], environment: dict[str, str] | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

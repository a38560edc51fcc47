"""What data sets of more and more images cost: 60,000 to 8.1 million deformed digits, each trained as a whole process.

`mlplab train FILE --hidden 100 --batch-size 256` on uncompressed NPZ files that `deformed_digits.py` writes. Time of a
sample: the seconds of training (validation and checkpoints included, compilation left out) over rows trained on times
epochs. Memory: the process's peak, from outside (`wait4`). Smaller sets are trained for more epochs, so that each run
takes about as long. A round trains all sizes; each goes the other way than the one before.

Needs 9 GB of disk in --folder, which are deleted at the end unless --keep is given.

    python benchmarks/scale.py [--rounds 3] [--folder DIR] [--sizes 60000 500000] [--no-save] [--keep]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report

SIZES = (60_000, 500_000, 2_000_000, 8_100_000)
SAMPLES = 8_100_000
"""Rows in the epochs of a run, at least, unless another number is given."""


def measured(path: Path, rows: int, samples: int, folder: Path) -> dict[str, Any]:
    """Train on a file, and return what it took."""
    epochs = max(1, round(samples / rows))
    out = folder / "run"
    network = ["--hidden", "100", "--batch-size", "256", "--epochs", str(epochs), "--seed", "0"]
    command = [sys.executable, "-m", "mlplab", "train", str(path), *network, "--out", str(out), "--quiet", "--json"]
    log = folder / "log.txt"
    began = time.perf_counter()
    with log.open("w") as messages:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    result = json.loads((out / "result.json").read_text())
    trained = _trained_rows(out)
    config = json.loads((out / "config.json").read_text())
    shutil.rmtree(out)
    return {
        "rows": rows,
        "trained on": trained,
        "epochs": epochs,
        "chunk_bytes": config["chunk_bytes"],
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "seconds of phases": result["seconds"],
        "microseconds a sample": 1e6 * result["seconds"]["train"] / (trained * epochs),
        "peak_memory_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "accuracy": result["test"]["accuracy"],
        "load": round(os.getloadavg()[0], 2),
    }


def _trained_rows(run: Path) -> int:
    """Return how many rows a run was trained on, without loading NumPy into this process."""
    code = "import sys, mlplab; print(len(mlplab.Run(sys.argv[1]).split['train']))"
    return int(
        subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True).stdout
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--samples", type=int, default=SAMPLES, help="rows in the epochs of a run, at least")
    parser.add_argument("--folder", type=Path, help="where the images are written (default: the system's for such)")
    parser.add_argument("--keep", action="store_true", help="keep the images in --folder, and use those that are there")
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    if arguments.keep and arguments.folder is None:
        parser.error("--keep needs --folder, where the images are kept")
    on = report.machine()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = arguments.folder if arguments.keep else Path(scratch)
        paths = {rows: folder / f"digits-{rows}.npz" for rows in arguments.sizes}
        missing = [str(rows) for rows, path in paths.items() if not path.exists()]
        if missing:
            maker = Path(__file__).with_name("deformed_digits.py")
            subprocess.run([sys.executable, str(maker), str(folder), *missing], check=True)
        runs: dict[int, list[dict[str, Any]]] = {rows: [] for rows in paths}
        for _, rows in report.alternating(list(paths), arguments.rounds):
            runs[rows].append(measured(paths[rows], rows, arguments.samples, Path(scratch)))
            print(json.dumps(runs[rows][-1]), flush=True)
    _report(runs, arguments.rounds, on, not arguments.no_save)


def _report(runs: dict[int, list[dict[str, Any]]], rounds: int, on: dict[str, Any], save: bool) -> None:
    """Print the table, and save the results."""
    smallest, results, table = min(runs), {}, []
    for rows, measured_runs in runs.items():
        measures = ("microseconds a sample", "peak_memory_bytes", "accuracy")
        time_of, memory, accuracy = (report.spread([run[name] for run in measured_runs]) for name in measures)
        ratios = [
            run["microseconds a sample"] / first["microseconds a sample"]
            for run, first in zip(measured_runs, runs[smallest], strict=True)
        ]
        ratio = report.spread(ratios)
        results[rows] = {
            "time of a sample, microseconds": time_of,
            f"time over that of {smallest:,} images": ratio,
            "peak memory, bytes": memory,
            "accuracy": accuracy,
            "runs": measured_runs,
        }
        cells = [f"{time_of['median']:.2f}", f"{ratio['median']:.2f}", f"{memory['median'] / 1e9:.2f}"]
        table.append([f"{rows:,}", *cells, f"{accuracy['median']:.4f}"])
    print()
    report.print_table(["images", "µs a sample", "ratio", "peak memory, GB", "accuracy"], table)
    if save:
        payload = {
            "rounds": rounds,
            "results": results,
        }
        report.save("scale", payload, on, packages=("mlplab", "jax", "keras", "numpy"))


if __name__ == "__main__":
    main()

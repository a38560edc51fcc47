"""The notebook's job as whole processes, mlplab against its peers: wall time, peak memory, test accuracy.

`make bench` runs it; benchmarks/README.md explains its output.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report import ROOT, alternating, compared, machine, print_table, save, spread

PEERS = ROOT / ".peers"
SCRIPTS = ROOT / "benchmarks" / "peers"
DATA = PEERS / "fashion-mnist.npz"
PARAMETERS = 15_910

# What would bend the comparison: kernels chosen for old OpenBLAS builds, and settings meant for one of them.
NOT_INHERITED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "KERAS_BACKEND", "XLA_FLAGS", "PYTHONPATH")


@dataclass(frozen=True)
class Contestant:
    """A way to do the job: an interpreter and its arguments, in which {seed} and {out} are filled in."""

    name: str
    title: str
    python: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, seed: int, out: Path) -> list[str]:
        return [str(self.python), *(part.format(seed=seed, out=out) for part in self.arguments)]


def contestants() -> list[Contestant]:
    """List mlplab, twice, and all peers, whether installed or not."""
    ours = Path(sys.executable)
    train = "-m mlplab train fashion-mnist --hidden 20 --epochs 10 --batch-size 32 --validation 0"
    verb = (*train.split(), "--seed", "{seed}", "--json", "--quiet", "--out", "{out}")

    def script(name: str, *options: str) -> tuple[str, ...]:
        return (str(SCRIPTS / name), "--data", str(DATA), "--seed", "{seed}", *options)

    def peer(environment: str) -> Path:
        return PEERS / environment / "bin" / "python"

    jax = {"KERAS_BACKEND": "jax"}
    tensorflow = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    packed = ("--steps-per-execution", "32")
    keras = "keras_job.py"
    return [
        Contestant("mlplab", "mlplab train", ours, verb),
        Contestant("mlplab-fit", "mlplab.fit", ours, script("mlplab_job.py")),
        Contestant("keras-tensorflow", "Keras on TensorFlow", peer("tensorflow"), script(keras), tensorflow),
        Contestant("keras-jax", "Keras on JAX", peer("jax"), script(keras), jax),
        Contestant("keras-jax-32", "Keras on JAX, 32 steps at once", peer("jax"), script(keras, *packed), jax),
        Contestant("torch", "PyTorch loop", peer("torch"), script("torch_job.py")),
        Contestant("sklearn", "scikit-learn MLPClassifier", peer("jax"), script("sklearn_job.py")),
        Contestant("numpy", "NumPy by hand", peer("jax"), script("numpy_job.py")),
    ]


def run(contestant: Contestant, seed: int) -> dict[str, Any]:
    """Run one process: its own measurements, and from outside its wall and processor seconds and peak memory."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        complaints = Path(folder) / "stderr"
        with complaints.open("w") as stderr:
            start = time.perf_counter()
            process = subprocess.Popen(
                contestant.command(seed, Path(folder) / "run"),
                stdout=said,
                stderr=stderr,
                env={**environment, **contestant.environment},
                cwd=folder,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{contestant.name} failed ({process.returncode}):\n{complaints.read_text()[-2000:]}")
        said.seek(0)
        answer = json.loads(said.read().splitlines()[-1])
    return {
        "seed": seed,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_memory_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        **own_account(answer, contestant.name),
    }


def own_account(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read accuracy, phases and versions from the JSON of a peer's script or of `mlplab train --json`."""
    account = {
        "test_accuracy": answer["test"]["accuracy"] if "test" in answer else answer["test_accuracy"],
        "phases": answer["seconds"] if "seconds" in answer else answer["phases"],
        "versions": answer["versions"],
    }
    if answer["parameters"] != PARAMETERS or not 0.8 < account["test_accuracy"] < 0.9:
        sys.exit(f"{name} did another job: {answer['parameters']} parameters, {account['test_accuracy']}.")
    return account


def measure(chosen: Sequence[Contestant], rounds: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """The runs of each contestant by name; in one round all have the same seed."""
    runs: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in chosen}
    for number, contestant in alternating(chosen, rounds):
        result = run(contestant, seed + number)
        runs[contestant.name].append(result)
        figures = f"{result['seconds']:7.2f} s {result['peak_memory_bytes'] / 1e6:6.0f} MB"
        print(f"round {number + 1}/{rounds}  {contestant.name:17}{figures}", file=sys.stderr, flush=True)
    return runs


def summarize(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Median, smallest and largest of each measured quantity, by contestant."""
    quantities = ("seconds", "cpu_seconds", "peak_memory_bytes", "test_accuracy")
    return {name: {q: spread(run[q] for run in of_one) for q in quantities} for name, of_one in runs.items()}


def print_results(chosen: Sequence[Contestant], summary: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print the table, fastest first, and one sentence for each peer, won or lost."""
    titles = {contestant.name: contestant.title for contestant in chosen}
    base = summary["mlplab"]["seconds"]["median"] if "mlplab" in summary else None
    rows = []
    for name in sorted(summary, key=lambda name: summary[name]["seconds"]["median"]):
        seconds, memory, accuracy = (
            summary[name][quantity] for quantity in ("seconds", "peak_memory_bytes", "test_accuracy")
        )
        rows.append(
            (
                titles[name],
                f"{seconds['median']:.2f}",
                f"{seconds['min']:.2f}",
                f"{seconds['max']:.2f}",
                f"{seconds['median'] / base:.2f}" if base else "",
                f"{memory['median'] / 1e6:.0f}",
                f"{accuracy['median']:.4f}",
            )
        )
    print_table(("", "seconds", "min", "max", "/ mlplab", "peak MB", "test accuracy"), rows)
    if base:
        print()
        for name in summary:
            if not name.startswith("mlplab"):
                print(compared(base, summary[name]["seconds"]["median"], titles[name]) + ".")


def parse_arguments(names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round (default 0)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        metavar="NAME",
        help=f"these alone, nothing saved: {', '.join(names)}",
    )
    return parser.parse_args()


def main() -> None:
    known = contestants()
    options = parse_arguments([contestant.name for contestant in known])
    wanted = [c for c in known if not options.only or c.name in options.only]
    chosen = [c for c in wanted if c.python.exists()]
    missing = [c.name for c in wanted if c not in chosen]
    if missing:
        print(f"Not set up, left out: {', '.join(missing)}. `.ci/setup peers` sets peers up.", file=sys.stderr)
    if subprocess.run([sys.executable, str(SCRIPTS / "data.py"), str(DATA)], check=False).returncode:
        sys.exit("The data set could not be prepared.")

    before = machine()
    runs = measure(chosen, options.rounds, options.seed)
    summary = summarize(runs)
    print_results(chosen, summary)
    if not options.only:
        payload = {"n": options.rounds, "left_out": missing, "summary": summary, "runs": runs}
        save("seed_job", payload, before)


if __name__ == "__main__":
    main()

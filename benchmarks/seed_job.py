"""The notebook's job as whole processes, mlplab against its peers: wall time, peak memory, test accuracy.

Twice: the second time on a machine, where compiled programs are kept from the first, and the first time.
`make bench` runs it; benchmarks/README.md explains its output.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import (
    ROOT,
    add_results_option,
    alternating,
    compared,
    load_until_now,
    machine,
    print_table,
    save,
    spread,
)

PEERS = ROOT / ".peers"
SCRIPTS = ROOT / "benchmarks" / "peers"
DATA = PEERS / "fashion-mnist.npz"
PARAMETERS = 15_910

# What would bend the comparison: kernels chosen for old OpenBLAS builds, and settings meant for one of them.
NOT_INHERITED = (
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "KERAS_BACKEND", "XLA_FLAGS", "PYTHONPATH"),
    *("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"),
    *("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"),
)

SECOND, FIRST, EITHER = "second time", "first time", "either time"
"""Whether the programs that a process compiles are kept from an earlier one; EITHER: it keeps none."""
FIRST_EPOCH = re.compile(r"epoch +1/")
"""How the line begins that `mlplab train` prints after the first epoch."""


@dataclass(frozen=True)
class Contestant:
    """A way to do the job: an interpreter and its arguments, in which {seed} and {out} are filled in.

    Attributes:
        environment: more variables; {cache} is the folder in which programs are kept.
        times: the times at which it runs.
        prints_epochs: whether a line that `FIRST_EPOCH` matches is expected on standard error.
    """

    name: str
    title: str
    python: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    times: tuple[str, ...] = (EITHER,)
    prints_epochs: bool = False

    def command(self, seed: int, out: Path) -> list[str]:
        return [str(self.python), *(part.format(seed=seed, out=out) for part in self.arguments)]

    def variables(self, cache: Path) -> dict[str, str]:
        """Return all environment variables of its process, whose programs are kept in this folder."""
        return inherited() | {name: value.format(cache=cache) for name, value in self.environment.items()}


def inherited() -> dict[str, str]:
    """Return the environment variables that every process gets."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}


def contestants() -> list[Contestant]:
    """List mlplab, twice, and all peers, whether installed or not."""
    ours = Path(sys.executable)
    train = "-m mlplab train fashion-mnist --hidden 20 --epochs 10 --batch-size 32 --validation 0"
    verb = (*train.split(), "--seed", "{seed}", "--json", "--out", "{out}")
    keeping = {"XDG_CACHE_HOME": "{cache}"}
    twice = (SECOND, FIRST)

    def script(name: str, *options: str) -> tuple[str, ...]:
        return (str(SCRIPTS / name), "--data", str(DATA), "--seed", "{seed}", *options)

    def peer(environment: str) -> Path:
        return PEERS / environment / "bin" / "python"

    jax = {"KERAS_BACKEND": "jax"}
    jax_keeping = jax | {
        "JAX_COMPILATION_CACHE_DIR": "{cache}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    tensorflow = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    packed = ("--steps-per-execution", "32")
    keras = "keras_job.py"
    return [
        Contestant("mlplab", "mlplab train", ours, verb, keeping, twice, prints_epochs=True),
        Contestant("mlplab-fit", "mlplab.fit", ours, script("mlplab_job.py"), keeping, twice),
        Contestant("keras-tensorflow", "Keras on TensorFlow", peer("tensorflow"), script(keras), tensorflow),
        Contestant("keras-jax", "Keras on JAX", peer("jax"), script(keras), jax),
        Contestant("keras-jax-32", "Keras on JAX, 32 steps at once", peer("jax"), script(keras, *packed), jax),
        Contestant(
            "keras-jax-32-kept",
            "Keras on JAX, 32 steps at once, JAX's cache on",
            peer("jax"),
            script(keras, *packed),
            jax_keeping,
            (SECOND,),
        ),
        Contestant("torch", "PyTorch loop", peer("torch"), script("torch_job.py"), {}),
        Contestant("sklearn", "scikit-learn MLPClassifier", peer("jax"), script("sklearn_job.py"), {}),
        Contestant("numpy", "NumPy by hand", peer("jax"), script("numpy_job.py"), {}),
    ]


def run(contestant: Contestant, seed: int, kept: Path | None) -> dict[str, Any]:
    """Run one process: its own measurements, and from outside its wall and processor seconds and peak memory.

    Args:
        contestant: what runs.
        seed: of the weights and the order of rows.
        kept: the folder of compiled programs; an empty one that is deleted by default.
    """
    complaints, first_epoch = [], None
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            contestant.command(seed, Path(folder) / "run"),
            stdout=said,
            stderr=subprocess.PIPE,
            text=True,
            env=contestant.variables(kept or Path(folder) / "cache"),
            cwd=folder,
        )
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                if first_epoch is None and FIRST_EPOCH.match(line):
                    first_epoch = time.perf_counter() - start
                complaints.append(line)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or (first_epoch is None and contestant.prints_epochs):
            sys.exit(f"{contestant.name} failed ({process.returncode}):\n{''.join(complaints)[-2000:]}")
        said.seek(0)
        answer = json.loads(said.read().splitlines()[-1])
    return {
        "seed": seed,
        "seconds": round(seconds, 3),
        **({} if first_epoch is None else {"first_epoch_seconds": round(first_epoch, 3)}),
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


Results = dict[str, dict[str, Any]]
"""Something for each time and each contestant's name."""


def measure(chosen: Sequence[Contestant], rounds: int, seed: int) -> Results:
    """Return the runs of each contestant; in one round all have the same seed."""
    items = [(contestant, when) for contestant in chosen for when in contestant.times]
    runs: Results = {when: {} for when in (SECOND, FIRST, EITHER)}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder)
        for contestant, when in items:
            if when == SECOND:  # what it compiles stays there
                run(contestant, seed, kept)
        for number, (contestant, when) in alternating(items, rounds):
            result = run(contestant, seed + number, kept if when == SECOND else None)
            runs[when].setdefault(contestant.name, []).append(result)
            figures = f"{result['seconds']:7.2f} s {result['peak_memory_bytes'] / 1e6:6.0f} MB"
            named = f"{contestant.name:18}{when:12}"
            print(f"round {number + 1}/{rounds}  {named}{figures}", file=sys.stderr, flush=True)
    return runs


def summarize(runs: Results) -> Results:
    """Return median, smallest and largest of each quantity that was measured."""
    quantities = ("seconds", "first_epoch_seconds", "cpu_seconds", "peak_memory_bytes", "test_accuracy")
    return {
        when: {
            name: {q: spread(run[q] for run in of_one) for q in quantities if q in of_one[0]}
            for name, of_one in by_name.items()
        }
        for when, by_name in runs.items()
    }


def help_seconds(rounds: int) -> dict[str, float]:
    """Return median, smallest and largest of the seconds that `mlplab --help` takes."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        command = [sys.executable, "-m", "mlplab", "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=inherited())
        seconds.append(time.perf_counter() - start)
    return spread(seconds)


def print_results(chosen: Sequence[Contestant], summary: Results) -> None:
    """Print the tables of both times."""
    titles = {contestant.name: contestant.title for contestant in chosen}
    for when in (SECOND, FIRST):
        print(f"\nThe {when} on a machine\n")
        print_one_time(titles, summary[when] | summary[EITHER])
        if "mlplab" in summary[when]:
            seconds = summary[when]["mlplab"]["first_epoch_seconds"]["median"]
            print(f"mlplab train prints its first epoch after {seconds:.2f} s.")


def print_one_time(titles: Mapping[str, str], summary: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print the table, fastest first, and one sentence for each peer, won or lost."""
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
        help=f"these alone, saved only with --results: {', '.join(names)}",
    )
    add_results_option(parser)
    return parser.parse_args()


def prepare_data() -> None:
    """Write the file that peers read, and let every process find mlplab's data sets where they are now."""
    command = [sys.executable, str(SCRIPTS / "data.py"), str(DATA)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit("The data set could not be prepared.")
    os.environ["MLPLAB_CACHE"] = done.stdout.strip()  # not in a process's own cache folder, which may be empty


def main() -> None:
    known = contestants()
    options = parse_arguments([contestant.name for contestant in known])
    wanted = [c for c in known if not options.only or c.name in options.only]
    chosen = [c for c in wanted if c.python.exists()]
    missing = [c.name for c in wanted if c not in chosen]
    if missing:
        print(f"Not set up, left out: {', '.join(missing)}. `.ci/setup peers` sets peers up.", file=sys.stderr)
    prepare_data()

    before = machine()
    runs, seconds = measure(chosen, options.rounds, options.seed), help_seconds(options.rounds)
    summary = summarize(runs)
    print_results(chosen, summary)
    print(f"\nmlplab --help takes {seconds['median']:.2f} s.")
    if options.only and not options.results:
        load_until_now(before)
        return
    payload = {"n": options.rounds, "left_out": missing, "help_seconds": seconds, "summary": summary, "runs": runs}
    save("seed_job", payload, before, folder=options.results)


if __name__ == "__main__":
    main()

"""64 networks of the notebook: one population of mlplab, against Keras with one single-threaded process a core.

All cores are used by each. A peer trains two networks in each process and is scaled to its share of the 64 by the
seconds of the faster one, so its start and compilation do not count, while mlplab's do.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report import add_results_option, alternating, compared, load_until_now, machine, print_table, save, spread
from seed_job import DATA, PARAMETERS, PEERS, SCRIPTS, inherited, prepare_data

NETWORKS = 64
STEPS = 10 * 60_000 // 32
MEASURED = 2
"""Networks that a process of a peer trains."""
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
SINGLE = {
    "OMP_NUM_THREADS": "1",
    "NPROC": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    python: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    networks: int = MEASURED
    """Measurements of one process."""

    @property
    def processes(self) -> int:
        return 1 if self.networks == NETWORKS else len(CORES)


def contestants() -> list[Contestant]:
    keras = "keras_networks_job.py"
    found = [
        Contestant("mlplab", "mlplab", Path(sys.executable), ("population_job.py",), networks=NETWORKS),
        Contestant(
            "keras-tensorflow",
            "Keras on TensorFlow",
            PEERS / "tensorflow" / "bin" / "python",
            (keras,),
            {"KERAS_BACKEND": "tensorflow", **SINGLE},
        ),
    ]
    for steps in (1, 32, 125):
        found.append(
            Contestant(
                f"keras-jax-{steps}",
                f"Keras on JAX, steps_per_execution={steps}",
                PEERS / "jax" / "bin" / "python",
                (keras, "--steps-per-execution", str(steps)),
                {"KERAS_BACKEND": "jax", **SINGLE},
            )
        )
    return found


def run(contestant: Contestant, seed: int) -> dict[str, Any]:
    """Run all processes of a peer at once, one on each core; return microseconds a step and network over all cores."""
    script, *options = contestant.arguments
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**inherited(), **contestant.environment, "XDG_CACHE_HOME": folder}  # no program is kept there
        for number in range(contestant.processes):
            command = [str(contestant.python), str(SCRIPTS / script), "--data", str(DATA), *options]
            command += ["--networks", str(contestant.networks), "--seed", str(seed + number * contestant.networks)]
            if contestant.processes > 1 and sys.platform == "linux":
                command = ["taskset", "-c", str(CORES[number]), *command]
            said = Path(folder) / f"{number}.json"
            with said.open("w") as out:
                processes.append((subprocess.Popen(command, stdout=out, env=environment, cwd=folder), said))
        answers, peak = [], 0
        for process, said in processes:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(f"{contestant.name} failed ({process.returncode}).")
            peak += usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            answers.append(json.loads(said.read_text().splitlines()[-1]))
    for answer in answers:
        if answer["parameters"] != PARAMETERS or not 0.8 < answer["test_accuracy"] < 0.9:
            sys.exit(f"{contestant.name} did another job: {answer}.")
    network = sum(answer["phases"]["a network"] for answer in answers) / len(answers) / contestant.processes
    return {
        "microseconds": round(1e6 * network / STEPS, 2),
        "seconds_of_64": round(network * NETWORKS, 2),
        "peak_memory_bytes": peak,
        "test_accuracy": sum(answer["test_accuracy"] for answer in answers) / len(answers),
        "versions": answers[0]["versions"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="mlplab alone, saved only with --results")
    add_results_option(parser)
    options = parser.parse_args()
    known = contestants()[:1] if options.no_peers else contestants()
    chosen = [contestant for contestant in known if contestant.python.exists()]
    prepare_data()
    before = machine()
    runs: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in chosen}
    for number, contestant in alternating(chosen, options.rounds):
        result = run(contestant, 1000 * number)
        runs[contestant.name].append(result)
        print(f"round {number + 1}  {contestant.name:17}{result['microseconds']:8.1f} µs", file=sys.stderr, flush=True)
    summary = {
        name: {q: spread(each[q] for each in of_one) for q in ("microseconds", "seconds_of_64", "peak_memory_bytes")}
        for name, of_one in runs.items()
    }
    print_results(chosen, summary)
    if options.no_peers and not options.results:
        load_until_now(before)
        return
    payload = {"n": options.rounds, "networks": NETWORKS, "summary": summary, "runs": runs}
    save("population", payload, before, folder=options.results)


def print_results(chosen: Sequence[Contestant], summary: Mapping[str, Any]) -> None:
    base = summary["mlplab"]["microseconds"]["median"]
    rows = []
    for contestant in sorted(chosen, key=lambda contestant: summary[contestant.name]["microseconds"]["median"]):
        of_one = summary[contestant.name]
        micro = of_one["microseconds"]
        rows.append(
            (
                contestant.title,
                f"{micro['median']:.1f}",
                f"{micro['min']:.1f}",
                f"{micro['max']:.1f}",
                f"{micro['median'] / base:.2f}",
                f"{of_one['seconds_of_64']['median']:.0f}",
                f"{of_one['peak_memory_bytes']['median'] / 1e6:.0f}",
            )
        )
    print_table(("", "µs a step and network", "min", "max", "/ mlplab", f"s for {NETWORKS}", "peak MB"), rows)
    print()
    for contestant in chosen:
        if contestant.name != "mlplab":
            print(compared(base, summary[contestant.name]["microseconds"]["median"], contestant.title) + ".")


if __name__ == "__main__":
    main()

"""A sweep of five minutes: `mlplab tune` against Optuna around `keras.Model.fit` with one process a core.

Both search one space, networks of two layers of 512 units, on the same training and validation rows of Fashion-MNIST.
What counts is the best validation accuracy that any trial had within the time, start-up and compilation included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from population import CORES, SINGLE
from report import alternating, machine, print_table, save, spread
from seed_job import NOT_INHERITED, PEERS, SCRIPTS

from mlplab.datasets import load
from mlplab.runs import Settings
from mlplab.training.splits import split

SPACE = {
    "width": 512,
    "depth": 2,
    "activation": "gelu",
    "batch_norm": True,
    "dropout": {"low": 0.2, "high": 0.5},
    "optimizer": "adamw",
    "learning_rate": {"low": 5e-4, "high": 4e-3, "log": True},
    "weight_decay": {"low": 1e-3, "high": 0.1, "log": True},
    "schedule": "cosine",
    "batch_size": 256,
    "epochs": 18,
}

OURS = """
import json, sys
import mlplab
space, out, seed, seconds = sys.argv[1:]
mlplab.tune("fashion-mnist", json.loads(space), budget=float(seconds), seed=int(seed), seeds=1, out=out, quiet=True)
"""
_FOR_THE_WINNER = 60
"""Seconds of the budget that mlplab keeps for training the winner, which the peer does not do."""


def ours(seed: int, seconds: float, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    study = folder / "study"
    command = [sys.executable, "-c", OURS, json.dumps(SPACE), str(study), str(seed), str(seconds + _FOR_THE_WINNER)]
    started = time.time()
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(f"mlplab tune failed:\n{process.stderr[-2000:]}")
    trials = optuna.load_study(study_name="mlplab", storage=f"sqlite:///{study / 'study.db'}").trials
    within = [t for t in trials if t.datetime_complete and t.datetime_complete.timestamp() <= started + seconds]
    values = [value for trial in within for value in trial.intermediate_values.values()]
    finished = sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in within)
    return {"best": max(values), "trials": len(within), "finished": finished}


def theirs(seed: int, seconds: float, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    environment = {**environment, "KERAS_BACKEND": "jax", **SINGLE}
    rows = folder / "rows.npz"
    train = load("fashion-mnist").train
    parts = split(train, Settings(hidden=(1,), seed=seed))
    x, y = train.inputs, train.labels
    held = parts["validation"]
    np.savez(rows, x_train=x[parts["train"]], y_train=y[parts["train"]], x_validation=x[held], y_validation=y[held])
    database = folder / "peer.db"
    # Beforehand: two processes cannot make it at the same time.
    optuna.create_study(study_name="peer", storage=f"sqlite:///{database}", direction="maximize")
    processes = []
    for core in CORES:
        command = [str(PEERS / "jax" / "bin" / "python"), str(SCRIPTS / "optuna_job.py"), "--data", str(rows)]
        command += ["--storage", str(database), "--seed", str(seed), "--seconds", str(seconds)]
        command += ["--space", json.dumps(SPACE)]
        if sys.platform == "linux":
            command = ["taskset", "-c", str(core), *command]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit("Optuna around keras.fit failed.")
    answers = [json.loads(text.splitlines()[-1]) for text in said]
    return max(answers, key=lambda answer: (answer["best"], answer["trials"]))


CONTESTANTS = {"mlplab": ours, "optuna-keras": theirs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rounds", type=int, default=3, help="seeds")
    options = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    before = machine()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for number, name in alternating(list(CONTESTANTS), options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            found = CONTESTANTS[name](number, options.seconds, Path(folder), environment)
        runs[name].append(found)
        print(f"seed {number}  {name:14}{found}", file=sys.stderr, flush=True)
    best = {name: spread(found["best"] for found in of_one) for name, of_one in runs.items()}
    rows = [
        (
            name,
            *(f"{best[name][q]:.4f}" for q in ("median", "min", "max")),
            " ".join(f"{found['trials']}/{found['finished']}" for found in runs[name]),
        )
        for name in CONTESTANTS
    ]
    print_table(("", "best validation accuracy", "min", "max", "trials/finished"), rows)
    payload = {"n": options.rounds, "seconds": options.seconds, "summary": best, "runs": runs}
    save("tune", payload, before)


if __name__ == "__main__":
    main()

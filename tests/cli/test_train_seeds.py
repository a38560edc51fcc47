"""`mlplab train --seeds N`, as a person or a script meets it."""

import json
import os

from command_line import mlplab, result_of


def test_json_is_the_result_of_the_population(trained_seeds):
    done, out = trained_seeds
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == result_of(out)
    assert [member["seed"] for member in printed["members"]] == [5, 6, 7]
    assert printed["members"][1] == result_of(out / "members" / "01")
    assert "ray" not in printed["versions"]


def test_a_person_reads_of_all_seeds(trained_seeds):
    done, out = trained_seeds
    result, stderr = json.loads(done.stdout), " ".join(done.stderr.split())
    for part in ("Total params: 310", "epoch 1/2", "epoch 2/2", "val_accuracy best", "median", "worst"):
        assert part in stderr
    assert "columns: predicted, by the ensemble" in stderr
    assert "Each seed alone seed test accuracy validation log-loss epochs kept epoch 5 0." in stderr
    test, ensemble = result["test"], result["ensemble"]["accuracy"]
    low, high = test["interval"]
    mean = f"{test['accuracy']:.4f} ± {test['sd']:.4f} (mean and standard deviation of 3 seeds"
    interval = f"95 % interval of the mean {low:.4f}–{high:.4f}"
    assert f"Test accuracy {mean}; {interval}), ensemble {ensemble:.4f}, 310 parameters each" in stderr
    assert f"mlplab report {os.path.relpath(out)}" in stderr


def test_runs_lists_it_in_one_line(trained_seeds):
    done = mlplab("runs", trained_seeds[1].parent, "--json")
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["seed"], run["seeds"], run["finished"]) == (5, 3, True)
    assert run["ensemble"]["accuracy"] == json.loads(trained_seeds[0].stdout)["ensemble"]["accuracy"]
    _, line = done.stderr.splitlines()
    assert "5–7" in line
    assert f"± {run['test']['sd']:.4f}, all {run['ensemble']['accuracy']:.4f}" in line

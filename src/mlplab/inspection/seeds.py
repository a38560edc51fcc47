"""The accuracy of a population's members, of their mean and of their ensemble."""

import functools
from typing import Any

import numpy as np

from mlplab.errors import Advice, UsageError
from mlplab.figures import intervals
from mlplab.inspection.examples import open_run
from mlplab.runs import Run
from mlplab.table import Table


def show_seeds(source: Any) -> Table:
    """Show the test accuracy of each member of a population, with their mean and their ensemble.

    Args:
        source: a finished run that was trained with several seeds, or its directory.

    Returns:
        Table of seed, accuracy with its 95 % interval accuracy_low and accuracy_high (Wilson, over test rows),
        balanced_accuracy, macro_f1, log_loss, validation (accuracy on the validation split), epochs, and kept_epoch,
        whose weights the member has; NaN for a member that diverged, and for scores that the run does not have.

    Example:
        population = mlplab.train("digits", hidden=[16], epochs=1, seeds=2, verbose=0)
        table = mlplab.show_seeds(population)
    """
    return seeds(open_run(source)).show()


def seeds(run: Run) -> Table:
    """Build the table of `show_seeds`."""
    if not run.members:
        several = Advice("mlplab.train(data, seeds=10)", "mlplab train DATASET --seeds 10")
        raise UsageError(f"{run.path} is a run of one seed. Train several: {several}", advice=[several])
    result = run.require_finished()
    missing = {"accuracy": np.nan, "interval": (np.nan, np.nan), "loss": np.nan}
    missing |= dict.fromkeys(("balanced_accuracy", "macro_f1"))
    tests = [member.get("test", missing) for member in result["members"]]
    validations = [member.get("validation") or missing for member in result["members"]]
    columns: dict[str, np.ndarray] = {
        "seed": np.array([member["seed"] for member in result["members"]]),
        "accuracy": np.array([test["accuracy"] for test in tests]),
        "accuracy_low": np.array([test["interval"][0] for test in tests]),
        "accuracy_high": np.array([test["interval"][1] for test in tests]),
        "balanced_accuracy": np.array([test["balanced_accuracy"] for test in tests], float),
        "macro_f1": np.array([test["macro_f1"] for test in tests], float),
        "log_loss": np.array([test["loss"] for test in tests]),
        "validation": np.array([split["accuracy"] for split in validations]),
        "epochs": np.array([len(member.epochs) for member in run.members]),
        "kept_epoch": np.array([np.nan if member.result is None else member.kept_epoch for member in run.members]),
    }
    if result["validation"] is None:
        del columns["validation"]

    test, ensemble = result["test"], result["ensemble"]
    low, high = test["interval"] or (np.nan, np.nan)
    accuracies = columns["accuracy"][~np.isnan(columns["accuracy"])]
    draw = functools.partial(
        intervals.seeds, accuracies, (test["accuracy"], low, high), (ensemble["accuracy"], *ensemble["interval"])
    )
    return Table(columns, f"Test accuracy of {len(tests)} seeds ({run.path.name})", draw)

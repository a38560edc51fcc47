"""What several seeds make of one network: the accuracy of each, their mean, and the ensemble of them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.inspection.examples import opened
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_seeds(source: Any) -> Table:
    """The test accuracy of each member of a population, beside their mean and their ensemble.

    Args:
        source: a finished run that was trained with several seeds, or its directory.

    Returns:
        Table of seed, accuracy with its 95 % interval accuracy_low and accuracy_high (Wilson, of the test rows),
        log_loss, validation (the accuracy there) and epochs; NaN for a member that diverged.
    """
    return seeds(opened(source)).show()


def seeds(run: Run) -> Table:
    """See `show_seeds`."""
    if not run.members:
        raise UsageError(f"{run.path} is a run of one seed. Train several: mlplab train DATASET --seeds 10")
    result = run.require_finished()
    nothing = {"accuracy": np.nan, "interval": (np.nan, np.nan), "loss": np.nan}
    tests = [member.get("test", nothing) for member in result["members"]]
    held_out = [member.get("validation") or nothing for member in result["members"]]
    columns: dict[str, np.ndarray] = {
        "seed": np.array([member["seed"] for member in result["members"]]),
        "accuracy": np.array([test["accuracy"] for test in tests]),
        "accuracy_low": np.array([test["interval"][0] for test in tests]),
        "accuracy_high": np.array([test["interval"][1] for test in tests]),
        "log_loss": np.array([test["loss"] for test in tests]),
        "validation": np.array([split["accuracy"] for split in held_out]),
        "epochs": np.array([len(member.epochs) for member in run.members]),
    }
    if result["validation"] is None:
        del columns["validation"]

    def draw() -> "Figure":
        from mlplab.figures import intervals

        test, ensemble = result["test"], result["ensemble"]
        accuracies = columns["accuracy"][~np.isnan(columns["accuracy"])]
        low, high = test["interval"] or (np.nan, np.nan)
        mean = (test["accuracy"], low, high)
        return intervals.seeds(accuracies, mean, (ensemble["accuracy"], *ensemble["interval"]))

    return Table(columns, f"Test accuracy of {len(tests)} seeds ({run.path.name})", draw)

"""`mlplab.MLPClassifier` and `PopulationSearchCV` against scikit-learn's `MLPClassifier` and `GridSearchCV`, in turn.

One fit: Fashion-MNIST, 784-100-10, ReLU, batches of 200, Adam at scikit-learn's defaults, 10 epochs of all 60,000 rows;
what is timed is `fit`, mlplab's compilation included. Both use all cores as they come.

A search: 24 candidates (4 alphas × 3 learning rates × 2 seeds) on 3 stratified folds, without a refit. scikit-learn's
has a process for each core (`n_jobs`), mlplab's is one process. By how much mlplab's winner scores lower than
scikit-learn's is taken from scikit-learn's scores, with the standard error of the best over the folds.

Rows are in [0, 1], once as float64, which is what NumPy makes of `images / 255`, and once as float32. scikit-learn
computes in the type of the rows, mlplab always in float32.

    python benchmarks/sklearn_estimator.py [--rounds 3]
    python benchmarks/sklearn_estimator.py --rounds 1 --rows 2000 --epochs 2 --no-save    # a look
"""

import argparse
import os
import time
import warnings
from typing import Any

import numpy as np
import report
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

import mlplab

GRID = {"alpha": [0.0001, 0.01, 1.0, 100.0], "learning_rate_init": [0.0003, 0.001, 0.003], "random_state": [0, 1]}
FOLDS = 3
NAMES = ("mlplab", "sklearn")
Rows = tuple[np.ndarray, np.ndarray]


def classifier(name: str, epochs: int, seed: int = 0) -> Any:
    """The classifier of a contestant; it never stops before its last epoch."""
    kind: Any = mlplab.MLPClassifier if name == "mlplab" else MLPClassifier
    return kind((100,), batch_size=200, max_iter=epochs, n_iter_no_change=epochs, tol=0, random_state=seed)


def fit(name: str, epochs: int, seed: int, training: Rows, testing: Rows) -> dict[str, Any]:
    began = time.perf_counter()
    fitted = classifier(name, epochs, seed).fit(*training)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "test_accuracy": fitted.score(*testing), "loss": fitted.loss_}


def search(name: str, epochs: int, jobs: int, training: Rows) -> dict[str, Any]:
    began = time.perf_counter()
    options: dict[str, Any] = {"cv": FOLDS, "refit": False}
    if name == "mlplab":
        done = mlplab.PopulationSearchCV(classifier(name, epochs), GRID, **options).fit(*training)
    else:
        done = GridSearchCV(classifier(name, epochs), GRID, n_jobs=jobs, **options).fit(*training)
    return {
        "seconds": time.perf_counter() - began,
        "best": done.best_params_,
        "best_index": int(done.best_index_),
        "best_score": float(done.best_score_),
        "scores": done.cv_results_["mean_test_score"].tolist(),
        "standard_errors": (done.cv_results_["std_test_score"] / np.sqrt(FOLDS - 1)).tolist(),
    }


def lost_by(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """Return by how much mlplab's winner scores lower than scikit-learn's, by scikit-learn, and that score's error."""
    best = theirs["best_index"]
    return {
        "lost": theirs["best_score"] - theirs["scores"][ours["best_index"]],
        "error": theirs["standard_errors"][best],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--searches", type=int, default=1, help="rounds of the search")
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="processes of scikit-learn's search")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the job is ten epochs, converged or not
    os.environ["PYTHONWARNINGS"] = "ignore"  # of the processes of scikit-learn's search
    (x, y), (x_test, y_test) = mlplab.load_data("fashion-mnist")
    on = report.machine()
    results = {}
    for dtype in ("float64", "float32"):
        scaled = [(images.reshape(len(images), -1) / 255).astype(dtype) for images in (x[: options.rows], x_test)]
        results[dtype] = contest(options, dtype, (scaled[0], y[: options.rows]), (scaled[1], y_test))
    payload = {
        "n": options.rounds,
        "rows": options.rows,
        "epochs": options.epochs,
        "results": results,
    }
    if not options.no_save:
        report.save("sklearn_estimator", payload, on, packages=("scikit-learn", "jax", "keras", "numpy"))


def contest(options: argparse.Namespace, dtype: str, training: Rows, testing: Rows) -> dict[str, Any]:
    """Time both contestants on rows of one type, print the medians, and return all."""
    fits: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number, name in report.alternating(NAMES, options.rounds):
        fits[name].append(fit(name, options.epochs, number, training, testing))
        print(f"{dtype} fit, round {number + 1}  {name:8}{fits[name][-1]['seconds']:8.2f} s", flush=True)
    searches: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for number, name in report.alternating(NAMES, options.searches):
        searches[name].append(search(name, options.epochs, options.jobs, training))
        print(f"{dtype} search, round {number + 1}  {name:8}{searches[name][-1]['seconds']:8.2f} s", flush=True)

    print()
    summary = {"fit": compared(f"{dtype} fit", fits), "search": compared(f"{dtype} search", searches)}
    accuracies = {name: report.spread(each["test_accuracy"] for each in fits[name]) for name in NAMES}
    winners = [lost_by(*pair) for pair in zip(searches["mlplab"], searches["sklearn"], strict=True)]
    print("Test accuracies: " + ", ".join(f"{name} {accuracies[name]['median']:.4f}" for name in NAMES) + ".")
    best = ", ".join(f"{name} {searches[name][0]['best']}" for name in NAMES)
    print(f"Winners: {best}.")
    print(f"By scikit-learn, mlplab's loses {winners[0]['lost']:.4f}; standard error {winners[0]['error']:.4f}.\n")
    return {
        "summary": {**summary, "test_accuracy": accuracies, "winners": winners},
        "fits": fits,
        "searches": searches,
    }


def compared(what: str, measured: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Print, and return, the seconds of both and their ratio, round by round."""
    seconds = {name: [each["seconds"] for each in measured[name]] for name in NAMES}
    ratio = report.spread(theirs / ours for ours, theirs in zip(seconds["mlplab"], seconds["sklearn"], strict=True))
    medians = {name: report.spread(seconds[name]) for name in NAMES}
    report.print_table(
        [what, "mlplab, s", "sklearn, s", "sklearn / mlplab"],
        [["median", *(f"{medians[name]['median']:.2f}" for name in NAMES), f"{ratio['median']:.2f}"]],
    )
    return {"seconds": medians, "ratio": ratio}


if __name__ == "__main__":
    main()

"""Writes torchmetrics.json: calibration errors that torchmetrics computes on probabilities drawn by a seed.

torchmetrics needs PyTorch, which is too large for the tests' environment, so its numbers are kept. To compute them
again, in an environment with NumPy, PyTorch and torchmetrics: python tests/inspection/torchmetrics_reference.py
"""

import json
from pathlib import Path

import numpy as np

CASES = [
    {"seed": 1, "n": 5000, "classes": 10, "sharpness": 0.3, "bins": 15},
    {"seed": 2, "n": 3000, "classes": 3, "sharpness": 1.0, "bins": 10},
    {"seed": 3, "n": 400, "classes": 2, "sharpness": 0.8, "bins": 20},
    {"seed": 4, "n": 2000, "classes": 100, "sharpness": 0.1, "bins": 15},
]


def drawn(seed, n, classes, sharpness):
    """Probabilities, and labels that agree with them in half of the rows only."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, sharpness), n).astype(np.float32)
    labels = np.where(rng.random(n) < 0.5, probabilities.argmax(1), rng.integers(classes, size=n))
    return probabilities, labels


def main():
    import torch
    import torchmetrics
    from torchmetrics.functional.classification import multiclass_calibration_error

    cases = []
    for case in CASES:
        probabilities, labels = drawn(case["seed"], case["n"], case["classes"], case["sharpness"])
        assert probabilities.max() < 1  # torchmetrics has a separate bin for a probability of exactly 1
        error = multiclass_calibration_error(
            torch.from_numpy(probabilities), torch.from_numpy(labels), case["classes"], n_bins=case["bins"], norm="l1"
        )
        cases.append({**case, "error": float(error)})
    kept = {"torchmetrics": torchmetrics.__version__, "torch": torch.__version__, "cases": cases}
    (Path(__file__).parent / "torchmetrics.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()

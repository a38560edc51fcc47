"""How fast an exported network predicts the 10,000 test images of Fashion-MNIST, beside mlplab and Keras.

In one process and in turn: onnxruntime on the file that `mlplab export` wrote, `Run.predict`, `mlplab.predict` and
`keras.Model.predict` on JAX, this with its default batches of 32 and with batches of 1,000. Each gets the images as it
takes them: 8-bit for the first two, which scale them inside; float32 from 0 to 1, scaled before the clock starts, for
the others. Each is called once before it is timed. All but Keras's default take the images in batches of 1,000.

    python benchmarks/export.py [--rounds 15]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import report

import mlplab
from mlplab import Run, keras

NETWORKS: dict[str, dict[str, Any]] = {
    "784-20-10": {"hidden": [20]},
    "784-512-512-10 with batch normalisation": {"hidden": [512, 512], "batch_norm": True},
    "5 × 784-20-10": {"hidden": [20], "seeds": 5},
}
ONNX, BATCH = "onnxruntime", 1000


def contestants(run: Run, path: Path, images: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Functions that predict all images. Of a population, mlplab and Keras alone have no single model."""
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    named: dict[str, Callable[[], Any]] = {
        ONNX: lambda: np.concatenate([session.run(None, {"input": batch})[0] for batch in batches]),
        "Run.predict": lambda: run.predict(images),
    }
    if run.members:
        return named
    scaled = run.config.preprocessing(images)
    model: Any = run.model
    return named | {
        "mlplab.predict": lambda: mlplab.predict(model, scaled, batch_size=BATCH, verbose=0),
        "keras.predict, 32": lambda: model.predict(scaled, verbose=0),
        "keras.predict, 1,000": lambda: model.predict(scaled, batch_size=BATCH, verbose=0),
    }


def measure(named: dict[str, Callable[[], np.ndarray]], rounds: int) -> dict[str, Any]:
    """Milliseconds of each contestant in rounds, and the ratio of each to onnxruntime, round by round."""
    expected = named["Run.predict"]()
    for predict in named.values():
        np.testing.assert_allclose(predict(), expected, atol=1e-5)
    seen: dict[str, list[float]] = {name: [] for name in named}
    for _, name in report.alternating(list(named), rounds):
        begin = time.perf_counter()
        named[name]()
        seen[name].append((time.perf_counter() - begin) * 1000)
    ratios = {name: report.spread(a / b for a, b in zip(seen[name], seen[ONNX], strict=True)) for name in named}
    return {name: {"ms": report.spread(values), "ratio": ratios[name]} for name, values in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    on = report.machine()
    images = mlplab.load("fashion-mnist").test.images
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (network, settings) in enumerate(NETWORKS.items()):
            run = mlplab.train("fashion-mnist", epochs=1, seed=0, out=Path(folder) / str(number), verbose=0, **settings)
            exported = mlplab.export(run, out=Path(folder) / f"{number}.onnx")
            measured = measure(contestants(run, exported.path, images), arguments.rounds)
            results[network] = {"bytes": exported.bytes, "predictors": measured}
            keras.utils.clear_session()
    rows = [
        [network if name == ONNX else "", name, f"{each['ms']['median']:.1f}", f"{each['ratio']['median']:.2f}"]
        for network, result in results.items()
        for name, each in result["predictors"].items()
    ]
    report.print_table(["network", "predictor", "ms for 10,000", "/ onnxruntime"], rows)
    if not arguments.no_save:
        payload = {"rounds": arguments.rounds, "images": len(images), "results": results}
        report.save("export", payload, on, packages=("mlplab", "jax", "keras", "numpy", "onnx", "onnxruntime"))


if __name__ == "__main__":
    main()
